/** What becomes of a change: accepted, refused, rejected, in doubt, or settled by a verdict. All within one draft. */
import { equal, sameBase, sameValue } from '../equal.ts'
import type { Base, Change, Device, RemoteRecord, Rule, Value } from '../model.ts'
import type { Judgement } from '../resolver.ts'
import { carry } from './carry.ts'
import type { Draft, Entry } from './draft.ts'
import { replaceRow } from './draft.ts'
import type { Place } from './edit.ts'
import { begin, isFolder, renewed } from './edit.ts'
import { noted } from './inbox.ts'
import type { InboxEntry, OutboxRow } from './rows.ts'
import { grace } from './rows.ts'
import { unsent } from './waiting.ts'

/** What is the same for all records of one collection while a remote is being dealt with. */
export interface Home extends Place {
  readonly remote: string
  /** The remote's name for the collection. */
  readonly source: Place['source']
  readonly sourceName: string
  readonly rule: Rule
  readonly device: Device
  /** The walk under way or last made. */
  readonly generation: number
  /** How long an automatic verdict can be undone, in milliseconds. */
  readonly keep: number
  /** The remote settles conflicts itself: what becomes of a change is in its receipt. */
  readonly settles?: true
  /** The remote guards nothing: a request that comes late or twice runs over what came after it. */
  readonly unguarded?: true
}

const mostReplaced = 4

/** Takes the remote's word for a record that has no open change. */
export function adopt(home: Home, entry: Entry, remote: Base & Partial<RemoteRecord>): void {
  const before = entry.value ?? entry.meta.was
  const wasFolder =
    remote.value === null && before != null && home.source.parent !== undefined && isFolder(home.source, before)
  const { replaced, deleted } = entry.meta
  // An answer to a change may not say it; what comes late is older still. A next life may count anew.
  const order = remote.order ?? (remote.value === null ? undefined : entry.meta.order)
  entry.value = remote.value
  entry.meta = {
    ...(replaced && { replaced }),
    ...(deleted !== undefined && { deleted }),
    version: remote.version,
    generation: home.generation,
    ...(remote.at !== undefined && { at: remote.at }),
    ...(order !== undefined && { order }),
    ...(wasFolder && { was: before }),
  }
}

/** The remote still shows this record in the present walk; `order` is that of the newest state it showed. */
export function touch(home: Home, entry: Entry, { order = entry.meta.order }: Pick<RemoteRecord, 'order'> = {}): void {
  if (entry.meta.generation === home.generation && entry.meta.order === order) return
  entry.meta = { ...entry.meta, generation: home.generation, ...(order !== undefined && { order }) }
}

/**
 * The remote took the head. Its successor, if any, goes on from the result. Returns what the remote showed meanwhile,
 * to be met as news: a guarded remote took our change on the base we knew, so what differs came later.
 */
export function accept(
  draft: Draft,
  home: Home,
  entry: Entry,
  head: OutboxRow,
  result: Base & Partial<RemoteRecord>,
): RemoteRecord | undefined {
  draft.close(head.change, { outcome: 'accepted', until: draft.now + grace })
  if (home.unguarded && head.base?.value != null) noteReplaced(draft, entry, head.base.value)
  if (home.unguarded && head.value === null) entry.meta = { ...entry.meta, deleted: draft.now + grace }
  const [, next] = entry.rows
  if (next === undefined) {
    entry.rows = []
    if (result.value === null && head.base?.value != null) entry.meta = { ...entry.meta, was: head.base.value }
    adopt(home, entry, { at: head.at, ...result })
  } else {
    const value = carry(head.value, next.value, result.value)
    entry.rows = [{ ...next, value, base: { value: result.value, version: result.version } }]
    entry.value = value
    touch(home, entry, result)
  }
  const { seen } = head
  if (seen === undefined || sameBase(seen, result)) return undefined
  if (seen.past?.some(({ origin }) => origin === head.change)) return seen
  // A feed that tells all that came before, and did not tell of ours, showed what is gone by now.
  if (tellsAll(home, head, seen)) return undefined
  if (head.sent !== undefined && seen.origin === undefined && sameValue(head.sent, seen.value)) return undefined
  // Nothing there, as before we made it, is no news either. A log that tells of what came before tells of a deletion
  // only after something was made.
  const wasMade = head.base == null && seen.past !== undefined
  if (head.base?.value == null && seen.value === null && !wasMade) return undefined
  return head.base != null && sameBase(seen, head.base) ? undefined : seen
}

/** Shown again, this value is a late delivery, not news (I4). */
export function noteReplaced(draft: Draft, entry: Entry, value: Value): void {
  const known = (entry.meta.replaced ?? []).filter(one => one.until > draft.now)
  const again = known.some(one => one.insisted && sameValue(one.value, value))
  const replaced = (again ? known : [...known, { value, until: draft.now + grace }]).slice(-mostReplaced)
  entry.meta = { ...entry.meta, replaced }
}

/** Whether this is what we replaced there some time ago. */
export const wasReplaced = (draft: Draft, { meta }: Entry, value: Value | null): boolean =>
  (meta.replaced ?? []).some(one => one.until > draft.now && sameValue(one.value, value))

/**
 * Whether to put ours over this value once more: two devices that both insist would go on for ever, so each does so once.
 */
export function insists(draft: Draft, entry: Entry, value: Value | null): boolean {
  const known = (entry.meta.replaced ?? []).filter(one => one.until > draft.now)
  const old = known.find(one => sameValue(one.value, value))
  if (old?.insisted) return false
  const mark = { value, until: draft.now + grace, insisted: true as const }
  entry.meta = { ...entry.meta, replaced: [...known.filter(one => one !== old), mark].slice(-mostReplaced) }
  return true
}

/** Whether our change would have been shown before `seen`, had it come before. */
export const tellsAll = (home: Home, head: OutboxRow, seen: RemoteRecord): boolean =>
  seen.told === true || (seen.past !== undefined && head.sentIn === home.generation)

export function changeOf(home: Home, entry: Pick<Entry, 'id'>, row: OutboxRow): Change {
  return {
    collection: home.sourceName,
    id: entry.id,
    change: row.change,
    value: row.value,
    base: row.base ?? null,
    at: row.at,
    ...(row.ticket !== undefined && { ticket: row.ticket }),
    ...(row.answer !== undefined && { answer: row.answer }),
    ...(row.since !== undefined && { since: row.since }),
  }
}

/**
 * Does what the verdict says and leaves what it dropped in the inbox, in the same transaction (I5). The row has no
 * successor: `fold` came first.
 */
export async function settle(
  draft: Draft,
  home: Home,
  entry: Entry,
  row: OutboxRow,
  remote: RemoteRecord,
  { verdict, loses, uncertain, reason }: Judgement,
  by: InboxEntry['by'] = 'strategy',
  more: Partial<InboxEntry> = {},
): Promise<void> {
  const common = commonOf(row, remote)
  const dropped = loses === 'nothing' && common?.value != null ? loserOf(verdict, row.value, remote.value) : loses
  const record = noted(draft, home, entry, row, remote, {
    base: common,
    verdict,
    by,
    loses: dropped,
    ...(uncertain && { uncertain }),
    ...(reason !== undefined && { reason }),
    ...more,
  })
  // What ran over the other's value is there now, so that value has to be put back rather than taken over.
  const base: Base = row.overwrote ?? { value: remote.value, version: remote.version }
  if (verdict.take === 'ask') {
    const { refused: _, sealed: _1, ...rest } = unsent(row)
    replaceRow(entry, row, { ...rest, state: 'asked', seen: remote, asks: record.id })
    touch(home, entry, remote)
    draft.note(record)
    return
  }
  if (verdict.take === 'remote') {
    await remoteStays(draft, home, entry, row, remote)
  } else if (verdict.take === 'local') {
    localStays(draft, home, entry, row, row.value, base)
  } else if (verdict.take === 'merged') {
    localStays(draft, home, entry, row, verdict.value, base)
  } else {
    const copy = await copyOf(draft, home, entry, row)
    if (copy === undefined) {
      const ask: Judgement = { verdict: { take: 'ask' }, loses: 'nothing' }
      return settle(draft, home, entry, row, remote, ask, by, { ...more, reason: 'There are too many copies already.' })
    }
    await remoteStays(draft, home, entry, row, remote)
    await keepApart(draft, home, entry, row, remote)
    draft.note({ ...record, copy })
    return
  }
  touch(home, entry, remote)
  if (dropped !== 'nothing' || row.asks !== undefined) draft.note(record)
}

/**
 * What both sides last had in common: what was there before a deletion, where that is the base. A remote that does not say
 * whose a state is may have gone on from what we sent: what it has as we sent it nobody changed since, and what it
 * deleted was ours.
 */
export function commonOf({ base, ancestor, sent, value }: OutboxRow, remote: RemoteRecord): Base | null {
  const known = ancestor === undefined ? (base ?? null) : { value: ancestor, version: null }
  if (sent == null || remote.origin !== undefined) return known
  if (remote.value === null) return known?.value == null ? { value: sent, version: null } : known
  const same = Object.entries(sent).filter(([field, held]) => equal(held, remote.value?.[field]))
  if (same.length === 0) return known
  const common = { ...known?.value, ...Object.fromEntries(same) }
  return sameValue(common, value) ? known : { value: common, version: known?.version ?? null }
}

/** An edit that outlives a delete loses no value, but somebody's delete did not happen: that is no secret either. */
function loserOf({ take }: Judgement['verdict'], mine: Value | null, theirs: Value | null): Judgement['loses'] {
  if (take === 'remote' && mine === null && theirs !== null) return 'local'
  return take === 'local' && theirs === null && mine !== null ? 'remote' : 'nothing'
}

async function remoteStays(
  draft: Draft,
  home: Home,
  entry: Entry,
  row: OutboxRow,
  remote: RemoteRecord,
): Promise<void> {
  draft.close(row.change, { outcome: 'conflicted', until: draft.now + grace })
  entry.rows = []
  const { echo } = entry.meta
  if (row.overwrote === undefined) {
    adopt(home, entry, remote)
    // The feed has still to come to what we did before this row: until then this came before it.
    if (echo !== undefined && remote.origin !== echo) entry.meta = { ...entry.meta, echo }
  } else await begin(draft, home.remote, entry, { value: remote.value, base: row.overwrote, at: row.at })
}

/** What the local side changed apart from the clash, such as the place of a file, still goes to the remote's record. */
async function keepApart(draft: Draft, home: Home, entry: Entry, row: OutboxRow, remote: RemoteRecord): Promise<void> {
  const was = row.base?.value
  if (was == null || row.value === null || remote.value === null || row.overwrote !== undefined) return
  const value: { [field: string]: Value[string] } = { ...remote.value }
  const { body, facets = {} } = home.source
  for (const fields of Object.values(facets)) {
    // The same bytes are the same content, whoever says when they were written (F98).
    const telling = body !== undefined && fields.includes(body) && was[body] !== undefined ? [body] : fields
    const same = (one: Value, other: Value) => telling.every(field => equal(one[field], other[field]))
    if (!same(was, remote.value) || same(was, row.value)) continue
    for (const field of fields) {
      if (row.value[field] === undefined) delete value[field]
      else value[field] = row.value[field]
    }
  }
  if (sameValue(value, remote.value)) return
  const base: Base = { value: remote.value, version: remote.version }
  await begin(draft, home.remote, entry, { value, base, at: row.at })
}

function localStays(draft: Draft, home: Home, entry: Entry, row: OutboxRow, value: Value | null, base: Base): void {
  if (row.overwrote !== undefined && sameValue(value, base.value)) {
    draft.close(row.change, { outcome: 'accepted', until: draft.now + grace })
    entry.rows = []
    adopt(home, entry, { ...base, at: row.at })
    return
  }
  const state = row.state === 'held' ? 'held' : 'waiting'
  const next = renewed(draft, row, {
    value,
    base,
    state,
    ...(state === 'held' && row.reason && { reason: row.reason }),
  })
  replaceRow(entry, row, next)
  entry.value = value
  touch(home, entry)
}

/** The local side becomes a record of its own; the remote keeps the id (rule 3). */
async function copyOf(draft: Draft, home: Home, entry: Entry, row: OutboxRow): Promise<string | undefined> {
  const { parent, name } = home.source
  const within = parent === undefined ? undefined : row.value![parent]
  const siblings =
    parent === undefined || name === undefined ? [] : await draft.where(entry.collection, parent, String(within))
  const names = siblings.filter(one => one.id !== entry.id).map(one => String(one.value![name!]))
  if (name !== undefined) names.push(String(row.value![name]))
  const made = home.source.copy!(
    { collection: home.sourceName, id: entry.id },
    row.value!,
    changeOf(home, entry, row),
    names,
    home.device,
  )
  if (made === undefined) return undefined
  const copy = await draft.get(entry.collection, made.id)
  if (copy.value === undefined) await begin(draft, home.remote, copy, { value: made.value, base: null, at: row.at })
  return made.id
}
