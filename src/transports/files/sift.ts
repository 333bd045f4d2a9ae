/** What of the news is for this device, where it syncs a part of a share. */
import type { RemoteRecord } from '../../model.ts'
import type { KeyedRow, RowKey } from '../../store.ts'
import type { Io, Page } from '../../transport.ts'
import type { Api } from './api.ts'
import type { News } from './log.ts'
import { isPart, type Selections, selectionOf } from './selection.ts'
import type { TreeRow } from './sources.ts'
import { hiddenKey, hiddenRow, type View, viewOf } from './view.ts'
import { folderToWalk } from './walk.ts'
import { asTreeRow, type LogRow } from './wire.ts'

export type Hides = NonNullable<Page['hides']>

export interface Sifted {
  readonly upserts: RemoteRecord[]
  readonly subtrees: readonly RemoteRecord[]
  readonly hides: Hides
  readonly put: readonly KeyedRow[]
  readonly delete: readonly RowKey[]
}

/**
 * Of a share that is shown in part, what is known here passes whatever became of it, and goes afterwards if it is hidden
 * by now: what has unsynced changes stays. Of the rest only what is to be seen comes in, with the folders over it.
 */
export async function sift(
  api: Api,
  selections: Selections,
  rows: readonly LogRow[],
  { upserts, subtrees, rows: { put: asked } }: News,
  walking: boolean,
  io: Io,
): Promise<Sifted> {
  const shares = new Map(rows.filter(({ kind }) => kind !== 'share').map(({ id, share }) => [id, share]))
  const partial = ({ collection, id }: RemoteRecord) =>
    collection === 'tree' && isPart(selectionOf(selections, shares.get(id) ?? ''))
  const news = new Map([...upserts, ...subtrees].filter(partial).map(record => [record.id, record]))
  if (news.size === 0) return { upserts, subtrees, hides: [], put: [], delete: [] }

  const ids = [...news.keys()]
  const known = new Set(await io.peek(async peek => ids.filter(before(await peek.known('tree', ids)))))
  const made = new Set(rows.toReversed().flatMap(({ id, change }) => (change === 'created' ? [id] : [])))
  const moved = new Set(rows.flatMap(({ id, change }) => (change === 'moved' ? [id] : [])))
  const wanted = new Set(asked.flatMap(({ key }) => (key[0] === 'queue' ? [String(key[2])] : [])))
  const views = new Map<string, { readonly now: View; readonly before: View }>()
  const dropped = new Set<string>()
  const chains = new Map<string, RemoteRecord>()
  const hides = new Set<string>()
  const put: KeyedRow[] = []
  const gone: RowKey[] = []

  /** Whether there may be something in this folder that is to be seen from now on, and that no row tells of. */
  async function isToList(id: string, before: View): Promise<boolean> {
    if (wanted.has(id)) return true
    if (!known.has(id)) return !made.has(id)
    if (!moved.has(id)) return false
    // While the folders are being listed it may have moved out of one that was not yet into one that was.
    const was = walking ? undefined : await before.folder(id)
    return was === undefined || (await before.shows(id, was.row)) !== 'whole'
  }

  for (const [id, record] of news) {
    const share = shares.get(id)!
    const value = asTreeRow(record.value)
    if (value?.kind !== 'file') gone.push(hiddenKey(share, id))
    if (value === undefined) {
      if (!known.has(id)) dropped.add(id)
      continue
    }
    const selection = selectionOf(selections, share)
    const view = views.get(share) ?? {
      now: viewOf(api, share, selection, io, { news }),
      before: viewOf(api, share, selection, io),
    }
    views.set(share, view)
    const shown = await view.now.shows(id, value)
    if (shown === 'hidden' && !known.has(id)) {
      dropped.add(id)
      if (value.kind === 'folder') put.push(hiddenRow(share, record))
      continue
    }
    if (shown === 'hidden') hides.add(id)
    else if (shown === 'whole' && value.kind === 'folder' && (await isToList(id, view.before))) {
      put.push(folderToWalk(share, id, await pathOf(view.now, value)))
    }
    for (const folder of await lacking(view.now, value)) {
      const row = folder.value as TreeRow // `lacking` gives folders only
      chains.set(folder.id, folder)
      const over = await view.now.shows(folder.id, row)
      if (over === 'hidden') hides.add(folder.id)
      if (over === 'whole' && !made.has(folder.id))
        put.push(folderToWalk(share, folder.id, await pathOf(view.now, row)))
    }
  }

  const passes = (record: RemoteRecord) => !news.has(record.id) || !(dropped.has(record.id) || chains.has(record.id))
  // What comes into sight is there already: it is no echo of a change made here.
  const present = (record: RemoteRecord): RemoteRecord => {
    const { origin, past: _, ...rest } = record
    return !news.has(record.id) || known.has(record.id) || made.has(record.id) ? record : rest
  }
  return {
    upserts: [...chains.values(), ...upserts.filter(passes).map(present)],
    subtrees: subtrees.filter(passes),
    hides: [...hides].map(id => ({ source: 'tree', id })),
    put: put.filter(({ key }) => key[0] !== 'hidden' || !chains.has(String(key[2]))),
    delete: gone,
  }
}

const before = (flags: readonly boolean[]) => (_: unknown, at: number) => flags[at] === true

/** The folders over an entry that are not here, from the outside in. */
export async function lacking(view: View, value: TreeRow): Promise<RemoteRecord[]> {
  const { chain } = await view.over(value)
  return chain
    .filter(({ here }) => !here)
    .map(({ record: { origin, past: _, ...record } }) => record)
    .reverse()
}

export async function pathOf(view: View, value: TreeRow): Promise<string> {
  const { chain } = await view.over(value)
  return `/${[value, ...chain.map(({ row }) => row)]
    .map(({ name }) => name)
    .reverse()
    .join('/')}`
}
