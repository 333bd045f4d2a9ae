/** The contract again, in the plainest way: lists that are filtered and sorted. What the histories are judged by. */
import type { KeyedRow, RecordQuery, RowKey, RowQuery, Stored } from '../../../src/store.ts'

export type Operation =
  | { readonly do: 'put'; readonly records: readonly Stored[] }
  | { readonly do: 'delete'; readonly ids: readonly string[] }
  | { readonly do: 'get'; readonly ids: readonly string[] }
  | { readonly do: 'list' | 'count'; readonly query: RecordQuery }
  | { readonly do: 'putRows'; readonly rows: readonly KeyedRow[] }
  | { readonly do: 'deleteRows' | 'getRows'; readonly keys: readonly RowKey[] }
  | { readonly do: 'append'; readonly prefix: RowKey }
  | { readonly do: 'listRows' | 'countRows'; readonly query: RowQuery }

export interface Model {
  readonly records: readonly Stored[]
  readonly rows: readonly KeyedRow[]
  /** The greatest number that append gave out, by prefix. */
  readonly given: { readonly [prefix: string]: number }
}

export const emptyModel: Model = { records: [], rows: [], given: {} }

/** `result` is what the store answered: of `append` only that it is new is checked, the rest must be as answered here. */
export function follow(model: Model, operation: Operation, result: unknown): { model: Model; expected: unknown } {
  const { records, rows } = model
  const wrote = (change: Partial<Model>) => ({ model: { ...model, ...change }, expected: undefined })
  switch (operation.do) {
    case 'put':
      return wrote({ records: replace(records, operation.records, ({ id }) => id) })
    case 'delete':
      return wrote({ records: records.filter(({ id }) => !operation.ids.includes(id)) })
    case 'get':
      return { model, expected: operation.ids.map(id => records.find(record => record.id === id)) }
    case 'list':
      return { model, expected: listRecords(records, operation.query) }
    case 'count': {
      const { limit: _, after: __, ...query } = operation.query
      return { model, expected: listRecords(records, query).length }
    }
    case 'putRows':
      return wrote({ rows: replace(rows, operation.rows, keyName) })
    case 'deleteRows': {
      const names = operation.keys.map(key => keyName({ key }))
      return wrote({ rows: rows.filter(row => !names.includes(keyName(row))) })
    }
    case 'getRows': {
      const find = (key: RowKey) => rows.find(row => keyName(row) === keyName({ key }))?.row
      return { model, expected: operation.keys.map(find) }
    }
    case 'append':
      return append(model, operation.prefix, result)
    case 'listRows':
      return { model, expected: listRows(rows, operation.query) }
    case 'countRows':
      return { model, expected: listRows(rows, { prefix: operation.query.prefix ?? [] }).length }
  }
}

function append(model: Model, prefix: RowKey, n: unknown): { model: Model; expected: unknown } {
  const before = model.given[keyName({ key: prefix })] ?? -Infinity
  if (typeof n !== 'number' || n <= before) return { model, expected: `more than ${before}` }
  const rows = replace(model.rows, [{ key: [...prefix, n], row: { appended: true } }], keyName)
  return { model: { ...model, rows, given: { ...model.given, [keyName({ key: prefix })]: n } }, expected: n }
}

function keyName({ key }: { key: RowKey }): string {
  return JSON.stringify(key)
}

function replace<Item>(items: readonly Item[], given: readonly Item[], name: (item: Item) => string): readonly Item[] {
  return given.reduce<readonly Item[]>((all, item) => [...all.filter(other => name(other) !== name(item)), item], items)
}

function listRecords(records: readonly Stored[], query: RecordQuery): Stored[] {
  const { index, from, to, after, order, limit = Infinity } = query
  const place = (record: Stored): RowKey | undefined => {
    const at = index === undefined ? record.id : record.value?.[index]
    return typeof at === 'string' || typeof at === 'number' ? [at, record.id] : undefined
  }
  const sorted = records
    .filter(record => (record.value !== null || query.deleted) && place(record) !== undefined)
    .filter(record => {
      const [at] = place(record)!
      const low = from === undefined ? 1 : compare([at!], [from])
      const high = to === undefined ? -1 : compare([at!], [to])
      return (query.fromOpen ? low > 0 : low >= 0) && (query.toOpen ? high < 0 : high <= 0)
    })
    .sort((one, other) => compare(place(one)!, place(other)!))
  const behind = after && [index === undefined ? after.id : after.value!, after.id]
  const ordered = order === 'desc' ? sorted.reverse() : sorted
  const rest = ordered.filter(
    record => !behind || (order === 'desc' ? compare(place(record)!, behind) < 0 : compare(place(record)!, behind) > 0),
  )
  return rest.slice(0, limit)
}

function listRows(rows: readonly KeyedRow[], { prefix = [], after, order, limit = Infinity }: RowQuery): KeyedRow[] {
  const sorted = rows
    .filter(({ key }) => prefix.every((part, at) => part === key[at]))
    .sort((one, other) => compare(one.key, other.key))
  const ordered = order === 'desc' ? sorted.reverse() : sorted
  const sign = order === 'desc' ? -1 : 1
  return ordered.filter(({ key }) => !after || compare(key, after) * sign > 0).slice(0, limit)
}

function compare(one: RowKey, other: RowKey): number {
  for (const [at, part] of one.entries()) {
    const beside = other[at]
    if (beside === undefined) return 1
    if (typeof part !== typeof beside) return typeof part === 'number' ? -1 : 1
    if (part !== beside) return part < beside ? -1 : 1
  }
  return one.length < other.length ? -1 : 0
}
