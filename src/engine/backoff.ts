import type { Platform } from '../platform.ts'

const first = 1_000
const halfMinute = 30_000

/** A growing pause in milliseconds with full jitter (I14): at least half a second, at most `longest`. */
export function pause(platform: Pick<Platform, 'random'>, tries: number, longest = halfMinute): number {
  if (tries <= 0) return 0
  const most = Math.min(longest, first * 2 ** Math.min(tries - 1, 20))
  return Math.max(500, Math.round(platform.random() * most))
}

/** The longest pause that anybody asks for, in milliseconds. */
export const longestWait = 10 * 60_000

/** The longest that a remote keeps us away by what it said, in milliseconds. */
const longestAsked = 5 * 60_000

/**
 * How long a remote still wants not to be asked, in milliseconds. It was said by the wall clock: what lies further ahead
 * was said before that clock was set back, and waiting for it would take as long as the clock is behind.
 */
export function askedWait(notBefore: number | undefined, now: number): number {
  return Math.min(longestAsked, Math.max(0, (notBefore ?? 0) - now))
}
