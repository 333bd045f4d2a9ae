/**
 * One engine works on a store at a time. A lock elects it, a beat in the store shows that it is alive, and an epoch in
 * the store fences it: a frozen tab keeps its lock, so it is robbed, and what it does after it thaws is refused.
 */
import { asSyncError, type Code } from '../errors.ts'
import type { Leadership } from '../ledger/rows.ts'
import { getRow } from '../ledger/rows.ts'
import type { Platform } from '../platform.ts'
import type { Store } from '../store.ts'

const beatEvery = 3_000
/** A leader that did not beat for this long is taken for frozen, in milliseconds of the watcher's own time. */
const deadAfter = 10_000
const lookEvery = 2_000
/** Before it is robbed, a silent leader is asked: timers may be throttled, or the storage full, where messages still come. */
const answerWithin = 2_000

export interface Candidate {
  readonly store: Store
  readonly platform: Platform
  /** The store's name: who shares it competes. */
  readonly name: string
  readonly signal: AbortSignal
}

/** Runs `work` whenever this context leads, with the epoch to show, until `signal` says stop or the store is newer. */
export async function lead(on: Candidate, work: (epoch: number, lost: AbortSignal) => Promise<void>): Promise<void> {
  const { platform, signal } = on
  const locks = on.store.locks ?? platform.locks
  let robbed: Leadership | undefined
  // Whoever upgraded the store leads it.
  while (!signal.aborted && !on.store.newer()) {
    const round = new AbortController()
    const watching = new AbortController()
    const end = AbortSignal.any([signal, round.signal])
    const before = robbed
    robbed = undefined
    const held = locks
      .hold(`tidemark:${on.name}`, { signal: end, steal: before !== undefined }, lost => {
        watching.abort()
        return serve(on, AbortSignal.any([end, lost]), before, locks.everywhere, work)
      })
      .catch(error => {
        if (!end.aborted) throw error
      })
    const frozen = watchBeat(on, AbortSignal.any([end, watching.signal])).then(dead => {
      robbed = dead
      if (dead !== undefined) round.abort()
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
  robbed: Leadership | undefined,
  everywhere: boolean,
  work: (epoch: number, lost: AbortSignal) => Promise<void>,
): Promise<void> {
  let before = robbed
  // A lock that only this process knows says nothing about other processes with the same file.
  if (before === undefined && !everywhere) {
    before = await leaderOf(on)
    if (before !== undefined && !before.free) before = await watchBeat(on, lost)
    else before ??= { epoch: 0, beat: 0 }
    if (before === undefined) return
  }
  const epoch = await takeOver(on, before)
  if (epoch === undefined) return
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

/**
 * Raises the epoch: from here on every commit of an earlier leader is refused. Of two that found the same leader dead
 * one comes first, and the other gets nothing.
 */
function takeOver(on: Candidate, dead: Leadership | undefined): Promise<number | undefined> {
  return on.store.write(scope, async tx => {
    const before = (await getRow<Leadership>(tx, 'meta', ['leader'])) ?? { epoch: 0, beat: 0 }
    if (dead !== undefined && dead.epoch !== before.epoch) return undefined
    const epoch = before.epoch + 1
    await tx.rows('meta').putMany([{ key: ['leader'], row: { epoch, beat: 0 } satisfies Leadership }])
    return epoch
  })
}

/** Every few seconds, and at once when somebody asks. */
async function beat(on: Candidate, epoch: number, end: AbortSignal, lose: () => void): Promise<void> {
  const channel = on.platform.channel(channelOf(on))
  const asked = { wake: () => {} }
  const unlisten = channel.listen(message => {
    if (epochIn(message, 'ask') === epoch) asked.wake()
  })
  try {
    for (let count = 1; !end.aborted; count++) {
      const due = new AbortController()
      asked.wake = () => due.abort()
      await on.platform.sleep(beatEvery, AbortSignal.any([end, due.signal])).catch(() => {}) // asked or ended: both are seen
      if (end.aborted) return
      try {
        const mine = await writeLeader(on, { epoch, beat: count })
        if (!mine) return lose()
      } catch (error) {
        if (codeOf(error) === 'storage-newer') return lose()
        // Nobody could write more to a store that is full. What else fails for long is noticed by the others.
        if (codeOf(error) === 'storage-full' && due.signal.aborted) channel.post({ alive: epoch })
      }
    }
  } finally {
    unlisten()
    channel.close()
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

/** Resolves to the leader whose beat stood still for too long and who did not answer, to nothing when `end` came first. */
async function watchBeat(on: Candidate, end: AbortSignal): Promise<Leadership | undefined> {
  let last: Leadership | undefined
  let since = on.platform.monotonic()
  while (!end.aborted) {
    const now = await leaderOf(on).catch(() => undefined) // a failing store shows no beat either; look again
    if (now?.epoch !== last?.epoch || now?.beat !== last?.beat) {
      last = now
      since = on.platform.monotonic()
    } else if (now !== undefined && on.platform.monotonic() - since > deadAfter) {
      if (!(await answers(on, now, end)) && !end.aborted) return now
      since = on.platform.monotonic()
    }
    await on.platform.sleep(lookEvery, end).catch(() => {}) // ended: the loop sees it
  }
  return undefined
}

/** Whether the leader beats, or says that it cannot, when it is asked. */
async function answers(on: Candidate, { epoch, beat }: Leadership, end: AbortSignal): Promise<boolean> {
  const channel = on.platform.channel(channelOf(on))
  const heard = new AbortController()
  const unlisten = channel.listen(message => {
    if (epochIn(message, 'alive') === epoch) heard.abort()
  })
  try {
    channel.post({ ask: epoch })
    await on.platform.sleep(answerWithin, AbortSignal.any([end, heard.signal])).catch(() => {}) // an answer, or the end
    if (heard.signal.aborted) return true
    const now = await leaderOf(on).catch(() => undefined) // a failing store accuses nobody
    return now?.epoch !== epoch || now.beat !== beat
  } finally {
    unlisten()
    channel.close()
  }
}

const channelOf = (on: Candidate): string => `tidemark/lead/${on.name}`

/** Whatever comes by a channel may be anything (S21). */
const epochIn = (message: unknown, what: 'ask' | 'alive'): unknown =>
  typeof message === 'object' && message !== null && Object.hasOwn(message, what)
    ? (message as { readonly [what: string]: unknown })[what]
    : undefined

const codeOf = (error: unknown): Code => asSyncError(error).code
