/** What is below a folder, and what becomes of it when the folder is gone at the remote. All within one draft. */
import { sameValue } from '../equal.ts'
import type { Base, RemoteRecord, Stamp, Value } from '../model.ts'
import { type Draft, type Entry, replaceRow } from './draft.ts'
import { based, begin, isFolder, renewed } from './edit.ts'
import { grace, type OutboxRow } from './rows.ts'
import { accept, adopt, type Home, touch } from './settle.ts'

/** Sent content may still arrive, late or twice; until its outcome is known nothing is decided about it. */
export const inFlight = (head: OutboxRow): boolean =>
  head.state === 'sent' || (head.state === 'waiting' && head.sealed === true && !head.refused)

export function withoutSeen(head: OutboxRow): OutboxRow {
  const { seen: _, ...rest } = head
  return rest
}

/** What becomes of it is for the remote to say, and is not said yet. */
export const undecided = (home: Home, head: OutboxRow): boolean =>
  inFlight(head) ||
  (home.settles === true &&
    !head.refused &&
    (head.state === 'waiting' || (head.state === 'asked' && head.ticket !== undefined)))

/** The change goes on from what the remote has by now. */
export function goOn(
  draft: Draft,
  home: Home,
  entry: Entry,
  head: OutboxRow,
  remote: Base & Partial<RemoteRecord>,
): void {
  const base: Base = { value: remote.value, version: remote.version }
  const { sent, ...plain } = head
  const goesOn = sent === undefined || sameValue(sent, remote.value) ? plain : head
  const open = head.state === 'asked' ? goesOn : withoutSeen(goesOn)
  const next = head.sealed ? renewed(draft, open, { base, state: head.state }) : based({ ...open, base }, head.base)
  replaceRow(entry, head, next)
  touch(home, entry, remote)
}

/** Has unsynced content, other than its own deletion. */
export const isDirty = ({ rows }: Entry): boolean => rows.length > 0 && rows.at(-1)!.value !== null

export const deletedAs = ({ version }: RemoteRecord): Base => ({ value: null, version })

/** Everything that the remote, or the app, has below a folder. */
export async function descendants(draft: Draft, home: Home, folder: string): Promise<Entry[]> {
  const { parent } = home.source
  if (parent === undefined) return []
  const found = new Map<string, Entry>()
  const folders = [folder]
  for (let next = folders.pop(); next !== undefined; next = folders.pop()) {
    for (const child of await draft.where(home.collection, parent, next)) {
      if (found.has(child.id) || child.id === folder) continue
      found.set(child.id, child)
      if (isFolder(home.source, child.value!)) folders.push(child.id)
    }
  }
  return [...found.values()]
}

/** What the remote had of a record when it was last heard of, whatever our change is based on. */
export const remotely = ({ id, seen, base }: OutboxRow): Value | null | undefined =>
  seen?.id === id ? seen.value : base?.value

/** What the remote had in the folder. What the app only moved there, or made there, is not gone with it. */
export function goneWith(home: Home, folder: Entry, below: readonly Entry[]): Set<string> {
  const gone = new Set([folder.id])
  for (let more = true; more; ) {
    more = false
    for (const entry of below) {
      const [head] = entry.rows
      const was = head === undefined ? entry.value : (remotely(head) ?? head.ancestor)
      if (gone.has(entry.id) || was == null || !gone.has(String(was[home.source.parent!]))) continue
      gone.add(entry.id)
      more = true
    }
  }
  return gone
}

/** All of it goes with its folder; the moves into it are taken back. Says how many values vanish. */
export function goWith(
  draft: Draft,
  home: Home,
  below: readonly Entry[],
  gone: ReadonlySet<string>,
  remote: RemoteRecord,
): number {
  let vanish = 0
  for (const entry of below) {
    if (isElsewhere(entry, gone)) {
      goesBack(draft, home, entry)
      continue
    }
    if (entry.value != null && entry.rows.length === 0) vanish++
    for (const row of entry.rows) draft.close(row.change, { outcome: 'conflicted', until: draft.now + grace })
    entry.rows = []
    goesWith(draft, home, entry, remote)
  }
  return vanish
}

/** The rest goes, and what has unsynced content comes back with the folders on the way to it. */
export async function stay(
  draft: Draft,
  home: Home,
  below: readonly Entry[],
  gone: ReadonlySet<string>,
  remote: RemoteRecord,
  at: Stamp,
  { clean }: { readonly clean: 'goes' | 'waits' },
): Promise<number> {
  const kept = ancestorsOf(home, below.filter(isDirty), below)
  let vanish = 0
  for (const entry of below) {
    if (isElsewhere(entry, gone)) continue
    if (isDirty(entry)) goesOnFromDeleted(draft, home, entry, remote)
    else if (kept.has(entry.id)) {
      await begin(draft, home.remote, entry, { value: entry.value!, base: deletedAs(remote), at })
    } else if (clean === 'goes') {
      if (entry.value != null) vanish++
      goesWith(draft, home, entry, remote)
    }
  }
  return vanish
}

/** The remote still has it, in another folder. */
const isElsewhere = (entry: Entry, gone: ReadonlySet<string>): boolean =>
  !gone.has(entry.id) && (entry.rows.length === 0 || remotely(entry.rows[0]!) != null)

/** The folder that it was moved to is gone, and the move with it. */
function goesBack(draft: Draft, home: Home, entry: Entry): void {
  const [head] = entry.rows
  if (head === undefined) return
  for (const row of entry.rows) draft.close(row.change, { outcome: 'conflicted', until: draft.now + grace })
  entry.rows = []
  adopt(home, entry, head.base!)
}

export function goesWith(draft: Draft, home: Home, entry: Entry, remote: RemoteRecord): void {
  const [head] = entry.rows
  const deleted: RemoteRecord = { collection: remote.collection, id: entry.id, ...deletedAs(remote) }
  if (head !== undefined && undecided(home, head)) replaceRow(entry, head, { ...head, seen: deleted })
  else if (head !== undefined) accept(draft, home, entry, head, deleted)
  else if (entry.value === null) touch(home, entry)
  else {
    const { echo } = entry.meta
    adopt(home, entry, deleted)
    if (echo !== undefined) entry.meta = { ...entry.meta, echo }
  }
}

/** What the remote had of it is gone, so it goes on as something to bring back. */
export function goesOnFromDeleted(draft: Draft, home: Home, entry: Entry, remote: RemoteRecord): void {
  const [head] = entry.rows as [OutboxRow]
  const deleted: RemoteRecord = { collection: remote.collection, id: entry.id, ...deletedAs(remote) }
  if (undecided(home, head)) replaceRow(entry, head, { ...head, seen: deleted })
  else if (head.base != null && head.base.value !== null) goOn(draft, home, entry, head, deleted)
}

function ancestorsOf(home: Home, dirty: readonly Entry[], below: readonly Entry[]): Set<string> {
  const { parent } = home.source
  const byId = new Map(below.map(entry => [entry.id, entry]))
  const kept = new Set<string>()
  for (const entry of dirty) {
    let up = byId.get(String(entry.value?.[parent!]))
    while (up !== undefined && !kept.has(up.id)) {
      kept.add(up.id)
      up = byId.get(String(up.value?.[parent!]))
    }
  }
  return kept
}
