/** The remote keeps a question: the user's answer goes there like a change, and what comes of it comes back. */
import type { Answer } from '../model.ts'
import type { Draft, Entry } from './draft.ts'
import { replaceRow } from './draft.ts'
import type { InboxEntry, OutboxRow } from './rows.ts'
import type { Home } from './settle.ts'

export async function answerQuestion(
  draft: Draft,
  home: Home,
  entry: Entry,
  row: OutboxRow,
  take: Answer,
): Promise<void> {
  replaceRow(entry, row, { ...row, state: 'waiting', answer: take })
  const asked = row.asks === undefined ? undefined : await draft.inbox(row.asks)
  if (asked === undefined) return
  const loses: InboxEntry['loses'] = take === 'both' ? 'nothing' : take === 'local' ? 'remote' : 'local'
  draft.note({ ...asked, verdict: { take }, loses, by: 'app', state: 'settled', until: draft.now + home.keep })
}
