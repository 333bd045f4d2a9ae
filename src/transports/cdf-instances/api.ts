/** The calls of the instances API, one function each. */
import { SyncError } from '../../errors.ts'
import type { Json } from '../../model.ts'
import type { Io } from '../../transport.ts'
import type { Setup } from '../shared/cdf/setup.ts'
import { type Answer, PAGE_BYTES } from '../shared/http.ts'
import { chunks } from '../shared/pages.ts'
import { isObject, list, member, text } from '../shared/shape.ts'
import { parseHttpDate } from '../shared/time.ts'
import type { Config } from './options.ts'
import { type Identity, wrongShape } from './wire.ts'

export type Cursors = { readonly [set: string]: string }

export interface SyncAnswer {
  readonly items: { readonly [set: string]: readonly Json[] }
  readonly cursors: Cursors
  readonly notices: readonly Json[]
  /** The time there, or here where the answer does not tell. */
  readonly now: number
}

export type Api = ReturnType<typeof api>

const CONFLICT = 'A version conflict caused the ingest to fail'

export function api({ http, root, ids }: Setup, config: Config) {
  const instances = `${root}/models/instances`
  const { query } = config

  /** `share` of the limits: less is asked for at once where that takes too long. */
  function question(cursors: Cursors | undefined, share: number, more: object): object {
    const sets = Object.entries(query.with).map(([name, set]) => [
      name,
      { ...set, limit: Math.max(1, Math.floor((set.limit ?? 1000) * share)) },
    ])
    // A sort means nothing in a sync, and may be refused.
    const select = Object.entries(query.select).map(([name, { sort: _, ...rest }]) => [name, rest])
    return {
      with: Object.fromEntries(sets),
      select: Object.fromEntries(select),
      ...(query.parameters !== undefined && { parameters: query.parameters }),
      ...(cursors !== undefined && { cursors }),
      ...(config.debug && { debug: {} }),
      ...more,
    }
  }

  const post = (route: string, json: object, io: Io, data: readonly number[] = []): Promise<Answer> =>
    http.send({ method: 'POST', route, ids, json, want: 'json', most: PAGE_BYTES, data }, io)

  return {
    async sync(cursors: Cursors | undefined, share: number, accept: boolean, io: Io): Promise<SyncAnswer | 'too-much'> {
      const more = accept ? { allowExpiredCursorsAndAcceptMissedDeletes: true } : {}
      const answer = await post(`${instances}/sync`, question(cursors, share, more), io, [400, 408])
      if (answer.status === 408) return 'too-much'
      if (answer.status === 400) throw await refusal(answer, cursors, io)
      return readSync(answer, io)
    },

    /** What the properties of the selected sets are. */
    async typing(io: Io): Promise<Json> {
      const sets = Object.entries(query.with).map(([name, { backfillSort: _, ...set }]) => [
        name,
        { ...set, mode: 'noBackfill', limit: 1 },
      ])
      const json = { ...question(undefined, 1, { includeTyping: true }), with: Object.fromEntries(sets) }
      return member((await post(`${instances}/sync`, json, io)).json, 'typing') ?? {}
    },

    /** Which of these are there now, with the properties of the given views where they have such. */
    async find(wanted: readonly Identity[], views: readonly Json[], io: Io): Promise<Json[]> {
      const found: Json[] = []
      for (const some of chunks(wanted, 1000)) {
        const items = some.map(({ instanceType, space, externalId }) => ({ instanceType, space, externalId }))
        const json = { items, ...(views.length > 0 && { sources: views.map(source => ({ source })) }) }
        const answer = list((await post(`${instances}/byids`, json, io)).json, 'items')
        if (answer === undefined) throw wrongShape('items')
        found.push(...answer)
      }
      return found
    },

    /** `conflict`: somebody's version is newer, and it was not said whose. */
    async apply(items: readonly Json[], gone: readonly Json[], io: Io): Promise<Applied | 'conflict'> {
      const json = {
        items,
        ...(gone.length > 0 && { delete: gone }),
        skipOnVersionConflict: true,
        ...(config.autoCreate as object),
      }
      const answer = await post(instances, json, io, [400, 409])
      if (answer.status < 300) {
        const applied = list(answer.json, 'items')
        if (applied === undefined) throw wrongShape('items')
        return { items: applied, deleted: list(answer.json, 'deleted') ?? [] }
      }
      if (messageOf(answer).startsWith(CONFLICT)) return 'conflict'
      if (answer.status === 409)
        throw new SyncError('busy', 'The graph is busy with another write. Another try may work.')
      throw new SyncError('rejected', `The graph refuses a write: ${messageOf(answer).slice(0, 300)}`)
    },
  }

  function readSync({ json, header }: Answer, io: Io): SyncAnswer {
    const items: { [set: string]: readonly Json[] } = {}
    for (const { name } of config.sets) {
      const some = list(member(json, 'items'), name)
      if (some === undefined) throw wrongShape(`items of ${name}`)
      items[name] = some
    }
    const next = member(json, 'nextCursor')
    const cursors: { [set: string]: string } = {}
    for (const [name, cursor] of isObject(next) ? Object.entries(next) : []) {
      if (typeof cursor !== 'string' || cursor === '' || cursor.length > 100_000)
        throw wrongShape(`a cursor of ${name}`)
      cursors[name] = cursor
    }
    const missing = config.sets.find(({ name }) => cursors[name] === undefined)
    if (missing !== undefined) throw wrongShape(`a cursor of ${missing.name}`)
    const notices = list(member(json, 'debug'), 'notices') ?? []
    return { items, cursors, notices, now: parseHttpDate(header('date') ?? '') ?? io.now() }
  }

  /** An expired cursor says so; any other bad one is known by the same question being taken without it. */
  async function refusal(answer: Answer, cursors: Cursors | undefined, io: Io): Promise<SyncError> {
    if (messageOf(answer).startsWith('Cursor has expired')) {
      return new SyncError('cursor-invalid', 'We were away longer than deletions are kept. Everything is read anew.', {
        details: { expired: true },
      })
    }
    if (cursors !== undefined) {
      const { status } = await post(`${instances}/sync`, question(undefined, 0, {}), io, [400, 408])
      if (status !== 400) {
        return new SyncError('cursor-invalid', 'The graph does not know our place any more. Everything is read anew.')
      }
    }
    return new SyncError('rejected', `The graph does not take our query: ${messageOf(answer).slice(0, 300)}`)
  }
}

export interface Applied {
  readonly items: readonly Json[]
  readonly deleted: readonly Json[]
}

const messageOf = ({ json }: Answer): string => text(member(json, 'error'), 'message') ?? ''
