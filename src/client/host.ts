/** Where the engine runs: here (`inline.ts`), or in a worker. What the rest of the client needs of it, and no more. */
import type { Engine, EngineOptions } from '../engine/engine.ts'
import type { Code } from '../errors.ts'
import type { Json } from '../model.ts'
import type { Schema } from '../schema.ts'

/** A running engine. Only `call` rejects. What is asked of it while it is away is asked again when it is back. */
export interface Host extends Pick<Engine, 'urgent' | 'resume' | 'call' | 'stop'> {
  state(remote: string): HostState | Promise<HostState>
  /** Where it can be asked before anything is stored; the engine asks again. */
  refuses?(remote: string, request: Json): string | undefined | Promise<string | undefined>
}

export type HostState = ReturnType<Engine['state']> & {
  /** Why no engine runs, and when the next start is; without `next` it takes somebody to mend it. */
  readonly problem?: { readonly code: Code; readonly message: string; readonly next?: number }
}

/** What an engine stands on in the page that opens a database. */
export type Base = Pick<
  EngineOptions,
  'store' | 'name' | 'schema' | 'platform' | 'device' | 'clock' | 'keep' | 'report'
>

export interface Hosting {
  /** Names of the remotes. */
  readonly remotes: readonly string[]
  /** The schema with what its sources say. Throws `schema-mismatch` where schema and remotes do not fit. */
  complete(schema: Schema): Schema
  /** `undefined`: there is nothing to sync with. */
  start(on: Base): Host | undefined
}
