/** The choice of folders changes: what goes away, what is to be listed, and what came to be hidden otherwise. */
import type { RemoteRecord } from '../../model.ts'
import type { KeyedRow, RowKey } from '../../store.ts'
import type { Io } from '../../transport.ts'
import type { Api } from './api.ts'
import type { Place, Scope } from './scope.ts'
import { isPart, type Selection, type Selections, sameSelection, selectionOf, selectionRow } from './selection.ts'
import { type Hides, lacking, pathOf } from './sift.ts'
import { type View, viewOf } from './view.ts'
import { folderToWalk, pendingWalks, scansIn, shareToWalk } from './walk.ts'
import { asTreeRow } from './wire.ts'

export interface Turn {
  readonly records: readonly RemoteRecord[]
  readonly hides: Hides
  readonly put: readonly KeyedRow[]
  readonly clear: readonly RowKey[]
  /** There is something to list. */
  readonly walks: boolean
  readonly anew: boolean
  /** A share is on again. */
  readonly resumes: boolean
}

/** From the selection that was in force to the one that is wanted now, with what came to be hidden otherwise since. */
export async function turn(
  api: Api,
  scope: Scope,
  place: Place,
  from: Selections,
  to: Selections,
  io: Io,
): Promise<Turn | undefined> {
  const records: RemoteRecord[] = []
  const hides: Hides[number][] = []
  const put: KeyedRow[] = []
  const clear: RowKey[] = []
  let anew = false
  let walks = false
  let resumes = false
  for (const share of new Set([...from.keys(), ...to.keys()])) {
    const [was, is] = [selectionOf(from, share), selectionOf(to, share)]
    const changed = !sameSelection(was, is)
    if (changed) {
      put.push(selectionRow(share, is))
      if (!isPart(is)) clear.push(['hidden', share])
    }
    if (!is.enabled) {
      if (was.enabled) clear.push(['queue', share], ['walk', share])
      continue
    }
    resumes ||= !was.enabled
    const view = viewOf(api, share, is, io)
    if (isPart(is)) hides.push(...(await hiddenIn(view, share, is, io)))
    if (!changed) continue
    if (!was.enabled || (place.phase === 'walk' && (await isListed(share, io)))) {
      // Of what happened while it was off nothing was heard: all of it is listed, and what does not come is gone.
      anew ||= !was.enabled && !(await pendingWalks(io))
      clear.push(['queue', share])
      const scans = was.enabled ? { put: [], clear: [] } : scansIn(scope, share)
      put.push(...shareToWalk(share), ...scans.put)
      clear.push(...scans.clear)
      walks = true
      continue
    }
    const wider = await comesIntoSight(view, share, was, is)
    records.push(...wider.records)
    put.push(...wider.put)
    walks ||= wider.put.length > 0
  }
  if (walks) clear.push(['asked']) // of what else is listed now, nothing was asked for
  const nothing = put.length === 0 && clear.length === 0 && hides.length === 0
  return nothing ? undefined : { records, hides, put, clear, walks, anew, resumes }
}

const isListed = (share: string, io: Io): Promise<boolean> =>
  io.peek(async peek => (await peek.row(['walk', share])) !== undefined)

/** Nothing comes of a folder that is not there, or that is excluded all the same. */
async function comesIntoSight(view: View, share: string, was: Selection, is: Selection) {
  if (was.selected.length > 0 && is.selected.length === 0)
    return { records: [], put: [folderToWalk(share, 'root', '')] }
  const records = new Map<string, RemoteRecord>()
  const put: KeyedRow[] = []
  const ids = [
    ...(was.selected.length === 0 ? [] : is.selected.filter(id => !was.selected.includes(id))),
    ...was.excluded.filter(id => !is.excluded.includes(id)),
  ]
  for (const id of ids) {
    const folder = await view.folder(id)
    const how = folder && (await view.shows(id, folder.row))
    if (folder === undefined || how === 'hidden') continue
    const { origin, ...record } = folder.record
    for (const one of [...(await lacking(view, folder.row)), ...(folder.here ? [] : [record])]) records.set(one.id, one)
    put.push(folderToWalk(share, id, await pathOf(view, folder.row), how === 'bare'))
  }
  return { records: [...records.values()], put }
}

/** What is here of a share that is shown in part, and is not to be seen: whole folders, by the one that holds all. */
export async function hiddenIn(view: View, share: string, { selected, excluded }: Selection, io: Io): Promise<Hides> {
  const found: string[] = []
  const here = await io.peek(async peek => {
    const flags = await peek.known('tree', excluded)
    const inside = await Promise.all(excluded.map(id => peek.children('tree', id)))
    return excluded.filter((_, at) => flags[at] || (inside[at]?.length ?? 0) > 0)
  })
  found.push(...here)
  if (selected.length === 0) return found.map(id => ({ source: 'tree', id }))
  const bare = await view.overSelected()
  const folders = [share]
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    const within = folder
    const children = await io.peek(async peek => {
      const ids = await peek.children('tree', within)
      const bases = await peek.agreed('tree', ids)
      return ids.map((id, at) => ({ id, kind: asTreeRow(bases[at]?.value)?.kind }))
    })
    for (const { id, kind } of children) {
      if (selected.includes(id) || (kind === 'file' && folder === share)) continue
      if (bare.has(id)) folders.push(id)
      else found.push(id)
    }
  }
  return [...new Set(found)].map(id => ({ source: 'tree', id }))
}

/** The same for a store that is about to be walked from the beginning. */
export async function hiddenNow(api: Api, selections: Selections, io: Io): Promise<Hides> {
  const all: Hides[number][] = []
  for (const [share, selection] of selections) {
    if (!selection.enabled || !isPart(selection)) continue
    all.push(...(await hiddenIn(viewOf(api, share, selection, io, { fresh: true }), share, selection, io)))
  }
  return all
}
