/**
 * What instances are like, without the transport: a page spreads one into its schema,
 * `collection<Pump>()({ remote: 'plant', source: 'pumps', ...nodes })`, and writes through it.
 *
 * The fields of an instance are the selected properties; those of a second view are `ViewId.property`. Beside them `$type`,
 * and of an edge `$startNode` and `$endNode`, say where it hangs.
 */
import type { Change, Key, Value } from '../../model.ts'
import type { Source } from '../../transport.ts'
import { isExternalId, isSpace } from '../shared/cdf/setup.ts'
import { valueFault } from '../shared/cdf/values.ts'
import { member } from '../shared/shape.ts'
import { instanceId, readInstanceId } from './ids.ts'

function copy(key: Key, value: Value, change: Change) {
  const own = readInstanceId(key.id)
  if (own === undefined) return undefined
  const mark = `-copy-${change.change}`
  return { id: instanceId({ ...own, externalId: own.externalId.slice(0, 256 - mark.length) + mark }), value }
}

export const nodes = {
  copy,
  check: (id, value) => fault(id, value, []),
} as const satisfies Source

export const edges = {
  copy,
  check: (id, value) => fault(id, value, ['$type', '$startNode', '$endNode']),
} as const satisfies Source

const HANGING = ['$type', '$startNode', '$endNode']
const FIELD = /^(?:[a-zA-Z]\w{0,254}\.)?[a-zA-Z]\w{0,254}$/

function fault(id: string, value: Value, needed: readonly string[]): string | undefined {
  if (readInstanceId(id) === undefined) return 'an id must be made by instanceId({ space, externalId })'
  const lacking = needed.find(field => value[field] === undefined)
  if (lacking !== undefined) return `an edge needs ${lacking}`
  for (const [field, held] of Object.entries(value)) {
    if (field.startsWith('$')) {
      if (!HANGING.includes(field) || (field !== '$type' && needed.length === 0)) return `there is no field "${field}"`
      if (!isReference(held)) return `${field} must be { space, externalId }`
      continue
    }
    if (!FIELD.test(field)) return `"${field}" cannot be a property`
    const found = valueFault(held)
    if (found !== undefined) return `${field}: ${found}`
  }
  return undefined
}

const isReference = (value: unknown): boolean =>
  isSpace(member(value, 'space')) && isExternalId(member(value, 'externalId'))
