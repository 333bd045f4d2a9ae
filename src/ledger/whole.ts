/**
 * A store as a list of what is in it, and back. What belongs to the one device stays behind: who it is, who leads, how
 * far it has come with each remote, and what a transport keeps with that. So a store that is filled from such a list is
 * another device (I10): it walks everything again, which deletes nothing that the walk does not show to be gone.
 */
import { SyncError } from '../errors.ts'
import type { KeyedRow, Reader, RowKey, RowQuery, RowReader, Space, Stored, Writer } from '../store.ts'
import { spaces } from '../store.ts'
import { type BodyHead, bodyHead, bodyKey } from './bodies.ts'
import type { ChangeRow, Checkpoint, InboxEntry, OutboxRow } from './rows.ts'
import { grace, outboxKey, queueKey } from './rows.ts'

/** One thing that was stored. `queue` is made anew from the outbox. */
export type Held =
  | { readonly record: readonly [collection: string, stored: Stored] }
  | { readonly row: readonly [space: Space, key: RowKey, row: object] }

/** The field that holds the hash of its bytes, by collection; `undefined` where it has none. */
export type BodyFields = ReadonlyMap<string, string | undefined>

/** Where a piece of bytes lies, and where it belongs: named by the hash of the whole. */
export interface Piece {
  readonly from: RowKey
  readonly to: RowKey
}

const carried = ['outbox', 'changes', 'checkpoints', 'inbox', 'jobs'] as const
const some = 500
/** Pieces of bytes in memory at once; one has a mebibyte. */
const someBytes = 8

/** Gives all that is stored but bytes, and the pieces of those that it names and that are here whole. */
export async function listAll(tx: Reader, fields: BodyFields, give: (held: Held) => void): Promise<Piece[]> {
  const hashes = new Set<string>()
  const names = [...new Set(fields.values())].filter(name => name !== undefined)
  const note = (value: unknown, of: readonly string[]) => {
    for (const name of of) {
      const hash = (value as { readonly [field: string]: unknown } | null | undefined)?.[name]
      if (typeof hash === 'string') hashes.add(hash)
    }
  }
  for (const [collection, field] of fields) {
    for await (const stored of allRecords(tx, collection)) {
      give({ record: [collection, stored] })
      if (field !== undefined) note(stored.value, [field])
    }
  }
  for (const space of carried) {
    for await (const { key, row } of allRows(tx.rows(space))) {
      give({ row: [space, key, row] })
      for (const value of valuesIn(space, row)) note(value, names)
    }
  }
  for await (const { key, row } of allRows(tx.rows('meta'), { prefix: ['alias'] })) give({ row: ['meta', key, row] })
  const pieces: Piece[] = []
  for (const hash of hashes) {
    const head = await bodyHead(tx, hash)
    if (head?.whole === undefined) continue // it comes again, or never was here
    give({ row: ['meta', bodyKey(hash), { ...head, at: hash } satisfies BodyHead] })
    const count = await tx.rows('bodies').count({ prefix: [head.at] })
    for (let n = 0; n < count; n++) pieces.push({ from: [head.at, n], to: [hash, n] })
  }
  return pieces
}

function valuesIn(space: Space, row: object): readonly unknown[] {
  if (space === 'outbox') {
    const { value, base, ancestor, sent, seen, before, overwrote } = row as OutboxRow
    return [value, base?.value, ancestor, sent, seen?.value, before?.value, overwrote?.value]
  }
  if (space !== 'inbox') return []
  const { local, theirs, base, below = [] } = row as InboxEntry
  return [local.value, theirs.value, base?.value, ...below.map(one => one.value)]
}

/** Whether nothing was ever kept here. What was only asked of a remote does not count: it is asked again. */
export async function isEmpty(tx: Reader, collections: Iterable<string>): Promise<boolean> {
  for (const name of collections)
    if ((await tx.records(name).list({ limit: 1, deleted: true })).length > 0) return false
  for (const space of ['outbox', 'changes', 'inbox', 'jobs'] as const) {
    if ((await tx.rows(space).list({ limit: 1 })).length > 0) return false
  }
  return true
}

/**
 * Puts what `listAll` gave into an empty store. A change that may be with a remote keeps its id, by which its effect is
 * known again. One that was never sent gets another: the store that it comes from may yet send something else under the
 * old one, which is then somebody else's edit (I4k, I5).
 */
export async function putAll(
  tx: Writer,
  all: readonly Held[],
  world: { now(): number; uuid(): string },
): Promise<void> {
  const records = new Map<string, Stored[]>()
  const rows = new Map<Space, KeyedRow[]>()
  const outbox: OutboxRow[] = []
  const renamed = new Map<string, string>()
  for (const held of all) {
    if ('record' in held) {
      const [collection, stored] = held.record
      const list = records.get(collection) ?? []
      list.push(stored)
      records.set(collection, list)
      continue
    }
    const [space, key, row] = held.row
    const list = rows.get(space) ?? []
    rows.set(space, list)
    if (space !== 'outbox') list.push({ key, row: space === 'checkpoints' ? fromHere(row as Checkpoint) : row })
    else {
      const one = row as OutboxRow
      outbox.push(one)
      if (one.state === 'waiting' && !one.sealed) renamed.set(one.change, world.uuid())
    }
  }
  await tx.rows('private').deleteMany((await tx.rows('private').list()).map(({ key }) => key))
  for (const [collection, list] of records) await tx.records(collection).putMany(list)
  for (const [space, list] of rows) {
    await tx.rows(space).putMany(space === 'changes' ? list.flatMap(one => withNames(one, renamed, world.now())) : list)
  }
  for (const row of outbox.sort((one, other) => one.seq - other.seq)) {
    await enqueue(tx, { ...row, change: renamed.get(row.change) ?? row.change })
  }
}

/** What leads to a change leads to it under its new id; the old id is that of a write of one change. */
function withNames({ key, row }: KeyedRow, renamed: ReadonlyMap<string, string>, now: number): KeyedRow[] {
  const name = (id: string) => renamed.get(id) ?? id
  if ('into' in row) return [{ key, row: { ...row, into: name(String(row.into)) } }]
  if ('changes' in row) return [{ key, row: { ...row, changes: (row.changes as readonly string[]).map(name) } }]
  const to = key.length === 1 ? renamed.get(String(key[0])) : undefined
  return to === undefined
    ? [{ key, row }]
    : [{ key: ['write', String(key[0])], row: { changes: [to], until: now + grace } }]
}

/** From nothing, in a walk that is later than all that was seen. */
const fromHere = ({ generation, pulls, paused }: Checkpoint): Checkpoint => ({
  generation: generation + 1,
  walking: true,
  pulls,
  ...(paused && { paused }),
})

async function enqueue(tx: Writer, row: OutboxRow): Promise<void> {
  const seq = await tx.rows('queue').append([row.remote, 'go'], {})
  await tx.rows('queue').deleteMany([[row.remote, 'go', seq]])
  const next: OutboxRow = { ...row, seq }
  const { collection, id, generation } = next
  await tx.rows('outbox').putMany([{ key: outboxKey(next), row: next }])
  await tx.rows('queue').putMany([{ key: queueKey(next), row: { collection, id, generation } }])
  await tx.rows('changes').putMany([{ key: [next.change], row: { collection, id, generation } satisfies ChangeRow }])
}

/** What of a store is nowhere else. */
export interface Unsynced {
  /** Changes that go out by themselves. */
  readonly changes: number
  /** Changes that a remote refused. */
  readonly held: number
  /** Conflicts that wait for an answer. */
  readonly asked: number
  /** Records of collections that live with no remote. */
  readonly local: number
}

export async function unsyncedIn(tx: Reader, alone: readonly string[]): Promise<Unsynced> {
  const count = { changes: 0, held: 0, asked: 0, local: 0 }
  for await (const { row } of allRows(tx.rows('outbox'))) {
    const { state } = row as OutboxRow
    count[state === 'held' || state === 'asked' ? state : 'changes']++
  }
  for (const collection of alone) count.local += await tx.records(collection).count()
  return count
}

/** Everything goes, who the store is included: what is made of it next is another device. */
export async function clearAll(tx: Writer, collections: Iterable<string>): Promise<void> {
  for (const name of collections) {
    for (;;) {
      const gone = await tx.records(name).list({ limit: some, deleted: true })
      if (gone.length === 0) break
      await tx.records(name).deleteMany(gone.map(({ id }) => id))
    }
  }
  for (const space of spaces) {
    const limit = space === 'bodies' ? someBytes : some
    for (;;) {
      const gone = await tx.rows(space).list({ limit })
      if (gone.length === 0) break
      await tx.rows(space).deleteMany(gone.map(({ key }) => key))
    }
  }
}

async function* allRecords(tx: Reader, collection: string): AsyncGenerator<Stored> {
  for (let after: { id: string } | undefined; ; ) {
    const page = await tx.records(collection).list({ limit: some, deleted: true, ...(after && { after }) })
    yield* page
    const last = page.at(-1)
    if (last === undefined || page.length < some) return
    after = { id: last.id }
  }
}

async function* allRows(rows: RowReader, query: RowQuery = {}): AsyncGenerator<KeyedRow> {
  for (let after: RowKey | undefined; ; ) {
    const page = await rows.list({ ...query, limit: some, ...(after && { after }) })
    yield* page
    const last = page.at(-1)
    if (last === undefined || page.length < some) return
    after = last.key
  }
}

/** Something of a list that `listAll` could have given, or a SyncError. */
export function asHeld(found: unknown, collections: ReadonlySet<string>): Held {
  const { record, row } = (found ?? {}) as { readonly [name: string]: unknown }
  if (Array.isArray(record) && isRecord(record)) {
    if (collections.has(record[0])) return { record }
    throw new SyncError(
      'schema-mismatch',
      `There is no collection "${record[0]}" in the schema: import with the app that exported.`,
    )
  }
  if (Array.isArray(row) && isRow(row)) return { row }
  throw broken()
}

export const broken = (): SyncError =>
  new SyncError('invalid-value', 'This is no export of a store, or it was changed or cut since: nothing was imported.')

const texts = (...all: readonly unknown[]): boolean => all.every(one => typeof one === 'string')

function isRecord(found: readonly unknown[]): found is [string, Stored] {
  const [collection, stored] = found as [unknown, Partial<Stored> | null]
  if (typeof collection !== 'string' || typeof stored !== 'object' || stored === null) return false
  return texts(stored.id) && typeof stored.value === 'object' && typeof stored.meta === 'object' && stored.meta !== null
}

function isRow(found: readonly unknown[]): found is [Space, RowKey, object] {
  const [space, key, row] = found
  if (!Array.isArray(key) || key.length === 0 || typeof row !== 'object' || row === null) return false
  if (space === 'meta') return key.length === (key[0] === 'alias' ? 3 : key[0] === 'body' ? 2 : 0)
  if (space === 'bodies') return key.length === 2 && 'bytes' in row && row.bytes instanceof Uint8Array
  if (space !== 'outbox') return carried.includes(space as 'jobs')
  const { change, remote, collection, id, generation, seq, state } = row as Partial<OutboxRow>
  return texts(change, remote, collection, id, state) && Number.isSafeInteger(generation) && Number.isSafeInteger(seq)
}
