/**
 * Records and rows in the tables of SQLite. Ids and keys are UTF-16BE blobs, which sort by code unit. Each index is a
 * column beside the record: a number, or a string as a blob; SQLite sorts numbers before blobs, as the contract does.
 */
import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'
import { SyncError } from '../../errors.ts'
import { fromText, toText } from '../../json.ts'
import type {
  KeyedRow,
  RecordQuery,
  RecordWriter,
  Row,
  RowQuery,
  RowWriter,
  Shape,
  Space,
  Stored,
  Writer,
} from '../../store.ts'
import { keyText, prefixEnd, textKey } from './keys.ts'

type Input = SQLInputValue
type Found = { readonly [column: string]: unknown }

/** A connection with its prepared statements. Whatever SQLite throws comes out as a SyncError. */
export interface Sql {
  all(sql: string, ...inputs: Input[]): Found[]
  get(sql: string, ...inputs: Input[]): Found | undefined
  run(sql: string, ...inputs: Input[]): void
  close(): void
}

export function sqlOf(database: DatabaseSync): Sql {
  const prepared = new Map<string, StatementSync>()
  const statement = (sql: string) => {
    const found = prepared.get(sql) ?? database.prepare(sql)
    prepared.set(sql, found)
    return found
  }
  return {
    all: (sql, ...inputs) => translated(() => statement(sql).all(...inputs)),
    get: (sql, ...inputs) => translated(() => statement(sql).get(...inputs)),
    run: (sql, ...inputs) => translated(() => void statement(sql).run(...inputs)),
    close: () => translated(() => database.close()),
  }
}

// Of SQLite's result codes, by their lowest byte.
const [busy, locked, corrupt, full, notADatabase] = [5, 6, 11, 13, 26]

function translated<T>(act: () => T): T {
  try {
    return act()
  } catch (error) {
    throw sqliteError(error)
  }
}

/** A failure of node:sqlite as a SyncError: 'storage-full', 'storage-unavailable', or 'bug' for what is none. */
export function sqliteError(error: unknown): SyncError {
  if (error instanceof SyncError) return error
  const result = (error as { errcode?: number }).errcode
  const message = error instanceof Error ? error.message : String(error)
  if (result === undefined) return new SyncError('bug', `The SQLite store failed: ${message}.`, { cause: error })
  const more = { cause: error, details: { sqlite: result } }
  const kind = result & 0xff
  if (kind === full) return new SyncError('storage-full', 'The disk is full: free some space.', more)
  if (kind === corrupt || kind === notADatabase) {
    return new SyncError(
      'storage-unavailable',
      `The file is damaged or no store (${message}): restore it or move it away.`,
      more,
    )
  }
  if (isBusy(error)) return new SyncError('storage-unavailable', 'Another process keeps the store locked.', more)
  return new SyncError(
    'storage-unavailable',
    `The store cannot be read or written (${message}): check disk and rights.`,
    more,
  )
}

/** Whether somebody else holds the lock just now. */
export function isBusy(error: unknown): boolean {
  const cause = error instanceof SyncError ? error.cause : error
  const result = (cause as { errcode?: number } | undefined)?.errcode ?? 0
  return (result & 0xff) === busy || (result & 0xff) === locked
}

/** `collections` is what the tables have, which may be more than a shape of the same version names. */
export function sqlWriter(sql: Sql, collections: Shape['collections']): Writer {
  return {
    records: name => recordTable(sql, name, collections[name]!.index),
    rows: space => rowTable(sql, space),
  }
}

export function createTables(sql: Sql): void {
  sql.run('CREATE TABLE state (name TEXT PRIMARY KEY, value) WITHOUT ROWID')
  sql.run('CREATE TABLE rows (space TEXT, key BLOB, row TEXT NOT NULL, PRIMARY KEY (space, key)) WITHOUT ROWID')
  sql.run('CREATE TABLE given (space TEXT, prefix BLOB, n INTEGER NOT NULL, PRIMARY KEY (space, prefix)) WITHOUT ROWID')
}

/** With row ids: written in the order of arrival they cost half of what a tree of whole records by random id costs. */
export function createCollection(sql: Sql, name: string): void {
  sql.run(`CREATE TABLE ${table(name)} (id BLOB PRIMARY KEY NOT NULL, value TEXT, meta TEXT NOT NULL)`)
}

/** Adds the column of an index, fills it for the records that are there, and sorts it. */
export function createIndex(sql: Sql, name: string, field: string): void {
  sql.run(`ALTER TABLE ${table(name)} ADD COLUMN ${column(field)}`)
  const page = `SELECT id, value FROM ${table(name)} WHERE id > ? ORDER BY id LIMIT 1000`
  for (let found = sql.all(page, blob('')); found.length > 0; found = sql.all(page, found.at(-1)!.id as Uint8Array)) {
    for (const { id, value } of found) {
      const at = value === null ? null : indexed(fromText(value as string) as Stored['value'], field)
      if (at !== null) sql.run(`UPDATE ${table(name)} SET ${column(field)} = ? WHERE id = ?`, at, id as Uint8Array)
    }
  }
  const present = `${column(field)} IS NOT NULL`
  sql.run(`CREATE INDEX ${indexName(name, field)} ON ${table(name)} (${column(field)}, id) WHERE ${present}`)
}

export function dropIndex(sql: Sql, name: string, field: string): void {
  sql.run(`DROP INDEX ${indexName(name, field)}`)
  sql.run(`ALTER TABLE ${table(name)} DROP COLUMN ${column(field)}`)
}

function recordTable(sql: Sql, name: string, index: readonly string[]): RecordWriter {
  const columns = ['value', 'meta', ...index.map(column)]
  const put =
    `INSERT INTO ${table(name)} (id, ${columns.join(', ')}) VALUES (?${', ?'.repeat(columns.length)}) ` +
    `ON CONFLICT (id) DO UPDATE SET ${columns.map(some => `${some} = excluded.${some}`).join(', ')}`
  const one = `SELECT id, value, meta FROM ${table(name)} WHERE id = ?`
  const get = (id: string) => stored(sql.get(one, blob(id)))
  return {
    get: async id => get(id),
    getMany: async ids => ids.map(get),
    list: async (query = {}) => {
      const { where, order, inputs } = recordsWhere(query)
      const select = `SELECT id, value, meta FROM ${table(name)} WHERE ${where} ORDER BY ${order} LIMIT ?`
      return sql.all(select, ...inputs, limitOf(query)).map(found => stored(found)!)
    },
    count: async (query = {}) => {
      const { where, inputs } = recordsWhere(query)
      return sql.get(`SELECT count(*) AS n FROM ${table(name)} WHERE ${where}`, ...inputs)!.n as number
    },
    putMany: async records => {
      for (const { id, value, meta } of records) {
        const text = value === null ? null : toText(value)
        sql.run(put, blob(id), text, toText(meta), ...index.map(field => indexed(value, field)))
      }
    },
    deleteMany: async ids => {
      for (const id of ids) sql.run(`DELETE FROM ${table(name)} WHERE id = ?`, blob(id))
    },
  }
}

function rowTable(sql: Sql, space: Space): RowWriter {
  const put =
    'INSERT INTO rows (space, key, row) VALUES (?, ?, ?) ON CONFLICT (space, key) DO UPDATE SET row = excluded.row'
  const get = (key: KeyedRow['key']) => {
    const found = sql.get('SELECT row FROM rows WHERE space = ? AND key = ?', space, blob(keyText(key)))
    return found && rowOf(found.row)
  }
  const putOne = ({ key, row }: KeyedRow) => sql.run(put, space, blob(keyText(key)), inputOf(row))
  return {
    get: async key => get(key),
    getMany: async keys => keys.map(get),
    list: async (query = {}) => {
      const { where, inputs } = rowsWhere(space, query)
      const select = `SELECT key, row FROM rows WHERE ${where} ORDER BY key ${direction(query)} LIMIT ?`
      const found = sql.all(select, ...inputs, limitOf(query))
      return found.map(({ key, row }) => ({ key: textKey(unblob(key)), row: rowOf(row) }))
    },
    count: async (query = {}) => {
      const { where, inputs } = rowsWhere(space, query)
      return sql.get(`SELECT count(*) AS n FROM rows WHERE ${where}`, ...inputs)!.n as number
    },
    putMany: async rows => rows.forEach(putOne),
    deleteMany: async keys => {
      for (const key of keys) sql.run('DELETE FROM rows WHERE space = ? AND key = ?', space, blob(keyText(key)))
    },
    append: async (prefix, row) => {
      const next =
        'INSERT INTO given (space, prefix, n) VALUES (?, ?, 1) ON CONFLICT (space, prefix) DO UPDATE SET n = n + 1 RETURNING n'
      const n = sql.get(next, space, blob(keyText(prefix)))!.n as number
      putOne({ key: [...prefix, n], row })
      return n
    },
  }
}

/** A row of nothing but bytes, a piece of a file, is a blob; any other is text. */
function inputOf(row: Row): Input {
  const [[name, bytes] = [], ...more] = Object.entries(row)
  return name === 'bytes' && bytes instanceof Uint8Array && more.length === 0 ? bytes : toText(row)
}

const rowOf = (found: unknown): Row =>
  (typeof found === 'string' ? fromText(found) : { bytes: found as Uint8Array }) as Row

interface Where {
  readonly where: string
  readonly inputs: readonly Input[]
}

function recordsWhere(query: RecordQuery): Where & { readonly order: string } {
  const { index, from, to, after } = query
  const by = index === undefined ? 'id' : column(index)
  const beyond = query.order === 'desc' ? '<' : '>'
  const parts: [condition: string, ...inputs: Input[]][] = [[index === undefined ? 'true' : `${by} IS NOT NULL`]]
  if (index === undefined && !query.deleted) parts.push(['value IS NOT NULL'])
  if (from !== undefined) parts.push([`${by} ${query.fromOpen ? '>' : '>='} ?`, sortable(from)])
  if (to !== undefined) parts.push([`${by} ${query.toOpen ? '<' : '<='} ?`, sortable(to)])
  if (after && index === undefined) parts.push([`id ${beyond} ?`, blob(after.id)])
  if (after && index !== undefined) {
    parts.push([`(${by}, id) ${beyond} (?, ?)`, sortable(after.value!), blob(after.id)])
  }
  const order = index === undefined ? `id ${direction(query)}` : `${by} ${direction(query)}, id ${direction(query)}`
  return {
    where: parts.map(([condition]) => condition).join(' AND '),
    inputs: parts.flatMap(([, ...inputs]) => inputs),
    order,
  }
}

function rowsWhere(space: Space, query: RowQuery): Where {
  const { prefix = [], after } = query
  const where = 'space = ? AND key >= ? AND key < ?'
  const inputs = [space, blob(keyText(prefix)), blob(prefixEnd(prefix))]
  if (!after) return { where, inputs }
  return {
    where: `${where} AND key ${query.order === 'desc' ? '<' : '>'} ?`,
    inputs: [...inputs, blob(keyText(after))],
  }
}

function direction({ order }: { readonly order?: 'asc' | 'desc' }): string {
  return order === 'desc' ? 'DESC' : 'ASC'
}

/** SQLite takes a negative limit for none. */
function limitOf({ limit = Infinity }: { readonly limit?: number }): number {
  return limit === Infinity ? -1 : limit
}

function stored(found: Found | undefined): Stored | undefined {
  return (
    found && {
      id: unblob(found.id),
      value: found.value === null ? null : (fromText(found.value as string) as Stored['value']),
      meta: fromText(found.meta as string) as Row,
    }
  )
}

function indexed(value: Stored['value'], field: string): Input {
  const at = value !== null && Object.hasOwn(value, field) ? value[field] : undefined
  return typeof at === 'string' || typeof at === 'number' ? sortable(at) : null
}

function sortable(at: string | number): Input {
  return typeof at === 'number' ? at : blob(at)
}

function blob(text: string): Buffer {
  return Buffer.from(text, 'utf16le').swap16()
}

function unblob(bytes: unknown): string {
  return Buffer.from(bytes as Uint8Array)
    .swap16()
    .toString('utf16le')
}

function table(collection: string): string {
  return quoted(`records ${collection}`)
}

function column(field: string): string {
  return quoted(`at ${field}`)
}

/** No field has a space in it, so the name says both. */
function indexName(collection: string, field: string): string {
  return quoted(`index ${collection} ${field}`)
}

/** SQLite takes a and A for the same name: capitals are written ^a, and ^ is written ^^. */
function quoted(name: string): string {
  const caseless = name.replace(/[A-Z^]/g, some => `^${some.toLowerCase()}`)
  return `"${caseless.replaceAll('"', '""')}"`
}
