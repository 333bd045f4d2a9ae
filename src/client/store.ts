/** The store under an open database: opened, recognised, and made room in when it is full. */
import { asSyncError, SyncError } from '../errors.ts'
import type { BodyFields } from '../ledger/bodies.ts'
import { identify, identityOf, type Mark, storedOffset } from '../ledger/identity.ts'
import { shapeOf } from '../ledger/migrate.ts'
import type { Identity } from '../ledger/rows.ts'
import { getRow } from '../ledger/rows.ts'
import { shed } from '../ledger/shed.ts'
import type { Platform } from '../platform.ts'
import type { Schema } from '../schema.ts'
import type { Store, StoreDriver } from '../store.ts'
import { serverClock } from './clock.ts'

export interface Opened {
  readonly store: Store
  readonly identity: Identity
  readonly clock: ReturnType<typeof serverClock>
  readonly health: Health
}

/** How the store fares in this context. */
export interface Health {
  /** Why the last write failed, where that was the store's doing. */
  failure(): SyncError | undefined
  heard(hear: () => void): () => void
  /** The app's write was acknowledged: a good moment to ask the browser to keep it. */
  wrote(): void
}

const meta = { records: [], rows: ['meta'] as const }

export async function openStore(driver: StoreDriver, schema: Schema, platform: Platform): Promise<Opened> {
  const raw = await driver.open(shapeOf(schema), platform)
  const name = raw.name ?? driver.name
  try {
    const identity = await recognised(raw, name, platform)
    const clock = serverClock(platform, await raw.read(meta, storedOffset))
    // What is old by one clock only is not old, and without a server's word nothing is.
    const guarded = guard(raw, schema, platform, () => (clock.sure() ? Math.min(clock.now(), platform.now()) : 0))
    return { ...guarded, identity, clock }
  } catch (error) {
    await raw.close()
    throw error
  }
}

/** Forgets what is known of a store apart from it: when the app itself empties it, nothing was lost. */
export function forgetStore(name: string, platform: Platform): void {
  withMarks(platform, marks => marks.set(markName(name), undefined))
}

async function recognised(store: Store, name: string, platform: Platform): Promise<Identity> {
  const make = (): Identity => ({ device: platform.uuid(), createdAt: platform.now() })
  if (store.newer()) return (await store.read(meta, identityOf)) ?? make()
  const mark = store.durable ? withMarks(platform, marks => markIn(marks.get(markName(name)))) : undefined
  const identity = await store.write({ records: [], rows: ['meta', 'checkpoints', 'private'] }, tx =>
    identify(tx, { place: store.place, mark }, make),
  )
  const { device, opened = 0 } = identity
  if (store.durable) {
    // Another tab may have opened it again meanwhile.
    withMarks(platform, marks => {
      const latest = markIn(marks.get(markName(name)))
      if (latest?.device === device && latest.opened > opened) return
      marks.set(markName(name), JSON.stringify({ device, opened } satisfies Mark))
    })
  }
  return identity
}

const markName = (name: string): string => `tidemark/${name}`

/** A second place that fails is none: it only ever confirms. */
function withMarks<T>({ marks }: Platform, work: (marks: NonNullable<Platform['marks']>) => T): T | undefined {
  try {
    return marks && work(marks)
  } catch {
    return undefined
  }
}

/** Other scripts of the page can write there too. */
function markIn(text: string | undefined): Mark | undefined {
  if (text === undefined) return undefined
  const { device, opened } = JSON.parse(text) as Partial<Mark>
  return typeof device === 'string' && typeof opened === 'number' ? { device, opened } : undefined
}

/** A write for which there is no room is tried again as long as something can be dropped for it. */
function guard(raw: Store, schema: Schema, platform: Platform, now: () => number): Pick<Opened, 'store' | 'health'> {
  const fields = bodyFields(schema)
  const listeners = new Set<() => void>()
  let failure: SyncError | undefined

  function outcome(next: SyncError | undefined): void {
    if (next?.code === failure?.code) return
    failure = next
    for (const hear of listeners) hear()
  }

  async function makeRoom(): Promise<boolean> {
    const scope = { records: [...fields.keys()], rows: ['meta', 'bodies', 'outbox', 'inbox'] as const }
    return raw.write(scope, tx => shed(tx, fields, now()), { durability: 'relaxed' }).catch(() => false)
  }

  async function attempt<T>(act: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await act()
      } catch (error) {
        if (asSyncError(error).code !== 'storage-full' || !(await makeRoom())) throw error
      }
    }
  }

  const write: Store['write'] = async (scope, work, options) => {
    try {
      const result = await attempt(() => raw.write(scope, work, options))
      outcome(undefined)
      return result
    } catch (error) {
      if (error instanceof SyncError && error.code.startsWith('storage-')) outcome(error)
      throw error
    }
  }

  const store = { ...raw, write }
  let asked = false
  return {
    store,
    health: {
      failure: () => failure,
      heard(hear) {
        listeners.add(hear)
        return () => listeners.delete(hear)
      },
      wrote() {
        if (asked) return
        asked = true
        void askOnce(store, platform).catch(() => {
          asked = false // after another write
        })
      },
    },
  }
}

function bodyFields(schema: Schema): BodyFields {
  const fields = new Map<string, { field: string; remote: boolean }>()
  for (const [collection, { body, remote }] of Object.entries(schema.collections)) {
    if (body !== undefined) fields.set(collection, { field: body, remote: remote !== undefined })
  }
  return fields
}

/** Once in the life of a store: some browsers ask the user, who has done something worth to be kept by now. */
async function askOnce(store: Store, platform: Platform): Promise<void> {
  const { storage } = platform
  if (!store.evictable || storage?.persist === undefined) return
  const first = await store.write(meta, async tx => {
    if ((await getRow(tx, 'meta', ['persist'])) !== undefined) return false
    await tx.rows('meta').putMany([{ key: ['persist'], row: { at: platform.now() } }])
    return true
  })
  if (first && !(await storage.persisted())) await storage.persist()
}
