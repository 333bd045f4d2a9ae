/** Where an entry is, on a server that may say its path only. */
import { SyncError } from '../../errors.ts'
import type { Io } from '../../transport.ts'
import type { Api } from './api.ts'
import { sameName } from './names.ts'
import type { Work } from './plan.ts'
import { cursorOf, segments } from './scope.ts'
import type { TreeRow } from './sources.ts'
import type { Changes, Entry, LogRow } from './wire.ts'

/** What the server says about the entry now, with its folder found by path where no id was given. */
export async function placed(
  api: Api,
  kind: 'file' | 'folder',
  row: Pick<LogRow, 'id' | 'share' | 'newPath'>,
  entry: Entry | undefined,
  io: Io,
): Promise<TreeRow | undefined> {
  if (entry?.value !== undefined) return entry.value
  if (kind === 'file') throw new SyncError('protocol', 'The file server does not say what a file holds or where it is.')
  const path = entry?.path ?? (await livePath(api, row, io))
  if (path === undefined) return undefined
  const names = segments(path)
  const name = entry?.name ?? names.at(-1)
  const parent = await folderAt(api, row.share, names.slice(0, -1), io)
  // The tree moved while it was asked: the next try sees it settled, and nothing was passed over.
  if (parent === undefined || name === undefined)
    throw new SyncError('protocol', 'A folder could not be found by its path.')
  return { share: row.share, parent, name, kind }
}

const MOST_PAGES = 10

/** The first rows of this kind that came since the change was first sent, whether they were pulled by now or not. */
export async function rowsSince(
  api: Api,
  { change: { since }, share }: Pick<Work, 'change' | 'share'>,
  isWanted: (row: LogRow) => boolean,
  most: number,
  io: Io,
): Promise<readonly LogRow[]> {
  for (const start of [since, await io.peek(peek => peek.cursor())]) {
    const found: LogRow[] = []
    let at = cursorOf(start)
    if (at === undefined) continue
    try {
      for (let pages = 0; at !== undefined && pages < MOST_PAGES && found.length < most; pages++) {
        const part: Changes = await api.changes({ cursor: at, share, limit: 1000 }, io)
        found.push(...part.rows.filter(isWanted))
        at = part.more && part.cursor !== at ? part.cursor : undefined
      }
      return found
    } catch (error) {
      // A log that was cut up to there; if it was up to here, the next pull deals with that.
      if (!(error instanceof SyncError && error.code === 'cursor-invalid')) throw error
    }
  }
  return []
}

/** Where the entry was after this row: in `otherwise`, where the folder that it was in is not to be found any more. */
export async function placeIn(
  api: Api,
  row: LogRow,
  otherwise: string | undefined,
  io: Io,
): Promise<Pick<TreeRow, 'share' | 'parent' | 'name'> | undefined> {
  const { share } = row
  if (row.value !== undefined) return { share, parent: row.value.parent, name: row.value.name }
  const names = segments(row.newPath ?? '')
  const name = row.name ?? names.at(-1)
  const parent = row.parent ?? (await folderAt(api, share, names.slice(0, -1), io)) ?? otherwise
  return parent === undefined || name === undefined ? undefined : { share, parent, name }
}

async function livePath(api: Api, row: Pick<LogRow, 'id' | 'share' | 'newPath'>, io: Io): Promise<string | undefined> {
  try {
    return (await api.children(row.share, row.id, io)).path ?? row.newPath
  } catch (error) {
    if (error instanceof SyncError && error.code === 'missing') return undefined
    throw error
  }
}

/** The id of the folder at these names, as the server has it now; the share's id for the root. */
export async function folderAt(api: Api, share: string, names: readonly string[], io: Io): Promise<string | undefined> {
  let folder = share
  for (const name of names) {
    const { entries } = await api.children(share, folder === share ? 'root' : folder, io)
    const next = entries.find(entry => entry.kind === 'folder' && sameName(entry.name, name))
    if (next === undefined) return undefined
    folder = next.id
  }
  return folder
}
