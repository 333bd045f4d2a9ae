/** A folder is deleted at the remote: what it takes along, what comes back, and what only seemed to be in it. */
import { spiritOf } from '../ledger/collide.ts'
import { type Draft, type Entry, replaceRow } from '../ledger/draft.ts'
import { begin, isFolder } from '../ledger/edit.ts'
import { agreedOf, grace, type OutboxRow } from '../ledger/rows.ts'
import { accept, adopt, type Home, settle } from '../ledger/settle.ts'
import type { Base, RemoteRecord } from '../model.ts'
import type { meet } from './meet.ts'
import { changedInside, type Meeting, rebase, storedOf, takeOver, undecided } from './meeting.ts'

/** A deleted folder speaks for all below it: one case, one inbox entry, whose undo restores all of it. */
export async function meetSubtree(
  on: Meeting,
  home: Home,
  folder: Entry,
  remote: RemoteRecord,
  label: string,
  met: typeof meet,
): Promise<void> {
  const { draft } = on
  if (home.settles) {
    await meetBelow(on, home, folder, remote, label, met)
    const [head] = folder.rows
    if (head === undefined) takeOver(on, home, folder, remote)
    else accept(draft, home, folder, head, remote)
    return
  }
  const below = await descendants(draft, home, folder.id)
  const gone = goneWith(home, folder, below)
  await meetMovedOut(on, home, gone, remote, label, met)
  const dirty = below.filter(entry => entry.rows.length > 0 && entry.rows.at(-1)!.value !== null)
  const [head] = folder.rows
  // Whoever was later: what was only put into it brings it back, and is for the push to see to.
  const clashing = spiritOf(home) === 'LAST_WRITER_WINS' ? dirty.filter(entry => gone.has(entry.id)) : dirty
  const newest = [head, ...clashing.map(entry => entry.rows.at(-1))].reduce((one, other) =>
    one === undefined || (other !== undefined && other.at.time > one.at.time) ? other : one,
  )
  const value = folder.value ?? null
  if (newest === undefined || value === null) {
    // What was put into a folder that is gone already is for the push to settle: nobody else has it.
    for (const entry of below) {
      if (!gone.has(entry.id)) continue
      if (dirty.includes(entry)) goesOnFromDeleted(on, home, entry, remote)
      else goesWith(on, home, entry, remote)
    }
    if (head === undefined) return takeOver(on, home, folder, remote)
    accept(draft, home, folder, head, remote)
    return
  }

  const base = head === undefined ? (agreedOf(storedOf(folder)) ?? null) : (head.base ?? null)
  const local = { collection: home.sourceName, id: folder.id, change: newest.change, value, base, at: newest.at }
  const judgement = on.judged(label, {
    collection: folder.collection,
    id: folder.id,
    rule: home.rule,
    base: changedInside,
    local,
    remote,
    copies: home.source.copy !== undefined,
    uncertainty: on.uncertainty,
  })
  if (judgement === undefined) return
  const stays = judgement.verdict.take !== 'remote'
  const list = (stays ? dirty : below).map(entry => ({ id: entry.id, value: entry.value ?? null }))
  const kept = stays ? ancestorsOf(home, dirty, below) : new Set<string>()
  for (const entry of below) {
    if (isElsewhere(entry, gone)) {
      if (!stays) goesBack(on, home, entry)
    } else if (!stays) {
      for (const row of entry.rows) draft.close(row.change, { outcome: 'conflicted', until: draft.now + grace })
      entry.rows = []
      goesWith(on, home, entry, remote)
    } else if (dirty.includes(entry)) {
      goesOnFromDeleted(on, home, entry, remote)
    } else if (kept.has(entry.id)) {
      await begin(draft, home.remote, entry, { value: entry.value!, base: deletedAs(remote), at: newest.at })
    } else {
      goesWith(on, home, entry, remote)
    }
  }
  const row =
    head ?? (await begin(draft, home.remote, folder, { value, base: base ?? deletedAs(remote), at: newest.at }))
  await settle(draft, home, folder, row, remote, judgement, 'strategy', { below: list })
  if (!stays) on.deleted()
}

/** What is in a folder that is gone goes with it; what was changed there is for the remote to say. */
export async function meetBelow(
  on: Meeting,
  home: Home,
  folder: Entry,
  remote: RemoteRecord,
  label: string,
  met: typeof meet,
): Promise<void> {
  const below = await descendants(on.draft, home, folder.id)
  const gone = goneWith(home, folder, below)
  await meetMovedOut(on, home, gone, remote, label, met)
  for (const entry of below) if (gone.has(entry.id)) goesWith(on, home, entry, remote)
}

/** What the remote had in the folder. What the app only moved there, or made there, is not gone with it. */
function goneWith(home: Home, folder: Entry, below: readonly Entry[]): Set<string> {
  const gone = new Set([folder.id])
  for (let more = true; more; ) {
    more = false
    for (const entry of below) {
      const [head] = entry.rows
      const was = head === undefined ? entry.value : head.base?.value
      if (gone.has(entry.id) || was == null || !gone.has(String(was[home.source.parent!]))) continue
      gone.add(entry.id)
      more = true
    }
  }
  return gone
}

/** The remote still has it, in another folder. */
const isElsewhere = (entry: Entry, gone: ReadonlySet<string>): boolean =>
  !gone.has(entry.id) && (entry.rows.length === 0 || entry.rows[0]!.base?.value != null)

/** The folder that it was moved to is gone, and the move with it. */
function goesBack(on: Meeting, home: Home, entry: Entry): void {
  const [head] = entry.rows
  if (head === undefined) return
  for (const row of entry.rows) on.draft.close(row.change, { outcome: 'conflicted', until: on.draft.now + grace })
  entry.rows = []
  adopt(home, entry, head.base!)
}

const deletedAs = (remote: RemoteRecord): Base => ({ value: null, version: remote.version })

function goesWith(on: Meeting, home: Home, entry: Entry, remote: RemoteRecord): void {
  const [head] = entry.rows
  const deleted: RemoteRecord = { collection: remote.collection, id: entry.id, ...deletedAs(remote) }
  if (head === undefined) takeOver(on, home, entry, deleted)
  else if (undecided(home, head)) replaceRow(entry, head, { ...head, seen: deleted })
  else accept(on.draft, home, entry, head, deleted)
}

/** A dirty descendant that stays: what the remote had of it is gone, so it goes on as something to bring back. */
function goesOnFromDeleted(on: Meeting, home: Home, entry: Entry, remote: RemoteRecord): void {
  const [head] = entry.rows as [OutboxRow]
  const deleted: RemoteRecord = { collection: remote.collection, id: entry.id, ...deletedAs(remote) }
  if (undecided(home, head)) replaceRow(entry, head, { ...head, seen: deleted })
  else if (head.base != null && head.base.value !== null) rebase(on, home, entry, head, deleted)
}

/** What the app moved out of the folder is gone at the remote with it: each such record is a clash of its own. */
async function meetMovedOut(
  on: Meeting,
  home: Home,
  gone: ReadonlySet<string>,
  remote: RemoteRecord,
  label: string,
  met: typeof meet,
): Promise<void> {
  const { parent } = home.source
  if (parent === undefined) return
  const open = await on.draft.tx.rows('outbox').list({ prefix: [home.collection] })
  for (const id of new Set(open.map(({ row }) => (row as OutboxRow).id))) {
    // As of now: an earlier row of this page may have moved it elsewhere.
    const was = (await on.draft.get(home.collection, id)).rows[0]?.base?.value
    if (was == null || gone.has(id) || !gone.has(String(was[parent]))) continue
    const deleted: RemoteRecord = {
      collection: remote.collection,
      id,
      ...deletedAs(remote),
      ...(remote.at !== undefined && { at: remote.at }),
      ...(isFolder(home.source, was) && { subtree: true as const }),
    }
    await met(on, home, deleted, `${label}/${id}`)
  }
}

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
