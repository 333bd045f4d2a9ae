/** What all who meet a remote's rows stand on, and the small steps that they share. */
import type { Draft, Entry } from '../ledger/draft.ts'
import { agreedOf, type Meta, type OutboxRow } from '../ledger/rows.ts'
import { adopt, type Home, touch } from '../ledger/settle.ts'
import { goOn } from '../ledger/subtree.ts'
import type { Base, RemoteRecord, Value } from '../model.ts'
import type { Ground } from './ground.ts'
import { reconcile } from './reconcile.ts'
import type { Judged } from './verdicts.ts'

export { inFlight, undecided, withoutSeen } from '../ledger/subtree.ts'

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

export function withoutEcho(meta: Meta): Meta {
  const { echo: _, ...rest } = meta
  return rest
}

/** The change goes on from what the remote has by now. */
export const rebase = (
  on: Meeting,
  home: Home,
  entry: Entry,
  head: OutboxRow,
  remote: Base & Partial<RemoteRecord>,
): void => goOn(on.draft, home, entry, head, remote)

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
