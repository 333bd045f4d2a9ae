/** The calls of the records API, one function each. */
import { SyncError } from '../../errors.ts'
import type { Io } from '../../transport.ts'
import type { Setup } from '../shared/cdf/setup.ts'
import { type Answer, PAGE_BYTES } from '../shared/http.ts'
import { chunks } from '../shared/pages.ts'
import { list, member, text } from '../shared/shape.ts'
import { parseHttpDate } from '../shared/time.ts'
import type { RecordIdentity } from './ids.ts'
import type { Config } from './options.ts'
import { type Item, type RecordWrite, readItem, readSync, type SyncAnswer, wrongShape } from './wire.ts'

export type Verb = 'create' | 'replace' | 'delete'

export type Api = ReturnType<typeof api>

export function api({ http, root, ids: { project } }: Setup, config: Config) {
  const ids = { project, stream: config.stream }
  const records = `${root}/streams/{stream}/records`
  const routes = { create: records, replace: `${records}/upsert`, delete: `${records}/delete` } as const

  async function sync(from: From, io: Io): Promise<Answer> {
    const json = { ...config.query, ...from }
    const call = { method: 'POST', route: `${records}/sync`, ids, json, want: 'json', most: PAGE_BYTES } as const
    return http.send({ ...call, data: [400] }, io)
  }

  return {
    /** `Immutable` or `Mutable`; `undefined` where we may not know. */
    async streamType(io: Io): Promise<string | undefined> {
      const route = `${root}/streams/{stream}`
      const { status, json } = await http.send({ method: 'GET', route, ids, want: 'json', data: [403] }, io)
      return status === 403 ? undefined : text(json, 'type')
    },

    /** The page behind a cursor, and the time there, or here where the answer does not tell. */
    async page(from: From, io: Io): Promise<SyncAnswer & { readonly now: number }> {
      const answer = await sync(from, io)
      if (answer.status === 400) throw await refusal(from, io)
      return { ...readSync(answer.json), now: parseHttpDate(answer.header('date') ?? '') ?? io.now() }
    },

    /** 409, 500 and 503 tell of single items, 400 and 422 of the request. */
    async write(verb: Verb, items: readonly (RecordWrite | RecordIdentity)[], io: Io): Promise<Answer> {
      const call = { method: 'POST', route: routes[verb], ids, json: { items }, want: 'json' } as const
      return http.send({ ...call, data: [409, 422, 500, 503] }, io)
    },

    /** What is there now, as far as it can be seen yet. */
    async find(wanted: readonly RecordIdentity[], io: Io): Promise<Item[]> {
      const found: Item[] = []
      for (const space of new Set(wanted.map(one => one.space))) {
        const names = wanted.filter(one => one.space === space).map(one => one.externalId)
        for (const values of chunks(names, 100)) found.push(...(await findSome(space, values, io)))
      }
      return found
    },
  }

  async function findSome(space: string, values: readonly string[], io: Io): Promise<Item[]> {
    const filter = {
      and: [{ equals: { property: ['space'], value: space } }, { in: { property: ['externalId'], values } }],
    }
    const json = { filter, limit: 1000 }
    const call = { method: 'POST', route: `${records}/filter`, ids, json, want: 'json', most: 2 * PAGE_BYTES } as const
    const items = list((await http.send(call, io)).json, 'items')
    if (items === undefined) throw wrongShape('items')
    return items.map(item => readItem(item, config)).filter(item => item !== undefined && item !== 'unsupported')
  }

  /** Nobody documents how a bad cursor is refused: if the same question is taken without it, it was the cursor. */
  async function refusal(from: From, io: Io): Promise<SyncError> {
    if ('cursor' in from) {
      const { status } = await sync({ initializeCursor: '1m-ago' }, io)
      if (status !== 400) {
        return new SyncError(
          'cursor-invalid',
          'The stream does not know our place any more. It is read from its start.',
        )
      }
    }
    return new SyncError('rejected', 'The stream does not take our question: check containers and filter.')
  }
}

type From = { readonly cursor: string } | { readonly initializeCursor: string }

export const retryable = ({ json, header }: Answer): boolean =>
  header('cdf-is-auto-retryable') === 'true' || member(member(json, 'error'), 'isAutoRetryable') === true
