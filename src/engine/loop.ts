/** One remote, walked round its cycle: one thing in flight, wakes coalesce, every failure leaves its reason behind. */
import { asSyncError, reactionTo, SyncError } from '../errors.ts'
import type { Brake, Checkpoint, Failure } from '../ledger/rows.ts'
import { putCheckpoint } from '../ledger/rows.ts'
import { askedWait, longestWait, pause } from './backoff.ts'
import type { Event, State } from './cycle.ts'
import { cycle } from './cycle.ts'
import type { Ground } from './ground.ts'
import { fenced, glance } from './ground.ts'
import { ioFor } from './io.ts'
import { runJobs } from './jobs.ts'
import { join, leaveDevice } from './join.ts'
import { pull, startOver } from './pull.ts'
import { push, readyMark } from './push.ts'

/** Watch messages may be lost, so the queue is looked at anyway (rule 11). */
const lookEvery = 5_000
const pollEvery = 60_000
/** Nudges within this time make one look. */
const nudgePause = 250
/** A remote may have a new walk this often, unless the app asks; more would be a storm (F78). */
const startOverEvery = 10 * 60_000

export interface Bell {
  /** Something may be waiting to be sent. */
  changed(): void
  /** The remote said "look now". */
  nudged(): void
  /** The app, or the network coming back: do not wait for the pause to end. */
  urgent(): void
  /** The app acted on what stopped us. */
  resume(): void
}

export interface Loop {
  readonly bell: Bell
  /**
   * For the status: where we are, whether a nudge, or the app's wish, waits to be looked at, and how many changes wait
   * for others that only the user can help.
   */
  state(): { readonly state: State; readonly nudged: boolean; readonly stuck: number }
  /** Resolves when the loop has stopped. */
  readonly done: Promise<void>
}

type Ring = 'changed' | 'nudged' | 'urgent' | 'resume'

export function runLoop(on: Ground, report: () => void): Loop {
  const rings = new Set<Ring>()
  let hear: (() => void) | undefined
  let state: State = 'joining'
  let failed: Failure | undefined
  let allowed = 0
  /** When the walk that the remote asked for may begin, by steady time. */
  let startOverAt = Number.POSITIVE_INFINITY
  let forgotten = false
  /** There is no room for what the remote has. */
  let full: SyncError | undefined
  /** The remote knows this device: there is no socket for a stranger. */
  const known = latch()
  if (on.signal.aborted) known.resolve()
  on.signal.addEventListener('abort', known.resolve, { once: true })
  /** When the next try is due, by steady time. */
  let due = 0
  /** What could not go although a whole round was made: it waits for something else. */
  let stuck = ''
  let startedOverAt = Number.NEGATIVE_INFINITY

  const ring = (what: Ring) => () => {
    rings.add(what)
    hear?.()
    if (what !== 'nudged') jobs?.ring(what !== 'changed')
    if (what === 'nudged') report()
  }
  const bell: Bell = {
    changed: ring('changed'),
    nudged: ring('nudged'),
    urgent: ring('urgent'),
    resume: ring('resume'),
  }

  /** Until one of `which` rings, or `ms` have passed. */
  async function wait(ms: number, which: readonly Ring[]): Promise<Ring | undefined> {
    const heard = () => which.find(what => rings.has(what))
    const end = new AbortController()
    hear = () => {
      if (heard() !== undefined) end.abort()
    }
    if (heard() === undefined) {
      await on.platform.sleep(ms, AbortSignal.any([on.signal, end.signal])).catch(() => {}) // rung or stopped: both are looked at next
    }
    hear = undefined
    const what = heard()
    // A nudge counts until it is looked at: meanwhile nothing may call itself synced.
    if (what !== undefined && what !== 'nudged') rings.delete(what)
    return what
  }

  /** By steady time: a clock that is set back meanwhile does not make us wait for it. */
  const untilNextTry = () => Math.max(0, due - on.platform.monotonic())

  /** Whoever rings, a remote that said when to come back is not asked earlier (I14). */
  async function untilAllowed(): Promise<void> {
    const left = allowed - on.platform.monotonic()
    if (left > 0) await on.platform.sleep(left, on.signal).catch(() => {}) // stopped: the loop sees it
  }

  async function step(): Promise<Event> {
    switch (state) {
      case 'joining': {
        if (await pausedByApp(on)) return 'pause'
        await join(on)
        known.resolve()
        return 'done'
      }
      case 'pulling':
        return look()
      case 'pushing':
        return send()
      case 'resting':
        return rest()
      case 'waiting':
        await wait(untilNextTry(), ['urgent', 'resume'])
        await untilAllowed()
        return 'wake'
      case 'no-auth':
        await wait(untilNextTry(), ['urgent', 'resume'])
        return 'resume'
      case 'paused':
        return (await wait(lookEvery, ['resume'])) === undefined && (await stillPaused()) ? 'wake' : 'resume'
      case 'stopped':
        return 'stop'
    }
  }

  async function look(): Promise<Event> {
    const asked = rings.has('urgent')
    rings.delete('nudged')
    rings.delete('urgent')
    if (await pausedByApp(on)) return 'pause'
    if (forgotten) {
      forgotten = false
      throw new SyncError('device-gone', 'The remote does not know this device any more. It joins again.')
    }
    const now = on.platform.monotonic()
    if (now >= startOverAt || (asked && startOverAt < Number.POSITIVE_INFINITY)) {
      startOverAt = Number.POSITIVE_INFINITY
      startedOverAt = now
      await startOver(on)
    }
    full = undefined
    try {
      await pull(on)
    } catch (error) {
      if (!mayPushFull(on, error)) throw error
      full = asSyncError(error)
    }
    return 'done'
  }

  async function send(): Promise<Event> {
    rings.delete('changed')
    // Looked at before: what is written while nothing is found to send is not stuck.
    const mark = await readyMark(on)
    const pushed = await push(on)
    if (pushed.state === 'more') return 'more'
    stuck = mark
    if (full !== undefined) throw full
    await forgive()
    return 'done'
  }

  /** A whole round went well. */
  async function forgive(): Promise<void> {
    failed = undefined
    const blamed = await glance(on, async (_, { failure, brake }) => failure !== undefined || brake !== undefined)
    if (!blamed) return
    await fenced(on, async (tx, { failure: _, brake: _1, ...checkpoint }) => putCheckpoint(tx, on.remote, checkpoint))
  }

  async function rest(): Promise<Event> {
    const poll = on.platform.monotonic() + (on.transport.every ?? pollEvery)
    for (;;) {
      const left = poll - on.platform.monotonic()
      if (left <= 0) return 'wake'
      const what = await wait(Math.min(lookEvery, left), ['nudged', 'urgent', 'resume', 'changed'])
      if (on.signal.aborted) return 'stop'
      if (what === 'nudged') await on.platform.sleep(nudgePause, on.signal)
      if (what !== undefined && what !== 'changed') return 'wake'
      if (await pausedByApp(on)) return 'pause'
      const mark = await readyMark(on)
      if (mark !== '' && mark !== stuck) return 'wake'
    }
  }

  async function stillPaused(): Promise<boolean> {
    return glance(on, async (_, checkpoint) => checkpoint.paused === true || checkpoint.brake !== undefined)
  }

  async function blame(thrown: unknown): Promise<Event> {
    const error = asSyncError(thrown)
    if (on.signal.aborted || error.code === 'stale-leader' || error.code === 'aborted') return 'stop'
    const { next: reaction } = reactionTo(error)
    try {
      if (reaction === 'start-over') {
        await startOver(on, true)
        return 'start-over'
      }
      if (reaction === 'join-again') {
        await leaveDevice(on)
        await startOver(on, true)
        return 'join-again'
      }
    } catch (second) {
      if (second !== error) return blame(second)
    }
    failed = failureOf(on, error, failed)
    const failure = failed
    due = on.platform.monotonic() + Math.max(0, (failure.next ?? 0) - failure.at)
    allowed = on.platform.monotonic() + askedWait(error.notBefore, failure.at)
    const brake = error.details.brake as Brake | undefined
    try {
      await fenced(on, async (tx, checkpoint) =>
        putCheckpoint(tx, on.remote, { ...checkpoint, failure, ...(brake && { brake }) }),
      )
    } catch (second) {
      if (asSyncError(second).code === 'stale-leader') return 'stop'
      // A store that fails cannot take the reason either; the pause goes on, and the status asks the store itself.
    }
    if (reaction === 'wait-for-auth') return 'no-auth'
    if (reaction === 'pause') return 'pause'
    if (reaction === 'stop') return 'stop'
    return 'failed'
  }

  async function run(): Promise<void> {
    while (state !== 'stopped') {
      if (on.signal.aborted) break
      const event = await step().catch(blame)
      state = on.signal.aborted ? 'stopped' : cycle[state][event]
      report()
    }
    state = 'stopped'
    report()
  }

  async function listen(): Promise<void> {
    const { nudges } = on.transport
    if (nudges === undefined) return
    await known.promise
    for (let tries = 1; !on.signal.aborted; tries++) {
      const began = on.platform.monotonic()
      await nudges.listen(heardNudge, ioFor(on, { signal: on.signal })).catch(unheard)
      if (on.platform.monotonic() - began > pollEvery) tries = 1
      await on.platform.sleep(pause(on.platform, tries), on.signal).catch(() => {}) // stopped: the loop sees it
    }
  }

  /** A lost nudge costs time only. That the remote has forgotten us is worth to know at once. */
  function unheard(thrown: unknown): void {
    if (asSyncError(thrown).code !== 'device-gone') return
    forgotten = true
    bell.urgent()
  }

  function heardNudge(nudge: 'changed' | 'start-over' | 'settings'): void {
    // Asked for too early it is not forgotten: the cursor may be good for nothing.
    if (nudge === 'start-over') startOverAt = Math.max(on.platform.monotonic(), startedOverAt + startOverEvery)
    bell.nudged()
  }

  const jobs = on.transport.jobs && runJobs(on, on.transport.jobs, known.promise, bell.nudged)
  const done = Promise.all([run(), listen(), jobs?.done]).then(() => {})
  const current = () => ({
    state,
    nudged: rings.has('nudged') || rings.has('urgent'),
    stuck: stuck === '' ? 0 : stuck.split('\n').length,
  })
  return { bell, state: current, done }
}

/**
 * Without room for news the outbox still drains, which makes room: the remote refuses what is based on an older version.
 * One that refuses nothing is not written to unseen (law 3).
 */
function mayPushFull(on: Ground, error: unknown): boolean {
  return (
    asSyncError(error).code === 'storage-full' && on.transport.push !== undefined && on.transport.push.guard !== 'none'
  )
}

function latch(): { readonly promise: Promise<void>; resolve(): void } {
  let open = () => {}
  const promise = new Promise<void>(resolve => {
    open = resolve
  })
  return { promise, resolve: () => open() }
}

const pausedByApp = (on: Ground): Promise<boolean> =>
  glance(on, async (_, checkpoint: Checkpoint) => checkpoint.paused === true)

/** The next try comes after a growing pause, never before the time that the remote said. */
function failureOf(on: Ground, error: SyncError, before: Failure | undefined): Failure {
  const tries = (before?.tries ?? 0) + 1
  const now = on.platform.now()
  const slow = reactionTo(error).next === 'retry' ? 0 : 5_000
  // `notBefore` holds whoever calls; this is only when the next try comes by itself.
  const later = typeof error.details.next === 'number' ? Math.min(error.details.next, now + longestWait) : 0
  const next = Math.max(now + slow + pause(on.platform, tries), now + askedWait(error.notBefore, now), later)
  const { code, message } = error
  return reactionTo(error).next === 'pause'
    ? { code, message, at: now, tries }
    : { code, message, at: now, tries, next }
}
