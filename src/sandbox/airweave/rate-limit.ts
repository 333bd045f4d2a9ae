import { ApiError } from './errors.ts'
import type { Server } from './state.ts'

const MINUTE = 60_000
const UNLIMITED = 9999

/** A sliding minute per organization: every authenticated call counts, polls included. */
export function rateLimit({ knobs, world }: Pick<Server, 'knobs' | 'world'>) {
  let calls: number[] = []

  const headers = (limit: number, left: number, reset: number) => ({
    'RateLimit-Limit': String(limit),
    'RateLimit-Remaining': String(left),
    'RateLimit-Reset': String(Math.floor(reset / 1000)),
  })

  return {
    /** The headers of an answer, or a refusal. */
    spend(): Readonly<Record<string, string>> {
      const now = world.now()
      const limit = knobs().rateLimit
      if (limit === null) return headers(UNLIMITED, UNLIMITED, now)
      calls = calls.filter(at => at > now - MINUTE)
      if (calls.length >= limit) {
        const wait = (calls[0]! + MINUTE - now) / 1000
        const text = `Rate limit exceeded. Please retry after ${wait.toFixed(2)} seconds. Limit: ${limit} requests per second.`
        const sent = { ...headers(limit, 0, calls[0]! + MINUTE), 'Retry-After': String(Math.floor(wait) + 1) }
        throw new ApiError(429, text, { headers: sent })
      }
      calls.push(now)
      return headers(limit, limit - calls.length, now)
    },
  }
}
