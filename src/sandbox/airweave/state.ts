import type { World } from '../world.ts'
import { iso } from '../world.ts'
import type { Knobs } from './knobs.ts'
import type { JobStatus } from './machine.ts'

export type ErrorCategory =
  | 'oauth_credentials_expired'
  | 'api_key_invalid'
  | 'auth_provider_account_gone'
  | 'auth_provider_credentials_invalid'

export type Collection = {
  readonly id: string
  readonly readable_id: string
  readonly created_at: number
  name: string
  modified_at: number
}

export type Connection = {
  readonly id: string
  readonly short_name: string
  readonly collection: string
  readonly sync_id: string
  readonly created_at: number
  readonly source: StubSource
  /** What was synced, by the source's id. */
  readonly stored: Map<string, Stored>
  /** How the next jobs end badly, in order. */
  readonly fates: Fate[]
  name: string
  description: string | null
  config: Readonly<Record<string, unknown>>
  cron: string | null
  next_run: number | null
  modified_at: number
  /** A credential failure pauses it, new credentials resume it. */
  paused: boolean
  /** How far the source's log was read; saved only when a run succeeds. */
  cursor: number | null
  /** Jobs stay in this state, as if their worker had died. */
  stuck: 'pending' | 'running' | 'cancelling' | undefined
}

/** Why a job fails, and after how many entities. */
export type Fate = { readonly after?: number; readonly error: string; readonly category?: ErrorCategory }

/** What a test says there is to sync. */
export type Entity = {
  readonly id: string
  readonly name: string
  readonly text: string
  readonly type?: string
  readonly fields?: Readonly<Record<string, unknown>>
}

export type StubSource = {
  entities: Map<string, Entity>
  /** When each was changed last, by a counter; a deleted one is here and not in `entities`. */
  readonly changed: Map<string, number>
  seq: number
  /** It can tell what changed since a cursor. */
  readonly continuous: boolean
  /** And which entities are gone. */
  reportsDeletions: boolean
  /** Ids that it gives twice in one run. */
  twice: readonly string[]
}

export type Stored = { readonly entity: Entity; readonly hash: string; readonly job: string; readonly at: number }

export type Counters = {
  inserted: number
  updated: number
  deleted: number
  kept: number
  skipped: number
}

export type Step =
  | { readonly do: 'insert' | 'update' | 'keep'; readonly entity: Entity; readonly hash: string }
  | { readonly do: 'delete'; readonly id: string }
  | { readonly do: 'skip' }

export type Job = {
  readonly id: string
  readonly connection: string
  readonly force: boolean
  readonly created_at: number
  /** Who asked for it. */
  readonly by: 'client' | 'schedule'
  status: JobStatus
  started_at: number | null
  completed_at: number | null
  /** When it last showed a sign of life, and when it goes on; never, where its worker is stuck. */
  touched_at: number
  next_at: number
  steps: readonly Step[]
  done: number
  cursor: number | null
  fate: Fate | undefined
  /** What subscribers see at once, and REST only at the end. */
  readonly live: Counters
  told: Counters
  error: string | null
  error_category: ErrorCategory | null
}

export type State = {
  readonly organization: string
  readonly keys: Map<string, { expired: boolean }>
  readonly collections: Map<string, Collection>
  readonly connections: Map<string, Connection>
  /** Oldest first. */
  readonly jobs: Job[]
  /** The time of what is happening just now. */
  time: number
}

export type Server = {
  readonly world: World
  readonly state: State
  readonly knobs: () => Knobs
  readonly publish: (job: Job) => void
}

export const none = (): Counters => ({ inserted: 0, updated: 0, deleted: 0, kept: 0, skipped: 0 })

/** With microseconds, as Python writes it. */
export function stamp(ms: number, { times }: Pick<Knobs, 'times'>): string {
  return `${iso(ms).slice(0, -1)}000${times === 'zoned' ? 'Z' : ''}`
}
