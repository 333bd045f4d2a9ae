/** A folder is deleted at the remote: what it takes along, what comes back, and what only seemed to be in it. */
import { spiritOf } from '../ledger/collide.ts'
import type { Entry } from '../ledger/draft.ts'
import { begin, isFolder } from '../ledger/edit.ts'
import { agreedOf, type OutboxRow } from '../ledger/rows.ts'
import { accept, type Home, settle } from '../ledger/settle.ts'
import {
  deletedAs,
  descendants,
  goesOnFromDeleted,
  goesWith,
  goneWith,
  goWith,
  isDirty,
  remotely,
  stay,
} from '../ledger/subtree.ts'
import type { RemoteRecord } from '../model.ts'
import type { meet } from './meet.ts'
import { changedInside, type Meeting, storedOf, takeOver } from './meeting.ts'

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
  const dirty = below.filter(isDirty)
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
      if (dirty.includes(entry)) goesOnFromDeleted(draft, home, entry, remote)
      else vanishes(on, home, entry, remote)
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
  const { take } = judgement.verdict
  const list = below.map(entry => ({ id: entry.id, value: entry.value ?? null }))
  const vanish =
    take === 'remote'
      ? goWith(draft, home, below, gone, remote)
      : await stay(draft, home, below, gone, remote, newest.at, { clean: take === 'ask' ? 'waits' : 'goes' })
  const row =
    head ?? (await begin(draft, home.remote, folder, { value, base: base ?? deletedAs(remote), at: newest.at }))
  await settle(draft, home, folder, row, remote, judgement, 'strategy', { below: list })
  for (let at = 0; at < vanish + (take === 'remote' ? 1 : 0); at++) on.deleted()
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
  for (const entry of below) if (gone.has(entry.id)) vanishes(on, home, entry, remote)
}

function vanishes(on: Meeting, home: Home, entry: Entry, remote: RemoteRecord): void {
  if (entry.value != null && entry.rows.length === 0) on.deleted()
  goesWith(on.draft, home, entry, remote)
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
    const [head] = (await on.draft.get(home.collection, id)).rows
    const was = head && remotely(head)
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
