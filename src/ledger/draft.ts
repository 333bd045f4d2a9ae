/**
 * The working set of one transaction: records with their open outbox rows, read on demand, changed in memory, written
 * once by `flush`. Thinking happens here; a throw before `flush` leaves no trace.
 */
import { SyncError } from '../errors.ts'
import type { Value } from '../model.ts'
import type { KeyedRow, Reader, RowKey, Stored, Writer } from '../store.ts'
import type { ChangeRow, InboxEntry, Meta, OutboxRow } from './rows.ts'
import { getRow, metaOf, outboxKey, queueKey } from './rows.ts'

export interface Entry {
  readonly collection: string
  readonly id: string
  /** What the app sees: `undefined` where there is nothing, `null` where it was deleted. */
  value: Value | null | undefined
  meta: Meta
  /** Open outbox rows, oldest generation first: at most a sent one and a waiting one. */
  rows: OutboxRow[]
}

export interface Draft {
  readonly tx: Writer
  readonly now: number
  uuid(): string
  /** Reads many at once, so that `get` need not. */
  load(collection: string, ids: readonly string[]): Promise<void>
  get(collection: string, id: string): Promise<Entry>
  /** Records whose `field` is `value` as this draft has them, deleted ones not. */
  where(collection: string, field: string, value: string): Promise<Entry[]>
  /** A new place at the end of the remote's queue. */
  seq(remote: string): Promise<number>
  /** Says how a change ended, or where it went. */
  close(change: string, end: ChangeRow): void
  /** Where a change is, or how it ended. */
  change(id: string): Promise<ChangeRow | undefined>
  /** Adds or replaces. */
  note(entry: InboxEntry): void
  notes(): readonly InboxEntry[]
  inbox(id: string): Promise<InboxEntry | undefined>
  /** Forgets a record without a trace (it was never anywhere else). */
  forget(entry: Entry): void
  /** Later reads of `from` lead to `to`. */
  alias(collection: string, from: string, to: string): void
  flush(): Promise<void>
}

/** Ids that lead in a circle lead nowhere. */
export const mostHops = 100

interface Loaded extends Entry {
  readonly was: { readonly value: Value | null | undefined; readonly meta: Meta; readonly rows: readonly OutboxRow[] }
  forgotten?: true
}

export function draftOf(tx: Writer, world: { now(): number; uuid(): string }): Draft {
  const entries = new Map<string, Loaded>()
  const ends = new Map<string, ChangeRow>()
  const inbox = new Map<string, InboxEntry>()
  const aliases: KeyedRow[] = []
  const reserved: { remote: string; seq: number }[] = []
  const nameOf = (collection: string, id: string) => `${collection}\n${id}`

  async function read(collection: string, ids: readonly string[]): Promise<void> {
    const missing = [...new Set(ids)].filter(id => !entries.has(nameOf(collection, id)))
    if (missing.length === 0) return
    const found = await tx.records(collection).getMany(missing)
    const keys = missing.map((id, at) => rowKeys(collection, id, found[at]))
    const flat = keys.flat()
    const rows = flat.length === 0 ? [] : await tx.rows('outbox').getMany(flat)
    let next = 0
    for (const [at, id] of missing.entries()) {
      const own = keys[at]!.map(() => rows[next++] as OutboxRow | undefined).filter(row => row !== undefined)
      adopt(collection, id, found[at], own)
    }
  }

  function adopt(collection: string, id: string, stored: Stored | undefined, rows: OutboxRow[]): Loaded {
    const value = stored === undefined ? undefined : stored.value
    const meta = metaOf(stored)
    const entry: Loaded = { collection, id, value, meta, rows, was: { value, meta, rows: [...rows] } }
    entries.set(nameOf(collection, id), entry)
    return entry
  }

  /** Every change that was open is open still, or it is said what became of it: the app may hold its id (I1). */
  function nothingLost(): void {
    const open = new Set([...entries.values()].flatMap(({ rows }) => rows.map(({ change }) => change)))
    for (const { collection, id, was } of entries.values()) {
      for (const { change } of was.rows) {
        if (open.has(change) || ends.has(change)) continue
        throw new SyncError(
          'bug',
          `A change of ${collection}/${id} would have been lost. Nothing was: please report this with its stack.`,
          { details: { change } },
        )
      }
    }
  }

  async function get(collection: string, id: string): Promise<Entry> {
    await read(collection, [id])
    return entries.get(nameOf(collection, id))!
  }

  return {
    tx,
    now: world.now(),
    uuid: world.uuid,
    load: read,
    get,
    async where(collection, field, value) {
      const stored = await tx.records(collection).list({ index: field, from: value, to: value })
      await read(
        collection,
        stored.map(one => one.id),
      )
      return [...entries.values()].filter(
        entry => entry.collection === collection && entry.value != null && entry.value[field] === value,
      )
    },
    async seq(remote) {
      const seq = await tx.rows('queue').append([remote, 'go'], {})
      reserved.push({ remote, seq })
      return seq
    },
    close(change, end) {
      ends.set(change, end)
    },
    async change(id) {
      const end = ends.get(id)
      if (end !== undefined) return end
      for (const { collection, id: record, rows } of entries.values()) {
        const row = rows.find(one => one.change === id)
        if (row !== undefined) return { collection, id: record, generation: row.generation }
      }
      return getRow<ChangeRow>(tx, 'changes', [id])
    },
    note(entry) {
      inbox.set(entry.id, entry)
    },
    notes: () => [...inbox.values()],
    inbox: async id => inbox.get(id) ?? (await getRow<InboxEntry>(tx, 'inbox', [id])),
    forget(entry) {
      entry.value = undefined
      entry.rows = []
      ;(entry as Loaded).forgotten = true
    },
    alias(collection, from, to) {
      aliases.push({ key: ['alias', collection, from], row: { to } })
    },
    async flush() {
      nothingLost()
      const records = new Map<string, { put: Stored[]; delete: string[] }>()
      const outbox = { put: [] as KeyedRow[], delete: [] as RowKey[] }
      const queue = { put: new Map<string, KeyedRow>(), delete: new Map<string, RowKey>() }
      const changes: KeyedRow[] = []
      for (const { remote, seq } of reserved) queue.delete.set(`${remote}\ngo\n${seq}`, [remote, 'go', seq])

      for (const entry of entries.values()) {
        const open = entry.rows.map(row => row.generation)
        const { open: _, ...rest } = entry.meta
        const meta: Meta = open.length === 0 ? rest : { ...rest, open: [open[0]!, open.at(-1)!] }
        const changed = entry.value !== entry.was.value || entry.meta !== entry.was.meta || !sameRows(entry)
        if (!changed) continue
        const lists = records.get(entry.collection) ?? { put: [], delete: [] }
        records.set(entry.collection, lists)
        if (entry.value === undefined) lists.delete.push(entry.id)
        else lists.put.push({ id: entry.id, value: entry.value, meta })

        for (const row of entry.was.rows) {
          if (entry.rows.includes(row)) continue
          outbox.delete.push(outboxKey(row))
          queue.delete.set(queueKey(row).join('\n'), queueKey(row))
        }
        for (const row of entry.rows) {
          if (entry.was.rows.includes(row)) continue
          outbox.put.push({ key: outboxKey(row), row })
          const { collection, id, generation } = row
          queue.put.set(queueKey(row).join('\n'), { key: queueKey(row), row: { collection, id, generation } })
          changes.push({ key: [row.change], row: { collection, id, generation } satisfies ChangeRow })
        }
      }
      for (const name of queue.put.keys()) queue.delete.delete(name)
      const kept = new Set(outbox.put.map(({ key }) => key.join('\n')))
      for (const [change, end] of ends) changes.push({ key: [change], row: end })

      for (const [collection, lists] of records) {
        if (lists.delete.length > 0) await tx.records(collection).deleteMany(lists.delete)
        if (lists.put.length > 0) await tx.records(collection).putMany(lists.put)
      }
      const gone = outbox.delete.filter(key => !kept.has(key.join('\n')))
      if (gone.length > 0) await tx.rows('outbox').deleteMany(gone)
      if (outbox.put.length > 0) await tx.rows('outbox').putMany(outbox.put)
      if (queue.delete.size > 0) await tx.rows('queue').deleteMany([...queue.delete.values()])
      if (queue.put.size > 0) await tx.rows('queue').putMany([...queue.put.values()])
      if (changes.length > 0) await tx.rows('changes').putMany(changes)
      if (inbox.size > 0) await tx.rows('inbox').putMany([...inbox.values()].map(row => ({ key: [row.id], row })))
      if (aliases.length > 0) await tx.rows('meta').putMany(aliases)
    },
  }
}

function rowKeys(collection: string, id: string, stored: Stored | undefined): RowKey[] {
  const { open } = metaOf(stored)
  if (open === undefined) return []
  return open[0] === open[1]
    ? [[collection, id, open[0]]]
    : [
        [collection, id, open[0]],
        [collection, id, open[1]],
      ]
}

const sameRows = (entry: Loaded): boolean =>
  entry.rows.length === entry.was.rows.length && entry.rows.every((row, at) => row === entry.was.rows[at])

/** A record as far as it takes to follow its ids. */
type Trace = Pick<Entry, 'value' | 'meta'>

/** The id that a record has by now, where the remote gave it another. */
export async function realId(
  { tx, get }: { readonly tx: Reader; get(collection: string, id: string): Promise<Trace> },
  collection: string,
  id: string,
): Promise<string> {
  let real = id
  for (let hops = 0; hops < mostHops && !isThere(await get(collection, real)); hops++) {
    const alias = await getRow<{ to: string }>(tx, 'meta', ['alias', collection, real])
    if (alias === undefined) break
    real = alias.to
  }
  return real
}

/** That an old id is deleted may be shown again; what was a folder of its own under it stays that. */
const isThere = ({ value, meta }: Trace): boolean => value != null || (value === null && meta.was !== undefined)

/** The oldest open row: the one that talks with the remote. */
export const headOf = (entry: Entry): OutboxRow | undefined => entry.rows[0]

/** Replaces one row of an entry; `undefined` drops it. */
export function replaceRow(entry: Entry, row: OutboxRow, by: OutboxRow | undefined): void {
  entry.rows = entry.rows.flatMap(one => (one.change === row.change ? (by === undefined ? [] : [by]) : [one]))
}
