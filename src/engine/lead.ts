/**
 * One engine works on a store at a time. A lock elects it, a beat in the store shows that it is alive, and an epoch in
 * the store fences it: a frozen tab keeps its lock, so it is robbed, and what it does after it thaws is refused.
 */
import type { Leadership } from '../ledger/rows.ts'
import { getRow } from '../ledger/rows.ts'
import type { Platform } from '../platform.ts'
import type { Store } from '../store.ts'

const beatEvery = 3_000
/** A leader that did not beat for this long is taken for frozen, in milliseconds of the watcher's own time. */
const deadAfter = 10_000
const lookEvery = 2_000

export interface Candidate {
  readonly store: Store
  readonly platform: Platform
  /** The store's name: who shares it competes. */
  readonly name: string
  readonly signal: AbortSignal
}

/** Runs `work` whenever this context leads, with the epoch to show, until `signal` says stop. */
export async function lead(on: Candidate, work: (epoch: number, lost: AbortSignal) => Promise<void>): Promise<void> {
  const { platform, signal } = on
  let steal = false
  while (!signal.aborted) {
    const round = new AbortController()
    const watching = new AbortController()
    const end = AbortSignal.any([signal, round.signal])
    const stolen = steal
    steal = false
    const held = platform.locks
      .hold(`tidemark:${on.name}`, { signal: end, steal: stolen }, lost => {
        watching.abort()
        return serve(on, AbortSignal.any([end, lost]), stolen || platform.locks.everywhere, work)
      })
      .catch(error => {
        if (!end.aborted) throw error
      })
    const frozen = watchBeat(on, AbortSignal.any([end, watching.signal])).then(dead => {
      if (!dead) return
      steal = true
      round.abort()
    })
    try {
      await held
    } catch {
      await platform.sleep(lookEvery, signal).catch(() => {}) // the store or the lock failed: look again soon
    } finally {
      round.abort()
      await frozen.catch(() => {}) // it only watched
    }
  }
}

async function serve(
  on: Candidate,
  lost: AbortSignal,
  sure: boolean,
  work: (epoch: number, lost: AbortSignal) => Promise<void>,
): Promise<void> {
  // A lock that only this process knows says nothing about other processes with the same file.
  if (!sure && !(await isFree(on, lost))) return
  const epoch = await takeOver(on)
  const done = new AbortController()
  const beating = beat(on, epoch, AbortSignal.any([lost, done.signal]), () => done.abort())
  try {
    await work(epoch, AbortSignal.any([lost, done.signal]))
  } finally {
    done.abort()
    await beating
    if (on.signal.aborted) await leave(on, epoch).catch(() => {}) // others find out by the missing beat
  }
}

const scope = { records: [], rows: ['meta'] as const }

const leaderOf = (on: Candidate): Promise<Leadership | undefined> =>
  on.store.read(scope, tx => getRow<Leadership>(tx, 'meta', ['leader']))

/** Raises the epoch: from here on every commit of an earlier leader is refused. */
function takeOver(on: Candidate): Promise<number> {
  return on.store.write(scope, async tx => {
    const before = await getRow<Leadership>(tx, 'meta', ['leader'])
    const epoch = (before?.epoch ?? 0) + 1
    await tx.rows('meta').putMany([{ key: ['leader'], row: { epoch, beat: 0 } satisfies Leadership }])
    return epoch
  })
}

async function beat(on: Candidate, epoch: number, end: AbortSignal, lose: () => void): Promise<void> {
  for (let count = 1; !end.aborted; count++) {
    await on.platform.sleep(beatEvery, end).catch(() => {}) // ended: the loop sees it
    if (end.aborted) return
    try {
      const mine = await writeLeader(on, { epoch, beat: count })
      if (!mine) return lose()
    } catch {
      // A store that fails for a moment is no reason to give up; one that fails for long is noticed by the others.
    }
  }
}

async function leave(on: Candidate, epoch: number): Promise<void> {
  await writeLeader(on, { epoch, beat: 0, free: true })
}

function writeLeader(on: Candidate, row: Leadership): Promise<boolean> {
  return on.store.write(
    scope,
    async tx => {
      const present = await getRow<Leadership>(tx, 'meta', ['leader'])
      if (present?.epoch !== row.epoch) return false
      await tx.rows('meta').putMany([{ key: ['leader'], row }])
      return true
    },
    { durability: 'relaxed' },
  )
}

/** Whether nobody leads: nobody ever did, the last one left in order, or it is silent for too long. */
async function isFree(on: Candidate, end: AbortSignal): Promise<boolean> {
  const leader = await leaderOf(on)
  if (leader === undefined || leader.free) return true
  return watchBeat(on, end)
}

/** Resolves to true when the leader's beat stood still for too long, to false when `end` came first. */
async function watchBeat(on: Candidate, end: AbortSignal): Promise<boolean> {
  let last: string | undefined
  let since = on.platform.monotonic()
  while (!end.aborted) {
    const now = await leaderOf(on).catch(() => undefined) // a failing store shows no beat either; look again
    const sign = now === undefined ? undefined : `${now.epoch}.${now.beat}`
    if (sign !== last) {
      last = sign
      since = on.platform.monotonic()
    } else if (sign !== undefined && on.platform.monotonic() - since > deadAfter) {
      return true
    }
    await on.platform.sleep(lookEvery, end).catch(() => {}) // ended: the loop sees it
  }
  return false
}
