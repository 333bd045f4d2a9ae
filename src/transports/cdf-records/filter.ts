/**
 * The filter language of records, as data. It goes to the server as it is, and is evaluated here where the server must
 * not see it: a tombstone has no properties, so a condition on one would hide it (section 3.3 of the API's notes).
 */
import type { Field, Json } from '../../model.ts'
import { isModelId, isSpace } from '../shared/cdf/setup.ts'
import { momentOf } from '../shared/cdf/time.ts'
import { canonical } from '../shared/cdf/values.ts'
import { isObject, member } from '../shared/shape.ts'

export interface ContainerRef {
  readonly type: 'container'
  readonly space: string
  readonly externalId: string
}

/** A property of a container. */
export type PropertyRef = readonly [space: string, container: string, property: string]
type Id = readonly ['space'] | readonly ['externalId']
type Time = readonly ['createdTime'] | readonly ['lastUpdatedTime']

/** What a condition compares with: 64-bit integers as bigint, times and dates as text, relations as objects. */
export type Operand = string | number | bigint | boolean | { readonly [key: string]: Json }
type Bound = string | number | bigint
type Lower = { readonly gte?: Bound; readonly gt?: never } | { readonly gt?: Bound; readonly gte?: never }
type Upper = { readonly lte?: Bound; readonly lt?: never } | { readonly lt?: Bound; readonly lte?: never }

/** Exactly one operator each; at most 100 nodes and 10 levels. Text is compared by code point, with its case. */
export type RecordFilter =
  | { readonly and: readonly RecordFilter[] }
  | { readonly or: readonly RecordFilter[] }
  | { readonly not: RecordFilter }
  | { readonly matchAll: Readonly<Record<string, never>> }
  | { readonly exists: { readonly property: PropertyRef } }
  | { readonly equals: { readonly property: PropertyRef | Id | Time; readonly value: Operand } }
  | { readonly in: { readonly property: PropertyRef | Id | Time; readonly values: readonly Operand[] } }
  | { readonly prefix: { readonly property: PropertyRef | Id; readonly value: string } }
  | { readonly range: { readonly property: PropertyRef | Time } & Lower & Upper }
  | { readonly containsAll: { readonly property: PropertyRef; readonly values: readonly Operand[] } }
  | { readonly containsAny: { readonly property: PropertyRef; readonly values: readonly Operand[] } }
  | { readonly hasData: readonly ContainerRef[] }

/** What a filter looks at: a record as the wire shows it. */
export interface Filterable {
  readonly space: string
  readonly externalId: string
  readonly createdTime: number
  readonly lastUpdatedTime: number
  readonly properties: Json
}

export function matches(filter: RecordFilter, record: Filterable): boolean {
  if ('and' in filter) return filter.and.every(one => matches(one, record))
  if ('or' in filter) return filter.or.some(one => matches(one, record))
  if ('not' in filter) return !matches(filter.not, record)
  if ('matchAll' in filter) return true
  if ('hasData' in filter) return filter.hasData.every(ref => dataOf(record, ref) !== undefined)
  if ('exists' in filter) return heldBy(record, filter.exists.property) != null
  if ('equals' in filter) return same(heldBy(record, filter.equals.property), filter.equals.value)
  if ('in' in filter) {
    const held = heldBy(record, filter.in.property)
    return filter.in.values.some(value => same(held, value))
  }
  if ('prefix' in filter) {
    const held = heldBy(record, filter.prefix.property)
    return typeof held === 'string' && held.startsWith(filter.prefix.value)
  }
  if ('range' in filter) return inRange(heldBy(record, filter.range.property), filter.range)
  const { property, values } = 'containsAll' in filter ? filter.containsAll : filter.containsAny
  const held = heldBy(record, property)
  if (!Array.isArray(held)) return false
  const has = (value: Operand) => held.some((one: Json) => same(one, value))
  return 'containsAll' in filter ? values.every(has) : values.some(has)
}

function heldBy(record: Filterable, property: readonly string[]): Json | undefined {
  const [first = '', container = '', name = ''] = property
  if (property.length === 3) return member(dataOf(record, { space: first, externalId: container }), name)
  return record[first as 'space' | 'externalId' | 'createdTime' | 'lastUpdatedTime']
}

const dataOf = ({ properties }: Filterable, ref: { readonly space: string; readonly externalId: string }) =>
  member(member(properties, ref.space), ref.externalId)

function inRange(held: Json | undefined, { gte, gt, lte, lt }: Lower & Upper): boolean {
  const order = (bound: Bound) => (held == null ? undefined : compare(held, bound))
  const keeps = (bound: Bound | undefined, holds: (order: number) => boolean) => {
    if (bound === undefined) return true
    const found = order(bound)
    return found !== undefined && holds(found)
  }
  return keeps(gte, it => it >= 0) && keeps(gt, it => it > 0) && keeps(lte, it => it <= 0) && keeps(lt, it => it < 0)
}

/** Times by their instant, numbers by value, the rest by content. */
function same(held: Json | undefined, value: Operand): boolean {
  if (held == null) return false
  return compare(held, value) === 0 || canonical(held as Field) === canonical(value as Field)
}

function compare(held: Json, value: Operand): number | undefined {
  if (isNumber(held) && isNumber(value)) return held < value ? -1 : held > value ? 1 : 0
  if (isNumber(held) && typeof value === 'string') {
    const moment = momentOf(value) // the times of a record itself are numbers
    return moment === undefined ? undefined : compare(held, moment)
  }
  if (typeof held !== 'string' || typeof value !== 'string') return undefined
  const [one, other] = [momentOf(held), momentOf(value)]
  return one !== undefined && other !== undefined ? one - other : byCodePoint(held, value)
}

const isNumber = (value: unknown): value is number | bigint => typeof value === 'number' || typeof value === 'bigint'

/** UTF-16 order puts what lies beyond the basic plane too early. */
function byCodePoint(one: string, other: string): number {
  if (one === other) return 0
  let at = 0
  while (at < one.length && one.charCodeAt(at) === other.charCodeAt(at)) at += 1
  if (at > 0 && isTrail(one.charCodeAt(at)) && isTrail(other.charCodeAt(at))) at -= 1
  return (one.codePointAt(at) ?? -1) - (other.codePointAt(at) ?? -1)
}

const isTrail = (code: number): boolean => code >= 0xdc00 && code <= 0xdfff

/**
 * The part of a filter that the server may see: what can neither hide a tombstone nor let a record leave in silence,
 * which is what says something about space and id only, both of which a record keeps for life.
 */
export function lasting(filter: RecordFilter): RecordFilter | undefined {
  if (isLasting(filter)) return filter
  if (!('and' in filter)) return undefined
  const parts = filter.and.map(lasting).filter(part => part !== undefined)
  if (parts.length === 0) return undefined
  return parts.length === 1 ? parts[0] : { and: parts }
}

function isLasting(filter: RecordFilter): boolean {
  if ('and' in filter) return filter.and.every(isLasting)
  if ('or' in filter) return filter.or.every(isLasting)
  if ('not' in filter) return isLasting(filter.not)
  if ('matchAll' in filter) return true
  const [leaf] = Object.values(filter) as [{ readonly property?: readonly string[] }]
  const { property } = leaf
  return property?.length === 1 && (property[0] === 'space' || property[0] === 'externalId')
}

/** The containers whose data a filter looks at. */
export function containersOf(filter: RecordFilter): readonly { readonly space: string; readonly externalId: string }[] {
  if ('and' in filter) return filter.and.flatMap(containersOf)
  if ('or' in filter) return filter.or.flatMap(containersOf)
  if ('not' in filter) return containersOf(filter.not)
  if ('matchAll' in filter) return []
  if ('hasData' in filter) return filter.hasData
  const [leaf] = Object.values(filter) as [{ readonly property: readonly string[] }]
  const [space = '', externalId = ''] = leaf.property
  return leaf.property.length === 3 ? [{ space, externalId }] : []
}

const NODES = 100
const LEVELS = 10

/** Why the API would refuse this filter; `undefined` when it takes it. */
export function filterFault(filter: unknown): string | undefined {
  let nodes = 0
  const fault = (node: unknown, level: number): string | undefined => {
    nodes += 1
    if (nodes > NODES) return `a filter has at most ${NODES} nodes`
    if (level > LEVELS) return `a filter is at most ${LEVELS} levels deep`
    const entries = isObject(node) ? Object.entries(node) : []
    const [first] = entries
    if (first === undefined || entries.length > 1) return 'each part of a filter has exactly one operator'
    const [op, body] = first as [string, unknown]
    if (op === 'not') return fault(body, level + 1)
    if (op === 'and' || op === 'or') {
      if (!Array.isArray(body) || body.length < 1 || body.length > 99) return `${op} takes 1 to 99 filters`
      for (const one of body as readonly unknown[]) {
        const found = fault(one, level + 1)
        if (found !== undefined) return found
      }
      return undefined
    }
    return leafFault(op, body)
  }
  return fault(filter, 1)
}

const TIMES = ['createdTime', 'lastUpdatedTime']
const IDS = ['space', 'externalId']
/** The top-level properties that each operator takes. */
const TAKES: { readonly [op: string]: readonly string[] } = {
  exists: [],
  equals: [...IDS, ...TIMES],
  in: [...IDS, ...TIMES],
  prefix: IDS,
  range: TIMES,
  containsAll: [],
  containsAny: [],
}

function leafFault(op: string, body: unknown): string | undefined {
  if (op === 'matchAll') {
    return isObject(body) && Object.keys(body).length === 0 ? undefined : 'matchAll takes an empty object'
  }
  if (op === 'hasData') {
    const fits = Array.isArray(body) && body.length >= 1 && body.length <= 10 && body.every(isContainer)
    return fits ? undefined : 'hasData takes 1 to 10 references to containers'
  }
  const takes = TAKES[op]
  if (takes === undefined || !isObject(body)) return `"${op}" is no operator of this filter language`
  const property = member(body, 'property')
  if (!isProperty(property, takes)) return `${op} needs a property that it takes: ["space", "container", "property"]`
  if (op === 'equals' && member(body, 'value') == null) return 'equals needs a value'
  if (op === 'in' || op === 'containsAll' || op === 'containsAny') {
    const values = member(body, 'values')
    return Array.isArray(values) && values.length >= 1 && values.length <= 100
      ? undefined
      : `${op} takes 1 to 100 values`
  }
  if (op === 'prefix') {
    const value = member(body, 'value')
    return typeof value === 'string' && value.length >= 1 && value.length <= 500
      ? undefined
      : 'prefix takes text of 1 to 500 characters'
  }
  return op === 'range' ? rangeFault(body) : undefined
}

function rangeFault(body: unknown): string | undefined {
  const has = (name: string) => member(body, name) != null
  if ((has('gte') && has('gt')) || (has('lte') && has('lt'))) return 'range has two bounds on one side'
  return has('gte') || has('gt') || has('lte') || has('lt') ? undefined : 'range needs a bound'
}

function isProperty(property: unknown, takes: readonly string[]): boolean {
  if (!Array.isArray(property)) return false
  const parts = property as readonly unknown[]
  if (!parts.every(part => typeof part === 'string' && part.length >= 1 && part.length <= 255)) return false
  return parts.length === 3 || (parts.length === 1 && takes.includes(String(parts[0])))
}

const isContainer = (ref: unknown): boolean =>
  member(ref, 'type') === 'container' && isSpace(member(ref, 'space')) && isModelId(member(ref, 'externalId'))
