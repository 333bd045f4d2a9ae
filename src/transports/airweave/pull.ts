/**
 * Airweave tells no changes, only what is there: connections and their jobs are listed and compared with what was given
 * before. Entities are read back when a job of theirs has ended.
 */
import type { Json } from '../../model.ts'
import type { Io, Page, PrivateRows, Pull, Transport } from '../../transport.ts'
import { changed, deleted, knownGroups, knownOf, pagesOf } from '../shared/listing.ts'
import { flag } from '../shared/shape.ts'
import type { Api } from './api.ts'
import { readBack, toRead } from './entities.ts'
import { type Connection, isOver, type Job } from './wire.ts'

const LOOK_AGAIN = 45_000

export interface PullOptions {
  /** How many jobs of each connection are looked at. */
  readonly jobs: number
  readonly entities: boolean
}

export function pull(api: Api, options: PullOptions): Pull {
  return {
    async *pages(from, io) {
      const walk = from === undefined || flag(from, 'walk') === true
      const under = { walk }
      let whole = true
      const connections = await api.connections(io)
      for (const one of connections) yield* pagesOf(await changed('connections', one.id, [one], io), under)
      yield* goneWith(connections, under, io)
      for (const { id, record } of connections) {
        const jobs = (await api.jobs(id, options.jobs, io)) ?? []
        const news = await changed('jobs', id, jobs, io)
        const { put = [], ...rest } = await underWay(id, jobs, io)
        const marks = options.entities ? await toRead(id, jobs, io) : []
        yield* pagesOf({ ...news, rows: { ...rest, put: [...put, ...marks] } }, under)
        if (!options.entities) continue
        const read = await readBack(api, id, jobs, record.value?.entities !== 0, io)
        whole &&= read.whole
        yield* pagesOf(read, under)
      }
      if (!walk) return
      const sources = ['connections', 'jobs', ...(options.entities && whole ? ['entities'] : [])]
      yield { records: [], snapshot: true, cursor: { walk: false }, complete: sources.map(source => ({ source })) }
    },
  }
}

/**
 * Nobody tells that a job has ended that we did not start: while one is under way, it is looked at again soon. A
 * schedule that keeps step with our looks would never be seen at rest otherwise.
 */
export const nudges: NonNullable<Transport['nudges']> = {
  async listen(hear, io) {
    for (;;) {
      await io.sleep(LOOK_AGAIN)
      const active = await io.peek(peek => peek.rows(['active'], 1))
      if (active.length > 0) hear('changed')
    }
  },
}

async function underWay(connection: string, jobs: readonly Job[], io: Io): Promise<PrivateRows> {
  const key = ['active', connection]
  const known = (await io.peek(peek => peek.row(key))) !== undefined
  const active = jobs.some(job => !isOver(job))
  if (known === active) return {}
  return active ? { put: [{ key, row: {} }] } : { delete: [key] }
}

/** A connection that is gone takes along its jobs and entities. */
async function* goneWith(connections: readonly Connection[], cursor: Json, io: Io): AsyncGenerator<Page, void> {
  const listed = new Set(connections.map(({ id }) => id))
  for (const group of (await knownGroups('connections', io)).filter(id => !listed.has(id))) {
    const records = [deleted('connections', group)]
    for (const source of ['jobs', 'entities']) {
      for (const id of (await knownOf(source, group, io)).keys()) records.push(deleted(source, id))
    }
    const rows = {
      delete: [
        ['read', group],
        ['active', group],
      ],
    }
    yield* pagesOf({ group, records, rows }, cursor)
  }
}
