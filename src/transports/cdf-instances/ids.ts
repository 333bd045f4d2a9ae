/** The identity of an instance and one string, both ways. A space holds no colon, so nothing needs to be escaped. */
import { isExternalId, isSpace } from '../shared/cdf/setup.ts'
import type { Reference } from './query.ts'

export function instanceId({ space, externalId }: Reference): string {
  return `${space}:${externalId}`
}

export function readInstanceId(id: string): Reference | undefined {
  const at = id.indexOf(':')
  const [space, externalId] = [id.slice(0, Math.max(0, at)), id.slice(at + 1)]
  return isSpace(space) && isExternalId(externalId) ? { space, externalId } : undefined
}
