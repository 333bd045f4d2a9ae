/**
 * What the server settled by itself, as receipts: what is there now, what was made of the local side, and what of the
 * server's own side was lost (sections 3, 4 and 6 of the API page).
 */
import type { Change, Lost, Receipt, RemoteRecord, Value } from '../../model.ts'
import type { Io } from '../../transport.ts'
import type { Api } from './api.ts'
import type { ConflictInfo } from './conflicts.ts'
import { type Kind, versionOf } from './ids.ts'
import { placeIn, rowsSince } from './places.ts'
import type { Work } from './plan.ts'
import type { TreeRow } from './sources.ts'
import { asTreeRow, type Entry, type LogRow, treeRecord } from './wire.ts'

/** Receipt for a change that clashed: `told` are the server's records of that, `outcomes` one for each of its items. */
export async function verdictOf(
  api: Api,
  work: Work,
  told: readonly ConflictInfo[],
  outcomes: readonly string[],
  id: string | undefined,
  io: Io,
): Promise<Receipt> {
  const { change } = work
  const clashes = change.value === null ? told.filter(one => one.resource === change.id) : told
  const [clash] = clashes
  const answer = { change: change.change, state: 'settled' } as const

  const stayed = outcomes.filter(outcome => outcome === 'superseded').length
  if (outcomes.includes('conflicted_copy')) {
    const copy = id === undefined ? undefined : await present(api, work, id, io)
    const kept = clash && (await present(api, work, clash.resource, io))
    if (copy === undefined) return { change: change.change, state: 'unknown' }
    return { ...answer, verdict: { take: 'both' }, copies: [copy], remote: kept ?? copy }
  }
  const now = (await present(api, work, id ?? change.id, io)) ?? (await adopted(api, work, clash, io))
  const remote = now ?? deleted(change.id, clash?.serverVersion)
  if (stayed === outcomes.length) return { ...answer, verdict: { take: 'remote' }, remote }
  const others = told.filter(one => !clashes.includes(one))
  const all = await lostBy(api, work, [...clashes.slice(0, 1), ...others], remote, io)
  const renamed = now !== undefined && change.value !== null && now.value?.name !== change.value.name
  const lost = clash && ((renamed ? undefined : await broughtBack(api, work, clash, remote, io)) ?? all[0])
  const below = clash ? all.slice(1) : all
  if (renamed && stayed === 0 && lost?.value?.name !== now.value?.name) {
    // The name was another's, and not one that somebody gave it.
    return { ...answer, verdict: { take: 'both' }, copies: [now], remote: now, ...(lost && { lost }) }
  }
  return {
    ...answer,
    // A part of it stayed as the server had it: the result is of both sides.
    verdict: stayed > 0 ? { take: 'merged', value: remote.value } : { take: 'local' },
    remote: change.value === null && now === undefined ? deleted(change.id, versionOf(change.change)) : remote,
    ...(lost && { lost }),
    ...(below.length > 0 && { below }),
  }
}

/** The deletion of the folder that it moved into, where nothing else clashed: the server has made that one anew. */
async function broughtBack(
  api: Api,
  work: Work,
  { resource, serverVersion }: ConflictInfo,
  there: RemoteRecord,
  io: Io,
): Promise<Lost | undefined> {
  const { change, share } = work
  const [from, to] = [asTreeRow(change.base?.value), asTreeRow(change.value)]
  if (from === undefined || to === undefined || to.parent === from.parent || to.parent === share) return undefined
  // It may have gone into another folder of that name.
  if (resource !== change.id || serverVersion !== change.base?.version || there.value?.parent !== to.parent)
    return undefined
  const [gone] = await rowsSince(api, work, row => row.id === to.parent && row.change === 'deleted', 1, io)
  return gone && { id: to.parent, version: gone.version ?? null, value: null }
}

/** What of the server's side is in its log and history only: of each of these conflicts, in their order. */
async function lostBy(
  api: Api,
  work: Work,
  clashes: readonly ConflictInfo[],
  there: RemoteRecord,
  io: Io,
): Promise<readonly Lost[]> {
  const versions = new Set(clashes.flatMap(({ serverVersion }) => serverVersion ?? []))
  const ahead = await rowsSince(api, work, row => versions.has(row.version ?? ''), versions.size, io)
  const rows = new Map(ahead.map(row => [row.version, row]))
  const lost: Lost[] = []
  for (const clash of clashes) {
    const own = clash.resource === there.id || clash.resource === work.change.id
    const known = own ? stillTheirs(work.change, asTreeRow(there.value)) : undefined
    lost.push(await lostOf(api, work, clash, rows.get(clash.serverVersion), known, io))
  }
  return lost
}

/** What is there now is where they had it, unless it is our change that put it there. */
export function stillTheirs({ value, base }: Change, there: TreeRow | undefined): TreeRow | undefined {
  const [before, mine] = [asTreeRow(base?.value), asTreeRow(value)]
  const isOurs = before && mine && there && isSamePlace(there, mine) && !isSamePlace(there, before)
  return isOurs ? before : (there ?? before)
}

const isSamePlace = (one: TreeRow, other: TreeRow): boolean => one.parent === other.parent && one.name === other.name

export async function lostOf(
  api: Api,
  work: Work,
  { resource: id, serverVersion: version, kind = work.kind }: ConflictInfo,
  row: LogRow | undefined,
  known: TreeRow | undefined,
  io: Io,
): Promise<Lost> {
  const lost = { id, version: version ?? null }
  if (row?.change === 'deleted') return { ...lost, value: null }
  if (row?.value !== undefined) return { ...lost, value: row.value as Value }
  const place = row && (await placeIn(api, row, known?.parent ?? work.change.id, io))
  if (kind === 'folder') return place ? { ...lost, value: { ...known, ...place, kind } as Value } : lost
  const history = await api.versions(id, io)
  const old = history?.find(one => one.id === version)
  // Just before ours, and not among what it held: it was deleted.
  const goesOn = history?.some(one => work.items.some(item => item.version_id === one.id))
  if (old === undefined) return goesOn && version !== undefined ? { ...lost, value: null } : lost
  if (known === undefined && place === undefined) return lost
  // Another version of the same bytes: the log would have said where it was.
  if (place === undefined && old.sha256 === asTreeRow(work.change.base?.value)?.sha256) return lost
  const { modifiedAt: _, ...rest } = known ?? { kind: 'file' }
  return { ...lost, value: { ...rest, ...place, sha256: old.sha256, size: old.size } as Value }
}

/** What the local one became: the entry that had its name. */
async function adopted(
  api: Api,
  work: Work,
  clash: ConflictInfo | undefined,
  io: Io,
): Promise<RemoteRecord | undefined> {
  if (work.change.base !== null || clash === undefined || clash.resource === work.change.id) return undefined
  const other = await present(api, work, clash.resource, io)
  // A folder that is gone is not what has the name.
  return other?.value?.name === undefined ? undefined : other
}

/** Of whichever kind: what has the name may be the other one. */
export async function present(api: Api, work: Work, id: string, io: Io): Promise<RemoteRecord | undefined> {
  const kinds: readonly Kind[] = work.kind === 'file' ? ['file', 'folder'] : ['folder', 'file']
  for (const kind of id === work.change.id ? kinds.slice(0, 1) : kinds) {
    const entry = await api.entry(kind, id, work.share, io)
    if (entry?.value !== undefined) return recordOf(entry)
  }
  return undefined
}

export const recordOf = (entry: Entry): RemoteRecord | undefined =>
  entry.value && treeRecord(entry.id, entry.value, entry.version, entry.number, entry.at)

export const deleted = (id: string, version?: string): RemoteRecord => ({
  collection: 'tree',
  id,
  value: null,
  version: version ?? { seen: null },
})
