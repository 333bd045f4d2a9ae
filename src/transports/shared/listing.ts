/** What was given of each source, in the transport's own rows: how news are told from what is there anyway. */
import { equal } from '../../equal.ts'
import type { Json, RemoteRecord } from '../../model.ts'
import type { KeyedRow, RowKey } from '../../store.ts'
import type { Io, Page, PrivateRows } from '../../transport.ts'
import { chunks } from './pages.ts'

const PAGE_RECORDS = 500

/** What was given before hangs under its group: what goes with a connection, or with a dataset. */
const knownKey = (source: string, group: string, id: string): RowKey => ['known', source, group, id]

export interface News {
  readonly group: string
  readonly records: readonly RemoteRecord[]
  /** Committed with the last of them. */
  readonly rows?: PrivateRows
}

/** Each record with the row that remembers its version. */
export function* pagesOf({ group, records, rows = {} }: News, cursor: Json): Generator<Page, void> {
  const groups = chunks(records, PAGE_RECORDS)
  if (groups.length === 0 && Object.values(rows).every(list => list.length === 0)) return
  const last = groups.pop() ?? []
  for (const some of groups) yield { records: some, snapshot: true, cursor, private: remembered(group, some) }
  const { put = [], delete: gone = [] } = remembered(group, last)
  const own = { ...rows, put: [...put, ...(rows.put ?? [])], delete: [...gone, ...(rows.delete ?? [])] }
  yield { records: last, snapshot: true, cursor, private: own }
}

function remembered(group: string, records: readonly RemoteRecord[]): PrivateRows {
  const keyed = records.map(record => ({ record, key: knownKey(record.collection, group, record.id) }))
  return {
    put: keyed.flatMap(({ record, key }) => (record.value === null ? [] : [{ key, row: { version: record.version } }])),
    delete: keyed.flatMap(({ record, key }) => (record.value === null ? [key] : [])),
  }
}

export const deleted = (collection: string, id: string): RemoteRecord => ({
  collection,
  id,
  value: null,
  version: { gone: true },
})

/**
 * For what a receipt has given: that it is here, though not as what. So the next listing tells where it is gone by then,
 * and describes it where it is there.
 */
export const given = (source: string, group: string, id: string): KeyedRow => ({
  key: knownKey(source, group, id),
  row: {},
})

/** Those of the listed that were not given before, or were given otherwise. */
export async function changed(
  source: string,
  group: string,
  listed: readonly { readonly id: string; readonly record: RemoteRecord }[],
  io: Io,
): Promise<News> {
  const known = await knownOf(source, group, io)
  const records = listed.filter(({ id, record }) => !equal(known.get(id), record.version)).map(({ record }) => record)
  return { group, records }
}

/** Versions by id. */
export async function knownOf(source: string, group: string, io: Io): Promise<Map<string, Json | undefined>> {
  const rows = await io.peek(peek => peek.rows(['known', source, group]))
  return new Map(rows.map(({ key, row }) => [String(key[3]), (row as { version?: Json }).version]))
}

/** The groups that something was given of. */
export async function knownGroups(source: string, io: Io): Promise<string[]> {
  const rows = await io.peek(peek => peek.rows(['known', source]))
  return [...new Set(rows.map(({ key }) => String(key[2])))]
}
