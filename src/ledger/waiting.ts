/** How a change comes to wait again: folded with its successor, refused, to be sent as it is, or held. */
import type { RejectCode } from '../model.ts'
import type { Draft, Entry } from './draft.ts'
import { replaceRow } from './draft.ts'
import { renewed } from './edit.ts'
import { grace, type OutboxRow } from './rows.ts'

/** Predecessor and successor become one waiting change: its base, the successor's value, a new id (rule 2). */
export function fold(draft: Draft, entry: Entry): OutboxRow {
  const [head, next] = entry.rows as [OutboxRow, OutboxRow?]
  if (next === undefined) return head
  const seen = head.seen
  const { refused, after, notBefore } = head
  const waits = refused && after !== undefined && notBefore !== undefined ? { refused, after, notBefore } : {}
  const one = renewed(draft, head, {
    value: next.value,
    // Deleted here while its creation was under way: that creation may be there, and be what others went on from.
    ...(next.value === null &&
      head.sealed &&
      head.value !== null &&
      head.base?.value == null && { ancestor: head.value }),
    ...(head.sealed && { sent: head.value }),
    at: next.at,
    state: 'waiting',
    ...(seen && { seen }),
    ...waits,
  })
  draft.close(next.change, { into: one.change, until: draft.now + grace })
  entry.rows = [one]
  return one
}

/** Stale by the remote's word, without saying against what: it waits until another pull has ended. */
export function refuse(draft: Draft, entry: Entry, head: OutboxRow, after: number, notBefore: number): void {
  replaceRow(entry, head, { ...unsent(head), refused: true, after, notBefore })
  fold(draft, entry)
}

/** It certainly had no effect, and may be sent again as it is. */
export function again(entry: Entry, head: OutboxRow, notBefore: number | undefined, why?: OutboxRow['reason']): void {
  const { reason: _, ...rest } = unsent(head)
  replaceRow(entry, head, { ...rest, ...(notBefore !== undefined && { notBefore }), ...(why && { reason: why }) })
}

/** As if it had never gone out. */
export function unsent(head: OutboxRow): OutboxRow {
  const { epoch: _, deadline: _1, notBefore: _2, after: _3, ...rest } = head
  return { ...rest, state: 'waiting' }
}

/** The remote will never take this one: it is held with its reason, the rest flows on (law 7). */
export function hold(
  draft: Draft,
  entry: Entry,
  head: OutboxRow,
  code: RejectCode | 'rejected' | 'conflict',
  message: string,
): void {
  const one = entry.rows.length > 1 ? fold(draft, entry) : head
  const { sealed: _, ...rest } = unsent(one)
  replaceRow(entry, one, { ...rest, state: 'held', reason: { code, message } })
}
