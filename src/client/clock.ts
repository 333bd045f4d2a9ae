import type { Clock } from '../engine/ground.ts'
import type { Platform } from '../platform.ts'

/** Servers say their time in whole seconds, and the answer was under way for a while. */
const resolution = 1_000
/** Without any word from a server, a device's clock is taken for this good. */
const unknown = 60_000

/** The local clock, corrected by the median of what servers said last: one wrong `Date` header changes nothing (F41). */
export function serverClock(platform: Pick<Platform, 'now'>, stored = 0): Clock & { offset(): number } {
  let offset = stored
  let heard: number[] = []
  return {
    now: () => Math.round(platform.now() + offset),
    offset: () => offset,
    sure: () => heard.length > 0,
    uncertainty: () => (heard.length === 0 ? unknown : resolution + spread(heard)),
    heard(serverTime) {
      if (!Number.isFinite(serverTime)) return
      heard = [...heard, serverTime - platform.now()].slice(-5)
      const sorted = heard.toSorted((one, other) => one - other)
      const median = sorted[Math.floor(sorted.length / 2)]!
      if (Math.abs(median - offset) > resolution) offset = median
    },
  }
}

const spread = (heard: readonly number[]): number => Math.min(unknown, Math.max(...heard) - Math.min(...heard))
