/** Rows of the log into records. The last row of an entry counts; the ones before are named as its past. */
import type { RemoteRecord } from '../../model.ts'
import type { KeyedRow, RowKey } from '../../store.ts'
import type { Io } from '../../transport.ts'
import { inParallel } from '../shared/pages.ts'
import type { Api } from './api.ts'
import { originOf } from './ids.ts'
import { placed } from './places.ts'
import { covers, folderOver, foldersBelow, type Scope } from './scope.ts'
import { shareNews } from './share-log.ts'
import { folderToWalk } from './walk.ts'
import { deletedRecord, type LogRow, treeRecord } from './wire.ts'

export interface News {
  readonly upserts: RemoteRecord[]
  /** Deleted folders, which speak for their descendants. */
  readonly subtrees: readonly RemoteRecord[]
  /** Records folders to look into, and the files there that were touched. */
  readonly scans: ReadonlyMap<string, ReadonlySet<string>>
  /** Shares and folders that came into sight are put into the queue of the walk. */
  readonly rows: { readonly put: readonly KeyedRow[]; readonly delete: readonly RowKey[] }
  /** Shares to be listed from here on. */
  readonly appeared: readonly string[]
  /** What these rows show alive and the server has no more, where no row here says why: a later one does. */
  readonly missing: readonly string[]
}

/** `walking`: these rows go on from a listing, which may not have had the folders that they speak of. */
export async function resolveRows(
  api: Api,
  scope: Scope,
  all: readonly LogRow[],
  { paused, walking }: { readonly paused: ReadonlySet<string>; readonly walking: boolean },
  io: Io,
): Promise<News> {
  const covered = all.filter(({ share, kind }) => covers(scope, share) && (kind === 'share' || !paused.has(share)))
  const rows = lastOfEach(covered)
  const shares = await shareNews(
    api,
    rows.filter(({ kind }) => kind === 'share'),
    paused,
    io,
  )
  // A share that just appeared is listed behind these rows.
  const entries = rows.filter(({ kind, share }) => kind !== 'share' && !shares.appeared.has(share))
  const { scans, left } = nearRecords(scope, covered)

  const hidden = entries.filter(row => folderOver(scope, row.share, row.newPath ?? row.oldPath) !== undefined)
  const wasShown = await known(
    hidden.filter(row => row.change !== 'created'),
    io,
  )
  const gone = entries.filter(row => (hidden.includes(row) ? wasShown.has(row.id) : row.change === 'deleted'))
  const seen = entries.filter(row => !hidden.includes(row) && row.change !== 'deleted')
  const resolved = await inParallel(seen, 4, row => upsert(api, row, io))
  const past = pastOf(covered)
  const withPast = (record: RemoteRecord): RemoteRecord => ({ ...record, past: past.get(record.id) ?? [] })
  const deleted = gone.map(deletedRecord).map(withPast)
  const ends = endOf(covered, new Set(seen.map(({ id }) => id)))
  // The row of a deleted folder speaks for what is known to be in it, and that folder may never have been listed. What has
  // no value of its own was just asked for.
  const isGone = (row: LogRow, at: number) =>
    resolved[at] === undefined || (walking && row.value !== undefined && ends.has(row.id))
  const lacking = seen.filter((row, at) => isGone(row, at) && !shares.lost.has(row.share))
  // What is brought back from a delete comes back as it was last, not as this device happened to know it.
  const lastSeen = gone.flatMap(row => lastBefore(covered, row) ?? [])
  const toWalk = seen.flatMap(({ kind, id, share, newPath = '' }) =>
    kind === 'folder' && left.has(id) ? [folderToWalk(share, id, newPath)] : [],
  )
  return {
    upserts: [
      ...shares.records,
      ...lastSeen,
      ...resolved.filter((record, at) => record !== undefined && !isGone(seen[at]!, at)).map(one => withPast(one!)),
      ...deleted.filter(({ subtree }) => !subtree),
    ],
    // What the tree here has in those folders goes with them; the rest of what they took along goes by itself.
    subtrees: [...deleted.filter(({ subtree }) => subtree), ...lacking.flatMap(row => wentAlong(row, ends, past))],
    scans,
    rows: { put: [...shares.put, ...toWalk], delete: shares.delete },
    appeared: [...shares.appeared].filter(share => !paused.has(share)),
    missing: lacking.flatMap(({ id }) => (ends.has(id) ? [] : [id])),
  }
}

/**
 * The rows by which these were deleted: their own, or that of the folder that they were in by then, as the rows moved
 * them and what is over them. Where an entry's place is known by its path alone, no other word of it comes.
 */
export function endOf(rows: readonly LogRow[], ids: ReadonlySet<string>): ReadonlyMap<string, LogRow> {
  const paths = new Map<string, string>()
  const ends = new Map<string, LogRow>()
  for (const row of rows) {
    const [from, to] = [row.oldPath, row.newPath].map(path => path && `${row.share}${path}`)
    for (const [id, path] of row.kind === 'folder' && from ? paths : []) {
      if (!path.startsWith(`${from}/`)) continue
      if (row.change === 'deleted') ends.set(id, row)
      else if (to) paths.set(id, to + path.slice(from!.length))
    }
    if (!ids.has(row.id)) continue
    if (row.change === 'deleted') ends.set(row.id, row)
    else ends.delete(row.id)
    const path = to ?? from
    if (path) paths.set(row.id, path)
  }
  return ends
}

function wentAlong(row: LogRow, ends: ReadonlyMap<string, LogRow>, past: ReturnType<typeof pastOf>): RemoteRecord[] {
  const end = ends.get(row.id)
  if (end === undefined) return []
  const { origin: _, ...deleted } = deletedRecord({ ...end, id: row.id, kind: row.kind })
  const own = originOf(row.version)
  const last = own === undefined || row.version === undefined ? [] : [{ origin: own, version: row.version }]
  return [{ ...deleted, past: [...(past.get(row.id) ?? []), ...last] }]
}

/** In the order of the last rows. */
function lastOfEach(rows: readonly LogRow[]): LogRow[] {
  const last = new Map<string, LogRow>()
  for (const row of rows) {
    const key = `${row.kind} ${row.id}`
    last.delete(key)
    last.set(key, row)
  }
  return [...last.values()]
}

/** The effects of each entry that its last row came after. */
function pastOf(rows: readonly LogRow[]): ReadonlyMap<string, NonNullable<RemoteRecord['past']>> {
  const past = new Map<string, { origin: string; version: string }[]>()
  const last = new Set(lastOfEach(rows))
  for (const row of rows) {
    const origin = originOf(row.version)
    if (last.has(row) || origin === undefined || row.version === undefined) continue
    past.set(row.id, [...(past.get(row.id) ?? []), { origin, version: row.version }])
  }
  return past
}

function lastBefore(rows: readonly LogRow[], gone: LogRow): RemoteRecord | undefined {
  if (gone.change !== 'deleted') return undefined
  const before = rows.findLast(row => row !== gone && row.id === gone.id && row.kind === gone.kind)
  return before?.value && treeRecord(before.id, before.value, before.version, undefined, timeOf(before))
}

/**
 * The records folders that any of these rows is about, and the folders that are, or hold, what was part of one: the
 * tree has never shown what is in those.
 */
function nearRecords(scope: Scope, rows: readonly LogRow[]) {
  const scans = new Map<string, Set<string>>()
  const left = new Set<string>()
  for (const { kind, share, id, oldPath, newPath } of rows) {
    for (const path of [oldPath, newPath]) {
      const over = folderOver(scope, share, path)
      const near = over !== undefined ? [over] : kind === 'folder' ? foldersBelow(scope, share, path) : []
      for (const { source } of near) scans.set(source, (scans.get(source) ?? new Set<string>()).add(id))
      if (near.length > 0 && path === oldPath && oldPath !== newPath) left.add(id)
    }
  }
  return { scans, left }
}

/** Which of these the tree has shown so far: they moved into a records folder. */
async function known(rows: readonly LogRow[], io: Io): Promise<ReadonlySet<string>> {
  if (rows.length === 0) return new Set()
  const ids = rows.map(({ id }) => id)
  const bases = await io.peek(peek => peek.agreed('tree', ids))
  return new Set(ids.filter((_, at) => bases[at] != null && bases[at].value !== null))
}

/** `undefined`: it is gone already. */
async function upsert(api: Api, row: LogRow, io: Io): Promise<RemoteRecord | undefined> {
  if (row.value !== undefined) return treeRecord(row.id, row.value, row.version, undefined, timeOf(row))
  const kind = row.kind === 'folder' ? 'folder' : 'file'
  const entry = await api.entry(kind, row.id, row.share, io)
  const value = entry === undefined && kind === 'file' ? undefined : await placed(api, kind, row, entry, io)
  if (value === undefined) return undefined
  return treeRecord(row.id, value, entry?.version ?? row.version, entry?.number, entry?.at ?? timeOf(row))
}

const timeOf = ({ at, value, change }: LogRow): number | undefined =>
  change === 'created' || change === 'updated' ? (value?.modifiedAt ?? at) : at

/** Folders before what is in them, else the order stays. */
export function parentsFirst(records: readonly RemoteRecord[]): RemoteRecord[] {
  const byId = new Map(records.map(record => [record.id, record]))
  const sorted = new Set<RemoteRecord>()
  const visit = (record: RemoteRecord, above: ReadonlySet<string>) => {
    const parent = typeof record.value?.parent === 'string' ? byId.get(record.value.parent) : undefined
    // A folder in itself comes from a server that contradicts itself; it must not hang us.
    if (parent !== undefined && !sorted.has(parent) && !above.has(parent.id))
      visit(parent, new Set(above).add(record.id))
    sorted.add(record)
  }
  for (const record of records) visit(record, new Set([record.id]))
  return [...sorted]
}
