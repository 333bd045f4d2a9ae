/** Where the engine runs: here (`inline.ts`), or in a worker. What the rest of the client needs of it, and no more. */
import type { Engine, EngineOptions } from '../engine/engine.ts'
import type { Json } from '../model.ts'
import type { Schema } from '../schema.ts'

/** A running engine. Nothing here throws, save `call`; `state` is what is known of it by now. */
export type Host = Pick<Engine, 'state' | 'urgent' | 'resume' | 'call' | 'stop'> & {
  /** Where it can be asked before anything is stored; the engine asks again. */
  refuses?(remote: string, request: Json): string | undefined | Promise<string | undefined>
}

export type HostState = ReturnType<Host['state']>

/** What an engine stands on in the page that opens a database. */
export type Ground = Pick<
  EngineOptions,
  'store' | 'name' | 'schema' | 'platform' | 'device' | 'clock' | 'keep' | 'report'
>

export interface Hosting {
  /** Names of the remotes. */
  readonly remotes: readonly string[]
  /** The schema with what its sources say. Throws `schema-mismatch` where schema and remotes do not fit. */
  complete(schema: Schema): Schema
  /** `undefined`: there is nothing to sync with. */
  start(on: Ground): Host | undefined
}
