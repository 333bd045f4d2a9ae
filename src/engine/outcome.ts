/** The answer to a change brings what the remote has: beside what it settled, after a refusal, or seen meanwhile. */
import { sameValue } from '../equal.ts'
import type { Entry } from '../ledger/draft.ts'
import { replaceRow } from '../ledger/draft.ts'
import type { OutboxRow } from '../ledger/rows.ts'
import { accept, adopt, type Home } from '../ledger/settle.ts'
import { fold } from '../ledger/waiting.ts'
import type { RemoteRecord } from '../model.ts'
import { accepted, meetWaiting } from './meet.ts'
import { type Meeting, rebase, withoutSeen } from './meeting.ts'
import { ownEffect } from './own.ts'

/**
 * The head is settled, and the remote says what is there now. What others put there was never shown here: an edit made
 * meanwhile went on from the head, and meets it.
 */
export async function takenWith(
  on: Meeting,
  home: Home,
  entry: Entry,
  head: OutboxRow,
  remote: RemoteRecord,
  label: string,
): Promise<void> {
  const made = head.value === null ? null : { ...remote.value, ...head.value }
  accept(on.draft, home, entry, withoutSeen(head), { ...remote, value: made })
  const [next] = entry.rows
  if (sameValue(made, remote.value)) return
  if (next === undefined) adopt(home, entry, { at: head.at, ...remote } as RemoteRecord)
  else await meetWaiting(on, home, entry, next, remote, label)
}

/** After an answer that says "stale": judged against what came with it, or with what was seen meanwhile. */
export async function meetRefusal(
  on: Meeting,
  home: Home,
  entry: Entry,
  remote: RemoteRecord,
  label: string,
): Promise<void> {
  const own = await ownEffect(on.draft, remote.origin)
  const mine = own !== undefined && own !== 'step' && own.open && own.id === entry.id ? own : undefined
  const [first] = entry.rows
  // Refused because it had its effect already, and the answer to that was lost (I26).
  if (first !== undefined && first.change === mine?.change) {
    return accepted(on, home, entry, withoutSeen(first), remote, label)
  }
  const head = fold(on.draft, entry)
  const open = withoutSeen({ ...head, state: 'waiting', refused: true })
  replaceRow(entry, head, open)
  if (mine !== undefined) return rebase(on, home, entry, open, remote)
  await meetWaiting(on, home, entry, open, remote, label)
}

/** After a refusal for good: what the remote showed meanwhile is its answer still. */
export async function meetHeld(
  on: Meeting,
  home: Home,
  entry: Entry,
  remote: RemoteRecord,
  label: string,
): Promise<void> {
  const [head] = entry.rows as [OutboxRow]
  const open = withoutSeen(head)
  replaceRow(entry, head, open)
  await meetWaiting(on, home, entry, open, remote, label)
}
