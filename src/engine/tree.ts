/** Records that hang together: what a tree cannot be is settled before it goes out. */
import { alike, become, collide, isNew, putBack, remoteOf, spiritOf } from '../ledger/collide.ts'
import { type Draft, type Entry, replaceRow } from '../ledger/draft.ts'
import { begin, inFolder, isFolder, renewed } from '../ledger/edit.ts'
import { noted } from '../ledger/inbox.ts'
import type { OutboxRow } from '../ledger/rows.ts'
import { agreedOf } from '../ledger/rows.ts'
import type { Home } from '../ledger/settle.ts'
import { changeOf, settle } from '../ledger/settle.ts'
import { fold, hold } from '../ledger/waiting.ts'
import type { Base, RemoteRecord, Value } from '../model.ts'
import type { Judgement } from '../resolver.ts'
import { deepest, same } from './arrange.ts'
import { changedInside, inFlight, type Meeting, undecided } from './meeting.ts'

/**
 * Before a change goes out: what it wants must be possible beside what the remote has by now. Settles it otherwise, and
 * says whether anything moved.
 */
export async function settleTree(on: Meeting, home: Home, entry: Entry, row: OutboxRow): Promise<boolean> {
  const [head] = entry.rows
  if (head !== row && head?.change !== row.change) return false // an earlier one in this pass settled it
  if (row.refused && entry.rows.length > 1) {
    fold(on.draft, entry) // what was edited since is what has to be possible, and what may have to give way
    return true
  }
  if (row.value === null) return newcomersBelow(on, home, entry, head)
  if (undecided(home, row)) return false
  const parent = row.value[home.source.parent!]
  if (typeof parent !== 'string') return false
  if (!moves(home, row)) return false
  const value = await inFolder(on.draft, home, row.value)
  if (value !== row.value) {
    replaceRow(entry, head, renewed(on.draft, head, { value }))
    if (entry.rows.length === 1) entry.value = value
    return true
  }
  const folder = await on.draft.get(home.collection, parent)
  if (folder.value === null && folder.rows.length === 0) return intoDeleted(on, home, entry, head, folder)
  if (await isBelow(on.draft, home, parent, entry.id)) return breakRing(on, home, entry, head)
  return settleName(on, home, entry, head)
}

/** Whether the change asks for another place than the remote has it in. */
function moves(home: Home, row: OutboxRow): boolean {
  const { parent, name } = home.source
  const was = row.base?.value
  return was == null || was[parent!] !== row.value![parent!] || (name !== undefined && was[name] !== row.value![name])
}

/** Something came into a folder that is deleted here: the folder as a whole is in conflict (rule 6). */
async function newcomersBelow(on: Meeting, home: Home, folder: Entry, head: OutboxRow): Promise<boolean> {
  const { draft } = on
  const { base } = head
  if (base?.value == null || !isFolder(home.source, base.value)) return false
  const below = await liveBelow(draft, home, folder.id)
  if (below.length === 0) return false
  const at = Math.max(...below.map(one => (typeof one.meta.at === 'object' ? one.meta.at.time : (one.meta.at ?? 0))))
  // Where the remote settles, the base stays what it was, and what is there now is what was seen.
  const seen = home.settles && head.seen?.id === folder.id && head.seen.value !== null ? head.seen : undefined
  const there: Base = { value: seen?.value ?? base.value, version: seen?.version ?? base.version }
  const remote: RemoteRecord = { collection: home.sourceName, id: folder.id, ...there, ...(at > 0 && { at }) }
  const judgement = on.judged(`newcomers ${head.change}`, {
    collection: folder.collection,
    id: folder.id,
    rule: home.rule,
    base: changedInside,
    local: changeOf(home, folder, head),
    remote,
    copies: home.source.copy !== undefined,
    uncertainty: on.uncertainty,
  })
  if (judgement === undefined) return true
  const list = below.map(one => ({ id: one.id, value: one.value ?? null }))
  if (judgement.verdict.take === 'local') {
    for (const one of below) {
      const agreed = agreedOf({ id: one.id, value: one.value!, meta: one.meta })
      if (one.rows.length === 0 && agreed !== undefined) {
        await begin(draft, home.remote, one, { value: null, base: agreed, at: head.at })
      }
    }
  }
  await settle(draft, home, folder, head, remote, judgement, 'strategy', { below: list })
  return true
}

async function liveBelow(draft: Draft, home: Home, folder: string): Promise<Entry[]> {
  const found: Entry[] = []
  const seen = new Set([folder])
  const folders = [folder]
  for (let next = folders.pop(); next !== undefined; next = folders.pop()) {
    for (const child of await draft.where(home.collection, home.source.parent!, next)) {
      if (seen.has(child.id)) continue
      seen.add(child.id)
      found.push(child)
      if (isFolder(home.source, child.value!)) folders.push(child.id)
    }
  }
  return found
}

/** Put into a folder that the remote has deleted: the folder comes back empty, or the change gives way. */
async function intoDeleted(on: Meeting, home: Home, entry: Entry, head: OutboxRow, folder: Entry): Promise<boolean> {
  const { draft } = on
  if (spiritOf(home) !== 'SERVER_WINS') {
    if (await bringBack(draft, home, folder, head)) return true
    hold(
      draft,
      entry,
      head,
      'conflict',
      'Its folder was deleted at the remote and is not known any more. Move it elsewhere.',
    )
    return true
  }
  const remote: RemoteRecord = isNew(head)
    ? { collection: home.sourceName, id: entry.id, value: null, version: head.base?.version ?? null }
    : { collection: home.sourceName, id: entry.id, ...head.base! }
  const loses: Judgement = { verdict: { take: 'remote' }, loses: 'local' }
  await settle(draft, home, entry, head, remote, loses, 'tree', { reason: 'Its folder was deleted at the remote.' })
  return true
}

async function bringBack(draft: Draft, home: Home, folder: Entry, head: OutboxRow): Promise<boolean> {
  for (let next = folder, steps = 0; steps < deepest; steps++) {
    if (next.value !== null || next.rows.length > 0) return true
    const { was, version } = next.meta
    if (was === undefined) return false
    const gone: Base = { value: null, version: version ?? null }
    await begin(draft, home.remote, next, { value: was, base: gone, at: head.at })
    const theirs = { collection: home.sourceName, id: next.id, ...gone }
    draft.note(
      noted(draft, home, next, { ...head, value: was, base: null }, theirs, {
        id: draft.uuid(),
        verdict: { take: 'local' },
        by: 'tree',
        loses: 'remote',
        reason: 'It was deleted at the remote, and something was put into it here.',
      }),
    )
    const up = was[home.source.parent!]
    if (typeof up !== 'string') return true
    next = await draft.get(home.collection, up)
    if (next.value === undefined) return true
  }
  return false
}

async function isBelow(draft: Draft, home: Home, id: string, folder: string): Promise<boolean> {
  for (let next: unknown = id, steps = 0; typeof next === 'string' && steps < deepest; steps++) {
    if (next === folder) return true
    const { value }: { value: Value | null | undefined } = await draft.get(home.collection, next)
    next = value?.[home.source.parent!]
  }
  return false
}

/**
 * All of a ring was deleted at the remote and comes back: the one that was elsewhere before goes there again. `undefined`:
 * none is known to have been.
 */
async function placeOutside(draft: Draft, home: Home, first: Entry) {
  const { parent } = home.source
  for (let entry = first, steps = 0; steps < deepest; steps++) {
    const [head] = entry.rows
    const place = (head?.ancestor ?? entry.meta.was)?.[parent!]
    const moves = head !== undefined && head.value !== null && !inFlight(head) && entry.rows.length === 1
    if (moves && typeof place === 'string' && !(await isBelow(draft, home, place, entry.id))) return { entry, place }
    const up = entry.value?.[parent!]
    if (typeof up !== 'string' || up === first.id) return undefined
    entry = await draft.get(home.collection, up)
  }
  return undefined
}

/** Two moves, each fine alone, make a ring: the remote's tree stays as it is. */
async function breakRing(on: Meeting, home: Home, entry: Entry, head: OutboxRow): Promise<boolean> {
  const { draft } = on
  if (isNew(head)) {
    const back = await placeOutside(draft, home, entry)
    if (back === undefined) {
      hold(draft, entry, head, 'conflict', 'A folder cannot be in itself. Move it elsewhere.')
    } else {
      const { parent } = home.source
      const [row] = back.entry.rows as [OutboxRow]
      const value = { ...row.value, [parent!]: back.place }
      replaceRow(back.entry, row, renewed(draft, row, { value, state: 'waiting' }))
      back.entry.value = value
    }
    return true
  }
  const remote: RemoteRecord = { collection: home.sourceName, id: entry.id, ...head.base! }
  putBack(draft, home, entry, head)
  const row = entry.rows[0]!
  draft.note(
    noted(draft, home, entry, head, remote, {
      id: draft.uuid(),
      verdict: { take: 'merged', value: row.value },
      by: 'tree',
      loses: 'parts',
      reason: 'With a move at the remote, this move would have put a folder into itself.',
    }),
  )
  return true
}

/** The name is another's by now. */
async function settleName(on: Meeting, home: Home, entry: Entry, head: OutboxRow): Promise<boolean> {
  const { draft } = on
  const { parent, name, body } = home.source
  if (name === undefined || head.value === null) return false
  const wanted = String(head.value[name])
  const { sameName = same } = home.source
  const siblings = await draft.where(home.collection, parent!, String(head.value[parent!]))
  const other = siblings.find(
    one => one.id !== entry.id && sameName(String(one.value![name]), wanted) && holdsItsPlace(home, one),
  )
  if (other === undefined) return false

  const folders = isFolder(home.source, head.value)
  const kin = alike(home, head.value, other.value)
  const identical =
    folders || (body !== undefined && head.value[body] !== undefined && head.value[body] === other.value![body])
  if (isNew(head) && kin && identical) {
    await become(draft, home, entry, head, other)
    return true
  }
  if (isNew(head) && kin) {
    const judgement = on.judged(`name ${head.change}`, {
      collection: entry.collection,
      id: other.id,
      rule: home.rule,
      base: null,
      local: { ...changeOf(home, entry, head), base: null },
      remote: remoteOf(home, other),
      copies: home.source.copy !== undefined,
      uncertainty: on.uncertainty,
    })
    if (judgement !== undefined) await collide(draft, home, entry, head, other, judgement, 'strategy')
    return true
  }
  const spirit = spiritOf(home)
  // A folder that gives way would take along what is in it: it keeps another name instead.
  const yields = spirit === 'SERVER_WINS' && !(isNew(head) && folders)
  const take = yields ? 'remote' : spirit === 'MANUAL' ? 'ask' : 'both'
  await collide(
    draft,
    home,
    entry,
    head,
    other,
    { verdict: { take }, loses: take === 'remote' ? 'local' : 'nothing' },
    'tree',
  )
  return true
}

/** At the remote it is there, and no change of ours is about to take it away. */
function holdsItsPlace(home: Home, one: Entry): boolean {
  const [head] = one.rows
  if (head === undefined) return one.meta.version !== undefined
  return head.base?.value != null && !moves(home, head)
}
