/** What the compiler knows of an open database: its collections by row, and its remotes by what their API has. */

import type { Jobs } from '../job.ts'
import type { Outcome } from '../ledger/rows.ts'
import type { Unsynced } from '../ledger/whole.ts'
import type { Collections } from '../schema.ts'
import type { Api, Transport } from '../transport.ts'
import type { Explanation } from './explain.ts'
import type { Inbox } from './inbox.ts'
import type { Runs } from './jobs.ts'
import type { Outbox } from './outbox.ts'
import type { Records, TxRecords } from './records.ts'
import type { RemoteHandle } from './remote.ts'
import type { Write } from './settled.ts'
import type { Storage } from './storage.ts'

export interface Remotes {
  readonly [remote: string]: Transport
}

export interface Db<C extends Collections = Collections, R extends Remotes = Remotes> {
  readonly data: { readonly [N in keyof C]: Records<RowOf<C[N]>> }
  readonly remotes: { readonly [N in keyof R]: HandleOf<R[N]> }
  readonly conflicts: Inbox
  readonly outbox: Outbox
  /** Whether what is here stays here. */
  readonly storage: Storage
  readonly device: { readonly id: string; readonly name: string }
  /**
   * Several writes in one commit: all of them or none. Await nothing but `tx` inside. Resolves when the commit is
   * durable.
   */
  readonly write: {
    (work: (tx: { readonly [N in keyof C]: TxRecords<RowOf<C[N]>> }) => unknown): Promise<Write>
    /** How an earlier write ended; see `Write.settled`. */
    settled(id: string): Promise<Outcome>
  }
  /** Why a record is not synced yet, and when the next try is. */
  explain(collection: keyof C & string, id: string): Promise<Explanation>
  /** What is here only: ask before somebody signs out. */
  unsynced(): Promise<Unsynced>
  /**
   * Everything as of when the first line is taken, changes, conflicts and bytes included, as lines of JSON: `new Blob(await Array.fromAsync(lines))`,
   * or one after the other into a file. `open({ import })` makes a store of it, which is another device to the remotes:
   * what was not sent goes out from there, and everything else is looked at again.
   */
  export(): AsyncIterable<string>
  /**
   * Empties the store, for good, and closes the database. Rejects with `unsynced` and does nothing where something was
   * not sent, unless that is to be discarded. Resolves to what was only here.
   */
  wipe(options?: { readonly discard?: boolean }): Promise<Unsynced>
  /** Ends all that is under way. What is called later rejects with `closed`. */
  close(): Promise<void>
}

export type RowOf<D> = D extends { readonly row?: infer Row } ? Extract<Row, object> : never

/** A remote as the app sees it: with the calls of its API, and with `run` where it works on jobs. */
export type HandleOf<T> = RemoteHandle & ApiOf<T> & JobsOf<T>

type ApiOf<T> = T extends { readonly api: infer A extends Api } ? { readonly api: Calls<A> } : unknown

/** The calls of a transport's API without the engine's part in them. */
export type Calls<A extends Api> = { readonly [N in keyof A]: CallOf<Parameters<A[N]>[0], ReturnType<A[N]>> }
type CallOf<Request, Answer> = undefined extends Request ? (request?: Request) => Answer : (request: Request) => Answer

type JobsOf<T> = T extends { readonly jobs: Jobs<infer Request> } ? Runs<Request> : unknown

/**
 * What the collections of a schema must say so that these remotes can keep it. `unknown` where they do, and where a name
 * is not known before the program runs; `open` checks again.
 */
export interface Fits<C extends Collections, R extends Remotes> {
  readonly collections: { readonly [N in keyof C]: FitsRemote<C[N], N & string, R> }
}

type FitsRemote<D, Name extends string, R extends Remotes, Remote extends string = Said<D, 'remote'>> = [
  Remote,
] extends [never]
  ? unknown
  : string extends Remote
    ? unknown
    : Remote extends keyof R & string
      ? FitsSource<D, OrElse<Said<D, 'source'>, Name>, Remote, R[Remote]['sources']>
      : { readonly remote?: [keyof R] extends [never] ? '`remotes` has none of this name' : keyof R }

type FitsSource<D, From extends string, Remote extends string, Sources> = string extends From
  ? unknown
  : From extends keyof Sources & string
    ? FitsRule<Said<D, 'conflicts'>, From, Remote, Sources[From]>
    : { readonly source: keyof Sources }

type FitsRule<Conflicts, From extends string, Remote extends string, Source> = [Conflicts] extends [never]
  ? unknown
  : [Conflicts] extends ['KEEP_BOTH']
    ? 'copy' extends keyof Source
      ? unknown
      : { readonly conflicts?: `${Remote}.${From} has no place for copies: choose another strategy` }
    : unknown

/** The texts that a definition says about `What`; `never` where it says nothing. */
type Said<D, What extends string> = D extends { readonly [W in What]?: infer Text } ? Extract<Text, string> : never

type OrElse<Text extends string, Other extends string> = [Text] extends [never] ? Other : Text
