/**
 * The contract of a local store. A driver knows collections, indexes and spaces by name, never their meaning.
 *
 * Transactions are strictly serializable: a reader sees whole commits only, and writers whose scopes overlap run one
 * after the other, in every context (tab, worker, process) that has the same store open. `work` may await nothing but
 * its own reader or writer: IndexedDB commits the moment it has nothing left to do. The scope is named up front; a
 * driver may lock more, and touching what was not named throws. A write resolves when the commit is complete, never
 * earlier, and rejects with a SyncError, leaving no trace. What `work` itself throws comes out as it is.
 */
import type { Value } from './model.ts'
import type { Locks, Platform } from './platform.ts'

/** Where the engine keeps what is not a record. `bodies` holds bytes, the others plain data. */
export const spaces = [
  'outbox',
  'queue',
  'changes',
  'checkpoints',
  'private',
  'inbox',
  'jobs',
  'bodies',
  'meta',
] as const
export type Space = (typeof spaces)[number]

/** A record as stored. `meta` is the engine's; a driver keeps it and never reads it. `value: null` is a tombstone. */
export interface Stored {
  readonly id: string
  readonly value: Value | null
  readonly meta: Row
}

/** Keys of rows sort like IndexedDB array keys: numbers before strings, strings by UTF-16 code unit, prefixes first. */
export type RowKey = readonly (string | number)[]
/** A plain object of plain data: what JSON can say, and bigint and Uint8Array at any depth; `undefined` members are dropped. */
export type Row = object
export interface KeyedRow {
  readonly key: RowKey
  readonly row: Row
}

/**
 * Which records, in which order. Without `index` the order is by id (UTF-16 code unit), and `from`, `to` and `after` are
 * ids. With it the order is by the indexed value, then by id; records without a string or finite number there are not
 * in the index. Both bounds are inclusive unless said otherwise.
 */
export interface RecordQuery {
  readonly index?: string
  readonly from?: string | number
  readonly fromOpen?: true
  readonly to?: string | number
  readonly toOpen?: true
  readonly order?: 'asc' | 'desc'
  readonly limit?: number
  /** Go on behind this one: the last record of the page before, and (with `index`) its indexed value. */
  readonly after?: { readonly id: string; readonly value?: string | number }
  /** Tombstones too; only without `index`. */
  readonly deleted?: true
}

export interface RecordReader {
  get(id: string): Promise<Stored | undefined>
  /** In the order asked for; `undefined` where there is none. */
  getMany(ids: readonly string[]): Promise<(Stored | undefined)[]>
  list(query?: RecordQuery): Promise<Stored[]>
  /** `limit`, `after` and `order` are ignored. */
  count(query?: RecordQuery): Promise<number>
}

export interface RecordWriter extends RecordReader {
  putMany(records: readonly Stored[]): Promise<void>
  deleteMany(ids: readonly string[]): Promise<void>
}

/** Rows whose key starts with `prefix`, in key order. `after` is a whole key. */
export interface RowQuery {
  readonly prefix?: RowKey
  readonly after?: RowKey
  readonly limit?: number
  readonly order?: 'asc' | 'desc'
}

export interface RowReader {
  get(key: RowKey): Promise<Row | undefined>
  getMany(keys: readonly RowKey[]): Promise<(Row | undefined)[]>
  list(query?: RowQuery): Promise<KeyedRow[]>
  count(query?: RowQuery): Promise<number>
}

export interface RowWriter extends RowReader {
  putMany(rows: readonly KeyedRow[]): Promise<void>
  deleteMany(keys: readonly RowKey[]): Promise<void>
  /**
   * Puts `row` under [...prefix, n], n greater than any n ever given out under that prefix, and returns n. Numbers of
   * rows put by hand do not count.
   */
  append(prefix: RowKey, row: Row): Promise<number>
}

export interface Reader {
  records(collection: string): RecordReader
  rows(space: Space): RowReader
}

export interface Writer extends Reader {
  records(collection: string): RecordWriter
  rows(space: Space): RowWriter
}

export interface Scope {
  readonly records: readonly string[]
  readonly rows: readonly Space[]
}

/** What a commit touched. An absent member is "anything": messages may be lost or merged. */
export interface Touched {
  readonly collection?: string
  readonly ids?: readonly string[]
  readonly space?: Space
}

export interface Store {
  /** Where it is not the driver's: a driver may open another store in its place. */
  readonly name?: string
  /** Whether commits survive the process; `memory` says false. */
  readonly durable: boolean
  /** The browser may throw all of it away when it wants the room, unless it has promised not to. */
  readonly evictable?: true
  /**
   * Newer code has upgraded the store, before it was opened or since: what is still there can be read, and every write
   * rejects with 'storage-newer', as does reading a collection or an index that is no more.
   */
  newer(): boolean
  /** Elects its leader, where the driver knows better than the platform: every process that can open the store sees it. */
  readonly locks?: Locks
  /** Changes when the data was copied, or restored from a copy: two stores with one identity (I10). Absent: not known. */
  readonly place?: string
  read<T>(scope: Scope, work: (tx: Reader) => Promise<T>): Promise<T>
  /** `strict` (the default) is on disk before it resolves; `relaxed` may lose a suffix of commits to a power cut. */
  write<T>(scope: Scope, work: (tx: Writer) => Promise<T>, options?: { durability?: 'strict' | 'relaxed' }): Promise<T>
  /** Hears every commit of every context that has this store open, one's own included. Returns how to stop. */
  watch(listener: (touched: readonly Touched[]) => void): () => void
  close(): Promise<void>
}

/**
 * What a store is opened with. Migrations run once each, in order, inside the upgrading transaction; a new store begins
 * at `version`, and none runs. A collection that the shape no longer names keeps what it holds.
 */
export interface Shape {
  readonly version: number
  readonly collections: { readonly [name: string]: { readonly index: readonly string[] } }
  /**
   * `migrations[n]` brings a store of version n - 1 to n; `collections` are those that there are. It may await only its
   * writer, and may run again after a crash.
   */
  readonly migrations: { readonly [version: number]: (tx: Writer, collections: readonly string[]) => Promise<void> }
}

/** A store that is not open yet: what `memory()`, `indexeddb(name)` and `sqlite(file)` return. */
export interface StoreDriver {
  /** The same name is the same data, in every context: leadership and messages are named after it. */
  readonly name: string
  open(shape: Shape, platform: Platform): Promise<Store>
}
