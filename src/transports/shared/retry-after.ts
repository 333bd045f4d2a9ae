import { parseHttpDate } from './time.ts'

const LONGEST = 5 * 60_000
const NONSENSE = 24 * 60 * 60_000

/**
 * The wait in milliseconds that `Retry-After` (seconds or an HTTP-date) asks for, at most five minutes. `undefined`:
 * none that makes sense (negative, beyond a day, garbage), so the caller's own pauses hold. A date is read against the
 * server's own clock where it said it.
 */
export function waitOf(header: string | number | null | undefined, now: number): number | undefined {
  if (header === null || header === undefined) return undefined
  const text = String(header).trim()
  const at = parseHttpDate(text)
  const wait = at !== undefined ? at - now : /^\d+(\.\d+)?$/.test(text) ? Number(text) * 1000 : Number.NaN
  if (!(wait >= 0) || wait > NONSENSE) return undefined
  return Math.min(Math.ceil(wait), LONGEST)
}
