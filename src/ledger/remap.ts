/** The remote gives a record another id than the one that it was made under. */
import type { Value } from '../model.ts'
import type { Draft, Entry } from './draft.ts'
import { noted } from './inbox.ts'
import { grace, type InboxEntry, type OutboxRow } from './rows.ts'
import type { Home } from './settle.ts'

/**
 * The remote knows this record by another id: record, open changes, children and inbox entries move, and the old id
 * leads to the new one (rule 5).
 */
export async function remap(draft: Draft, home: Home, from: Entry, id: string): Promise<Entry> {
  const to = await draft.get(from.collection, id)
  if (to === from) return from
  if (home.source.parent !== undefined) await moveChildren(draft, home, from.id, id)
  const rows = from.rows.map(row => ({ ...row, id }))
  if (to.value === undefined) {
    to.value = from.value
    to.meta = from.meta
    to.rows = rows
  } else if (to.rows.length === 0 && rows.length > 0) {
    // It came by the feed first: what is still open goes on from there.
    const [head, next] = rows as [OutboxRow, OutboxRow?]
    const open = next ?? head
    if (next !== undefined) draft.close(head.change, { outcome: 'accepted', until: draft.now + grace })
    to.rows = [{ ...open, base: { value: to.value, version: to.meta.version ?? null } }]
    to.value = open.value
  } else {
    for (const row of rows) draft.close(row.change, { outcome: 'conflicted', until: draft.now + grace })
    const lost = rows.at(-1)
    if (lost !== undefined) draft.note(lostEntry(draft, home, to, lost))
  }
  draft.forget(from)
  draft.alias(from.collection, from.id, id)
  return to
}

/** Also in what was sent: the remote has it under the new id, whichever was named. */
async function moveChildren(draft: Draft, home: Home, from: string, to: string): Promise<void> {
  const field = home.source.parent!
  const moved = (value: Value | null): Value | null => (value?.[field] === from ? { ...value, [field]: to } : value)
  for (const child of await draft.where(home.collection, field, from)) {
    child.value = moved(child.value!)!
    child.rows = child.rows.map(row => ({
      ...row,
      value: moved(row.value),
      ...(row.base && { base: { ...row.base, value: moved(row.base.value) } }),
    }))
  }
}

function lostEntry(draft: Draft, home: Home, to: Entry, lost: OutboxRow): InboxEntry {
  const theirs = { collection: home.sourceName, id: to.id, value: to.value ?? null, version: to.meta.version ?? null }
  return noted(draft, home, to, lost, theirs, {
    id: draft.uuid(),
    verdict: { take: 'remote' },
    by: 'tree',
    loses: 'local',
    reason: 'The remote gave two local records the same id.',
  })
}
