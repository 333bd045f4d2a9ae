/** A remote as the app sees it. */
import type { Checkpoint } from '../ledger/rows.ts'
import { checkpointOf, putCheckpoint } from '../ledger/rows.ts'
import { listTransfers, type Transfer } from '../ledger/transfers.ts'
import { type AnyCalls, callsOf } from './calls.ts'
import { type Base, mustBeOpen } from './db.ts'
import { type Runs, runs } from './jobs.ts'
import type { Live } from './live.ts'
import { live } from './live.ts'
import type { Status } from './status.ts'
import { statusOf } from './status.ts'

export interface RemoteHandle {
  readonly status: Live<Status>
  /** Bytes on their way, those first that go first. An upload that arrived stays for some days. */
  readonly transfers: Live<Transfer[]>
  /** Looks now, whatever pause is under way. Returns at once; `synced` waits for the result. */
  sync(): void
  /** Resolves when everything here is there and the other way round, or when only the user can help. */
  synced(): Promise<Status>
  /**
   * Until `resume`, after a restart too: nothing is pulled or pushed, local work goes on. A file that is on its way up
   * stops after the piece that is being sent; bytes that somebody asks for come all the same.
   */
  pause(): Promise<void>
  /** Also after a new token, or whatever else the status asked for. */
  resume(): Promise<void>
  /** Lets the deletes pass that the brake asks about. */
  allowDeletes(): Promise<void>
}

export function remoteHandle(on: Base, remote: string): RemoteHandle & Runs & { readonly api: AnyCalls } {
  const status = live(on, {
    ask: () => statusOf(on, remote),
    concerns: frame => frame.holds('checkpoints', 'queue', 'outbox'),
    more: on.heard,
  })

  async function change(work: (checkpoint: Checkpoint) => Checkpoint): Promise<void> {
    await on.store.write({ records: [], rows: ['checkpoints'] }, async tx =>
      putCheckpoint(tx, remote, work(await checkpointOf(tx, remote))),
    )
  }

  const transfers = live(on, {
    async ask() {
      const all = await on.store.read({ records: [], rows: ['meta'] }, tx => listTransfers(tx, remote))
      return all.sort((one, other) => other.priority - one.priority || one.at - other.at)
    },
    concerns: frame => frame.holds('meta'),
  })

  return {
    ...runs(on, remote),
    status,
    api: callsOf(on, remote),
    transfers,
    sync() {
      mustBeOpen(on)
      on.host()?.urgent(remote)
    },
    synced() {
      return new Promise((resolve, reject) => {
        const stop = status.subscribe(one => {
          if (one.phase !== 'synced' && one.phase !== 'needs-user' && one.phase !== 'needs-auth') return
          stop() // `subscribe` answers later, never while it is being called
          resolve(one)
        }, reject)
      })
    },
    async pause() {
      await change(checkpoint => ({ ...checkpoint, paused: true }))
      on.host()?.urgent(remote)
    },
    async resume() {
      await change(({ paused: _, brake: _1, ...checkpoint }) => checkpoint) // the brake looks again
      on.host()?.resume(remote)
    },
    async allowDeletes() {
      await change(({ brake, failure, ...checkpoint }) => {
        if (brake === undefined) return { ...checkpoint, ...(failure && { failure }) }
        return { ...checkpoint, allowed: { ...checkpoint.allowed, [brake.direction]: brake.deletes } }
      })
      on.host()?.resume(remote)
    },
  }
}
