/**
 * Listing shares. What is still to be listed lies in private rows and moves with the pages, so a walk goes on where it
 * was after a crash:
 * `['queue', share, folder]` { path } to be listed · `['walk', share]` { truncated } under way · `['share', id]` {} in
 * scope · `['asked']` { after } how far `unlisted` has come · `['scan', source]` {} a records folder to be read ·
 * `['scanned', source]` { whole, suspicious? } it was, so far `shares` too.
 */
import { SyncError } from '../../errors.ts'
import type { RemoteRecord } from '../../model.ts'
import type { KeyedRow, RowKey } from '../../store.ts'
import type { Io, Page, PrivateRows } from '../../transport.ts'
import { chunks, inParallel } from '../shared/pages.ts'
import { flag, text } from '../shared/shape.ts'
import type { Api } from './api.ts'
import type { RecordsReader } from './records-reader.ts'
import { folderOver, type Place, type Scope, writePlace } from './scope.ts'
import { isPart, pausedIn, type Selection, type Selections, selectionOf, selectionRow } from './selection.ts'
import { type View, viewOf } from './view.ts'
import { type Entry, treeRecord } from './wire.ts'

const FOLDERS_AT_ONCE = 8
export const REQUESTS_AT_ONCE = 4
export const PAGE_RECORDS = 1000

/** The rows that start a walk, or start it over. */
export function walkFrom(scope: Scope, shares: readonly string[], whole: boolean, selections: Selections): PrivateRows {
  const paused = pausedIn(selections)
  const folders = scope.folders.filter(({ share }) => !paused.has(share))
  return {
    // What was known of shards goes too: a walk brings every record anew.
    clear: [
      ['queue'],
      ['asked'],
      ['walk'],
      ['share'],
      ['scan'],
      ['scanned'],
      ['known'],
      ['shard'],
      ['selection'],
      ['hidden'],
    ],
    put: [
      { key: ['scanned', 'shares'], row: { whole } },
      ...[...selections].map(([share, selection]) => selectionRow(share, selection)),
      ...shares.flatMap(share => (paused.has(share) ? [shareRow(share)] : shareToWalk(share))),
      ...folders.map(({ source }): KeyedRow => ({ key: ['scan', source], row: {} })),
    ],
  }
}

export const shareRow = (share: string): KeyedRow => ({ key: ['share', share], row: {} })

export function shareToWalk(share: string): KeyedRow[] {
  return [shareRow(share), { key: ['walk', share], row: {} }, folderToWalk(share, 'root', '')]
}

/** The records folders of a share, to be read as if nothing of them were known. */
export function scansIn({ folders }: Scope, share: string): { put: readonly KeyedRow[]; clear: readonly RowKey[] } {
  const sources = folders.filter(one => one.share === share).map(({ source }) => source)
  return {
    put: sources.map(source => ({ key: ['scan', source], row: {} })),
    clear: sources.flatMap(source => [
      ['known', source],
      ['shard', source],
    ]),
  }
}

/** Whether something is being listed whose end will say what is gone. */
export const pendingWalks = (io: Io): Promise<boolean> =>
  io.peek(async peek => (await peek.rows(['walk'], 1)).length + (await peek.rows(['scanned'], 1)).length > 0)

/** `bare`: only the way to selected folders is shown of it. */
export function folderToWalk(share: string, folder: string, path: string, bare = false): KeyedRow {
  return { key: ['queue', share, folder], row: { path, ...(bare && { bare }) } }
}

/** Ids of the shares that are synced. */
export async function listed(scope: Scope, io: Io): Promise<readonly string[]> {
  if (scope.shares !== 'all') return scope.shares
  return io.peek(async peek => (await peek.rows(['share'])).map(({ key }) => String(key[1])))
}

export async function* walk(
  api: Api,
  scope: Scope,
  reader: RecordsReader,
  place: Place,
  selections: Selections,
  io: Io,
): AsyncGenerator<Page, void> {
  const cursor = writePlace(scope, place)
  const views = new Map<string, View>()
  const viewIn = (share: string): View => {
    const view = views.get(share) ?? viewOf(api, share, selectionOf(selections, share), io, { fresh: true })
    views.set(share, view)
    return view
  }
  for (;;) {
    const tasks = await io.peek(peek => peek.rows(['queue'], FOLDERS_AT_ONCE))
    if (tasks.length === 0) break
    const found = await inParallel(tasks, REQUESTS_AT_ONCE, task => {
      const [, share] = task.key
      const selection = selectionOf(selections, String(share))
      return listFolder(
        api,
        scope,
        task,
        isPart(selection) ? { selection, view: viewIn(String(share)) } : undefined,
        io,
      )
    })
    const pages = chunks(
      found.flatMap(one => one.records),
      PAGE_RECORDS,
    )
    const last = pages.pop() ?? []
    for (const records of pages) yield { records, snapshot: true, cursor }
    const put = found.flatMap(one => one.put)
    yield { records: last, snapshot: true, cursor, private: { delete: tasks.map(({ key }) => key), put } }
  }
  for (const { key } of await io.peek(peek => peek.rows(['scan']))) {
    const source = String(key[1])
    const scanned = yield* reader.scan(source, 'all', cursor, io)
    const put: KeyedRow[] = [{ key: ['scanned', source], row: scanned }]
    yield { records: [], cursor, private: { delete: [key], put } }
  }
}

interface Found {
  readonly records: readonly RemoteRecord[]
  readonly put: readonly KeyedRow[]
}

interface Part {
  readonly selection: Selection
  readonly view: View
}

async function listFolder(
  api: Api,
  scope: Scope,
  { key, row }: KeyedRow,
  part: Part | undefined,
  io: Io,
): Promise<Found> {
  const [share, folder] = [String(key[1]), String(key[2])]
  const path = text(row, 'path') ?? ''
  const truncated: Found = { records: [], put: [{ key: ['walk', share], row: { truncated: true } }] }
  let listing: Awaited<ReturnType<Api['children']>>
  try {
    listing = await api.children(share, folder, io)
  } catch (error) {
    if (!(error instanceof SyncError) || (error.code !== 'missing' && error.code !== 'forbidden')) throw error
    // A folder deleted meanwhile is explained by the log. A share that cannot be listed is not swept, and others go on.
    if (error.code === 'missing' && folder !== 'root') return { records: [], put: [] }
    io.notice({ code: 'unreadable', message: `A folder of share ${share} cannot be listed: it stays as it is here.` })
    return truncated
  }

  const ours = listing.entries.filter(({ name }) => folderOver(scope, share, `${path}/${name}`) === undefined)
  const bare = new Set<string>()
  const shown: Entry[] = []
  for (const entry of ours) {
    const how = part === undefined ? 'whole' : await howShown(part, entry, folder, row)
    if (how !== 'hidden') shown.push(entry)
    if (how === 'bare') bare.add(entry.id)
  }
  const whole = (await inParallel(shown, REQUESTS_AT_ONCE, entry => completeEntry(api, entry, share, io))).filter(
    entry => entry !== 'gone',
  )
  const lacking = whole.filter(({ value }) => value === undefined).length
  if (listing.truncated || lacking > 0) {
    io.notice({ code: 'protocol', message: `The listing of a folder of share ${share} is not whole.` })
  }
  return {
    records: whole.flatMap(({ id, value, version, number, at }) =>
      value === undefined ? [] : [treeRecord(id, value, version, number, at)],
    ),
    put: [
      ...(listing.truncated || lacking > 0 ? truncated.put : []),
      ...whole.flatMap(({ id, kind, name }) =>
        kind === 'folder' ? [folderToWalk(share, id, `${path}/${name}`, bare.has(id))] : [],
      ),
    ],
  }
}

function howShown({ selection, view }: Part, entry: Entry, folder: string, row: object) {
  const atRoot = folder === 'root'
  const inside = flag(row, 'bare') === true || (atRoot && selection.selected.length > 0) ? 'bare' : 'whole'
  return view.listed(entry.id, entry, inside, atRoot)
}

/** A listing may leave out hash and version: each entry is asked for then. */
async function completeEntry(api: Api, entry: Entry, share: string, io: Io): Promise<Entry | 'gone'> {
  if (entry.value !== undefined && entry.version !== undefined) return entry
  const asked = await api.entry(entry.kind, entry.id, share, io)
  // A server without `GET /folders/{id}` says 404 too; the listing has all that a folder needs but its version.
  if (asked === undefined) return entry.kind === 'folder' ? entry : 'gone'
  const parent = asked.parent ?? entry.parent
  const value = asked.value ?? entry.value
  return { ...asked, parent, value: value && parent !== undefined ? { ...value, parent } : value }
}

export interface Completed {
  readonly complete: NonNullable<Page['complete']>
  readonly suspicious?: string
  readonly clear: readonly RowKey[]
}

export const nothingCompleted: Completed = { complete: [], clear: [] }

/** What the walk that ends now has listed whole, and the rows that are done with. */
export async function completed(io: Io): Promise<Completed> {
  const { walked, scanned } = await io.peek(async peek => ({
    walked: await peek.rows(['walk']),
    scanned: await peek.rows(['scanned']),
  }))
  const trees = walked.filter(({ row }) => flag(row, 'truncated') !== true)
  const whole = scanned.filter(({ row }) => flag(row, 'whole') === true)
  const suspicious = scanned.map(({ row }) => text(row, 'suspicious')).find(why => why !== undefined)
  return {
    complete: [
      ...trees.map(({ key }) => ({ source: 'tree', within: String(key[1]) })),
      ...whole.map(({ key }) => ({ source: String(key[1]) })),
    ],
    ...(suspicious === undefined ? {} : { suspicious }),
    clear: [['walk'], ['scanned'], ['asked']],
  }
}
