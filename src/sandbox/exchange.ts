import { abortable } from './abortable.ts'
import { allowed, asBrowserSees, type Cors, preflight } from './cors.ts'
import type { Weather } from './weather.ts'
import type { World } from './world.ts'

/** How requests get to the routes of a sandbox and answers back: through the weather, dated, with CORS around. */
export function exchange(on: Exchange): Wires {
  const overWire = async (request: Request): Promise<Response> => {
    const before = preflight(request)
    if (before) return before
    const answer = await on.weather.around(request, async it => dated(await on.handle(it), on.world))
    return allowed(request, answer, on.knobs().cors)
  }
  return {
    overWire,
    async fetch(input, init) {
      const request = input instanceof Request && init === undefined ? input : new Request(input, init)
      const answer = await abortable(request.signal, () => overWire(request))
      const browser = on.knobs().seenAs === 'browser' || request.headers.has('origin')
      return browser ? asBrowserSees(answer, on.knobs().cors) : answer
    },
  }
}

export type Exchange = {
  readonly world: World
  readonly weather: Weather
  readonly knobs: () => { readonly cors: Cors; readonly seenAs: 'server' | 'browser' }
  readonly handle: (request: Request) => Response | Promise<Response>
}

export type Wires = {
  /** For callers in the same process: a broken connection rejects, an abort is obeyed, a browser sees less. */
  readonly fetch: (input: Request | string | URL, init?: RequestInit) => Promise<Response>
  /** For a real server in front, which leaves to the real browser what that may see. */
  readonly overWire: (request: Request) => Promise<Response>
}

function dated(response: Response, { now }: Pick<World, 'now'>): Response {
  const headers = new Headers(response.headers)
  headers.set('date', new Date(now()).toUTCString())
  return new Response(response.body, { status: response.status, headers })
}
