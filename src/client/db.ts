/** What all parts of an open database share. */
import type { Clock } from '../engine/ground.ts'
import { SyncError } from '../errors.ts'
import { type Draft, draftOf } from '../ledger/draft.ts'
import type { Place } from '../ledger/edit.ts'
import { checkpointOf } from '../ledger/rows.ts'
import type { Home } from '../ledger/settle.ts'
import type { Device } from '../model.ts'
import type { Platform } from '../platform.ts'
import type { Collection, Schema } from '../schema.ts'
import type { Reader, Space, Store, Writer } from '../store.ts'
import type { Frames } from './frames.ts'
import type { Host } from './host.ts'
import type { Health } from './store.ts'

export interface Base {
  readonly store: Store
  readonly schema: Schema
  readonly platform: Platform
  readonly clock: Clock
  readonly device: Device
  readonly keep: number
  readonly durability: 'strict' | 'relaxed'
  readonly health: Health
  host(): Host | undefined
  /** What commits touched, for live questions. */
  readonly frames: Frames
  /** Aborted when the database is closed. */
  readonly closed: AbortSignal
  /** Hears what the store does not tell: phases and notices of the engine in this context. */
  heard(hear: () => void): () => void
}

const written: readonly Space[] = ['outbox', 'queue', 'changes', 'inbox', 'meta', 'checkpoints']

/** One commit of the app's: it resolves when the commit is complete, which is what "acknowledged" means (law 1). */
export async function commit<T>(
  on: Base,
  collections: readonly string[],
  work: (draft: Draft) => Promise<T>,
  more: readonly Space[] = [],
): Promise<T> {
  const committed = await on.store.write(
    { records: collections, rows: [...written, ...more] },
    async tx => {
      const draft = draftOf(tx, { now: on.clock.now, uuid: on.platform.uuid })
      const result = await work(draft)
      await draft.flush()
      return result
    },
    { durability: on.durability },
  )
  on.health.wrote()
  return committed
}

/** For what does not ask the store, which says so itself. */
export function mustBeOpen({ closed }: Pick<Base, 'closed'>): void {
  if (closed.aborted) throw new SyncError('closed', 'This database is closed: open it again.')
}

export function definitionOf(on: Pick<Base, 'schema'>, collection: string): Collection {
  const definition = on.schema.collections[collection]
  if (definition === undefined) {
    throw new SyncError('schema-mismatch', `There is no collection "${collection}" in the schema.`)
  }
  return definition as Collection
}

export function placeOf(on: Pick<Base, 'schema'>, collection: string): Place {
  const definition = definitionOf(on, collection)
  return { collection, source: definition, ...(definition.remote !== undefined && { remote: definition.remote }) }
}

/** Where a conflict of this collection is settled by hand. */
export async function homeOf(on: Base, tx: Reader | Writer, collection: string): Promise<Home> {
  const definition = definitionOf(on, collection)
  const remote = definition.remote ?? ''
  const { generation } = await checkpointOf(tx, remote)
  return {
    collection,
    remote,
    source: definition,
    sourceName: definition.source ?? collection,
    rule: definition.conflicts ?? 'LAST_WRITER_WINS',
    device: on.device,
    keep: on.keep,
    generation,
  }
}
