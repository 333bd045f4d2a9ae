/** The identity of a record and one string, both ways. A space holds no colon, so nothing needs to be escaped. */
import { sha256 } from '@noble/hashes/sha2.js'
import type { Value } from '../../model.ts'
import { isExternalId, isSpace } from '../shared/cdf/setup.ts'
import { canonical, timeless } from '../shared/cdf/values.ts'

export interface RecordIdentity {
  readonly space: string
  readonly externalId: string
}

/** The id of a record in a mutable stream. */
export function recordId({ space, externalId }: RecordIdentity): string {
  return `${space}:${externalId}`
}

/**
 * The id of a record in an immutable stream. Several may share space and externalId there, and an exact duplicate is no
 * second record: so the id follows from the content, whatever notation its times are in.
 */
export function eventId({ space, externalId }: RecordIdentity, value: Value): string {
  return `${space}:${hash(canonical(value, timeless))}:${externalId}`
}

export function readRecordId(id: string): RecordIdentity | undefined {
  const at = id.indexOf(':')
  return at < 0 ? undefined : checked(id.slice(0, at), id.slice(at + 1))
}

export function readEventId(id: string): RecordIdentity | undefined {
  const [, space = '', externalId = ''] = /^([^:]*):[0-9a-f]{32}:([\s\S]*)$/.exec(id) ?? []
  return checked(space, externalId)
}

const checked = (space: string, externalId: string): RecordIdentity | undefined =>
  isSpace(space) && isExternalId(externalId) ? { space, externalId } : undefined

function hash(text: string): string {
  const bytes = sha256(new TextEncoder().encode(text)).subarray(0, 16)
  return Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('')
}
