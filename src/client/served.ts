/** What an app's worker module exports: the type that tells a page which remotes and which config there are. */
import type { MassDelete } from '../engine/ground.ts'
import type { Platform } from '../platform.ts'
import type { MergeField } from '../resolver.ts'
import type { Collections, Schema } from '../schema.ts'
import type { StoreDriver } from '../store.ts'
import type { AskToken } from '../transport.ts'
import type { Remotes } from './types.ts'
import type { ExportSource } from './whole.ts'

/** What a worker is given by the page that opens a database. */
export interface Given<Config = unknown> {
  readonly account: string
  readonly config: Config
  /** Asks the page for a token of this remote, each time anew: it is never stored, here or there. */
  token(remote: string): AskToken
}

/** What the worker makes of it. Schema and store are those of the page: the handshake compares them. */
export interface Setup<C extends Collections = Collections, R extends Remotes = Remotes> {
  readonly schema: Schema<C>
  readonly store: StoreDriver
  readonly remotes: R
  readonly strategies?: { readonly [name: string]: MergeField }
  readonly onMassDelete?: MassDelete
  readonly platform?: Platform
}

export interface Served<Config = unknown, C extends Collections = Collections, R extends Remotes = Remotes> {
  readonly setup: (given: Given<Config>) => Setup<C, R> | Promise<Setup<C, R>>
}

// A function's argument is contravariant: only `never` stands for every config.
export type AnyServed = Served<never>

export type ConfigOf<W extends AnyServed> = W extends Served<infer Config, infer _C, infer _R> ? Config : never
export type CollectionsOf<W extends AnyServed> = W extends Served<never, infer C, infer _R> ? C : never
export type RemotesOf<W extends AnyServed> = W extends Served<never, infer _C, infer R> ? R : never

/** A `Worker` of browsers or of `node:worker_threads`. */
export interface WorkerLike {
  postMessage(message: unknown, transfer: never[]): void
  terminate(): unknown
}

/** A way to a token for each remote; `null` for one that needs none, or whose worker has its own. */
export type Tokens<R = { readonly [remote: string]: unknown }> = { readonly [N in keyof R]: AskToken | null }

/** The engine runs in a worker, which names its remotes itself; this page needs a way to their tokens only. */
export interface WorkerOptions<W extends AnyServed> {
  readonly store: StoreDriver
  /** The same as the worker's. */
  readonly schema: Schema<CollectionsOf<W>>
  /** Whose data it is; see `OpenOptions.account`. The worker is told. */
  readonly account: string
  /** Plain data for the worker's `setup`. */
  readonly config: ConfigOf<W>
  readonly tokens: Tokens<RemotesOf<W>>
  /**
   * A function is called again when the worker is gone, and what it made is ended on `close`. A worker that was made
   * elsewhere is neither started again nor ended, and can be used for other things as well.
   */
  readonly worker: WorkerLike | (() => WorkerLike)
  /**
   * The worker's own module, for where no worker starts: `() => import('./sync.worker.ts')`. Absent, nothing is synced
   * there, and the status says so.
   */
  readonly inline?: () => Promise<{ readonly default: W }>
  readonly device?: { readonly name: string }
  readonly keepConflicts?: number
  readonly durability?: 'strict' | 'relaxed'
  readonly import?: ExportSource
  readonly platform?: Platform
}
