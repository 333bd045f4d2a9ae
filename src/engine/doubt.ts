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

/**
 * Made again after our delete, or gone again: at a remote that guards nothing that may be somebody's write that did not
 * know of our delete, or our delete come twice.
 */
export const unaware = (on: Meeting, { meta }: Entry, agreed: Base, remote: RemoteRecord): boolean =>
  (meta.deleted ?? 0) > on.draft.now && (agreed.value === null) !== (remote.value === null)

/** It may be meant as well, so it stays, unless a person is to choose; what it ran over is in the inbox. */
export async function recordUnaware(
  on: Meeting,
  home: Home,
  entry: Entry,
  agreed: Base,
  remote: RemoteRecord,
  label: string,
): Promise<void> {
  const judgement = agreed.value === null ? undefined : judgedAgreed(on, home, entry, agreed, remote, label)
  if (agreed.value !== null && judgement === undefined) return
  const row = await begin(on.draft, home.remote, entry, agreedChange(home, entry, agreed, remote))
  if (judgement?.verdict.take === 'ask') return settle(on.draft, home, entry, row, remote, judgement)
  if (agreed.value !== null) on.deleted()
  await giveWay(on, home, entry, row, remote)
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
  const judgement = judgedAgreed(on, home, entry, agreed, remote, label)
  if (judgement === undefined) return
  const begun = await begin(on.draft, home.remote, entry, agreedChange(home, entry, agreed, remote))
  // A delete of ours was about this very value.
  const row = agreed.value === null && remote.value !== null ? { ...begun, ancestor: remote.value } : begun
  replaceRow(entry, begun, row)
  await settle(on.draft, home, entry, row, remote, judgement)
}

/** What we agreed on, as a change that clashes with what the remote shows. */
function judgedAgreed(on: Meeting, home: Home, entry: Entry, agreed: Base, remote: RemoteRecord, label: string) {
  const { value, at } = agreedChange(home, entry, agreed, remote)
  return on.judged(label, {
    collection: entry.collection,
    id: entry.id,
    rule: home.rule,
    base: value === null || remote.value === null ? changedInside : null,
    local: { collection: home.sourceName, id: entry.id, change: 'went-back', value, base: null, at },
    remote,
    copies: home.source.copy !== undefined,
    uncertainty: on.uncertainty,
  })
}

/** Without a time of its own it is just later than what it replaced. Never now: that is another case in each pass. */
function agreedChange(home: Home, { meta }: Entry, base: Base, remote: RemoteRecord) {
  const at = typeof meta.at === 'object' ? meta.at : { time: meta.at ?? timeOf(remote.at) + 1, device: home.device.id }
  return { value: base.value, base, at }
}

export const timeOf = (at: RemoteRecord['at']): number => (typeof at === 'object' ? at.time : (at ?? 0))
