/** Records and rows in memory. Every change leaves behind how to take it back. */

import { plain } from '../../plain.ts'
import type { KeyedRow, RecordQuery, RecordWriter, RowQuery, RowWriter, Stored, Writer } from '../../store.ts'
import { compareParts, keyText, prefixEnd } from './keys.ts'

/** By name of a table. */
export type Tables = Map<string, Table<unknown>>
/** How to take back what was done, oldest first. */
export type Undo = (() => void)[]

interface Table<Item> {
  /** By a text that sorts as the keys do. */
  readonly items: Map<string, Item>
  /** The items in order; by an index where a field is named. Gone with the next change. */
  readonly sorted: Map<string, readonly Item[]>
}

type Entry = readonly [key: string, item: unknown]

/** `act` runs an operation and gives its result as the store's time and life allow. */
export function tablesWriter(tables: Tables, undo: Undo, act: <T>(work: () => T) => Promise<T>): Writer {
  return {
    records: name => recordTable(tableOf<Stored>(tables, `records/${name}`), undo, act),
    rows: space =>
      rowTable(tableOf<KeyedRow>(tables, `rows/${space}`), tableOf<number>(tables, `last/${space}`), undo, act),
  }
}

export function takeBack(undo: Undo): void {
  for (const step of undo.splice(0).reverse()) step()
}

type Act = Parameters<typeof tablesWriter>[2]

function recordTable(table: Table<Stored>, undo: Undo, act: Act): RecordWriter {
  const get = (id: string) => out(table.items.get(id))
  return {
    get: id => act(() => get(id)),
    getMany: ids => act(() => ids.map(get)),
    list: (query = {}) => act(() => some(inOrder(table, query), matches(query), query.limit)),
    count: (query = {}) => act(() => inOrder(table, query).filter(matches(query)).length),
    putMany: records =>
      act(() =>
        change(
          table,
          records.map(record => [record.id, record]),
          undo,
        ),
      ),
    deleteMany: ids =>
      act(() =>
        change(
          table,
          ids.map(id => [id, undefined]),
          undo,
        ),
      ),
  }
}

function rowTable(table: Table<KeyedRow>, last: Table<number>, undo: Undo, act: Act): RowWriter {
  const get = (key: KeyedRow['key']) => out(table.items.get(keyText(key))?.row)
  const put = (rows: readonly KeyedRow[]) =>
    change(
      table,
      rows.map(row => [keyText(row.key), row]),
      undo,
    )
  return {
    get: key => act(() => get(key)),
    getMany: keys => act(() => keys.map(get)),
    list: (query = {}) => act(() => some(rowsInOrder(table, query), inRange(query), query.limit)),
    count: (query = {}) => act(() => rowsInOrder(table, query).filter(inRange(query)).length),
    putMany: rows => act(() => put(rows)),
    deleteMany: keys =>
      act(() =>
        change(
          table,
          keys.map(key => [keyText(key), undefined]),
          undo,
        ),
      ),
    append: (prefix, row) =>
      act(() => {
        const n = (last.items.get(keyText(prefix)) ?? 0) + 1
        change(last, [[keyText(prefix), n]], undo)
        put([{ key: [...prefix, n], row }])
        return n
      }),
  }
}

function tableOf<Item>(tables: Tables, name: string): Table<Item> {
  const table = tables.get(name) ?? { items: new Map(), sorted: new Map() }
  tables.set(name, table)
  return table as Table<Item> // what is under a name was put there under it
}

function change(table: Table<unknown>, entries: readonly Entry[], undo: Undo): void {
  for (const [key, item] of entries) {
    const before = table.items.get(key)
    undo.push(() => set(table, key, before))
    set(table, key, item)
  }
}

function set(table: Table<unknown>, key: string, item: unknown): void {
  if (item === undefined) table.items.delete(key)
  else table.items.set(key, item)
  table.sorted.clear()
}

function inOrder(table: Table<Stored>, { index, order }: RecordQuery): readonly Stored[] {
  const ascending = sortedOnce(table, index ?? '', () =>
    index === undefined
      ? [...table.items.values()].sort((one, other) => compareParts(one.id, other.id))
      : [...table.items.values()]
          .filter(record => indexed(record, index) !== undefined)
          .sort(
            (one, other) =>
              compareParts(indexed(one, index)!, indexed(other, index)!) || compareParts(one.id, other.id),
          ),
  )
  return order === 'desc' ? [...ascending].reverse() : ascending
}

function rowsInOrder(table: Table<KeyedRow>, { order }: RowQuery): readonly KeyedRow[] {
  const ascending = sortedOnce(table, '', () => [...table.items.keys()].sort().map(key => table.items.get(key)!))
  return order === 'desc' ? [...ascending].reverse() : ascending
}

function sortedOnce<Item>(table: Table<Item>, by: string, sort: () => readonly Item[]): readonly Item[] {
  const sorted = table.sorted.get(by) ?? sort()
  table.sorted.set(by, sorted)
  return sorted
}

/** What a record has in an index: a string or a finite number, or nothing. */
function indexed(record: Stored, field: string): string | number | undefined {
  const value = record.value !== null && Object.hasOwn(record.value, field) ? record.value[field] : undefined
  return typeof value === 'string' || typeof value === 'number' ? value : undefined
}

function matches(query: RecordQuery): (record: Stored) => boolean {
  const { index, from, to, after } = query
  const sign = query.order === 'desc' ? -1 : 1
  return record => {
    if (record.value === null && !query.deleted) return false
    const at = index === undefined ? record.id : indexed(record, index)!
    if (from !== undefined && compareParts(at, from) < (query.fromOpen ? 1 : 0)) return false
    if (to !== undefined && compareParts(at, to) > (query.toOpen ? -1 : 0)) return false
    if (!after) return true
    const behind = (index === undefined ? 0 : compareParts(at, after.value!)) || compareParts(record.id, after.id)
    return behind * sign > 0
  }
}

function inRange({ prefix = [], after, order }: RowQuery): (row: KeyedRow) => boolean {
  const [low, high] = [keyText(prefix), prefixEnd(prefix)]
  const behind = after && keyText(after)
  return ({ key }) => {
    const text = keyText(key)
    if (text < low || text >= high) return false
    return behind === undefined || (order === 'desc' ? text < behind : text > behind)
  }
}

function some<Item>(items: readonly Item[], good: (item: Item) => boolean, limit = Infinity): Item[] {
  const found: Item[] = []
  for (const item of items) {
    if (found.length >= limit) break
    if (good(item)) found.push(out(item))
  }
  return found
}

function out<Item>(item: Item): Item {
  return item === undefined ? item : plain(item, 'what was stored')
}
