import type { Clock } from '../engine/ground.ts'
import { aheadOfSteady, type Platform } from '../platform.ts'

/** Servers say their time in whole seconds, and the answer was under way for a while: nearer than this nothing is wrong. */
const resolution = 1_000
/** Without any word from a server, a device's clock is taken for this good. */
const unknown = 60_000
/** A clock that moves so much against the steady one was set, or the device slept. */
const jump = 60_000

/** The local clock, corrected by the median of what servers said last: one wrong `Date` header changes nothing (F41). */
export function serverClock(platform: Pick<Platform, 'now' | 'monotonic'>, stored = 0): Clock & { offset(): number } {
  let offset = stored
  let heard: number[] = []
  let ahead = 0
  /** What servers said is about the clock as it was then. */
  const sure = () => heard.length > 0 && Math.abs(aheadOfSteady(platform) - ahead) <= jump
  return {
    now: () => Math.round(platform.now() + offset),
    offset: () => offset,
    sure,
    uncertainty: () => (sure() ? resolution + spread(heard) : unknown),
    heard(serverTime) {
      if (!Number.isFinite(serverTime)) return
      heard = [...(sure() ? heard : []), serverTime - platform.now()].slice(-5)
      ahead = aheadOfSteady(platform)
      const sorted = heard.toSorted((one, other) => one - other)
      const median = sorted[Math.floor(sorted.length / 2)]!
      if (Math.abs(median - offset) > resolution) offset = median
    },
  }
}

const spread = (heard: readonly number[]): number => Math.min(unknown, Math.max(...heard) - Math.min(...heard))
