import { ApiError } from './errors.ts'
import type { Server } from './server.ts'

const MINUTE = 60_000

/** Points per minute and token: a download costs 5, a write 2, the rest 1. Off unless the knob sets a number. */
export function rateLimit({ knobs, world }: Pick<Server, 'knobs' | 'world'>) {
  const windows = new Map<string, { readonly ends: number; spent: number }>()

  const windowOf = (token: string) => {
    const held = windows.get(token)
    if (held && held.ends > world.now()) return held
    const fresh = { ends: world.now() + MINUTE, spent: 0 }
    windows.set(token, fresh)
    return fresh
  }

  return {
    spend(token: string, method: string, path: string): void {
      const limit = knobs().rateLimit
      if (limit === null) return
      const window = windowOf(token)
      const cost = path.includes('/sync/download/') ? 5 : method === 'GET' || method === 'HEAD' ? 1 : 2
      if (window.spent + cost > limit) {
        const seconds = Math.max(1, Math.ceil((window.ends - world.now()) / 1000))
        const headers = { 'Retry-After': String(seconds), ...this.headers(token) }
        throw new ApiError('RATE_LIMITED', 'rate limit exceeded', { retry_after: seconds }, headers)
      }
      window.spent += cost
    },
    headers(token: string): Readonly<Record<string, string>> {
      const limit = knobs().rateLimit
      if (limit === null) return {}
      const window = windowOf(token)
      return {
        'X-RateLimit-Limit': String(limit),
        'X-RateLimit-Remaining': String(Math.max(0, limit - window.spent)),
        'X-RateLimit-Reset': String(Math.ceil(window.ends / 1000)),
      }
    },
  }
}
