/** The words of the engine, as data. Everything here can be cloned, stored and posted to a worker. */

/** JSON, and bigint for integers beyond 2^53, which every store keeps exactly. */
export type Json = null | boolean | number | bigint | string | readonly Json[] | { readonly [key: string]: Json }

/** What one field of a record holds. A Yjs document is a field of bytes. */
export type Field = Json | Uint8Array

/** What the app reads and writes under one id. */
export type Value = { readonly [field: string]: Field }

/** Where a record lives. Towards a transport `collection` is the name of the source. */
export interface Key {
  readonly collection: string
  readonly id: string
}

/**
 * What the remote held when we last agreed. `value: null` says deleted; `version` is opaque and only ever compared for
 * equality, and only together with the value: a remote that purges a deleted record may count its next life from 1.
 */
export interface Base {
  readonly value: Value | null
  readonly version: Json
}

/**
 * When a local write was made: hybrid logical time in milliseconds since 1970 (server-corrected, never repeated on one
 * device) and the device that made it.
 */
export interface Stamp {
  readonly time: number
  readonly device: string
}

/** A record as a remote shows it. */
export interface RemoteRecord extends Key, Base {
  /** When it was written there: milliseconds since 1970, or a full stamp where the remote keeps one. */
  readonly at?: number | Stamp
  /** Newer wins where a feed may deliver an older copy late. */
  readonly order?: number | string
  /**
   * The id of the change whose effect this row is: one's own echo. With `_1` (`_2`, ...) behind it, a step on the way to
   * that effect, which the device that made the change ignores.
   */
  readonly origin?: string
  /**
   * Effects that came before this one and are not shown themselves, oldest first. Present, though empty: what is not in
   * it, and was not shown since the last walk, did not come before. Absent: the feed shows states and cannot tell.
   */
  readonly past?: readonly { readonly origin: string; readonly version: Json }[]
  /** `past` goes back beyond the last walk too. */
  readonly told?: true
  /** This row speaks for all its descendants (a deleted folder). */
  readonly subtree?: true
  /** The remote's own id for an open conflict. */
  readonly ticket?: Json
}

/** One dirty record on its way out. Sealed once sent: any later edit is another change with another id. */
export interface Change extends Key {
  /** Its own id: a receipt clears this change only, never a newer edit. */
  readonly change: string
  readonly value: Value | null
  /** Pinned when the record first became dirty, never read again at push time. `null`: the remote never had it. */
  readonly base: Base | null
  readonly at: Stamp
  /** The remote's question that this change led to. */
  readonly ticket?: Json
  /** The transport's cursor when it was first sent, where the remote settles: what it may have met unseen came after that. */
  readonly since?: Json
  /** What the user answers to it. Absent beside a ticket: settled by hand, this is the result. */
  readonly answer?: Answer
}

/** Which side of a question that a remote keeps open is to stay. */
export type Answer = 'local' | 'remote' | 'both'

/** Why a remote refused one change for good. */
export type RejectCode = 'invalid' | 'forbidden' | 'too-large' | 'remote-full' | 'unsupported' | 'content-missing'

/** What a change waits for. Default `busy`. */
export type LaterCode = 'busy' | 'missing' | 'remote-full' | 'switched-off'

/** The remote's answer to one change. */
export type Receipt = { readonly change: string } & (
  | {
      readonly state: 'accepted'
      readonly version: Json
      /** The remote gave it another id. */
      readonly id?: string
      /** What the remote made of it, where that differs from what was sent. */
      readonly remote?: RemoteRecord
    }
  /**
   * Without `remote`, pull to learn. `remote` may carry another id: a name collision. With a ticket on it the remote
   * keeps the question open, and waits for an answer.
   */
  | { readonly state: 'conflict'; readonly remote?: RemoteRecord }
  /** The remote resolved it by itself: it goes to the inbox. */
  | {
      readonly state: 'settled'
      readonly verdict: Verdict
      /** What is there now. With another id: that of the record which the local one became, or had to give way to. */
      readonly remote?: RemoteRecord
      /** What was made of the local side; with its own id where it only got another name. */
      readonly copies?: readonly RemoteRecord[]
      /** What of the remote's own side is there no more, as far as it says. */
      readonly lost?: Lost
      /** Records that went with this one, a folder. */
      readonly below?: readonly Lost[]
    }
  | { readonly state: 'rejected'; readonly code: RejectCode; readonly reason: string }
  /** The answer did not mention it. */
  | { readonly state: 'unknown' }
  /** Not now: throttled, or it waits for something else. `notBefore` in milliseconds since 1970. */
  | { readonly state: 'later'; readonly notBefore: number; readonly reason?: string; readonly code?: LaterCode }
)

/** A state that a remote dropped. Without `value` it does not say what that was. */
export interface Lost {
  readonly id: string
  readonly version: Json
  readonly value?: Value | null
}

/** How a conflict is settled. */
export type Verdict =
  | { readonly take: 'local' | 'remote' | 'both' | 'ask' }
  | { readonly take: 'merged'; readonly value: Value | null }

export type Strategy = 'LAST_WRITER_WINS' | 'KEEP_BOTH' | 'SERVER_WINS' | 'CLIENT_WINS' | 'MANUAL' | 'MERGE'

/** How one field is settled. Names beyond the built-in ones are registered where the engine runs. */
export type FieldRule = 'LAST_WRITER_WINS' | 'SERVER_WINS' | 'CLIENT_WINS' | 'UNION' | (string & {})

/** How a collection settles conflicts: a strategy for whole records, or a rule for each field. Plain data. */
export type Rule =
  | Strategy
  | {
      readonly fields: { readonly [field: string]: FieldRule | undefined }
      readonly otherwise: FieldRule
      readonly onDelete: Exclude<Strategy, 'MERGE'>
    }

/** Who we are towards a remote. `id` is bound to one store: a wiped store is another device (I10). */
export interface Device {
  readonly id: string
  readonly name: string
}
