/** The calls of a remote's API. Which there are, the engine knows; a page with a worker has no transports. */
import { SyncError } from '../errors.ts'
import { plain } from '../plain.ts'
import { type Base, mustBeOpen } from './db.ts'

export type AnyCalls = { readonly [name: string]: (request?: unknown) => Promise<unknown> }

/** Any name is a call; one that the remote does not have rejects with `unsupported`. */
export function callsOf(on: Base, remote: string): AnyCalls {
  const known = new Map<string, AnyCalls[string]>()
  return new Proxy<AnyCalls>(Object.freeze(Object.create(null)), {
    get(_, name) {
      // Whoever awaits this, or prints it, asks for such names.
      if (typeof name === 'symbol' || name === 'then' || name === 'toJSON') return undefined
      const made = known.get(name) ?? (request => call(on, remote, name, request))
      known.set(name, made)
      return made
    },
  })
}

async function call(on: Base, remote: string, name: string, request: unknown): Promise<unknown> {
  mustBeOpen(on)
  const host = on.host()
  if (host === undefined) throw new SyncError('unsupported', `Nothing syncs with ${remote} here.`)
  return host.call(remote, name, request === undefined ? undefined : plain(request, `the request of ${remote}.${name}`))
}
