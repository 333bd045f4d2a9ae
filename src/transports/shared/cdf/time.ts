import { parseTime } from '../time.ts'

/** `2026-05-02T08:00:00.000+00:00` to milliseconds since 1970; `undefined` where the text is no time. */
export function momentOf(text: string): number | undefined {
  return text.length >= 19 && text.length <= 40 && text[10] === 'T' ? parseTime(text) : undefined
}

/** Milliseconds since 1970, also where a server wrote seconds (F77). */
export function millis(time: number): number {
  return Math.abs(time) < 100_000_000_000 ? time * 1000 : time
}

const HOUR = 3_600_000

/** Deletions are shown for three days at least; a place older than this may have missed some (I30, I31). */
export const OLDEST = 60 * HOUR

/** To the hour, so that looking again and again is no news. */
export const hourOf = (now: number): number => Math.floor(now / HOUR) * HOUR
