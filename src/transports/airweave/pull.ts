/**
 * Airweave tells no changes, only what is there: connections and their jobs are listed and compared with what was given
 * before. Entities are read back when a job of theirs has ended.
 */
import type { Json } from '../../model.ts'
import type { Io, Page, PrivateRows, Pull, Transport } from '../../transport.ts'
import { flag } from '../shared/shape.ts'
import type { Api } from './api.ts'
import { readBack } from './entities.ts'
import { changed, deleted, knownOf, type News, pagesOf } from './known.ts'
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
      yield* pagesOf(await connectionsChanged(connections, io), under)
      yield* goneWith(connections, under, io)
      for (const { id } of connections) {
        const jobs = (await api.jobs(id, options.jobs, io)) ?? []
        const news = await changed('jobs', id, jobs, io)
        yield* pagesOf({ ...news, rows: await underWay(id, jobs, io) }, under)
        if (!options.entities) continue
        const read = await readBack(api, id, jobs, io)
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
  const known = await io.peek(peek => peek.rows(['known', 'connections']))
  for (const connection of known.map(({ key }) => String(key[2])).filter(id => !listed.has(id))) {
    const records = [deleted('connections', connection, connection)]
    for (const source of ['jobs', 'entities']) {
      for (const id of (await knownOf(source, connection, io)).keys()) records.push(deleted(source, connection, id))
    }
    yield* pagesOf(
      {
        records,
        rows: {
          delete: [
            ['read', connection],
            ['active', connection],
          ],
        },
      },
      cursor,
    )
  }
}

const connectionsChanged = async (connections: readonly Connection[], io: Io): Promise<News> => {
  const news = await Promise.all(connections.map(one => changed('connections', one.id, [one], io)))
  return { records: news.flatMap(({ records }) => records) }
}
