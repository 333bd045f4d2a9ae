/** Opens a database: the store, the engine that keeps it in step with its remotes, and the app's way in. */

import type { MassDelete } from '../engine/ground.ts'
import { claim } from '../ledger/account.ts'
import { type Platform, platform as realPlatform } from '../platform.ts'
import type { MergeField } from '../resolver.ts'
import type { Collections, Schema } from '../schema.ts'
import type { StoreDriver } from '../store.ts'
import { completed } from './complete.ts'
import type { Base } from './db.ts'
import { commit } from './db.ts'
import { explain } from './explain.ts'
import { framesOf } from './frames.ts'
import type { Host, Hosting } from './host.ts'
import { inbox } from './inbox.ts'
import { outbox } from './outbox.ts'
import { records, txRecords } from './records.ts'
import { remoteHandle } from './remote.ts'
import type { AnyServed, CollectionsOf, RemotesOf, Served, WorkerOptions } from './served.ts'
import type { Write } from './settled.ts'
import { settled, writeId } from './settled.ts'
import { storage } from './storage.ts'
import { forgetStore, openStore } from './store.ts'
import type { Db, Fits, Remotes } from './types.ts'
import type { ExportSource } from './whole.ts'
import { whenWiped } from './wiped.ts'

export interface OpenOptions<C extends Collections, R extends Remotes> {
  readonly store: StoreDriver
  /** Compared with `remotes`: every name must exist there, and every strategy must be possible. */
  readonly schema: Schema<C> & NoInfer<Fits<C, R>>
  readonly remotes?: R
  /** What this device is called, towards other people. */
  readonly device?: { readonly name: string }
  /** Field rules beyond the built-in ones. */
  readonly strategies?: { readonly [name: string]: MergeField }
  /** What to do when more deletes are under way than look like intent. Default `ask`. */
  readonly onMassDelete?: MassDelete
  /** How long what a conflict dropped is kept, in days. Default 30. */
  readonly keepConflicts?: number
  /** `relaxed` writes may be lost to a power cut, never to a crash of the app. Default `strict`. */
  readonly durability?: 'strict' | 'relaxed'
  /**
   * Whose data it is. The store belongs to the first account that it was opened for, and opens for no other
   * (`wrong-account`): give each account a store of its own, named after it.
   */
  readonly account?: string
  /** Fills the store, which must be empty, with what `export` gave, before anything syncs; see `Db.export`. */
  readonly import?: ExportSource
  /** The world. Default: this one. */
  readonly platform?: Platform
}

type AnyOptions = OpenOptions<Collections, Remotes> | WorkerOptions<Served>

const day = 24 * 3_600_000

/**
 * Rejects with `schema-mismatch` where schema and remotes do not fit, and with a storage code where the store does not
 * open. With a worker it does not wait for it: what does not fit there is said by the status.
 */
// The compiler complains in words of the last one, and of the first one where the worker's type is named.
export async function open<W extends AnyServed>(options: WorkerOptions<W>): Promise<Db<CollectionsOf<W>, RemotesOf<W>>>
export async function open<const C extends Collections, const R extends Remotes = Record<never, never>>(
  options: OpenOptions<C, R>,
): Promise<Db<C, R>>
export async function open(options: AnyOptions): Promise<unknown> {
  const platform = options.platform ?? realPlatform()
  const hosting = await hostingOf(options)
  const schema = hosting.complete(options.schema)
  const { store, identity, clock, health } = await openStore(options.store, schema, platform)
  try {
    await claim(store, options.account)
    if (options.import !== undefined)
      await (await import('./whole.ts')).imported({ store, schema, platform }, options.import)
  } catch (error) {
    await store.close()
    throw error
  }
  const device = { id: identity.device, name: options.device?.name ?? 'A device' }
  const listeners = new Set<() => void>()
  let host: Host | undefined
  const closing = new AbortController()
  let closed: Promise<void> | undefined

  const base: Base = {
    store,
    schema,
    platform,
    clock,
    device,
    keep: (options.keepConflicts ?? 30) * day,
    durability: options.durability ?? 'strict',
    health,
    host: () => host,
    frames: framesOf(store, platform),
    closed: closing.signal,
    heard(hear) {
      listeners.add(hear)
      return () => listeners.delete(hear)
    },
  }

  // Whoever upgraded the store syncs it.
  host = store.newer()
    ? undefined
    : hosting.start({
        store,
        name: store.name ?? options.store.name,
        schema,
        platform,
        device,
        clock,
        keep: base.keep,
        report() {
          for (const hear of listeners) hear()
        },
      })

  const names = Object.keys(schema.collections)
  const data = Object.fromEntries(names.map(name => [name, records(base, name)]))

  async function write(work: (tx: never) => unknown): Promise<Write> {
    const id = await commit(base, names, async draft => {
      const changes: string[] = []
      const calls: Promise<unknown>[] = []
      let turn: Promise<unknown> = Promise.resolve()
      // One after the other, in the order they were called, awaited or not.
      const queued = (call: () => Promise<unknown>) => {
        const result = turn.then(call)
        turn = result.catch(() => {}) // the caller, and the end of this write, see it
        calls.push(result)
        return result
      }
      const tx = Object.fromEntries(
        names.map(name => {
          const one = txRecords<object>(base, draft, name)
          const methods = Object.entries(one.tx).map(
            ([method, call]: [string, (...given: never[]) => Promise<unknown>]) => [
              method,
              (...given: never[]) =>
                queued(async () => {
                  const result = await call(...given)
                  changes.push(...one.changes.splice(0))
                  return result
                }),
            ],
          )
          return [name, Object.fromEntries(methods)]
        }),
      )
      await work(tx as never)
      for (let done = 0; done < calls.length; done++) await calls[done]
      return writeId(draft.tx, changes, base)
    })
    return { id, settled: () => settled(base, id) }
  }

  // Emptied for good in another tab, such as on signing out there.
  let wiping = false
  const unwatch = whenWiped(base, () => {
    if (!wiping) void end()
  })

  /** `last` is done after the engine has stopped. */
  function end(last?: () => Promise<unknown>): Promise<void> {
    closed ??= (async () => {
      unwatch()
      closing.abort()
      await host?.stop()
      try {
        await last?.()
      } finally {
        await store.close()
      }
    })()
    return closed
  }

  return {
    data: data as never,
    remotes: Object.fromEntries(hosting.remotes.map(name => [name, remoteHandle(base, name)])) as never,
    conflicts: inbox(base),
    outbox: outbox(base),
    storage: storage(base),
    device,
    write: Object.assign(write, { settled: (id: string) => settled(base, id) }) as never,
    explain: (collection: string, id: string) => explain(base, collection, id),
    unsynced: async () => (await import('./leave.ts')).unsynced(base),
    async *export() {
      yield* (await import('./whole.ts')).exported(base)
    },
    async wipe({ discard = false } = {}) {
      wiping = true
      try {
        const { cleared } = await import('./leave.ts')
        const lost = await cleared(base, discard)
        // What the engine did until it heard of it goes too; an edit of the app's since then stays.
        await end(() => cleared(base, discard))
        forgetStore(store.name ?? options.store.name, platform)
        return lost
      } finally {
        wiping = false
      }
    },
    close: () => end(),
  }
}

/** Not in the page's first bundle: without remotes, or with a worker, the page never needs the engine. */
async function hostingOf(options: AnyOptions): Promise<Hosting> {
  if ('worker' in options) {
    const { inWorker } = await import('./in-worker.ts')
    return inWorker(options)
  }
  const { remotes = {} } = options
  if (Object.keys(remotes).length === 0) {
    return { remotes: [], complete: schema => completed(schema, {}), start: () => undefined }
  }
  const { inline } = await import('./inline.ts')
  return inline({ ...options, remotes })
}
