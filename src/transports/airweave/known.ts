/** What was given of each source, in the transport's own rows: how news are told from what is there anyway. */
import type { Json, RemoteRecord } from '../../model.ts'
import type { RowKey } from '../../store.ts'
import type { Io, Page, PrivateRows } from '../../transport.ts'
import { chunks } from '../shared/pages.ts'
import { text } from '../shared/shape.ts'

const PAGE_RECORDS = 500

/** What was given before, by source and id, hangs under its connection. */
const knownKey = (source: string, connection: string, id: string): RowKey => ['known', source, connection, id]

export interface News {
  readonly records: readonly RemoteRecord[]
  /** Committed with the last of them. */
  readonly rows?: PrivateRows
}

/** Each record with the row that remembers it. */
export function* pagesOf({ records, rows = {} }: News, cursor: Json): Generator<Page, void> {
  const groups = chunks(records, PAGE_RECORDS)
  if (groups.length === 0 && Object.keys(rows).length === 0) return
  const last = groups.pop() ?? []
  for (const group of groups) yield { records: group, snapshot: true, cursor, private: remembered(group) }
  const { put = [], delete: gone = [] } = remembered(last)
  const own = { ...rows, put: [...put, ...(rows.put ?? [])], delete: [...gone, ...(rows.delete ?? [])] }
  yield { records: last, snapshot: true, cursor, private: own }
}

function remembered(records: readonly RemoteRecord[]): PrivateRows {
  const keyed = records.map(record => ({ record, key: knownKey(record.collection, connectionOf(record), record.id) }))
  return {
    put: keyed.flatMap(({ record, key }) => (record.value === null ? [] : [{ key, row: { version: record.version } }])),
    delete: keyed.flatMap(({ record, key }) => (record.value === null ? [key] : [])),
  }
}

/** A deleted one says it in its version. */
function connectionOf({ id, collection, value, version }: RemoteRecord): string {
  if (collection === 'connections') return id
  return text(value, 'connection') ?? text(version, 'connection') ?? ''
}

export const deleted = (collection: string, connection: string, id: string): RemoteRecord => ({
  collection,
  id,
  value: null,
  version: { gone: true, connection },
})

export async function changed(
  source: string,
  connection: string,
  listed: readonly { readonly id: string; readonly record: RemoteRecord }[],
  io: Io,
): Promise<News> {
  const known = await knownOf(source, connection, io)
  return { records: listed.filter(({ id, record }) => known.get(id) !== record.version).map(({ record }) => record) }
}

/** Versions by id. */
export async function knownOf(source: string, connection: string, io: Io): Promise<Map<string, Json | undefined>> {
  const rows = await io.peek(peek => peek.rows(['known', source, connection]))
  return new Map(rows.map(({ key, row }) => [String(key[3]), (row as { version?: Json }).version]))
}
