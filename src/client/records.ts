/** One collection as the app reads and writes it. */
import { SyncError } from '../errors.ts'
import { type Draft, realId } from '../ledger/draft.ts'
import { edit } from '../ledger/edit.ts'
import type { Value } from '../model.ts'
import { plain } from '../plain.ts'
import { type Bound, misfit, type Sortable } from '../schema.ts'
import { arrival, type Bytes, stored, take, wish } from './bytes.ts'
import type { Base } from './db.ts'
import { commit, definitionOf, placeOf } from './db.ts'
import type { Live } from './live.ts'
import { live } from './live.ts'
import type { Query, Where } from './query.ts'
import { query, where } from './query.ts'
import { find, type Item, visible } from './read.ts'
import type { Write } from './settled.ts'
import { settled, writeId } from './settled.ts'

/** What can be done inside `db.write`. Reads see what this write did so far. */
export interface TxRecords<Row extends object> {
  get(id: string): Promise<Row | undefined>
  /** Rejects with `already-exists` where the id is taken. Resolves to the id. */
  add(value: Row, id?: string): Promise<string>
  /** Sets the whole record, whether it was there or not. */
  put(id: string, value: Row): Promise<void>
  /** Sets some fields; `undefined` drops one. Rejects with `not-found` where there is no such record. */
  patch(id: string, fields: Patch<Row>): Promise<void>
  /** Deleting what is not there does nothing. A folder takes along what is in it. */
  delete(id: string): Promise<void>
}

/** Some fields of a record; `undefined` drops one that may be absent. */
export type Patch<Row extends object> = {
  readonly [F in keyof Row]?: Row[F] | (Record<never, never> extends Pick<Row, F> ? undefined : never)
}

/** A collection. Every write resolves when it is durable here; what the remote says comes by `settled()`. */
export interface Records<Row extends object> {
  get(id: string): Promise<Row | undefined>
  add(value: Row, id?: string): Promise<string>
  put(id: string, value: Row): Promise<Write>
  patch(id: string, fields: Patch<Row>): Promise<Write>
  delete(id: string): Promise<Write>
  /** All records, by id. */
  list(): Promise<Item<Row>[]>
  count(): Promise<number>
  where<F extends Sortable<Row>>(field: F): Where<Row, Bound<Row[F]>>
  orderBy(field: Sortable<Row>, order?: 'asc' | 'desc'): Query<Row>
  /** One record, or all of them, kept up to date. */
  live(id: string): Live<Row | undefined>
  live(): Live<Item<Row>[]>
  /**
   * Sets the bytes of a record, with its hash and size and the given fields, in one commit. A record that is not there
   * is made, so `fields` must be the rest of it then. A `Blob` or a stream is never held in memory whole. Only where the
   * source keeps bytes.
   */
  write(id: string, bytes: Bytes, fields?: Partial<Row>): Promise<Write>
  /**
   * The bytes of a record: from here, or from the remote if they never came. `undefined`: it has none. Rejects with the
   * failure of the first try (`network`, `missing`, ...); the download goes on by itself where that can help.
   */
  read(id: string): Promise<Uint8Array | undefined>
  /** The same a piece at a time, once all of it is here and its hash was right. */
  stream(id: string): Promise<AsyncIterable<Uint8Array> | undefined>
  /** Asks for the bytes and does not wait for them; `db.remotes.x.transfers` shows how far they are. Higher goes first. */
  fetch(id: string, options?: { readonly priority?: number }): Promise<void>
}

export function records<Row extends object>(on: Base, collection: string): Records<Row> {
  const definition = definitionOf(on, collection)
  const reading = { records: [collection], rows: ['meta'] as const }
  const all = query<Row>(on, collection, {})

  async function get(id: string): Promise<Row | undefined> {
    return on.store.read(reading, async tx => visible<Row>(await find(tx, collection, id)))
  }

  async function one(
    work: (tx: TxRecords<Row>) => Promise<unknown>,
    prepare?: (draft: Draft) => Promise<void>,
  ): Promise<Write> {
    const id = await commit(
      on,
      [collection],
      async draft => {
        await prepare?.(draft)
        const { tx, changes } = txRecords<Row>(on, draft, collection)
        await work(tx)
        return writeId(draft.tx, changes, on)
      },
      prepare === undefined ? [] : ['bodies'],
    )
    return { id, settled: () => settled(on, id) }
  }

  function liveOf(id?: string): Live<never> {
    let real = id
    if (id === undefined) return all.live() as Live<never>
    const answer = live<unknown>(on, {
      async ask() {
        const stored = await on.store.read(reading, tx => find(tx, collection, id))
        real = stored?.id ?? id
        return visible<Row>(stored)
      },
      concerns(frame) {
        const touched = frame.touched(collection)
        return touched === 'any' || touched?.has(id) === true || (real !== undefined && touched?.has(real) === true)
      },
    })
    return answer as Live<never>
  }

  return {
    get,
    async add(value, id = on.platform.uuid()) {
      checked(on, collection, id, value)
      await one(tx => tx.add(value, id))
      return id
    },
    put(id, value) {
      return attempt(() => {
        checked(on, collection, id, value)
        return one(tx => tx.put(id, value))
      })
    },
    patch: (id, fields) => one(tx => tx.patch(id, fields)),
    delete: id => one(tx => tx.delete(id)),
    list: () => all.get(),
    count: () => all.count(),
    where: field => where<Row>(on, collection, field),
    orderBy: (field, order) => all.orderBy(field, order),
    live: liveOf,
    async write(id, bytes, fields = {}) {
      const field = bodyField()
      const { sha256, size, keep } = await take(on, bytes)
      return one(async tx => {
        const content = { [field]: sha256, ...definition.describe?.(size, on.clock.now()) }
        await tx.put(id, { ...(await tx.get(id)), ...content, ...fields } as Row)
      }, keep)
    },
    async read(id) {
      const pieces = await stream(id)
      return pieces && joined(pieces)
    },
    stream,
    async fetch(id, { priority = 0 } = {}) {
      const wanted = await named(id)
      if (wanted !== undefined) await wish(on, { ...wanted, priority }, false)
    },
  }

  function bodyField(): string {
    if (definition.body === undefined) throw new SyncError('unsupported', `Records of "${collection}" have no bytes.`)
    return definition.body
  }

  /** Which bytes a record has, and where they are to be had. */
  async function named(id: string) {
    const field = bodyField()
    const found = await on.store.read(reading, tx => find(tx, collection, id))
    const sha256 = found?.value?.[field]
    return typeof sha256 === 'string'
      ? { remote: definition.remote ?? '', collection, id: found!.id, sha256 }
      : undefined
  }

  async function stream(id: string) {
    const wanted = await named(id)
    if (wanted === undefined) return undefined
    const here = await stored(on, wanted.sha256)
    if (here !== undefined) return here
    if (on.host() === undefined || wanted.remote === '')
      throw new SyncError('not-found', `The bytes of "${id}" are not here, and there is no remote.`)
    await wish(on, { ...wanted, priority: awaited }, true)
    await arrival(on, wanted)
    return stored(on, wanted.sha256)
  }
}

/** Somebody waits for these bytes, so they go before those that are only to be here some time. */
const awaited = 1_000

async function joined(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const all: Uint8Array[] = []
  for await (const piece of pieces) all.push(piece)
  const bytes = new Uint8Array(all.reduce((length, piece) => length + piece.length, 0))
  let at = 0
  for (const piece of all) {
    bytes.set(piece, at)
    at += piece.length
  }
  return bytes
}

/** A throw before the first await is a rejection too. */
async function attempt<T>(work: () => Promise<T>): Promise<T> {
  return work()
}

/** The writes of one commit, one after the other, in the order they were called, awaited or not. */
export function txRecords<Row extends object>(
  on: Base,
  draft: Draft,
  collection: string,
): { tx: TxRecords<Row>; changes: string[] } {
  const place = placeOf(on, collection)
  const { readonly, append } = place.source
  const changes: string[] = []

  async function set(id: string, value: Value | null): Promise<void> {
    if (readonly) throw new SyncError('unsupported', `"${collection}" cannot be written: the remote only shows it.`)
    if (append && (await draft.get(collection, id)).value != null) {
      throw new SyncError('unsupported', `"${collection}" can only be added to: the remote keeps what it has.`)
    }
    changes.push(...(await edit(draft, place, on.device.id, id, value)))
  }
  const real = (id: string) => realId(draft, collection, id)

  const tx: TxRecords<Row> = {
    async get(id) {
      const { value, meta } = await draft.get(collection, await real(id))
      return value == null || meta.misfit !== undefined ? undefined : (value as Row)
    },
    async add(value, id = on.platform.uuid()) {
      const plainValue = checked(on, collection, id, value)
      if ((await draft.get(collection, await real(id))).value != null) {
        throw new SyncError('already-exists', `"${collection}" has a record "${id}" already: use put or patch.`)
      }
      await set(id, plainValue)
      return id
    },
    async put(id, value) {
      const plainValue = checked(on, collection, id, value)
      await set(await real(id), plainValue)
    },
    async patch(id, fields) {
      const target = await real(id)
      const { value } = await draft.get(collection, target)
      if (value == null) throw new SyncError('not-found', `"${collection}" has no record "${id}": use put or add.`)
      await set(target, checked(on, collection, target, { ...value, ...fields } as object))
    },
    async delete(id) {
      await set(await real(id), null)
    },
  }
  return { tx, changes }
}

/** A copy that any store can keep, or a SyncError that says what is wrong with it; nothing is stored then. */
export function checked(on: Base, collection: string, id: string, value: object): Value {
  const definition = definitionOf(on, collection)
  if (typeof id !== 'string' || id === '') throw new SyncError('invalid-value', 'An id is a text that is not empty.')
  const copy = plain(value, `The record "${id}" of "${collection}"`) as Value
  const why = misfit(definition, copy) ?? definition.check?.(id, copy)
  if (why !== undefined)
    throw new SyncError('invalid-value', `The record "${id}" of "${collection}" does not fit: ${why}`)
  return copy
}
