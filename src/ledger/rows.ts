/** What the engine remembers, as rows. Only `ledger/` knows them. */
import type { Code } from '../errors.ts'
import type { Answer, Base, Json, Key, RejectCode, RemoteRecord, Rule, Stamp, Value, Verdict } from '../model.ts'
import type { Reader, RowKey, Stored, Writer } from '../store.ts'

/** Beside each record. Together with the value of a clean record it is the base; a dirty one's base is in its outbox row. */
export interface Meta {
  /** The version we last agreed on; absent: the remote never had this record. */
  readonly version?: Json
  readonly order?: number | string
  /** When the value was written, where that is known. */
  readonly at?: number | Stamp
  /** The walk in which the remote last showed it; 0: never. Only rows of an older walk are swept. */
  readonly generation: number
  /** First and last generation of the open outbox rows; absent: clean. */
  readonly open?: readonly [first: number, last: number]
  /** Values that we replaced at a remote that guards nothing: shown again, they are a late delivery, not news (I4). */
  readonly replaced?: readonly { readonly value: Value | null; readonly until: number; readonly insisted?: true }[]
  /** Until when a state shown by a remote that guards nothing may come of not knowing that we deleted this. */
  readonly deleted?: number
  /** Why the value does not fit the collection's schema: kept, and hidden from reads. */
  readonly misfit?: string
  /** Our accepted change, which the feed has still to show: what it shows before that came before it. */
  readonly echo?: string
  /** What a deleted folder was, to bring it back when something is put into it. */
  readonly was?: Value
}

/**
 * One generation of a dirty record: the *waiting* one coalesces edits, at most one is *sent* (its outcome not known yet),
 * and an edit made meanwhile is its successor, whose base is not known yet.
 */
export interface OutboxRow {
  readonly change: string
  readonly remote: string
  readonly collection: string
  readonly id: string
  readonly generation: number
  readonly seq: number
  readonly state: 'waiting' | 'sent' | 'asked' | 'held'
  readonly value: Value | null
  /** Absent: the predecessor's result, once that is known. */
  readonly base?: Base | null
  /** What the remote had before it was deleted there, where the base is a deletion. */
  readonly ancestor?: Value
  /** What the change before it may have put there: it was folded into this one before anything told its outcome. */
  readonly sent?: Value | null
  readonly at: Stamp
  /** Sent before with this very content: the id stays bound to it (I4k). */
  readonly sealed?: true
  /** The latest that the remote showed while this one was sent or asked about. */
  readonly seen?: RemoteRecord
  /** What it had shown before it showed our own effect, where it settles: its receipt may say that this was run over. */
  readonly before?: RemoteRecord
  /** Taken by a remote that guards nothing: it is settled when the feed shows it, or shows what it ran over. */
  readonly taken?: Json
  /** What it put there over `seen`, unknowingly: the remote has this, whatever the verdict says (I4). */
  readonly overwrote?: Base
  /** The walk in which it was first sent. */
  readonly sentIn?: number
  /** The cursor at its first sending, where the remote settles. */
  readonly since?: Json
  readonly epoch?: number
  /** Not to be sent after this: milliseconds since 1970. */
  readonly deadline?: number
  readonly tries: number
  /** Refused as stale: certainly without effect. */
  readonly refused?: true
  /** Sent or refused after that many pulls: it goes out again only when another one has ended (I4, I26). */
  readonly after?: number
  readonly notBefore?: number
  readonly reason?: { readonly code: RejectCode | Code; readonly message: string }
  /** The question that the remote keeps about it, and what the user answered. */
  readonly ticket?: Json
  readonly answer?: Answer
  /** The inbox entry that asks about it. */
  readonly asks?: string
}

/** By change id: where its row is while open, how it ended for a time afterwards. */
export type ChangeRow =
  | { readonly collection: string; readonly id: string; readonly generation: number }
  | { readonly into: string; readonly until: number }
  | { readonly outcome: Outcome; readonly until: number }

/** How a local write ended. */
export type Outcome = 'accepted' | 'conflicted' | 'quarantined'

/** Where we are with one remote. */
export interface Checkpoint {
  readonly cursor?: Json
  /** Counts the walks, each from its first page; rows that the remote showed carry it. */
  readonly generation: number
  /** A walk is under way: nothing is known to be gone before it is complete. */
  readonly walking: boolean
  /** The device that joined, which is this store's. */
  readonly joined?: string
  /** How many pulls reached the present. */
  readonly pulls: number
  /** When the last of them did, by the local clock. */
  readonly pulledAt?: number
  /** The sources that this cursor's pages were kept of. */
  readonly fed?: readonly string[]
  /** Deletions may have gone unseen since the last walk. */
  readonly missesDeletes?: true
  readonly failure?: Failure
  readonly paused?: true
  readonly brake?: Brake
  /** How many deletes the app has allowed, each way. */
  readonly allowed?: { readonly in?: number; readonly out?: number }
  /** What receipts showed since the last pull, by the remote's collection and id; see `engine/ahead.ts`. */
  readonly ahead?: Ahead
  /** While walking: records that the walk has brought, and how many were here when it began. */
  readonly walk?: { readonly seen: number; readonly known: number }
  /** Walks that the remote demanded one after the other, and when the last of them began. */
  readonly startedOver?: { readonly count: number; readonly at: number }
}

export interface Ahead {
  readonly [record: string]: {
    readonly shown: Base
    /** The latest that the feed showed without having come to that. */
    readonly aside?: RemoteRecord
  }
}

export interface Failure {
  readonly code: Code
  readonly message: string
  readonly at: number
  readonly tries: number
  /** When the next try is due; absent: when the app acts. */
  readonly next?: number
}

/** More deletes than look like intent: `out` from here, `in` from the remote. Nothing of it happens before the app allows it. */
export interface Brake {
  readonly direction: 'in' | 'out'
  readonly deletes: number
  readonly known: number
  readonly why?: string
  readonly at: number
}

/** One conflict, settled or open. Nothing that a conflict dropped is only in the past: `local` and `remote` are here. */
export interface InboxEntry {
  readonly id: string
  readonly remote: string
  readonly collection: string
  readonly record: string
  readonly at: number
  readonly rule: Rule
  readonly base: Base | null
  readonly local: { readonly change: string; readonly value: Value | null; readonly at: Stamp }
  readonly theirs: RemoteRecord
  readonly verdict: Verdict
  readonly by: 'strategy' | 'remote' | 'app' | 'tree'
  readonly state: 'open' | 'settled' | 'undone'
  readonly loses: 'local' | 'remote' | 'parts' | 'nothing'
  readonly uncertain?: true
  /** The copy that KEEP_BOTH made. */
  readonly copy?: string
  /** What else went or came back with it: a folder's descendants. */
  readonly below?: readonly { readonly id: string; readonly value: Value | null }[]
  readonly reason?: string
  /** When it may be forgotten; an open one never is. */
  readonly until?: number
}

/** Who this store is. A wiped or restored store has another id, hence is another device (I10). */
export interface Identity {
  readonly device: string
  readonly createdAt: number
  /** How often the store was opened, in this life and the one before. */
  readonly opened?: number
  /** Where its bytes lay then; see `Store.place`. */
  readonly place?: string
  /** Why it is another device than the one before, if there was one that is known of. */
  readonly why?: 'emptied' | 'copied' | 'restored'
  readonly before?: string
}

/** Who leads: the fencing epoch, and a beat that shows that its holder is alive. */
export interface Leadership {
  readonly epoch: number
  readonly beat: number
  /** Nobody leads: the last one left in order. */
  readonly free?: true
}

export const outboxKey = (row: { collection: string; id: string; generation: number }): RowKey => [
  row.collection,
  row.id,
  row.generation,
]
export type Lane = 'go' | 'stop'
export const laneOf = (row: OutboxRow): Lane => (row.state === 'held' || row.state === 'asked' ? 'stop' : 'go')
export const queueKey = (row: OutboxRow): RowKey => [row.remote, laneOf(row), row.seq]

export const metaOf = (stored: Stored | undefined): Meta => (stored?.meta as Meta | undefined) ?? { generation: 0 }

/** What the remote held when we last agreed, for a clean record; `undefined` where it never had one. */
export function agreedOf(stored: Stored | undefined): Base | undefined {
  const { version } = metaOf(stored)
  return stored === undefined || version === undefined ? undefined : { value: stored.value, version }
}

/** What the remote held when we last agreed: of a changed record, what its first open change is over. */
export async function baseOf(tx: Reader, collection: string, stored: Stored | undefined): Promise<Base | undefined> {
  const { open } = metaOf(stored)
  if (stored === undefined || open === undefined) return agreedOf(stored)
  return (await getRow<OutboxRow>(tx, 'outbox', [collection, stored.id, open[0]]))?.base ?? undefined
}

// Rows are typed here and nowhere else: a driver gives back what was put.
export async function getRow<T>(tx: Reader, space: Parameters<Reader['rows']>[0], key: RowKey): Promise<T | undefined> {
  return (await tx.rows(space).get(key)) as T | undefined
}

export const checkpointOf = async (tx: Reader, remote: string): Promise<Checkpoint> =>
  (await getRow<Checkpoint>(tx, 'checkpoints', [remote])) ?? { generation: 1, walking: true, pulls: 0 }

export const putCheckpoint = (tx: Writer, remote: string, checkpoint: Checkpoint): Promise<void> =>
  tx.rows('checkpoints').putMany([{ key: [remote], row: checkpoint }])

export const keyOf = ({ collection, id }: Key): Key => ({ collection, id })

/** How long settled changes, outcomes and inbox entries are kept, in milliseconds. */
export const grace = 7 * 24 * 3_600_000
