/** Airweave: what sources were synced into a collection, and the jobs that do it. docs/apis/airweave.md says on what it relies. */
import type { Jobs } from '../../job.ts'
import type { Transport } from '../../transport.ts'
import { http } from '../shared/http.ts'
import type { AskToken } from '../shared/token.ts'
import { api } from './api.ts'
import { nudges, pull } from './pull.ts'
import { type AirweaveRun, runs } from './runs.ts'
import { connections, entities, jobs } from './sources.ts'

export type { AskToken } from '../shared/token.ts'
export type { AirweaveRun } from './runs.ts'
export { type ConnectionRow, connections, type EntityRow, entities, type JobRow, jobs } from './sources.ts'

export interface AirweaveOptions {
  /** Default `https://api.airweave.ai`. */
  readonly url?: string
  /** An API key; asked for anew when one is refused. */
  readonly key: AskToken
  /** The readable id of the collection to sync. */
  readonly collection: string
  /** For accounts with several organizations. */
  readonly organization?: string
  /** Whether what was synced is read back into `entities`. Default true. */
  readonly entities?: boolean
  /** How many jobs of each connection are looked at. Default 20, at most 1,000. */
  readonly jobs?: number
  /** How often to look, in milliseconds: each look needs a request and one for each connection. Default 300,000. */
  readonly every?: number
}

export interface Airweave extends Transport {
  readonly sources: {
    readonly connections: typeof connections
    readonly jobs: typeof jobs
    readonly entities: typeof entities
  }
  readonly jobs: Jobs<AirweaveRun>
}

export function airweave(options: AirweaveOptions): Airweave {
  const { url = 'https://api.airweave.ai', key, collection, organization, every = 300_000 } = options
  const calls = api(http({ url, token: key, credentials: token => ({ 'x-api-key': token }) }), {
    collection,
    organization,
  })
  return {
    name: 'airweave',
    sources: { connections, jobs, entities },
    pull: pull(calls, {
      jobs: Math.min(1000, Math.max(1, options.jobs ?? 20)),
      entities: options.entities ?? true,
    }),
    jobs: runs(calls),
    nudges,
    every,
  }
}
