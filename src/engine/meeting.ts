/** What all who meet a remote's rows stand on, and the small steps that they share. */
import { sameValue } from '../equal.ts'
import { type Draft, type Entry, replaceRow } from '../ledger/draft.ts'
import { based, renewed } from '../ledger/edit.ts'
import { agreedOf, type Meta, type OutboxRow } from '../ledger/rows.ts'
import { adopt, type Home, touch } from '../ledger/settle.ts'
import type { Base, RemoteRecord, Value } from '../model.ts'
import type { Ground } from './ground.ts'
import { reconcile } from './reconcile.ts'
import type { Judged } from './verdicts.ts'

export interface Meeting {
  readonly draft: Draft
  readonly judged: Judged
  /** Two times closer than this many milliseconds do not say who was later. */
  readonly uncertainty: number
  /** What protects this remote from a change delivered twice. */
  readonly guard: 'key' | 'version' | 'none'
  /** The page shows the present state, not history: an old state of ours in it is a step back of the remote's. */
  readonly snapshot: boolean
  /** Counts local values that vanish. */
  deleted(): void
}

/** Sent content may still arrive, late or twice; until its outcome is known nothing is decided about it. */
export const inFlight = (head: OutboxRow): boolean =>
  head.state === 'sent' || (head.state === 'waiting' && head.sealed === true && !head.refused)

/** What becomes of it is for the remote to say, and is not said yet. */
export const undecided = (home: Home, head: OutboxRow): boolean =>
  inFlight(head) ||
  (home.settles === true &&
    !head.refused &&
    (head.state === 'waiting' || (head.state === 'asked' && head.ticket !== undefined)))

export function withoutSeen(head: OutboxRow): OutboxRow {
  const { seen: _, ...rest } = head
  return rest
}

export function withoutEcho(meta: Meta): Meta {
  const { echo: _, ...rest } = meta
  return rest
}

export function rebase(
  on: Meeting,
  home: Home,
  entry: Entry,
  head: OutboxRow,
  remote: Base & Partial<RemoteRecord>,
): void {
  const base: Base = { value: remote.value, version: remote.version }
  const { sent, ...plain } = head
  const goesOn = sent === undefined || sameValue(sent, remote.value) ? plain : head
  const open = head.state === 'asked' ? goesOn : withoutSeen(goesOn)
  const next = head.sealed ? renewed(on.draft, open, { base, state: head.state }) : based({ ...open, base }, head.base)
  replaceRow(entry, head, next)
  touch(home, entry, remote)
}

export function takeOver(on: Meeting, home: Home, entry: Entry, remote: RemoteRecord): void {
  const agreed = agreedOf(storedOf(entry))
  if (reconcile(agreed, undefined, remote) === 'known') {
    touch(home, entry)
  } else {
    if (entry.value != null && remote.value === null) on.deleted()
    const { echo } = entry.meta
    adopt(home, entry, remote)
    if (echo !== undefined && !on.snapshot) entry.meta = { ...entry.meta, echo }
  }
}

export const storedOf = (entry: Entry) =>
  entry.value === undefined ? undefined : { id: entry.id, value: entry.value as Value | null, meta: entry.meta }

/** The base of a folder whose inside changed: neither side is where it was, although the folder itself is. */
export const changedInside: Base = { value: {}, version: null }

/** Outside a page of the feed. */
export const meetingOf = (on: Ground, draft: Draft, judged: Meeting['judged']): Meeting => ({
  draft,
  judged,
  uncertainty: on.clock.uncertainty(),
  guard: on.transport.push?.guard ?? 'none',
  snapshot: false,
  deleted: () => {},
})
