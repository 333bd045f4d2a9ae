/** A local write: the record and its change, in the transaction that the app waits for (law 1). */
import type { Json, Stamp, Value } from '../model.ts'
import type { Source } from '../transport.ts'
import type { Draft, Entry } from './draft.ts'
import { realId, replaceRow } from './draft.ts'
import type { OutboxRow } from './rows.ts'
import { agreedOf, grace } from './rows.ts'

/** A collection and where it lives. Without a remote nothing is tracked. */
export interface Place {
  readonly collection: string
  readonly remote?: string
  readonly source: Source
}

/** A remote's clock this far ahead is wrong and must not pull ours along (I20). */
const believable = 5 * 60_000

/**
 * Sets a record, or deletes it with `null`. A deleted folder takes its known descendants along, one change each with
 * its own base. Returns the ids of the changes that carry the write; none where nothing is left to send.
 */
export async function edit(
  draft: Draft,
  place: Place,
  device: string,
  id: string,
  wanted: Value | null,
): Promise<string[]> {
  const entry = await draft.get(place.collection, id)
  const value = await inFolder(draft, place, wanted)
  const changes: string[] = []
  if (
    value === null &&
    place.source.parent !== undefined &&
    entry.value != null &&
    isFolder(place.source, entry.value)
  ) {
    for (const child of await draft.where(place.collection, place.source.parent, id)) {
      changes.push(...(await edit(draft, place, device, child.id, null)))
    }
  }
  if (place.remote === undefined) {
    if (value === null) draft.forget(entry)
    else setRecord(entry, value, stampFor(draft, entry, device))
    return changes
  }
  const home = { remote: place.remote, source: place.source }
  const change = await track(draft, home, entry, value, stampFor(draft, entry, device))
  if (change !== undefined) changes.push(change)
  return changes
}

/** Whoever wrote it may know its folder by the id that it had before the remote gave it another (rule 5). */
export async function inFolder<V extends Value | null>(
  draft: Draft,
  { collection, source }: Pick<Place, 'collection' | 'source'>,
  value: V,
): Promise<V> {
  const parent = source.parent === undefined ? undefined : value?.[source.parent]
  if (typeof parent !== 'string') return value
  const id = await realId(draft, collection, parent)
  return id === parent ? value : { ...value, [source.parent!]: id }
}

async function track(
  draft: Draft,
  { remote, source }: { readonly remote: string; readonly source: Source },
  entry: Entry,
  value: Value | null,
  at: Stamp,
): Promise<string | undefined> {
  const last = entry.rows.at(-1)
  if (last === undefined) {
    const base =
      agreedOf(entry.value === undefined ? undefined : { id: entry.id, value: entry.value, meta: entry.meta }) ?? null
    if (value === null && (base === null || base.value === null)) {
      if (entry.value != null) draft.forget(entry) // from a time without a remote: nobody else has it
      return undefined
    }
    const row: OutboxRow = { ...(await newRow(draft, remote, entry, 1)), value, base, at }
    entry.rows = [row]
    setRecord(entry, value, at)
    return row.change
  }
  if (last.sealed || last.state === 'sent') {
    // The sealed one may already be with the remote: this is its successor, based on what becomes of it.
    const row: OutboxRow = { ...(await newRow(draft, remote, entry, last.generation + 1)), value, at }
    entry.rows = [...entry.rows, row]
    setRecord(entry, value, at)
    return row.change
  }
  if (
    value === null &&
    last.base?.value == null &&
    last.state !== 'asked' &&
    entry.rows.length === 1 &&
    last.base !== undefined
  ) {
    // Created and deleted before it was ever sent: nobody else has seen it.
    draft.close(last.change, { outcome: 'accepted', until: draft.now + grace })
    entry.rows = []
    const was = entry.value != null && source.parent !== undefined && isFolder(source, entry.value) ? entry.value : null
    if (last.base === null && was === null) draft.forget(entry)
    else setRecord(entry, null, at, last.base?.version)
    // Another tab may put something into it still: then it is needed again.
    if (was !== null) entry.meta = { ...entry.meta, was }
    return undefined
  }
  if (last.state === 'waiting') {
    // Bytes may be on their way under the old id, which is bound to them.
    const bytes = source.body === undefined || last.value?.[source.body] === value?.[source.body]
    const same = bytes && last.ticket === undefined // the remote's question is about what the old id says
    const change = same ? last.change : draft.uuid()
    if (!same) draft.close(last.change, { into: change, until: draft.now + grace })
    replaceRow(entry, last, { ...last, value, at, change })
    setRecord(entry, value, at)
    return change
  }
  const next = renewed(draft, last, { value, at, state: last.state === 'held' ? 'waiting' : last.state })
  replaceRow(entry, last, next)
  setRecord(entry, value, at)
  const asked = last.asks === undefined ? undefined : await draft.inbox(last.asks)
  if (asked !== undefined) draft.note({ ...asked, local: { change: next.change, value, at } })
  return next.change
}

async function newRow(
  draft: Draft,
  remote: string,
  { collection, id }: Entry,
  generation: number,
): Promise<Omit<OutboxRow, 'value' | 'at'>> {
  const seq = await draft.seq(remote)
  return { change: draft.uuid(), remote, collection, id, generation, seq, state: 'waiting', tries: 0 }
}

/**
 * The same row as another change: its content is another, so its id must be another too (I4k). Unsealed, untried, and
 * the old id leads to the new one.
 */
export function renewed(draft: Draft, row: OutboxRow, by: Partial<OutboxRow>): OutboxRow {
  const {
    sealed: _,
    seen: _1,
    epoch: _2,
    deadline: _3,
    refused: _4,
    after: _5,
    notBefore: _6,
    reason: _7,
    asks: _8,
    taken: _9,
    overwrote: _10,
    sentIn: _11,
    sent: _12,
    since: _13,
    before: _14,
    ...plain
  } = row
  const keep = by.state === 'asked' ? pick(row, ['seen', 'asks', 'overwrote']) : {}
  const next: OutboxRow = based({ ...plain, ...keep, tries: 0, ...by, change: draft.uuid() }, row.base)
  draft.close(row.change, { into: next.change, until: draft.now + grace })
  return next
}

/** A deletion is no state to compare with: what was there before it is kept, to judge by if the record comes back. */
export function based(row: OutboxRow, before: OutboxRow['base']): OutboxRow {
  const { ancestor = before?.value ?? undefined, ...rest } = row
  return row.base !== undefined && row.base?.value == null && ancestor !== undefined ? { ...rest, ancestor } : rest
}

function pick<K extends keyof OutboxRow>(row: OutboxRow, names: readonly K[]): Partial<Pick<OutboxRow, K>> {
  return Object.fromEntries(names.filter(name => row[name] !== undefined).map(name => [name, row[name]])) as Pick<
    OutboxRow,
    K
  >
}

/** A new, waiting change for a record that had none. */
export async function begin(
  draft: Draft,
  remote: string,
  entry: Entry,
  fields: Pick<OutboxRow, 'value' | 'at'> & { base: NonNullable<OutboxRow['base']> | null },
): Promise<OutboxRow> {
  const row: OutboxRow = { ...(await newRow(draft, remote, entry, 1)), ...fields }
  entry.rows = [row]
  setRecord(entry, fields.value, fields.at)
  return row
}

function setRecord(entry: Entry, value: Value | null, at: Stamp, version?: Json): void {
  entry.value = value
  const { misfit: _, ...meta } = entry.meta
  entry.meta = { ...meta, at, ...(version !== undefined && { version }) }
}

function stampFor(draft: Draft, entry: Entry, device: string): Stamp {
  const times = [entry.meta.at, ...entry.rows.map(row => row.at)].map(at =>
    typeof at === 'object' ? at.time : (at ?? 0),
  )
  const seen = Math.max(0, ...times.filter(time => time <= draft.now + believable))
  return { time: Math.max(draft.now, seen + 1), device }
}

export const isFolder = (source: Source, value: Value): boolean => source.folder?.(value) ?? source.parent !== undefined
