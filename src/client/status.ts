/** How far we are with a remote, derived from what is stored: `synced` is only said when it is true (law 9). */

import type { Brake, Checkpoint, Failure, OutboxRow } from '../ledger/rows.ts'
import { checkpointOf, outboxKey } from '../ledger/rows.ts'
import { listTransfers, type Transfer } from '../ledger/transfers.ts'
import type { Reader } from '../store.ts'
import type { Notice } from '../transport.ts'
import type { Base } from './db.ts'
import type { HostState } from './host.ts'

/**
 * - `synced`: everything here is there, and the last look at the remote found nothing more
 * - `syncing`: on the way
 * - `waiting`: a failure, and a next try; of the worker too
 * - `needs-auth`: no valid token; the queue is kept
 * - `needs-user`: something waits for a decision: a conflict, a refused change, a brake, a page that must be reloaded
 * - `paused`: by the app
 */
export type Phase = 'synced' | 'syncing' | 'waiting' | 'needs-auth' | 'needs-user' | 'paused'

export interface Status {
  readonly phase: Phase
  /** Why, where it is not plain: the failure's code and message. */
  readonly reason?: { readonly code: string; readonly message: string }
  /** When the next try is due, in milliseconds since 1970 by the local clock. */
  readonly nextTry?: number
  /** Changes that go out by themselves, changes that were refused, and conflicts that wait for an answer. */
  readonly pending: number
  readonly held: number
  readonly asked: number
  /** When everything was last seen, in milliseconds since 1970 by the local clock. */
  readonly pulledAt?: number
  /** A walk through everything is under way: what is not here yet may exist there. */
  readonly walking: boolean
  /** How far that is: records seen so far, and how many were here when it began, 0 for the first time. */
  readonly walk?: { readonly seen: number; readonly known: number }
  /** What was deleted there may still be here, because the app chose a feed that does not tell. */
  readonly missesDeletes: boolean
  /** Whether this context does the work, or another tab or process. */
  readonly leads: boolean
  readonly durable: boolean
  readonly brake?: Brake
  /** Things that stop nothing and that somebody should know, newest last. */
  readonly notices: readonly Notice[]
}

/** Without a leader here, an older look than this is no proof of anything, in milliseconds. */
const freshFor = 2 * 60_000

export async function statusOf(on: Base, remote: string): Promise<Status> {
  const none: HostState = { leads: false, nudged: false, stuck: 0, notices: [] }
  const engine = (await on.host()?.state(remote)) ?? none
  return on.store.read({ records: [], rows: ['checkpoints', 'queue', 'outbox', 'meta'] }, async tx => {
    const checkpoint = await checkpointOf(tx, remote)
    const pending = await tx.rows('queue').count({ prefix: [remote, 'go'] })
    const stopped = await tx.rows('queue').list({ prefix: [remote, 'stop'] })
    const keys = stopped.map(({ row }) => row as { collection: string; id: string; generation: number })
    const rows = await tx.rows('outbox').getMany(keys.map(one => [one.collection, one.id, one.generation]))
    const asked = rows.filter(row => (row as { state?: string } | undefined)?.state === 'asked').length
    const counts = { pending, asked, held: stopped.length - asked }
    const { brake, pulledAt, walking, walk, missesDeletes = false } = checkpoint
    const phase = phaseOf(checkpoint, counts, engine, on.platform.now())
    // Nothing else is under way, so what holds us up is that bytes do not go.
    const stuck = phase === 'syncing' && (!engine.leads || engine.state === 'resting')
    const waits = async () => (await failedUpload(tx, remote)) ?? (await putOff(tx, remote, on.platform.now()))
    const failure = engine.problem ?? checkpoint.failure ?? (stuck ? await waits() : undefined)
    return {
      phase: failure !== undefined && stuck ? 'waiting' : phase,
      ...(failure && { reason: { code: failure.code, message: failure.message }, ...nextTry(failure) }),
      ...counts,
      ...(pulledAt !== undefined && { pulledAt }),
      walking,
      ...(walking && walk && { walk }),
      missesDeletes,
      leads: engine.leads,
      durable: on.store.durable,
      ...(brake && { brake }),
      notices: engine.notices,
    }
  })
}

async function failedUpload(tx: Reader, remote: string): Promise<Transfer['failure']> {
  const uploads = await listTransfers(tx, remote, 'up')
  return uploads.find(({ failure, arrived }) => failure !== undefined && arrived === undefined)?.failure
}

/** What the remote told to come again later, and why: there is no room, or the way there is lost. */
async function putOff(
  tx: Reader,
  remote: string,
  now: number,
): Promise<{ readonly code: string; readonly message: string; readonly next: number } | undefined> {
  const queued = await tx.rows('queue').list({ prefix: [remote, 'go'], limit: 100 })
  const rows = (await tx.rows('outbox').getMany(queued.map(({ row }) => outboxKey(row as OutboxRow)))) as (
    | OutboxRow
    | undefined
  )[]
  const row = rows.find(one => one?.reason !== undefined && one.reason.code !== 'busy' && (one.notBefore ?? 0) > now)
  return row?.reason && { ...row.reason, next: row.notBefore! }
}

const nextTry = ({ next }: Pick<Failure, 'next'>) => (next === undefined ? {} : { nextTry: next })

function phaseOf(
  { paused, brake, failure, walking, pulledAt }: Checkpoint,
  { pending, held, asked }: { pending: number; held: number; asked: number },
  { leads, state, nudged, stuck, problem }: HostState,
  now: number,
): Phase {
  if (paused) return 'paused'
  if (brake !== undefined) return 'needs-user'
  if (problem !== undefined) return problem.next === undefined ? 'needs-user' : 'waiting'
  if (failure !== undefined) return failure.code === 'needs-auth' ? 'needs-auth' : 'waiting'
  // Only who leads knows what waits behind a question; to the others the question comes first.
  const moves = leads ? pending > stuck : pending > 0 && held + asked === 0
  if (walking || pulledAt === undefined || moves) return 'syncing'
  if (nudged || (leads && state !== 'resting')) return 'syncing'
  // What waits for a refused or disputed change waits for the user with it.
  if (held + asked > 0) return 'needs-user'
  if (pending > 0) return 'syncing'
  if (!leads && now - pulledAt > freshFor) return 'syncing'
  return 'synced'
}
