/** Two records that want the same name in the same place: the remote's keeps it, the local one is settled. */
import type { Base, RemoteRecord, Strategy, Value } from '../model.ts'
import type { Judgement } from '../resolver.ts'
import type { Draft, Entry } from './draft.ts'
import { replaceRow } from './draft.ts'
import { begin, isFolder, renewed } from './edit.ts'
import { noted } from './inbox.ts'
import { remap } from './remap.ts'
import type { InboxEntry, OutboxRow } from './rows.ts'
import { grace } from './rows.ts'
import type { Home } from './settle.ts'
import { changeOf } from './settle.ts'
import { hold } from './waiting.ts'

/** What a rule means where there is nothing to merge: a place in a tree. */
export const spiritOf = ({ rule }: Pick<Home, 'rule'>): Strategy => (typeof rule === 'string' ? rule : 'KEEP_BOTH')

export const isNew = (row: OutboxRow): boolean => row.base == null || row.base.value === null

/** Both folders, or both files: only such can become one. */
export const alike = ({ source }: Home, mine: Value | null, theirs: Value | null | undefined): boolean =>
  mine !== null && theirs != null && isFolder(source, mine) === isFolder(source, theirs)

/** Both made the same thing: the local one becomes the remote's. */
export async function become(draft: Draft, home: Home, entry: Entry, row: OutboxRow, other: Entry): Promise<void> {
  draft.close(row.change, { outcome: 'accepted', until: draft.now + grace })
  entry.rows = []
  await remap(draft, home, entry, other.id)
}

/**
 * Settles a collision with the record that holds the name. `both` renames the local one; `remote` drops it, or puts it
 * back where it was; `local` makes the local content the next version of the other, where both are new files.
 */
export async function collide(
  draft: Draft,
  home: Home,
  entry: Entry,
  row: OutboxRow,
  other: Entry,
  judgement: Judgement,
  by: InboxEntry['by'],
): Promise<void> {
  const theirs: RemoteRecord = remoteOf(home, other)
  const { verdict } = judgement
  const record = noted(draft, home, entry, row, theirs, {
    verdict,
    by,
    loses: judgement.loses,
    ...(judgement.uncertain && { uncertain: true as const }),
    reason: 'Another record has this name in this place.',
  })
  if (verdict.take === 'ask') {
    const { refused: _, sealed: _1, after: _2, ...rest } = row
    replaceRow(entry, row, { ...rest, state: 'asked', seen: theirs, asks: record.id })
    draft.note(record)
    return
  }
  const overwrites =
    isNew(row) &&
    alike(home, row.value, other.value) &&
    other.rows.length === 0 &&
    other.value != null &&
    verdict.take !== 'both'
  if (verdict.take === 'remote' && !isNew(row)) {
    putBack(draft, home, entry, row)
    draft.note({ ...record, loses: 'parts' })
  } else if (verdict.take === 'remote') {
    draft.close(row.change, { outcome: 'conflicted', until: draft.now + grace })
    entry.rows = []
    if (alike(home, row.value, other.value)) await remap(draft, home, entry, other.id)
    else draft.forget(entry)
    draft.note({ ...record, loses: 'local' })
  } else if (overwrites) {
    const value = verdict.take === 'merged' ? verdict.value : row.value
    const next = await begin(draft, home.remote, other, { value, base: baseOf(other), at: row.at })
    draft.close(row.change, { into: next.change, until: draft.now + grace })
    entry.rows = []
    await remap(draft, home, entry, other.id)
    draft.note(record)
  } else {
    const value = await renamed(draft, home, entry, row)
    if (value === undefined)
      return hold(draft, entry, row, 'conflict', 'The name is taken, and so are all names for copies.')
    const next = renewed(draft, row, { value, state: 'waiting' })
    replaceRow(entry, row, next)
    entry.value = value
    draft.note({ ...record, loses: 'nothing', copy: entry.id })
  }
}

/** The local move or rename is taken back; what else changed stays. */
export function putBack(draft: Draft, home: Home, entry: Entry, row: OutboxRow): void {
  const { parent, name, facets } = home.source
  const fields = Object.values(facets ?? {}).find(names => names.includes(parent!)) ?? [parent!, name!]
  const was = row.base!.value!
  const value = { ...row.value!, ...Object.fromEntries(fields.filter(one => one in was).map(one => [one, was[one]!])) }
  const next = renewed(draft, row, { value, state: 'waiting' })
  replaceRow(entry, row, next)
  entry.value = value
}

async function renamed(draft: Draft, home: Home, entry: Entry, row: OutboxRow): Promise<Value | undefined> {
  const { parent, name, copy } = home.source
  const siblings = await draft.where(entry.collection, parent!, String(row.value![parent!]))
  const names = siblings.map(one => String(one.value![name!]))
  const key = { collection: home.sourceName, id: entry.id }
  return copy?.(key, row.value!, changeOf(home, entry, row), names, home.device)?.value
}

export const remoteOf = (home: Home, { id, value, meta, rows }: Entry): RemoteRecord => {
  const base = rows[0]?.base ?? { value: value ?? null, version: meta.version ?? null }
  return { collection: home.sourceName, id, ...base, ...(meta.at !== undefined && { at: meta.at }) }
}

const baseOf = ({ value, meta }: Entry): Base => ({ value: value ?? null, version: meta.version ?? null })
