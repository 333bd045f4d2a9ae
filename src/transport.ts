/**
 * The contract of a transport: a bag of facets over one remote API. What is absent, the remote cannot do, and the types
 * follow to the user. A transport never sees local values that it is not asked to send, and never the ledger.
 *
 * Every failure is thrown as a SyncError whose code was chosen where the answer came in (`shared/http.ts`, `wire.ts`);
 * what a remote says about one change is a receipt, never an exception.
 */
import type { Jobs } from './job.ts'
import type { Base, Change, Device, Json, Key, Receipt, RemoteRecord, Strategy, Value } from './model.ts'
import type { Socket, SocketEvents } from './platform.ts'
import type { KeyedRow, Row, RowKey } from './store.ts'

/** All that a transport may touch. Made anew for each pull, push, join and listen; `signal` ends it. */
export interface Io {
  readonly device: Device
  readonly signal: AbortSignal
  /** Milliseconds since 1970 by the local clock. */
  now(): number
  sleep(ms: number): Promise<void>
  random(): number
  uuid(): string
  /** SHA-256 in lower-case hexadecimal. */
  digest(bytes: Uint8Array): Promise<string>
  /**
   * `fetch` with a deadline. Before a request that may have an effect (any method but GET and HEAD) it checks that we
   * still lead, that the deadline of the sent mark has not passed and that the clock did not jump; otherwise it throws
   * `stale-leader` or `late` and nothing was sent.
   */
  fetch(url: string | URL, init?: RequestInit): Promise<Response>
  /** Rejects with `timeout` where `work`, such as the next piece of a body, takes too long; `giveUp` ends it then. */
  inTime<T>(work: Promise<T>, giveUp: () => void): Promise<T>
  socket(url: string, headers: { readonly [name: string]: string }, events: SocketEvents): Socket
  /** A short read of its own; waits for pages already yielded to be committed. */
  peek<T>(work: (peek: Peek) => Promise<T>): Promise<T>
  /** The server's clock in milliseconds since 1970, as a response just said it. */
  serverTime(ms: number): void
  /** Something that the app should know and that stops nothing: a foreign file, an unknown enum value. Counted in the status. */
  notice(notice: Notice): void
}

/** Asks the app for a token. `refresh`: the last one was refused. The app caches; nothing here is ever stored. */
export type AskToken = (why: { readonly refresh: boolean }) => Promise<string> | string

export interface Notice {
  readonly code: 'foreign' | 'unsupported' | 'protocol' | 'unreadable' | 'remark'
  readonly message: string
}

/** Await nothing else inside `work`: it is a transaction. */
export interface Peek {
  /** What we last agreed on with the remote, in the order asked for. */
  agreed(source: string, ids: readonly string[]): Promise<(Base | undefined)[]>
  /** Ids of the agreed, not deleted records whose parent field says `parent`. */
  children(source: string, parent: string): Promise<string[]>
  /** Whether anything is here under these ids: a record, its tombstone or a change of one, in the order asked for. */
  known(source: string, ids: readonly string[]): Promise<boolean[]>
  /** Ids behind `after` of records that the remote had, and that the walk under way has not shown so far. */
  unseen(source: string, limit: number, after?: string): Promise<string[]>
  /** That of the last page that was kept. */
  cursor(): Promise<Json | undefined>
  /** The transport's own rows. */
  row(key: RowKey): Promise<Row | undefined>
  rows(prefix: RowKey, limit?: number, after?: RowKey): Promise<KeyedRow[]>
}

/** Changes to the transport's own small memory, committed with the page or the receipts. `clear` comes first. */
export interface PrivateRows {
  readonly clear?: readonly RowKey[]
  readonly put?: readonly KeyedRow[]
  readonly delete?: readonly RowKey[]
}

export interface Page {
  readonly records: readonly RemoteRecord[]
  /** The records are the present state, not history: one that shows an old state of ours has gone back. */
  readonly snapshot?: true
  /** Where to go on after this page; opaque to the engine. */
  readonly cursor: Json
  readonly private?: PrivateRows
  /** The walk has now listed all of the source, or all below `within`: what it did not bring is deleted there. */
  readonly complete?: readonly { readonly source: string; readonly within?: string }[]
  /**
   * What this page completes is listed anew from here on, apart from what was listed before: only what a walk brings
   * from this page on escapes its `complete`.
   */
  readonly anew?: true
  /** What waits as `switched-off` may go again, and does so at once. */
  readonly resumes?: true
  /**
   * These records, and all below them, are no part of what is synced here any more, by somebody's choice: after the rest
   * of the page they go without a trace. What has unsynced changes stays, and the folders over it.
   */
  readonly hides?: readonly { readonly source: string; readonly id: string }[]
  /** Deletions may go unseen from here on, by the app's own choice, until everything is walked again. */
  readonly missesDeletes?: true
  /** Ask before any delete of this page, however few: a file that held many records is gone. The reason to show. */
  readonly suspicious?: string
  /** For progress: how many records are still expected, where the remote says it. */
  readonly expected?: number
}

export interface Pull {
  /**
   * Pages from a cursor to the present, then ends; `undefined` walks everything from nothing. Throws `cursor-invalid`
   * where the remote forgot the cursor; the engine then calls again with `undefined` and sweeps what `complete` allows.
   */
  pages(from: Json | undefined, io: Io): AsyncIterable<Page>
  /** The cursor is durably stored here: a remote that mirrors it may be told now, never earlier (I2s). */
  landed?(cursor: Json, io: Io): Promise<void>
}

export interface Push {
  /** How many changes one `send` takes. */
  readonly most: number
  /** What protects a change that is delivered twice: an idempotency key, a version check, or nothing. */
  readonly guard: 'key' | 'version' | 'none'
  /**
   * How much later than its receipt an accepted change may show in the feed, in milliseconds. So long it stays open,
   * awaiting its echo. Only without a guard. Default 0: the next pull shows it.
   */
  readonly visibleWithin?: number
  /** One receipt per change; a change without one counts as `unknown`. Throws only when the whole request failed. */
  send(changes: readonly Change[], io: Io): Promise<Sent>
  /**
   * Sources whose conflicts the remote settles itself, and how. Changes go out on the base that they were made on, and
   * the receipt says what came of them; here nothing is judged before it. A change with an `answer` is the user's word
   * on a question that the remote keeps open. Needs the guard `key`: what was settled is told again to who asks again.
   */
  readonly settles?: { readonly [source: string]: Exclude<Strategy, 'MERGE'> }
  /** Receipts for those of these questions, told by their tickets, that somebody else has answered meanwhile. */
  answers?(changes: readonly Change[], io: Io): Promise<readonly Receipt[]>
}

export interface Sent {
  readonly receipts: readonly Receipt[]
  readonly private?: PrivateRows
}

/** Bytes that are somewhere else, read a piece at a time. */
export interface Body {
  readonly size: number
  readonly sha256: string
  /** The bytes in `[from, to)`. */
  read(from: number, to: number): Promise<Uint8Array>
}

export interface Bodies {
  /**
   * The bytes of this version, in order as they come; their hash is the engine's to check. `from` of them are here from
   * an earlier try; `at` says where the first piece lies, which is 0 where the remote cannot go on from the middle.
   */
  download(
    key: Key,
    base: Base,
    from: number,
    io: Io,
  ): Promise<{ readonly at: number; readonly size?: number; readonly pieces: AsyncIterable<Uint8Array> }>
  /** What was uploaded is there for all to see before `send`: its change is sealed first, and a later one follows it. */
  readonly shows?: true
  /** Runs before `send`, and again after a crash: it asks the remote how much is there and goes on from that. */
  upload(change: Change, body: Body, io: Io): Promise<void>
}

/**
 * What the API can do beside syncing, by name: run on the user's behalf, in whatever context asked, whether it leads or
 * not. A call has no effect on the store, is not repeated by the engine, and fails to its caller. Requests and answers
 * are plain data (`plain.ts`), because they cross to the worker. A call without a request takes `undefined`.
 */
export interface Api {
  readonly [name: string]: (request: never, io: Io) => Promise<unknown>
}

export type Nudge = 'changed' | 'start-over' | 'settings'

/** What a source's records are like. Plain data and pure functions, so that a page can use them without the transport. */
export interface Source {
  /** The field that holds the id of the parent record, where records form a tree. */
  readonly parent?: string
  /** The field that must be unique among siblings. */
  readonly name?: string
  sameName?(one: string, other: string): boolean
  /** Whether records may be parents of others. */
  folder?(value: Value): boolean
  /** The field that holds the SHA-256 of the record's bytes. */
  readonly body?: string
  /** The other fields that follow from new bytes: size, time of the change (milliseconds since 1970). */
  describe?(size: number, now: number): Value
  /** Fields judged as one. Default: the whole record is one facet. Facets changed on one side only merge silently. */
  readonly facets?: { readonly [facet: string]: readonly string[] }
  /** The facets worth a copy under KEEP_BOTH; a clash in the others only is the remote's. Default: all. */
  readonly doubles?: readonly string[]
  /** Records can only be added. */
  readonly append?: true
  /** Nothing can be changed here: local writes are refused. */
  readonly readonly?: true
  /**
   * The record that keeps the local side of a conflict beside the remote's. Pure: the same change gives the same copy.
   * `siblings` are names taken in the same parent. Absent: KEEP_BOTH cannot be chosen. `undefined`: there are too many
   * copies already, so this conflict is for the user (MANUAL).
   */
  copy?(
    key: Key,
    value: Value,
    change: Change,
    siblings: readonly string[],
    device: Device,
  ): { id: string; value: Value } | undefined
  /** Refuses a value that the remote could not hold, with the reason to show. */
  check?(id: string, value: Value): string | undefined
}

export interface Transport {
  /** The API's name, for status and messages. */
  readonly name: string
  /**
   * By source name. A collection feeds from the source that it names, by default the one named like itself. The types of
   * the app know the names, and what each source can do, where the transport's own type says so.
   */
  readonly sources: { readonly [source: string]: Source }
  readonly pull?: Pull
  readonly push?: Push
  readonly jobs?: Jobs
  readonly bodies?: Bodies
  readonly api?: Api
  /** Hears "look now" until `io.signal` ends it. A nudge carries no data; losing one costs time only. */
  readonly nudges?: { listen(hear: (nudge: Nudge) => void, io: Io): Promise<void> }
  /** Makes the device known. Called once per store identity, and again after `device-gone`. */
  join?(io: Io): Promise<void>
  /** How often to look without a nudge, in milliseconds. Default 60,000. */
  readonly every?: number
}
