/** What a person is asked about goes on at the remote meanwhile: the question follows, or is answered by that. */
import { type Entry, replaceRow } from '../ledger/draft.ts'
import { grace, type OutboxRow } from '../ledger/rows.ts'
import { type Home, touch } from '../ledger/settle.ts'
import type { RemoteRecord } from '../model.ts'
import type { Meeting } from './meeting.ts'

/** An open question shows what the remote's side of it is by now. */
export async function tellQuestion(on: Meeting, head: OutboxRow, remote: RemoteRecord): Promise<void> {
  const asked = head.state !== 'asked' || head.asks === undefined ? undefined : await on.draft.inbox(head.asks)
  if (asked !== undefined) on.draft.note({ ...asked, theirs: remote })
}

/** It went on there from what ours ran over with: a person still chooses between that and what was run over. */
export async function askOn(
  on: Meeting,
  home: Home,
  entry: Entry,
  head: OutboxRow,
  remote: RemoteRecord,
): Promise<void> {
  const { value, version } = remote
  replaceRow(entry, head, { ...head, value, overwrote: { value, version } })
  entry.value = value
  const asked = head.asks === undefined ? undefined : await on.draft.inbox(head.asks)
  if (asked !== undefined) on.draft.note({ ...asked, local: { ...asked.local, value } })
  touch(home, entry, remote)
}

/** Both sides are the same by now. */
export async function closeQuestion(on: Meeting, head: OutboxRow, remote: RemoteRecord): Promise<void> {
  const asked = head.asks === undefined ? undefined : await on.draft.inbox(head.asks)
  if (asked === undefined) return
  const verdict = { take: 'remote' } as const
  on.draft.note({
    ...asked,
    theirs: remote,
    verdict,
    by: 'remote',
    state: 'settled',
    loses: 'nothing',
    until: on.draft.now + grace,
  })
}
