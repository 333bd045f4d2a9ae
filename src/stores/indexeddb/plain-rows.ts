/**
 * The plainest layout: a collection is an object store of records with an index for each indexed field, a space is one of
 * rows with array keys. `getAll` where it will do: it is one request, and a cursor is one for each row.
 */
import { type IDBPCursorWithValue, wrap } from 'idb'
import type {
  KeyedRow,
  RecordQuery,
  RecordWriter,
  RowKey,
  RowQuery,
  RowWriter,
  Shape,
  Space,
  Stored,
} from '../../store.ts'
import { compareParts, keyText, prefixEnd } from '../shared/keys.ts'
import { everything, scopeNames } from '../shared/shape.ts'
import type { Layout } from './layout.ts'

/** A tombstone has its id in `gone` too, so that there is an index of tombstones, to subtract from a count. */
type RecordRow = Stored & { readonly gone?: string }

export const plainRows: Layout = {
  format: 1,
  stores: scope => {
    const names = scopeNames(scope)
    return names.length > 0 ? names : ['rows/meta'] // IndexedDB knows no empty scope
  },
  build,
  collections,
  writer: (transaction, ranges) => ({
    records: name => recordTable(transaction.objectStore(`records/${name}`), ranges),
    rows: space => rowTable(transaction.objectStore(`rows/${space satisfies Space}`), ranges),
  }),
}

function build(database: IDBDatabase, upgrade: IDBTransaction, shape: Shape): void {
  for (const name of scopeNames(everything({}))) {
    if (!database.objectStoreNames.contains(name)) database.createObjectStore(name, { keyPath: 'key' })
  }
  for (const [collection, { index }] of Object.entries(shape.collections)) {
    const name = `records/${collection}`
    const store = database.objectStoreNames.contains(name)
      ? upgrade.objectStore(name)
      : database.createObjectStore(name, { keyPath: 'id' })
    const wanted = new Map([['gone', 'gone'], ...index.map(field => [indexName(field), `value.${field}`] as const)])
    for (const old of [...store.indexNames]) if (!wanted.has(old)) store.deleteIndex(old)
    for (const [index, path] of wanted) if (!store.indexNames.contains(index)) store.createIndex(index, path)
  }
}

function collections(database: IDBDatabase, within?: IDBTransaction): Shape['collections'] {
  const stores = [...database.objectStoreNames].filter(name => name.startsWith('records/'))
  if (stores.length === 0) return {}
  const look = within ?? database.transaction(stores)
  const fields = (store: string) =>
    [...look.objectStore(store).indexNames].filter(index => index !== 'gone').map(index => index.slice('at '.length))
  return Object.fromEntries(stores.map(store => [store.slice('records/'.length), { index: fields(store) }]))
}

function indexName(field: string): string {
  return `at ${field}`
}

function recordTable(store: IDBObjectStore, ranges: typeof IDBKeyRange): RecordWriter {
  const get = async (id: string) => stored(await wrap(store.get(id)))
  return {
    get,
    getMany: ids => Promise.all(ids.map(get)),
    list: async (query = {}) =>
      query.index === undefined ? listById(store, query, ranges) : listByIndex(store, query, ranges),
    count: async (query = {}) => {
      const { index, from, to, deleted } = query
      const range = rangeOf(ranges, bound(from, query.fromOpen), bound(to, query.toOpen), index !== undefined)
      if (range === 'none') return 0
      if (index !== undefined) return wrap(store.index(indexName(index)).count(range))
      const [all, gone] = await Promise.all([
        wrap(store.count(range)),
        deleted ? 0 : wrap(store.index('gone').count(range)),
      ])
      return all - gone
    },
    putMany: records =>
      last(records, record => {
        const row: RecordRow = record.value === null ? { ...record, gone: record.id } : record
        return store.put(row)
      }),
    deleteMany: ids => last(ids, id => store.delete(id)),
  }
}

/** Requests of one transaction run in order, so that the last one speaks for all; one that fails aborts all. */
async function last<Item>(items: readonly Item[], ask: (item: Item) => IDBRequest): Promise<void> {
  let request: IDBRequest | undefined
  for (const item of items) request = ask(item)
  if (request) await wrap(request)
}

async function listById(store: IDBObjectStore, query: RecordQuery, ranges: typeof IDBKeyRange): Promise<Stored[]> {
  const { order, limit = Infinity } = query
  const after = bound(query.after?.id, true)
  const [from, to] = [bound(query.from, query.fromOpen), bound(query.to, query.toOpen)]
  const low = order === 'desc' ? from : higher(from, after)
  const high = order === 'desc' ? lower(to, after) : to
  const good = (row: RecordRow) => row.value !== null || query.deleted === true
  const found = await walk<RecordRow>(store, rangeOf(ranges, low, high), query, limit, good, row =>
    rangeOf(ranges, { at: row.id, open: true }, high),
  )
  return found.map(row => stored(row)!)
}

/** First what is equal to the value of the page before but has a later id, then what lies beyond that value. */
async function listByIndex(store: IDBObjectStore, query: RecordQuery, ranges: typeof IDBKeyRange): Promise<Stored[]> {
  const { order, after, limit = Infinity } = query
  const index = store.index(indexName(query.index!))
  const [from, to] = [bound(query.from, query.fromOpen), bound(query.to, query.toOpen)]
  const beyond = after && bound(after.value, true)
  const low = order === 'desc' ? from : higher(from, beyond)
  const high = order === 'desc' ? lower(to, beyond) : to
  const equal =
    after && inside(after.value!, from, to) ? await equals(index, ranges.only(after.value), query, limit) : []
  const rest = await walk<RecordRow>(index, rangeOf(ranges, low, high, true), query, limit - equal.length)
  return [...equal, ...rest].map(row => stored(row)!)
}

async function equals(index: IDBIndex, range: IDBKeyRange, query: RecordQuery, limit: number): Promise<RecordRow[]> {
  const { id, value } = query.after!
  const found: RecordRow[] = []
  const sign = query.order === 'desc' ? -1 : 1
  let cursor = await cursorOver(index, range, sign === 1 ? 'next' : 'prev')
  const order = () => compareParts(cursor!.primaryKey as string, id) * sign
  if (cursor && order() < 0) cursor = await cursor.continuePrimaryKey(value!, id)
  if (cursor && order() === 0) cursor = await cursor.continue()
  for (; cursor && found.length < limit; cursor = await cursor.continue()) {
    found.push(cursor.value)
    if (found.length === limit) break
  }
  return found
}

function rowTable(store: IDBObjectStore, ranges: typeof IDBKeyRange): RowWriter {
  const get = async (key: RowKey) => ((await wrap(store.get(writable(key)))) as KeyedRow | undefined)?.row
  return {
    get,
    getMany: keys => Promise.all(keys.map(get)),
    list: async (query = {}) => walk<KeyedRow>(store, rowRange(query, ranges), query, query.limit),
    count: async ({ prefix = [] } = {}) => {
      const range = rowRange({ prefix }, ranges)
      return range === 'none' ? 0 : wrap(store.count(range))
    },
    putMany: rows => last(rows, row => store.put(row)),
    deleteMany: keys => last(keys, key => store.delete(writable(key))),
    append: async (prefix, row) => {
      // What was given out lies in the same object store, under a key that sorts behind the keys of all rows.
      const given = [[...prefix]]
      const before = (await wrap(store.get(given))) as { n: number } | undefined
      const n = (before?.n ?? 0) + 1
      store.put({ key: given, n })
      await wrap(store.put({ key: [...prefix, n], row }))
      return n
    },
  }
}

/** `[...prefix, []]` closes a prefix: arrays sort after numbers and strings. */
function rowRange({ prefix = [], after, order }: RowQuery, ranges: typeof IDBKeyRange): IDBKeyRange | 'none' {
  const [low, high] = [[...prefix], [...prefix, []]]
  if (!after) return ranges.bound(low, high, false, true)
  const [text, first, end] = [keyText(after), keyText(prefix), prefixEnd(prefix)]
  if (order === 'desc') {
    if (text <= first) return 'none'
    return ranges.bound(low, text < end ? writable(after) : high, false, true)
  }
  if (text >= end) return 'none'
  return text < first ? ranges.bound(low, high, false, true) : ranges.bound(writable(after), high, true, true)
}

/** The rows of a range in order, those that are good, up to the limit. `onwards` is the range behind a row. */
async function walk<Row>(
  source: IDBObjectStore | IDBIndex,
  range: IDBKeyRange | undefined | 'none',
  { order }: { readonly order?: 'asc' | 'desc' },
  limit = Infinity,
  good: (row: Row) => boolean = () => true,
  onwards?: (row: Row) => IDBKeyRange | undefined | 'none',
): Promise<Row[]> {
  if (range === 'none' || limit <= 0) return []
  if (limit === Infinity) {
    const all = ((await wrap(source.getAll(range))) as Row[]).filter(good)
    return order === 'desc' ? all.reverse() : all
  }
  const found: Row[] = []
  if (order === 'desc') {
    let cursor = await cursorOver(source, range, 'prev')
    while (cursor) {
      if (good(cursor.value)) found.push(cursor.value)
      if (found.length === limit) break
      cursor = await cursor.continue()
    }
    return found
  }
  let next: IDBKeyRange | undefined | 'none' = range
  while (found.length < limit && next !== 'none') {
    const wanted = Math.min(limit - found.length, 2 ** 31)
    const page = (await wrap(source.getAll(next, wanted))) as Row[]
    found.push(...page.filter(good))
    next = page.length < wanted || !onwards ? 'none' : onwards(page.at(-1)!)
  }
  return found
}

function cursorOver(source: IDBObjectStore | IDBIndex, range: IDBKeyRange | undefined, direction: IDBCursorDirection) {
  // idb wraps what the request gives as well: the cursor's `continue` is a promise. Its types say so of its own calls only.
  return wrap(source.openCursor(range, direction)) as Promise<unknown> as Promise<IDBPCursorWithValue | null>
}

interface Bound {
  readonly at: string | number
  readonly open: boolean
}

function bound(at: string | number | undefined, open?: boolean): Bound | undefined {
  return at === undefined ? undefined : { at, open: open === true }
}

function higher(one: Bound | undefined, other: Bound | undefined): Bound | undefined {
  if (!one || !other) return one ?? other
  const order = compareParts(one.at, other.at)
  return order === 0 ? { at: one.at, open: one.open || other.open } : order > 0 ? one : other
}

function lower(one: Bound | undefined, other: Bound | undefined): Bound | undefined {
  if (!one || !other) return one ?? other
  const order = compareParts(one.at, other.at)
  return order === 0 ? { at: one.at, open: one.open || other.open } : order < 0 ? one : other
}

function inside(at: string | number, low: Bound | undefined, high: Bound | undefined): boolean {
  if (low && compareParts(at, low.at) < (low.open ? 1 : 0)) return false
  return !high || compareParts(at, high.at) <= (high.open ? -1 : 0)
}

/** `undefined` is everything. In an index only numbers and strings: bytes and lists, which IndexedDB takes too, are above. */
function rangeOf(
  ranges: typeof IDBKeyRange,
  low: Bound | undefined,
  high: Bound | undefined,
  index = false,
): IDBKeyRange | undefined | 'none' {
  if (low && high) {
    const order = compareParts(low.at, high.at)
    if (order > 0 || (order === 0 && (low.open || high.open))) return 'none'
    return ranges.bound(low.at, high.at, low.open, high.open)
  }
  if (index) {
    if (high) return ranges.bound(-Infinity, high.at, false, high.open)
    return ranges.bound(low?.at ?? -Infinity, new ArrayBuffer(0), low?.open ?? false, true)
  }
  if (high) return ranges.upperBound(high.at, high.open)
  return low && ranges.lowerBound(low.at, low.open)
}

function stored(row: RecordRow | undefined): Stored | undefined {
  return row && { id: row.id, value: row.value, meta: row.meta }
}

/** The types of IndexedDB want an array that could be written to. */
function writable(key: RowKey): (string | number)[] {
  return key as (string | number)[]
}
