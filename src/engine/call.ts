/** A call of a remote's API, made for the user: in whatever context asked, whether it leads or not. */
import { asSyncError, SyncError } from '../errors.ts'
import { plain } from '../plain.ts'
import type { Ground } from './ground.ts'
import { ioFor } from './io.ts'

/**
 * Resolves to what the API answered. It is tried once; whatever goes wrong rejects with a SyncError and changes neither
 * the status nor the store. `unsupported` where the remote has no such call.
 */
export async function call(on: Ground, name: string, request: unknown): Promise<unknown> {
  const { api = {} } = on.transport
  const work = Object.hasOwn(api, name) ? api[name] : undefined
  if (work === undefined) {
    const names = Object.keys(api).join(', ') || 'none'
    throw new SyncError('unsupported', `${on.remote} has no call "${name}". It has: ${names}.`)
  }
  try {
    const answer = await work(request as never, ioFor(on, { signal: on.signal, unfenced: true })) // its type is the app's to keep
    return answer === undefined ? undefined : plain(answer, `what ${on.remote} answered to ${name}`)
  } catch (error) {
    throw asSyncError(error)
  }
}
