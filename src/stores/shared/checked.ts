/**
 * The part of the contract that is the same in every store: the scope, the end of a transaction, what may be stored and
 * asked. A driver implements `Reader` and `Writer` plainly and hands them out through here.
 */
import { SyncError } from '../../errors.ts'
import { plain } from '../../plain.ts'
import type {
  KeyedRow,
  Reader,
  RecordQuery,
  RecordReader,
  RecordWriter,
  RowKey,
  RowQuery,
  RowReader,
  RowWriter,
  Scope,
  Space,
  Writer,
} from '../../store.ts'
import { checkId, checkKey, checkPrefix } from './keys.ts'
import type { TouchLog } from './touches.ts'

export interface Terms {
  readonly scope: Scope
  /** The indexes of a collection, `undefined` where there is no such collection. */
  indexes(collection: string): readonly string[] | undefined
  /** Whether the transaction has ended. */
  ended(): boolean
}

export function checkedReader(raw: Reader, terms: Terms): Reader {
  return {
    records: name => {
      checkScope(terms.scope.records.includes(name), name, terms)
      return recordReader(name, raw.records(name), terms)
    },
    rows: space => {
      checkScope(terms.scope.rows.includes(space), space, terms)
      return rowReader(space, raw.rows(space), terms)
    },
  }
}

export function checkedWriter(raw: Writer, terms: Terms, touches: TouchLog): Writer {
  return {
    records: name => {
      checkScope(terms.scope.records.includes(name), name, terms)
      return recordWriter(name, raw.records(name), terms, touches)
    },
    rows: space => {
      checkScope(terms.scope.rows.includes(space), space, terms)
      return rowWriter(space, raw.rows(space), terms, touches)
    },
  }
}

/** Throws 'bug' for a scope that names a collection unknown to the shape. */
export function checkNames(scope: Scope, indexes: Terms['indexes']): void {
  for (const name of scope.records) {
    if (!indexes(name)) throw new SyncError('bug', `The schema has no collection '${name}': name it there first.`)
  }
}

function recordReader(name: string, raw: RecordReader, terms: Terms): RecordReader {
  return {
    get: async id => {
      checkOpen(terms)
      return raw.get(id)
    },
    getMany: async ids => {
      checkOpen(terms)
      return ids.length === 0 ? [] : raw.getMany([...ids])
    },
    list: async (query = {}) => {
      checkOpen(terms)
      checkRecordQuery(query, name, terms)
      return query.limit === 0 ? [] : raw.list(query)
    },
    count: async ({ limit: _, after: __, order: ___, ...query } = {}) => {
      checkOpen(terms)
      checkRecordQuery(query, name, terms)
      return raw.count(query)
    },
  }
}

function recordWriter(name: string, raw: RecordWriter, terms: Terms, touches: TouchLog): RecordWriter {
  return {
    ...recordReader(name, raw, terms),
    putMany: async records => {
      checkOpen(terms)
      const copies = records.map(record => {
        checkId(record.id, name)
        const of = `${name}/${record.id.slice(0, 100)}`
        return { id: record.id, value: plain(record.value, of), meta: plain(record.meta, `the meta of ${of}`) }
      })
      if (copies.length === 0) return
      touches.records(name, copies)
      await raw.putMany(copies)
    },
    deleteMany: async ids => {
      checkOpen(terms)
      if (ids.length === 0) return
      touches.records(
        name,
        ids.map(id => ({ id })),
      )
      await raw.deleteMany([...ids])
    },
  }
}

function rowReader(space: Space, raw: RowReader, terms: Terms): RowReader {
  return {
    get: async key => {
      checkOpen(terms)
      return raw.get(checkKey(key, space))
    },
    getMany: async keys => {
      checkOpen(terms)
      return keys.length === 0 ? [] : raw.getMany(keys.map(key => checkKey(key, space)))
    },
    list: async (query = {}) => {
      checkOpen(terms)
      return query.limit === 0 ? [] : raw.list(checkRowQuery(query, space))
    },
    count: async ({ prefix } = {}) => {
      checkOpen(terms)
      return raw.count(checkRowQuery(prefix ? { prefix } : {}, space))
    },
  }
}

function rowWriter(space: Space, raw: RowWriter, terms: Terms, touches: TouchLog): RowWriter {
  const copyRow = (key: RowKey, row: object) => plain(row, `row ${JSON.stringify(key).slice(0, 100)} of ${space}`)
  return {
    ...rowReader(space, raw, terms),
    putMany: async rows => {
      checkOpen(terms)
      const copies = rows.map(({ key, row }): KeyedRow => ({ key: checkKey(key, space), row: copyRow(key, row) }))
      if (copies.length === 0) return
      touches.rows(space)
      await raw.putMany(copies)
    },
    deleteMany: async keys => {
      checkOpen(terms)
      const copies = keys.map(key => checkKey(key, space))
      if (copies.length === 0) return
      touches.rows(space)
      await raw.deleteMany(copies)
    },
    append: async (prefix, row) => {
      checkOpen(terms)
      const copies = { prefix: checkPrefix(prefix, space), row: copyRow(prefix, row) }
      touches.rows(space)
      return raw.append(copies.prefix, copies.row)
    },
  }
}

function checkScope(named: boolean, name: string, terms: Terms): void {
  checkOpen(terms)
  if (!named) throw new SyncError('bug', `'${name}' is not in the scope of this transaction: name it where it begins.`)
}

function checkOpen(terms: Terms): void {
  if (terms.ended()) throw ended()
}

export function ended(cause?: unknown): SyncError {
  const message =
    'This transaction has ended: inside it, await nothing but its own reader or writer, and await all of those.'
  return new SyncError('bug', message, { cause })
}

function checkRecordQuery(query: RecordQuery, name: string, terms: Terms): void {
  const { index, from, to, after } = query
  checkLimit(query.limit)
  if (index === undefined) {
    if (typeof from === 'number' || typeof to === 'number') throw badQuery(name, 'a range of ids is of strings')
    return
  }
  if (!terms.indexes(name)?.includes(index)) throw badQuery(name, `'${index}' is not an index`)
  if (query.deleted) throw badQuery(name, 'tombstones have no index')
  if (after && after.value === undefined) throw badQuery(name, "'after' needs the indexed value too")
  for (const bound of [from, to, after?.value]) {
    if (typeof bound === 'number' && Number.isNaN(bound)) throw badQuery(name, 'a bound is NaN')
  }
}

function checkRowQuery(query: RowQuery, space: Space): RowQuery {
  checkLimit(query.limit)
  return {
    ...query,
    ...(query.prefix && { prefix: checkPrefix(query.prefix, space) }),
    ...(query.after && { after: checkKey(query.after, space) }),
  }
}

function checkLimit(limit: number | undefined): void {
  const good = limit === undefined || limit === Infinity || (Number.isInteger(limit) && limit >= 0)
  if (!good) throw new SyncError('invalid-value', `A limit is a whole number, not ${limit}.`)
}

function badQuery(name: string, why: string): SyncError {
  return new SyncError('invalid-value', `Cannot ask ${name} that: ${why}.`)
}
