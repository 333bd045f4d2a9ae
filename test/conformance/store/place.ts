/** Where a store is tested: a new empty place for each test, and the small talk that all tests share. */
import { expect, onTestFinished } from 'vitest'
import type { SyncError } from '../../../src/errors.ts'
import type { Platform } from '../../../src/platform.ts'
import type { Shape, Store, StoreDriver, Stored } from '../../../src/store.ts'
import { notes, queue, shape } from './shape.ts'

export interface Place {
  /** A driver of this place, as each context makes one of its own. */
  driver(): StoreDriver
  readonly platform: Platform
}
export type MakePlace = () => Place | Promise<Place>

export { both, notes, queue, shape } from './shape.ts'

/** Opens a store that closes with the test. */
export async function openAt(place: Place, asked: Shape = shape): Promise<Store> {
  const store = await place.driver().open(asked, place.platform)
  onTestFinished(() => store.close())
  return store
}

export async function openNew(make: MakePlace): Promise<Store> {
  return openAt(await make())
}

export function record(id: string, value: Stored['value'], meta: object = {}): Stored {
  return { id, value, meta }
}

export async function put(store: Store, ...records: readonly Stored[]): Promise<void> {
  await store.write(notes, tx => tx.records('notes').putMany(records))
}

export async function allNotes(store: Store): Promise<Stored[]> {
  return store.read(notes, tx => tx.records('notes').list({ deleted: true }))
}

export async function allRows(store: Store): Promise<unknown[]> {
  return store.read(queue, tx => tx.rows('queue').list())
}

/** The code with which something fails, or 'nothing' when it does not. */
export async function codeOf(running: Promise<unknown> | (() => Promise<unknown>)): Promise<string> {
  try {
    await (typeof running === 'function' ? running() : running)
    return 'nothing'
  } catch (error) {
    return (error as SyncError).code ?? String(error)
  }
}

/** Waits for what a message brings: at most two seconds. */
export async function eventually(check: () => unknown): Promise<void> {
  await expect.poll(check, { timeout: 5000, interval: 10 }).toBeTruthy()
}
