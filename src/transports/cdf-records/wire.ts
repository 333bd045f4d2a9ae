/** Records on the wire and as we keep them, both ways. Pure. */
import { SyncError } from '../../errors.ts'
import type { Field, Json, RemoteRecord, Value } from '../../model.ts'
import { millis } from '../shared/cdf/time.ts'
import { count, flag, isObject, list, member, text } from '../shared/shape.ts'
import type { Filterable } from './filter.ts'
import { eventId, type RecordIdentity, recordId } from './ids.ts'
import type { Config, RecordContainer } from './options.ts'

export interface SyncAnswer {
  readonly items: readonly Json[]
  readonly cursor: string
  readonly more: boolean
}

const LONGEST_CURSOR = 100_000

/** Throws `protocol` where what must be there is not (F69). */
export function readSync(json: Json | undefined): SyncAnswer {
  const items = list(json, 'items')
  const cursor = text(json, 'nextCursor')
  const more = flag(json, 'hasNext')
  if (items === undefined || more === undefined) throw wrongShape('items and hasNext')
  if (cursor === undefined || cursor === '' || cursor.length > LONGEST_CURSOR) throw wrongShape('a cursor')
  return { items, cursor, more }
}

export type Item = Filterable & { readonly deleted: boolean }

/** `undefined`: nothing that we know how to keep. */
export function readItem(json: Json, { immutable }: Pick<Config, 'immutable'>): Item | 'unsupported' | undefined {
  const space = text(json, 'space')
  const externalId = text(json, 'externalId')
  const created = count(json, 'createdTime')
  const updated = count(json, 'lastUpdatedTime')
  // `records/filter` shows no status: what it finds is there.
  const status = member(json, 'status') ?? 'created'
  if (space === undefined || externalId === undefined || created === undefined || updated === undefined)
    return undefined
  if (!STATUSES.has(status as string) || (immutable && status === 'deleted')) return 'unsupported'
  const properties = member(json, 'properties') ?? {}
  const deleted = status === 'deleted'
  return { space, externalId, createdTime: millis(created), lastUpdatedTime: millis(updated), properties, deleted }
}

const STATUSES = new Set(['created', 'updated', 'deleted'])

export function remoteRecord(item: Item, config: Config): RemoteRecord {
  const value = item.deleted ? null : fieldsOf(item.properties, config.containers)
  const { createdTime, lastUpdatedTime } = item
  return {
    collection: 'records',
    id: value !== null && config.immutable ? eventId(item, value) : recordId(item),
    value,
    version: { createdTime, lastUpdatedTime },
    at: lastUpdatedTime,
    ...(!config.immutable && { order: lastUpdatedTime }),
  }
}

/** The fields of a record from its properties by space and container. */
export function fieldsOf(properties: Json, containers: readonly RecordContainer[]): Value {
  const value: { [field: string]: Field } = {}
  for (const [space, inSpace] of membersOf(properties)) {
    for (const [externalId, held] of membersOf(inSpace)) {
      const known = containers.find(one => one.space === space && one.externalId === externalId)
      const prefix = known === undefined ? `${space}.${externalId}.` : known.as === undefined ? '' : `${known.as}.`
      for (const [name, field] of membersOf(held)) if (field !== null) value[prefix + name] = field
    }
  }
  return value
}

const membersOf = (json: Json): [string, Json][] => (isObject(json) ? Object.entries(json) : [])

export interface RecordWrite extends RecordIdentity {
  readonly sources: readonly {
    readonly source: { readonly type: 'container'; readonly space: string; readonly externalId: string }
    readonly properties: { readonly [name: string]: Field }
  }[]
}

/** `undefined`: a field belongs to no container that is known here. */
export function writeOf(
  { space, externalId }: RecordIdentity,
  value: Value,
  containers: readonly RecordContainer[],
): RecordWrite | undefined {
  const held = new Map<
    string,
    { source: RecordWrite['sources'][number]['source']; properties: { [n: string]: Field } }
  >()
  for (const [field, one] of Object.entries(value)) {
    const place = placeOf(field, containers)
    if (place === undefined) return undefined
    const key = `${place.space}\n${place.externalId}`
    const source = { type: 'container' as const, space: place.space, externalId: place.externalId }
    const group = held.get(key) ?? { source, properties: {} }
    group.properties[place.name] = one
    held.set(key, group)
  }
  return { space, externalId, sources: [...held.values()] }
}

function placeOf(field: string, containers: readonly RecordContainer[]) {
  const parts = field.split('.')
  const name = parts.at(-1) ?? ''
  if (parts.length === 3) return { space: parts[0] ?? '', externalId: parts[1] ?? '', name }
  const known = containers.find(({ as }) => as === (parts.length === 2 ? parts[0] : undefined))
  return known === undefined ? undefined : { space: known.space, externalId: known.externalId, name }
}

export interface ItemResult extends RecordIdentity {
  readonly code: number
  readonly message: string | undefined
}

/** How each item of a write fared, in whatever order; `undefined` where the answer does not say. */
export function readPartial(json: Json | undefined): readonly ItemResult[] | undefined {
  const items = list(member(json, 'error'), 'partial')
  return items?.flatMap(item => {
    const space = text(item, 'space')
    const externalId = text(item, 'externalId')
    const code = count(item, 'code')
    if (space === undefined || externalId === undefined || code === undefined) return []
    return [{ space, externalId, code, message: text(item, 'message') }]
  })
}

export function wrongShape(what: string): SyncError {
  return new SyncError('protocol', `The stream answered without ${what}. If this goes on, tell the API owner.`)
}
