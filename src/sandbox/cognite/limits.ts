/** Requests per second, requests at a time and bytes per second, for the project and for one identity: over it is 429. */
import { ApiError } from './errors.ts'
import type { Server } from './server.ts'

type Budget = { readonly rps: Pair; readonly concurrent: Pair }
type Pair = readonly [project: number, identity: number]

const INGEST: Budget = { rps: [40, 30], concurrent: [20, 15] }
const QUERY: Budget = { rps: [40, 30], concurrent: [30, 22] }
const QUERY_IMMUTABLE: Budget = { rps: [10, 7], concurrent: [10, 7] }
const AGGREGATE: Budget = { rps: [15, 12], concurrent: [10, 7] }
const STREAMS_WRITE: Budget = { rps: [2, 1], concurrent: [1, 1] }
const STREAMS_READ: Budget = { rps: [5, 3], concurrent: [3, 2] }
const APPLY: Budget = { rps: [1000, 1000], concurrent: [4, 4] }
const DELETE: Budget = { rps: [1000, 1000], concurrent: [2, 2] }
const GRAPH: Budget = { rps: [1000, 1000], concurrent: [8, 8] }
/** Bytes per second of all answers to queries of records. */
const VOLUME: Pair = [4 * 1024 ** 2, 3 * 1024 ** 2]

/** Which budgets a request draws on. `immutable` tells of a stream. */
function budgetsOf(method: string, path: string, immutable: (stream: string) => boolean): readonly [string, Budget][] {
  const [, stream, verb] = /\/streams\/([^/]+)\/records(?:\/(\w+))?$/.exec(path) ?? []
  if (stream !== undefined) {
    if (verb === undefined || verb === 'upsert' || verb === 'delete') return [['ingest', INGEST]]
    const query: [string, Budget] = immutable(stream) ? ['query immutable', QUERY_IMMUTABLE] : ['query', QUERY]
    return verb === 'aggregate' ? [query, ['aggregate', AGGREGATE]] : [query]
  }
  if (/\/streams(\/|$)/.test(path)) return method === 'GET' ? [['streams', STREAMS_READ]] : [['manage', STREAMS_WRITE]]
  if (/\/models\/instances$/.test(path)) return [['apply', APPLY]]
  if (/\/models\/instances\/delete$/.test(path)) return [['delete', DELETE]]
  return /\/models\/instances\//.test(path) ? [['graph', GRAPH]] : []
}

export function limits({ world, knobs }: Server, immutable: (stream: string) => boolean) {
  const windows = new Map<string, { second: number; spent: number }>()
  const running = new Map<string, number>()

  const spend = (name: string, amount: number): number => {
    const second = Math.floor(world.now() / 1000)
    const held = windows.get(name)
    const window = held?.second === second ? held : { second, spent: 0 }
    window.spent += amount
    windows.set(name, window)
    return window.spent
  }

  const scopes = (name: string, token: string) => [`${name} of the project`, `${name} of ${token}`] as const
  const queries = (path: string): boolean => /\/records\/(sync|filter|aggregate)$/.test(path)

  return {
    /** Throws 429, or holds a place until the returned function is called with the size of the answer. */
    enter(method: string, path: string, token: string): (bytes: number) => void {
      const scale = knobs().limits
      if (scale === null) return () => {}
      const held: string[] = []
      const leave = () => {
        for (const name of held.splice(0)) running.set(name, (running.get(name) ?? 1) - 1)
      }
      const refuse = (what: string) => {
        leave()
        throw tooMany(what)
      }
      const most = (limit: number) => Math.max(1, Math.floor(limit * scale))
      if (queries(path)) {
        for (const [at, name] of scopes('volume', token).entries()) {
          if (spend(name, 0) >= most(VOLUME[at]!)) refuse('response volume')
        }
      }
      for (const [budget, { rps, concurrent }] of budgetsOf(method, path, immutable)) {
        for (const [at, name] of scopes(budget, token).entries()) {
          // Throttled requests count too.
          if (spend(name, 1) > most(rps[at]!)) refuse(budget)
          const now = running.get(name) ?? 0
          if (now >= most(concurrent[at]!)) refuse(budget)
          running.set(name, now + 1)
          held.push(name)
        }
      }
      return bytes => {
        leave()
        if (queries(path)) for (const name of scopes('volume', token)) spend(name, bytes)
      }
    },
  }

  function tooMany(what: string): ApiError {
    const headers: Record<string, string> = knobs().retryAfter ? { 'retry-after': '1' } : {}
    return new ApiError(429, `Too many requests (${what}).`, {}, headers)
  }
}
