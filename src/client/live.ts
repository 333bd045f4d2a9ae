/** A question whose answer is kept up to date: what React, Svelte and plain code all can use. */
import { sameData } from '../equal.ts'
import { asSyncError, SyncError } from '../errors.ts'
import type { Platform } from '../platform.ts'
import type { Frame, Frames } from './frames.ts'

export interface Live<T> {
  /** The answer now. */
  get(): Promise<T>
  /**
   * Calls back with the answer, never before it returns, and again whenever it is another. Returns how to stop. Failures
   * go to `failed`, the last of all being `closed`.
   */
  subscribe(hear: (answer: T) => void, failed?: (error: SyncError) => void): () => void
  /**
   * What subscribers have heard last: the same object until they hear again, and with the same parts where those did not
   * change. For React: `useSyncExternalStore(hear => live.subscribe(hear, hear), live.snapshot)`.
   */
  snapshot(): Snapshot<T>
}

export interface Snapshot<T> {
  /** `undefined` before the first answer. */
  readonly value: T | undefined
  /** Whether there was an answer. */
  readonly ready: boolean
  /** Why the newest question failed; `value` is the last answer then. */
  readonly error?: SyncError
}

export interface Question<T> {
  ask(): Promise<T>
  /** Whether what a frame touched can make the answer another than the last one. */
  concerns(frame: Frame, last: T): boolean | Promise<boolean>
  /** What else makes it worth to ask again. */
  more?(hear: () => void): () => void
}

export interface LiveBase {
  readonly platform: Pick<Platform, 'sleep' | 'monotonic'>
  readonly frames: Frames
  /** Aborted when the database is closed. */
  readonly closed: AbortSignal
}

/** Messages may be lost (F33), so every question is asked again after this, in milliseconds ... */
const lookEvery = 5_000
/** ... or after so many times as long as it took: at most a hundredth of the time is spent so. */
const patience = 100

const nothingYet: Snapshot<never> = { value: undefined, ready: false }

interface Hearer<T> {
  readonly hear: (answer: T) => void
  readonly failed: (error: SyncError) => void
  /** The snapshot that it knows. */
  told?: Snapshot<T>
}

/** All subscribers share one question, which is asked by one at a time and rests between them. */
export function live<T>(on: LiveBase, { ask, concerns, more }: Question<T>): Live<T> {
  const hearers = new Set<Hearer<T>>()
  let now: Snapshot<T> = nothingYet
  /** Whether `now` is kept up to date. */
  let current = false
  let stop = () => {}

  function tell(): void {
    for (const hearer of hearers) {
      if (hearer.told === now) continue
      hearer.told = now
      if (now.error !== undefined) hearer.failed(now.error)
      else hearer.hear(now.value as T) // without an error there was an answer
    }
  }

  async function look(ended: AbortSignal): Promise<void> {
    const next = await ask().then(
      value => answered(now, value),
      error => ({ value: now.value, ready: now.ready, error: asSyncError(error) }),
    )
    if (ended.aborted) return
    now = next
    current = true
    tell()
  }

  function start(): () => void {
    const end = new AbortController()
    const frames: Frame[] = []
    let rung = false
    let wake = () => {}
    const unwatch = on.frames.watch(frame => {
      frames.push(frame)
      wake()
    })
    const unhear = more?.(() => {
      rung = true
      wake()
    })

    /** Until the answer may be another, or `ms` have passed. */
    async function idle(ms: number): Promise<void> {
      const until = on.platform.monotonic() + ms
      while (!rung && !end.signal.aborted) {
        const frame = frames.shift()
        if (frame !== undefined) {
          if (now.error !== undefined || (await touches(frame))) return
          continue
        }
        const left = until - on.platform.monotonic()
        if (left <= 0) return
        const woken = new AbortController()
        wake = () => woken.abort()
        await on.platform.sleep(left, AbortSignal.any([end.signal, woken.signal])).catch(() => {}) // woken: the loop sees why
      }
    }

    async function touches(frame: Frame): Promise<boolean> {
      try {
        return await concerns(frame, now.value as T) // without an error there was an answer
      } catch {
        return true // the question itself will say what is wrong
      }
    }

    async function keep(): Promise<void> {
      while (!end.signal.aborted) {
        // What was committed before the question begins is in its answer.
        rung = false
        frames.length = 0
        const began = on.platform.monotonic()
        await look(end.signal)
        await idle(Math.max(lookEvery, (on.platform.monotonic() - began) * patience))
      }
    }

    const close = () => {
      leave()
      now = { ...now, error: new SyncError('closed', 'This database is closed: open it again.') }
      tell()
      hearers.clear()
    }
    const leave = () => {
      end.abort()
      unwatch()
      unhear?.()
      on.closed.removeEventListener('abort', close)
      current = false
    }
    on.closed.addEventListener('abort', close)
    if (on.closed.aborted) void Promise.resolve().then(close)
    else void keep()
    return leave
  }

  return {
    get: ask,
    snapshot: () => now,
    subscribe(hear, failed = () => {}) {
      const hearer: Hearer<T> = { hear, failed }
      hearers.add(hearer)
      if (hearers.size === 1) stop = start()
      else if (current) void Promise.resolve().then(tell)
      return () => {
        if (hearers.delete(hearer) && hearers.size === 0) stop()
      }
    },
  }
}

/** The old snapshot where nothing is new, and in the new one what did not change of the old. */
function answered<T>(before: Snapshot<T>, value: T): Snapshot<T> {
  const same = before.ready ? kept(before.value as T, value) : value
  return before.ready && before.error === undefined && same === before.value ? before : { value: same, ready: true }
}

/** `after`, made of the parts of `before` where they are the same: of a list, by the ids of its items. */
function kept<T>(before: T, after: T): T {
  if (!Array.isArray(before) || !Array.isArray(after)) return sameData(before, after) ? before : after
  const known = new Map<unknown, unknown>(before.map(one => [idOf(one), one]))
  const list = after.map(one => {
    const old = known.get(idOf(one))
    return sameData(old, one) ? old : one
  })
  return list.length === before.length && list.every((one, at) => one === before[at]) ? before : (list as T)
}

const idOf = (one: unknown): unknown => (one as { readonly id?: unknown } | null | undefined)?.id
