/** What all who meet a remote's rows stand on, and the small steps that they share. */
import { sameValue } from '../equal.ts'
import { carry } from '../ledger/carry.ts'
import type { Draft, Entry } from '../ledger/draft.ts'
import { replaceRow } from '../ledger/draft.ts'
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

/** The remote has shown an effect of this change, last or before what it showed since. */
export const wasShown = ({ change, seen }: OutboxRow): boolean =>
  seen?.origin === change || seen?.past?.some(isOf(change)) === true

/** What the remote shows behind an effect of this very change came after it, also where an earlier page told of that. */
export function behind({ change, seen }: OutboxRow, remote: RemoteRecord): RemoteRecord {
  const own = seen?.origin === change ? { origin: change, version: seen.version } : seen?.past?.find(isOf(change))
  if (own === undefined || remote.origin === change || remote.past?.some(isOf(change))) return remote
  return { ...remote, past: [...(remote.past ?? []), own] }
}

const isOf = (change: string) => (one: { readonly origin: string }) => one.origin === change

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

/** The same bytes in the same place are the same file, whoever says when they were written (F98). */
export function sameBytes(home: Home, mine: Value | null, theirs: Value | null): boolean {
  const said = asSaid(home, mine, theirs)
  return said !== undefined && sameValue(said, theirs)
}

/** Mine with what theirs says of the same bytes, such as when they were written; `undefined` where the bytes are others. */
export function asSaid({ source }: Home, mine: Value | null, theirs: Value | null): Value | undefined {
  const { body, facets } = source
  if (body === undefined || mine === null || theirs === null || mine[body] === undefined) return undefined
  if (mine[body] !== theirs[body]) return undefined
  const content = Object.values(facets ?? {}).find(fields => fields.includes(body)) ?? [body]
  const taken = Object.fromEntries(content.filter(field => field in theirs).map(field => [field, theirs[field]!]))
  return { ...mine, ...taken }
}

/** What we agreed on, as the remote made it: a field that it added or fixed is nobody's edit. */
export function asMade(home: Home, entry: Entry, agreed: Base, remote: RemoteRecord): void {
  const [head] = entry.rows
  if (head === undefined) {
    adopt(home, entry, { at: entry.meta.at, ...remote } as RemoteRecord)
    return
  }
  touch(home, entry, remote)
  // Sealed content is bound to its id, and goes out as it is.
  if (head.sealed || sameValue(agreed.value, remote.value)) return
  const value = carry(agreed.value, head.value, remote.value)
  replaceRow(entry, head, { ...head, value, base: { value: remote.value, version: remote.version } })
  entry.value = entry.rows.length > 1 ? entry.value : value
}

export function older(remote: RemoteRecord, entry: Entry): boolean {
  const { order } = entry.meta
  return (
    remote.order !== undefined && order !== undefined && typeof order === typeof remote.order && remote.order < order
  )
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
