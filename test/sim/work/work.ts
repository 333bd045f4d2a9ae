/** A remote that works on jobs, as the simulator plays it: what it does, and what it knows of what really happened. */

import type { JobReport } from '../../../src/job.ts'
import type { Json } from '../../../src/model.ts'
import type { Stored } from '../../../src/store.ts'
import type { Sending } from '../network.ts'
import type { RemoteKind } from '../plan.ts'

export type WorkKind = 'airweave' | 'cognee'

export const isWork = (remote: RemoteKind): remote is WorkKind => remote === 'airweave' || remote === 'cognee'

export type Dice = readonly [number, number, number]

/** A run as the server knows it, whoever started it, and also when the server has forgotten it. */
export interface Run {
  readonly id: string
  /** Where it comes among all runs. */
  readonly n: number
  /** What only one at a time works on. */
  readonly place: string
  /** Whether it does more than an ordinary one. */
  readonly force: boolean
  readonly startedAt: number
  /** When it was first seen to be over, in virtual milliseconds. */
  endedAt: number | undefined
  forgotten: boolean
}

/** A job as it is on a device's disk. */
export interface JobSeen {
  readonly id: string
  readonly request: { readonly [name: string]: unknown }
  readonly job?: string
  readonly joined?: true
  readonly unsure?: string
  readonly asked?: { readonly mark?: unknown; readonly times: number }
  readonly report: JobReport
  readonly cancel?: string
  readonly endedAt?: number
}

/** A document that a user put somewhere; its text is like no other. */
export interface Item {
  readonly text: string
  readonly place: string
  readonly by: string
  readonly at: number
  acked: boolean
}

/** A document that a user deleted. */
export interface Drop {
  readonly sha256: string
  /** The same bytes were there once more: an addition whose answer was lost, and the document that came of it. */
  readonly twice: boolean
  readonly place: string
  readonly by: string
  readonly at: number
  acked: boolean
}

export interface Work {
  readonly kind: WorkKind
  readonly fetch: (request: Request) => Promise<Response>
  readonly renewToken: (old: string, next: string) => void
  /** Lets happen what is due by now, and remembers what has changed. */
  readonly tick: () => void
  /** The server's own troubles are over. */
  readonly calm: () => void
  /** Something that no device of ours does. */
  readonly happen: (dice: Dice, n: number) => void
  /** What an app asks for. */
  readonly request: (dice: Dice) => Json
  /** All there ever were, oldest first. */
  readonly runs: () => readonly Run[]
  readonly placeOf: (request: JobSeen['request']) => string
  /** Whether this request asks for a run, stops one (whose id that is), or begins a look at everything. */
  readonly starts: (sending: Sending) => boolean
  readonly cancels: (sending: Sending) => string | undefined
  readonly looks: (sending: Sending) => boolean
  /** Whether it is about a run, and not about what is listed. */
  readonly concerns: (sending: Sending) => boolean
  /** Called around each request that arrives. */
  readonly arrives: (sending: Sending) => () => void
  /** A lie about this run, in words; `ended`: when the device said so. */
  readonly lie: (job: JobSeen, run: Run | undefined, ended: number) => string | undefined
  /** Whether a run that a device started may be no job of that device. */
  readonly strayed: (run: Run, by: string, jobs: readonly JobSeen[]) => boolean
  /** What every device must hold when all is quiet, by collection and id, with what is told of each. */
  readonly expected: () => { readonly [collection: string]: ReadonlyMap<string, string> }
  /** The same, of a record on a disk; `undefined`: it is not compared. */
  readonly told: (collection: string, row: Stored) => string | undefined
  /** Whether records may be here that are not there any more. */
  readonly keeps: (collection: string) => boolean
  /** What a document says that no other does. */
  readonly content: (n: number) => string
  readonly items: Item[]
  readonly drops: Drop[]
  /**
   * What is wrong with what was added and deleted. `wiped`: whether what a device knew then was taken from it; `held`:
   * the SHA-256 of what waits for a user.
   */
  readonly misplaced: (
    wiped: (device: string, at: number) => boolean,
    held: ReadonlySet<string>,
  ) => readonly { readonly invariant: string; readonly message: string }[]
  /** Datasets that there are, to put something into. */
  readonly places: () => readonly string[]
}
