/** Everything that goes to a sandbox and comes from it, in whatever test, before the weather spoils it. */
import type * as Module from '../../src/sandbox/exchange.ts'
import type { Exchange } from './schemas.ts'

type Hear = (exchange: Exchange) => void

let hear: Hear = () => {}

export function listen(to: Hear): void {
  hear = to
}

/** For `vi.mock('../../src/sandbox/exchange.ts', ...)`. */
export function tapped(module: typeof Module): typeof Module {
  return {
    ...module,
    exchange: on =>
      module.exchange({
        ...on,
        async handle(request) {
          const asked = request.clone().text()
          const answer = await on.handle(request)
          // A stream has no end to wait for, and no schema.
          if (answer.headers.get('content-type') === 'text/event-stream') return answer
          const { method, url } = request
          hear({
            method,
            path: new URL(url).pathname,
            asked: await asked,
            status: answer.status,
            answered: await answer.clone().text(),
          })
          return answer
        },
      }),
  }
}
