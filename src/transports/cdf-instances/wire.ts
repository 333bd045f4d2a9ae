/** Instances on the wire and as we keep them, both ways. Pure. */
import { equal } from '../../equal.ts'
import { SyncError } from '../../errors.ts'
import type { Field, Json, RemoteRecord, Value } from '../../model.ts'
import { millis } from '../shared/cdf/time.ts'
import { count, isObject, member, text } from '../shared/shape.ts'
import { instanceId } from './ids.ts'
import type { InstanceQuery, Reference, Select } from './query.ts'

/** One selected result set. */
export interface SetOf {
  readonly name: string
  readonly kind: 'node' | 'edge'
  readonly sources: NonNullable<Select['sources']>
}

export const setsOf = ({ with: all, select }: InstanceQuery): readonly SetOf[] =>
  Object.entries(select).map(([name, { sources = [] }]) => ({
    name,
    kind: 'nodes' in all[name]! ? 'node' : 'edge',
    sources,
  }))

/** Of one life: a deleted instance that is made again has another `createdTime`, and may count its versions from 1. */
export interface Version {
  readonly createdTime: number
  readonly version: number
}

/** `undefined`: not an instance that we know how to keep. */
export function remoteRecord(item: Json, set: SetOf): RemoteRecord | undefined {
  const space = text(item, 'space')
  const externalId = text(item, 'externalId')
  const version = count(item, 'version')
  const created = count(item, 'createdTime')
  const updated = count(item, 'lastUpdatedTime')
  if (space === undefined || externalId === undefined || version === undefined) return undefined
  if (created === undefined || updated === undefined || text(item, 'instanceType') !== set.kind) return undefined
  const deleted = member(item, 'deletedTime') !== undefined
  const createdTime = millis(created)
  return {
    collection: set.name,
    id: instanceId({ space, externalId }),
    value: deleted ? null : fieldsOf(item, set),
    version: { createdTime, version },
    at: millis(updated),
    order: `${String(createdTime).padStart(16, '0')}:${String(version).padStart(12, '0')}`,
  }
}

function fieldsOf(item: Json, { sources }: SetOf): Value {
  const value: { [field: string]: Field } = {}
  for (const name of ['type', 'startNode', 'endNode']) {
    const held = member(item, name)
    if (isObject(held)) value[`$${name}`] = held
  }
  for (const [at, { source, properties }] of sources.entries()) {
    const held = member(member(member(item, 'properties'), source.space), `${source.externalId}/${source.version}`)
    const prefix = at === 0 ? '' : `${source.externalId}.`
    for (const [name, field] of isObject(held) ? Object.entries(held) : []) {
      const wanted = properties.includes('*') || properties.includes(name)
      if (wanted && field !== null) value[prefix + name] = plainTime(field)
    }
  }
  return value
}

// The API writes times in its own way; `Date.toISOString` writes them like this.
const WITH_OFFSET = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00$/

function plainTime(field: Json): Json {
  if (typeof field === 'string') return WITH_OFFSET.test(field) ? `${field.slice(0, -6)}Z` : field
  if (!Array.isArray(field)) return field
  const list = field as readonly Json[]
  return list.some(it => typeof it === 'string' && WITH_OFFSET.test(it)) ? list.map(plainTime) : field
}

/** The last state of each instance: deletions come first, whatever the order, and only end the life that they tell of. */
export function settled(records: readonly RemoteRecord[]): RemoteRecord[] {
  const last = new Map<string, RemoteRecord>()
  for (const record of records) {
    const key = `${record.collection}\n${record.id}`
    const before = last.get(key)
    if (before === undefined || String(before.order) <= String(record.order)) last.set(key, record)
  }
  return [...last.values()]
}

export interface Identity extends Reference {
  readonly instanceType: 'node' | 'edge'
}

/** What an upsert says: only what differs from what we last agreed on, and null for what went away. */
export function writeOf(
  identity: Identity,
  value: Value,
  before: Value | null,
  existingVersion: number,
  set: SetOf,
): Json | undefined {
  const sources: { source: Json; properties: { [name: string]: Field } }[] = []
  for (const [at, { source }] of set.sources.entries()) {
    const prefix = at === 0 ? '' : `${source.externalId}.`
    const mine = (field: string) => !field.startsWith('$') && field.startsWith(prefix) && at > 0 === field.includes('.')
    const properties: { [name: string]: Field } = {}
    for (const [field, held] of Object.entries(value)) {
      if (mine(field) && !equal(held, before?.[field])) properties[field.slice(prefix.length)] = held
    }
    for (const field of Object.keys(before ?? {})) {
      if (mine(field) && value[field] === undefined) properties[field.slice(prefix.length)] = null
    }
    const { type, space, externalId, version } = source
    const named = { type, space, externalId, version }
    if (Object.keys(properties).length > 0) sources.push({ source: named, properties })
  }
  const known = (field: string) => field.startsWith('$') || prefixOf(field, set) !== undefined
  if (!Object.keys(value).every(known)) return undefined
  return {
    ...identity,
    existingVersion,
    ...(value.$type !== undefined && { type: value.$type }),
    ...(value.$startNode !== undefined && { startNode: value.$startNode }),
    ...(value.$endNode !== undefined && { endNode: value.$endNode }),
    ...(sources.length > 0 && { sources }),
  } as unknown as Json
}

const prefixOf = (field: string, { sources }: SetOf): string | undefined => {
  const [view] = field.includes('.') ? field.split('.') : []
  const index = view === undefined ? 0 : sources.findIndex(({ source }, at) => at > 0 && source.externalId === view)
  return sources[index]?.source.externalId
}

export function versionOf(json: Json): Version | undefined {
  const createdTime = count(json, 'createdTime')
  const version = count(json, 'version')
  return createdTime === undefined || version === undefined ? undefined : { createdTime, version }
}

export function wrongShape(what: string): SyncError {
  return new SyncError('protocol', `The graph answered without ${what}. If this goes on, tell the API owner.`)
}
