/** What every walk of one remote stands on. */
import { SyncError } from '../errors.ts'
import type { Brake, Checkpoint, Leadership } from '../ledger/rows.ts'
import { checkpointOf, getRow } from '../ledger/rows.ts'
import type { Home } from '../ledger/settle.ts'
import type { Device } from '../model.ts'
import type { Platform } from '../platform.ts'
import type { Resolver } from '../resolver.ts'
import type { Reader, Scope, Store, Writer } from '../store.ts'
import { spaces } from '../store.ts'
import type { Notice, Transport } from '../transport.ts'

/** A home without what changes from walk to walk. */
export type Place = Omit<Home, 'generation'>

export type MassDelete = 'ask' | 'allow' | ((brake: Brake & { readonly remote: string }) => boolean)

export interface Clock {
  /** Milliseconds since 1970, corrected by what the servers say. */
  now(): number
  /** Two times closer than this many milliseconds do not say who was later. */
  uncertainty(): number
  heard(serverTime: number): void
  /** A server has said the time since this began, and since the local clock jumped last. */
  sure(): boolean
}

export interface Ground {
  readonly remote: string
  readonly transport: Transport
  readonly store: Store
  readonly platform: Platform
  readonly resolver: Resolver
  readonly device: Device
  readonly clock: Clock
  /** By source name. */
  readonly places: ReadonlyMap<string, Place>
  readonly onMassDelete: MassDelete
  /** The fencing epoch that this engine leads with. */
  readonly epoch: number
  readonly signal: AbortSignal
  /** Why a pulled value does not fit its collection, if it does not. */
  misfit(collection: string, value: unknown): string | undefined
  notice(notice: Notice): void
}

/** Every engine transaction is fenced: a leader that was frozen and robbed finds out before it reads a thing (I17). */
export async function fenced<T>(
  on: Ground,
  work: (tx: Writer, checkpoint: Checkpoint) => Promise<T>,
  durability?: 'relaxed',
): Promise<T> {
  return on.store.write(
    scopeOf(on),
    async tx => {
      await mustLead(on, tx)
      return work(tx, await checkpointOf(tx, on.remote))
    },
    durability && { durability },
  )
}

export async function glance<T>(on: Ground, work: (tx: Reader, checkpoint: Checkpoint) => Promise<T>): Promise<T> {
  return on.store.read(scopeOf(on), async tx => {
    await mustLead(on, tx)
    return work(tx, await checkpointOf(tx, on.remote))
  })
}

/** Reads whoever leads: for what the user asks, which has no effect here. */
export async function peekAt<T>(on: Ground, work: (tx: Reader) => Promise<T>): Promise<T> {
  return on.store.read(scopeOf(on), work)
}

/** Throws `stale-leader` where somebody else leads by now. */
export async function mustLead(on: Pick<Ground, 'epoch'>, tx: Reader): Promise<void> {
  const leader = await getRow<Leadership>(tx, 'meta', ['leader'])
  if (leader?.epoch !== on.epoch) {
    throw new SyncError('stale-leader', 'Another tab or process leads this store now. Nothing to do: it goes on there.')
  }
}

function scopeOf(on: Ground): Scope {
  return {
    records: [...on.places.values()].map(place => place.collection),
    rows: spaces.filter(space => space !== 'bodies'),
  }
}

export const homeIn = (place: Place, checkpoint: Checkpoint): Home => ({ ...place, generation: checkpoint.generation })

/** More deletes than this in one go ask first (I10b). */
export async function brakeLimit(on: Ground, tx: Reader): Promise<{ limit: number; known: number }> {
  let known = 0
  for (const { collection } of on.places.values()) known += await tx.records(collection).count()
  return { limit: Math.max(20, Math.floor(known / 10)), known }
}

/**
 * Lets deletes pass, or throws `mass-delete` and leaves the question in the checkpoint. What the app allowed once is
 * used up by what it allowed; of what comes in meanwhile, as many more need no question as at any time. `done`: those of
 * them that are gone already.
 */
export async function mayDelete(
  on: Ground,
  tx: Reader,
  checkpoint: Checkpoint,
  brake: Omit<Brake, 'at' | 'known'>,
  done = 0,
): Promise<Checkpoint> {
  const { limit, known: left } = await brakeLimit(on, tx)
  if (brake.deletes <= limit && brake.why === undefined) return checkpoint
  const known = left + (brake.direction === 'out' ? brake.deletes : done)
  const asked: Brake = { ...brake, known, at: on.clock.now() }
  const allowed = checkpoint.allowed?.[brake.direction] ?? 0
  const more = allowed > 0 && brake.direction === 'in' && brake.why === undefined ? limit : 0
  if (brake.deletes <= allowed + more || policy(on, asked)) return checkpoint
  throw new SyncError(
    'mass-delete',
    brake.direction === 'in'
      ? `${on.remote} would delete ${brake.deletes} of ${known} records here. Allow it, or look at what happened there.`
      : `${brake.deletes} records would be deleted at ${on.remote}. Allow it, or restore them.`,
    { details: { brake: asked } },
  )
}

function policy(on: Ground, brake: Brake): boolean {
  if (on.onMassDelete === 'allow') return true
  return on.onMassDelete !== 'ask' && on.onMassDelete({ ...brake, remote: on.remote })
}
