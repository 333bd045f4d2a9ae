/** What a remote shows that does not say whose it is: perhaps our own, sent earlier, or what somebody made of it. */
import { sameValue } from '../equal.ts'
import type { Entry } from '../ledger/draft.ts'
import { replaceRow } from '../ledger/draft.ts'
import { begin } from '../ledger/edit.ts'
import type { OutboxRow } from '../ledger/rows.ts'
import { type Home, settle } from '../ledger/settle.ts'
import type { Base, RemoteRecord } from '../model.ts'
import { changedInside, type Meeting } from './meeting.ts'
import { reconcile } from './reconcile.ts'

/** `reconcile`, where the change before this one was sent and nothing told what became of it. */
export function meaning(head: OutboxRow, remote: RemoteRecord): ReturnType<typeof reconcile> {
  const news = reconcile(head.base, head, remote)
  if (head.sent === undefined || remote.origin !== undefined) return news
  if (news === 'conflict' && sameValue(head.sent, remote.value)) return 'adopt'
  // It was made, and somebody deleted it: that is no "nothing there, as before" for the edit that went on from it.
  if (news === 'adopt' && remote.value === null && head.sent !== null) return 'conflict'
  return news
}

/** The remote took it, and shows something else: somebody put that over ours. */
export const wasTaken = (on: Meeting, head: OutboxRow): boolean => on.guard === 'none' && head.taken !== undefined

/** We insisted once against this very value, and it is there again: whoever puts it there insists too. */
export function giveWay(on: Meeting, home: Home, entry: Entry, head: OutboxRow, remote: RemoteRecord): Promise<void> {
  return settle(on.draft, home, entry, head, remote, { verdict: { take: 'remote' }, loses: 'local' }, 'remote')
}

/** The remote shows a state of ours that we ourselves replaced: a conflict to settle, never news (amendment to I4). */
export async function wentBack(
  on: Meeting,
  home: Home,
  entry: Entry,
  agreed: Base,
  remote: RemoteRecord,
  label: string,
): Promise<void> {
  // Without a time of its own it is just later than what it replaced. Never now: that is another case in each pass.
  const time = typeof entry.meta.at === 'object' ? entry.meta.at.time : (entry.meta.at ?? timeOf(remote.at) + 1)
  const at = typeof entry.meta.at === 'object' ? entry.meta.at : { time, device: home.device.id }
  const local = { collection: home.sourceName, id: entry.id, change: 'went-back', value: agreed.value, base: null, at }
  const deleted = agreed.value === null
  const judgement = on.judged(label, {
    collection: entry.collection,
    id: entry.id,
    rule: home.rule,
    base: deleted ? changedInside : null,
    local,
    remote,
    copies: home.source.copy !== undefined,
    uncertainty: on.uncertainty,
  })
  if (judgement === undefined) return
  const begun = await begin(on.draft, home.remote, entry, { value: agreed.value, base: agreed, at })
  // A delete of ours was about this very value.
  const row = deleted && remote.value !== null ? { ...begun, ancestor: remote.value } : begun
  replaceRow(entry, begun, row)
  await settle(on.draft, home, entry, row, remote, judgement)
}

export const timeOf = (at: RemoteRecord['at']): number => (typeof at === 'object' ? at.time : (at ?? 0))
