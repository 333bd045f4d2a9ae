/** What the app hears of its storage: whether what is here stays here. */
import { asSyncError, SyncError } from '../errors.ts'
import { identityOf } from '../ledger/identity.ts'
import type { Identity } from '../ledger/rows.ts'
import type { Platform } from '../platform.ts'
import type { Store } from '../store.ts'
import type { Base } from './db.ts'
import type { Live } from './live.ts'
import { live } from './live.ts'

/**
 * Why work that no remote has may be lost: nothing here outlives the app (`not-durable`), or the browser may throw it
 * away and has not promised otherwise (`evictable`).
 */
export type Risk = 'not-durable' | 'evictable'

/** What became of the store: another device began, with an empty store, a copy, or an older copy. */
export interface Anew {
  readonly why: NonNullable<Identity['why']>
  /** In milliseconds since 1970, by the local clock. */
  readonly at: number
}

export interface StorageStatus {
  /** Whether an acknowledged write outlives the app. */
  readonly durable: boolean
  /** Whether the browser has promised to keep the data. Absent: nobody would take it away. */
  readonly persisted?: boolean
  /** Bytes of this site, and how many it may have; the browser's estimate, where it gives one. */
  readonly usage?: number
  readonly quota?: number
  /** Changes, and records without a remote, that are only here. Absent: the store cannot be read. */
  readonly unsynced?: number
  /** Empty where nothing unsynced can be lost without somebody's doing. */
  readonly atRisk: readonly Risk[]
  /**
   * What the store refuses, and what to do: `storage-newer` (newer code has upgraded it: what is here can be read),
   * `storage-full`, `storage-unavailable`. Absent: it takes all.
   */
  readonly problem?: { readonly code: string; readonly message: string }
  readonly anew?: Anew
}

export interface Storage {
  readonly status: Live<StorageStatus>
  /**
   * Asks the browser to promise that it keeps the data, and resolves to what it said. It is asked by itself once, after
   * the first write; some browsers ask the user, so an app may want to choose a moment of its own.
   */
  persist(): Promise<boolean>
}

export function storage(on: Base): Storage {
  const { store, platform, health } = on
  const remoteless = Object.entries(on.schema.collections).filter(([, { remote }]) => remote === undefined)
  const local = remoteless.map(([name]) => name)
  const reading = { records: local, rows: ['outbox', 'meta'] as const }
  const listeners = new Set<() => void>()

  async function ask(): Promise<StorageStatus> {
    const [stored, persisted, estimate] = await Promise.all([
      store
        .read(reading, async tx => {
          let unsynced = await tx.rows('outbox').count()
          for (const name of local) unsynced += await tx.records(name).count()
          return { unsynced, identity: await identityOf(tx) }
        })
        .catch(asSyncError),
      persistedBy(store, platform),
      store.durable ? platform.storage?.estimate().catch(() => undefined) : undefined,
    ])
    const unreadable = stored instanceof SyncError ? stored : undefined
    const { unsynced, identity } = stored instanceof SyncError ? {} : stored
    const problem = problemOf(store, unreadable ?? health.failure())
    const { why, createdAt } = identity ?? {}
    return {
      durable: store.durable,
      ...(persisted !== undefined && { persisted }),
      ...(estimate?.usage !== undefined && { usage: estimate.usage }),
      ...(estimate?.quota !== undefined && { quota: estimate.quota }),
      ...(unsynced !== undefined && { unsynced }),
      atRisk: unsynced === 0 ? [] : risksOf(store, persisted),
      ...(problem && { problem: { code: problem.code, message: problem.message } }),
      ...(why !== undefined && createdAt !== undefined && { anew: { why, at: createdAt } }),
    }
  }

  return {
    status: live(on, {
      ask,
      concerns: frame => frame.holds('outbox') || local.some(name => frame.touched(name) !== undefined),
      more(hear) {
        listeners.add(hear)
        const unheard = health.heard(hear)
        return () => {
          listeners.delete(hear)
          unheard()
        }
      },
    }),
    async persist() {
      if (!store.durable) return false
      const asked = await platform.storage?.persist?.().catch(() => false)
      for (const hear of listeners) hear()
      return asked ?? (await persistedBy(store, platform)) ?? true
    },
  }
}

function problemOf(store: Store, failure: SyncError | undefined): SyncError | undefined {
  if (!store.newer()) return failure
  return new SyncError(
    'storage-newer',
    'Newer code has upgraded the store, and this one can only read: load the newer app.',
  )
}

function risksOf(store: Store, persisted: boolean | undefined): Risk[] {
  if (!store.durable) return ['not-durable']
  return persisted === false ? ['evictable'] : []
}

/** A browser that does not say has promised nothing. */
async function persistedBy(store: Store, platform: Platform): Promise<boolean | undefined> {
  if (!store.durable || !store.evictable) return undefined
  return (await platform.storage?.persisted().catch(() => false)) ?? false
}
