/**
 * Reading records folders. Private rows: `['folder', source]` { folder, shards } as last seen · `['shard', source, n]`
 * { file, mark } as last read · `['known', source, n, id]` { v } each record that was in shard n: absent now means
 * deleted.
 */
import { SyncError } from '../../errors.ts'
import type { RemoteRecord } from '../../model.ts'
import type { KeyedRow, RowKey } from '../../store.ts'
import type { Io, Page } from '../../transport.ts'
import { count, text } from '../shared/shape.ts'
import { type Opened, type RecordsFiles, versionMark } from './records-folder.ts'
import type { RecordsFolder, Scope } from './scope.ts'
import { absentRecord, entryRecord, type Shard, shardName } from './shards.ts'
import type { Entry } from './wire.ts'

export interface Scanned {
  /** Everything there is was read, so what was not brought is gone. */
  readonly whole: boolean
  /** Why to ask before that deletes anything. */
  readonly suspicious?: string
}

export interface RecordsReader {
  /** Pages with what changed in the touched files (or in all), each leaving the cursor where it is. */
  scan(
    source: string,
    touched: ReadonlySet<string> | 'all',
    cursor: Page['cursor'],
    io: Io,
  ): AsyncGenerator<Page, Scanned>
}

export function recordsReader(scope: Scope, files: RecordsFiles): RecordsReader {
  return {
    async *scan(source, touched, cursor, io) {
      const home = scope.folders.find(one => one.source === source)
      if (home === undefined) return { whole: false }
      const last = await io.peek(peek => peek.row(['folder', source]))
      const opened = await openedOr(home, text(last, 'folder'), io)
      if (opened === 'unreachable') return { whole: false }
      if (opened === undefined) return yield* lostFolder(home, cursor, io)
      if (opened.unreadable) {
        io.notice({ code: 'unreadable', message: `${home.path} has no manifest that is understood: its records wait.` })
        return { whole: false }
      }
      const before = count(last, 'shards')
      if (before !== undefined && opened.shards !== undefined && before !== opened.shards) {
        throw new SyncError('cursor-invalid', `${home.path} was laid out anew. Everything is listed again.`)
      }
      tellStrangers(home, opened, touched, io)
      const entered = await intoFolder(home, opened, cursor, io)
      if (entered !== undefined) yield entered
      return yield* readShards(home, opened, touched, cursor, io)
    },
  }

  /** A share that cannot be reached is not a folder that is gone. */
  async function openedOr(home: RecordsFolder, hint: string | undefined, io: Io) {
    try {
      return await files.open(home, hint, io)
    } catch (error) {
      if (!(error instanceof SyncError) || (error.code !== 'missing' && error.code !== 'forbidden')) throw error
      io.notice({
        code: 'unreadable',
        message: `${home.path} cannot be reached: its records stay as they are and wait.`,
      })
      return 'unreachable'
    }
  }

  async function* readShards(
    home: RecordsFolder,
    opened: Opened,
    touched: ReadonlySet<string> | 'all',
    cursor: Page['cursor'],
    io: Io,
  ): AsyncGenerator<Page, Scanned> {
    const { source } = home
    let whole = true
    for (let n = 0; n < (opened.shards ?? 0); n++) {
      const { last, known } = await io.peek(async peek => ({
        last: await peek.row(['shard', source, n]),
        known: versionsIn(await peek.rows(['known', source, n])),
      }))
      const file = opened.files.get(n)
      if (file === undefined) {
        if (known.size > 0) yield lostShard(home, n, known, cursor)
        continue
      }
      if (unchanged(file, last, touched)) continue
      const read = await files.shard(home.share, file, io)
      if (read === undefined || read === 'unreadable') {
        whole = false
        if (read === undefined) continue // gone since it was listed: its row in the log comes
        const message = `${home.path}/${shardName(n)} cannot be read: its records stay as they are and wait.`
        io.notice({ code: 'unreadable', message })
        continue
      }
      const { records, put, gone } = difference(source, n, read.shard, known)
      const row: KeyedRow = { key: ['shard', source, n], row: { file: file.id, mark: read.mark } }
      yield { records, snapshot: true, cursor, private: { delete: gone, put: [...put, row] } }
    }
    return { whole }
  }
}

/** Without a version in the listing, only a row of the log tells that a file changed. */
function unchanged(file: Entry, last: object | undefined, touched: ReadonlySet<string> | 'all'): boolean {
  if (last === undefined || text(last, 'file') !== file.id) return false
  const mark = versionMark(file)
  if (mark !== undefined) return mark === text(last, 'mark')
  return touched !== 'all' && !touched.has(file.id)
}

function difference(source: string, n: number, shard: Shard, known: ReadonlyMap<string, string>) {
  const records: RemoteRecord[] = []
  const put: KeyedRow[] = []
  const gone: RowKey[] = []
  for (const entry of shard.values()) {
    if (known.get(entry.id) === entry.v) continue
    records.push(entryRecord(source, entry))
    put.push(knownRow(source, n, entry.id, entry.v))
  }
  for (const id of known.keys()) {
    if (shard.has(id)) continue
    records.push(absentRecord(source, id))
    gone.push(['known', source, n, id])
  }
  return { records, put, gone }
}

export function knownRow(source: string, n: number, id: string, v: string): KeyedRow {
  return { key: ['known', source, n, id], row: { v } }
}

/** The folder is ours from here on: whatever the tree has shown of it so far leaves the tree. */
async function intoFolder(
  { source }: RecordsFolder,
  { folder, shards }: Opened,
  cursor: Page['cursor'],
  io: Io,
): Promise<Page | undefined> {
  const { last, shown } = await io.peek(async peek => ({
    last: await peek.row(['folder', source]),
    shown: (await peek.agreed('tree', [folder]))[0],
  }))
  const inTree = shown !== undefined && shown.value !== null
  if (!inTree && text(last, 'folder') === folder && count(last, 'shards') === shards) return undefined
  const leaves: RemoteRecord = { collection: 'tree', id: folder, value: null, version: { seen: null }, subtree: true }
  const put: KeyedRow[] = [{ key: ['folder', source], row: { folder, ...(shards === undefined ? {} : { shards }) } }]
  return { records: inTree ? [leaves] : [], cursor, private: { put } }
}

function lostShard(
  { source, path }: RecordsFolder,
  n: number,
  known: ReadonlyMap<string, string>,
  cursor: Page['cursor'],
): Page {
  return {
    records: [...known.keys()].map(id => absentRecord(source, id)),
    cursor,
    private: { clear: [['known', source, n]], delete: [['shard', source, n]] },
    suspicious: `${path}/${shardName(n)}, which held ${known.size} records, is gone from the file server.`,
  }
}

async function* lostFolder(home: RecordsFolder, cursor: Page['cursor'], io: Io): AsyncGenerator<Page, Scanned> {
  const { source, path } = home
  const suspicious = `The folder ${path} is gone from the file server, and the records in it with it.`
  const known = await io.peek(peek => peek.rows(['known', source]))
  if (known.length > 0) {
    yield {
      records: known.map(({ key }) => absentRecord(source, String(key[3]))),
      cursor,
      private: {
        clear: [
          ['known', source],
          ['shard', source],
          ['folder', source],
        ],
      },
      suspicious,
    }
  }
  return { whole: true, suspicious }
}

/** Named once, when they come or when everything is listed. */
function tellStrangers(
  { path }: RecordsFolder,
  { strangers }: Opened,
  touched: ReadonlySet<string> | 'all',
  io: Io,
): void {
  for (const { id, kind, name } of strangers) {
    if (touched !== 'all' && !touched.has(id)) continue
    io.notice({ code: 'foreign', message: `${path} holds a ${kind} that is not ours: ${name}. It is left alone.` })
  }
}

const versionsIn = (rows: readonly KeyedRow[]): Map<string, string> =>
  new Map(rows.map(({ key, row }) => [String(key[3]), text(row, 'v') ?? '']))
