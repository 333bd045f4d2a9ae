/**
 * What records are like, without the transport: a page spreads these into its schema,
 * `collection<Reading>()({ remote: 'plant', source: 'records', ...records })`, and writes through them.
 *
 * The fields of a record are the properties of its container. A property of a container that was given a name is
 * `name.property`; one of a container that was not named at all is `space.container.property`.
 */
import type { Value } from '../../model.ts'
import type { Source } from '../../transport.ts'
import { valueFault } from '../shared/cdf/values.ts'
import { eventId, readEventId, readRecordId, recordId } from './ids.ts'

/** A mutable stream: `recordId({ space, externalId })` is the id. */
export const records = {
  copy(key, value, change) {
    const own = readRecordId(key.id)
    if (own === undefined) return undefined
    const mark = `-copy-${change.change}`
    return { id: recordId({ ...own, externalId: own.externalId.slice(0, 256 - mark.length) + mark }), value }
  },
  check: (id, value) =>
    readRecordId(id) === undefined ? 'an id must be made by recordId({ space, externalId })' : contentFault(value),
} as const satisfies Source

/** An immutable stream: records are only added, and `eventId({ space, externalId }, value)` is the id. */
export const events = {
  append: true,
  check(id, value) {
    const own = readEventId(id)
    if (own === undefined || eventId(own, value) !== id) {
      return 'an id must be made by eventId({ space, externalId }, value)'
    }
    return contentFault(value)
  },
} as const satisfies Source

function contentFault(value: Value): string | undefined {
  const entries = Object.entries(value)
  if (entries.length === 0) return 'a record needs at least one property'
  for (const [field, held] of entries) {
    if (!FIELD.test(field)) return `"${field}" cannot be a property`
    const fault = valueFault(held)
    if (fault !== undefined) return `${field}: ${fault}`
  }
  return undefined
}

// A property, one of a named container, or one with its whole name.
const FIELD = /^(?:[\w-]{1,255}\.){0,2}[a-zA-Z]\w{0,254}$/
