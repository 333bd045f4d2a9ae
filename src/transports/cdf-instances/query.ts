/**
 * A query as the API takes it, written as data with completion: views know their properties, result sets know each other,
 * and the rows of a set are typed by what is selected.
 */
import type { Json } from '../../model.ts'
import { isModelId, isSpace } from '../shared/cdf/setup.ts'
import { isObject } from '../shared/shape.ts'

export interface Reference {
  readonly space: string
  readonly externalId: string
}

/** A view, and what a row of it holds. `row` is for types only and never set. */
export interface View<Row extends object = object> extends Reference {
  readonly type: 'view'
  readonly version: string
  readonly row?: Row
}

export interface Container extends Reference {
  readonly type: 'container'
}

export type Property = readonly string[]
type Raw = string | number | bigint | boolean | { readonly [key: string]: Json } | readonly Json[]
/** A value, one of `parameters`, or another property. */
export type Operand = Raw | { readonly parameter: string } | { readonly property: Property }

type Bounds = { readonly gte?: Operand; readonly gt?: Operand; readonly lte?: Operand; readonly lt?: Operand }

export type InstanceFilter =
  | { readonly and: readonly InstanceFilter[] }
  | { readonly or: readonly InstanceFilter[] }
  | { readonly not: InstanceFilter }
  | { readonly matchAll: Readonly<Record<string, never>> }
  | { readonly equals: { readonly property: Property; readonly value: Operand } }
  | { readonly in: { readonly property: Property; readonly values: readonly Operand[] | Operand } }
  | { readonly range: { readonly property: Property } & Bounds }
  | { readonly prefix: { readonly property: Property; readonly value: Operand } }
  | { readonly exists: { readonly property: Property } }
  | { readonly containsAny: { readonly property: Property; readonly values: readonly Operand[] | Operand } }
  | { readonly containsAll: { readonly property: Property; readonly values: readonly Operand[] | Operand } }
  | { readonly overlaps: { readonly startProperty: Property; readonly endProperty: Property } & Bounds }
  | { readonly nested: { readonly scope: Property; readonly filter: InstanceFilter } }
  | { readonly hasData: readonly (View | Container)[] }
  | { readonly instanceReferences: readonly Reference[] }

export interface Sort {
  readonly property: Property
  readonly direction?: 'ascending' | 'descending'
  readonly nullsFirst?: boolean
}

interface Feed {
  /** Most rows per page, 1 to 2000. Default 1000. */
  readonly limit?: number
  /** Default `onePhase`. */
  readonly mode?: 'onePhase' | 'twoPhase' | 'noBackfill'
  readonly skipAlreadyDeleted?: boolean
  /** Only in two phases. */
  readonly backfillSort?: readonly Sort[]
}

export interface Nodes<Names extends string = string> extends Feed {
  readonly nodes: {
    readonly from?: Names
    readonly chainTo?: 'destination' | 'source'
    readonly through?: { readonly source: View | Container; readonly identifier: string }
    readonly direction?: 'outwards' | 'inwards'
    readonly filter?: InstanceFilter
  }
}

export interface Edges<Names extends string = string> extends Feed {
  readonly edges: {
    readonly from?: Names
    readonly chainTo?: 'destination' | 'source'
    readonly direction?: 'outwards' | 'inwards'
    readonly maxDistance?: number
    readonly filter?: InstanceFilter
    readonly nodeFilter?: InstanceFilter
    readonly terminationFilter?: InstanceFilter
  }
}

export interface Select {
  readonly sources?: readonly { readonly source: View; readonly properties: readonly string[] }[]
  /** Means nothing in a sync: it is not sent. */
  readonly sort?: readonly Sort[]
}

export interface InstanceQuery {
  readonly with: { readonly [set: string]: Nodes | Edges }
  readonly select: { readonly [set: string]: Select }
  readonly parameters?: { readonly [name: string]: Json }
}

export function view<Row extends object = object>(space: string, externalId: string, version: string): View<Row> {
  return { type: 'view', space, externalId, version }
}

/** A property of a view, for filters and sorts. */
export function property<Row extends object>(of: View<Row>, name: keyof Row & string): Property {
  return [of.space, `${of.externalId}/${of.version}`, name]
}

/** What to read of a view: some properties, or all of them. */
export function from<
  Row extends object,
  const Names extends readonly (keyof Row & string)[] = readonly ['*' & keyof Row],
>(
  source: View<Row>,
  properties?: Names,
): { readonly source: View<Row>; readonly properties: readonly string[]; readonly picked?: Names } {
  return { source, properties: properties ?? ['*'] }
}

/** The query as it is; its sets are checked against each other. */
export function instanceQuery<
  const With extends { readonly [set: string]: Nodes<keyof With & string> | Edges<keyof With & string> },
  const Chosen extends { readonly [set in keyof With]?: Select },
>(query: {
  readonly with: With
  readonly select: Chosen & { readonly [set in Exclude<keyof Chosen, keyof With>]: never }
  readonly parameters?: { readonly [name: string]: Json }
}): { readonly with: With; readonly select: Chosen; readonly parameters?: { readonly [name: string]: Json } } {
  return query
}

/** Where an instance hangs: fields that the API keeps beside the properties. */
export interface Hanging {
  readonly $type?: Reference
}
export interface EdgeEnds {
  readonly $type: Reference
  readonly $startNode: Reference
  readonly $endNode: Reference
}

/** The rows of a selected set: the selected properties of its first view, and where it hangs. */
export type RowOf<Query extends InstanceQuery, Set extends keyof Query['select'] & string> = Selected<
  Query['select'][Set]
> &
  (Query['with'][Set] extends Edges ? EdgeEnds : Hanging)

type Selected<S> = S extends { readonly sources: readonly [infer First, ...unknown[]] } ? Picked<First> : object
type Picked<S> = S extends { readonly source: View<infer Row> }
  ? S extends { readonly picked?: infer Names }
    ? Partial<Pick<Row, NamesIn<Names, Row>>>
    : Partial<Row>
  : object
type NamesIn<Names, Row> = Names extends readonly (infer Name)[]
  ? [Name] extends ['*']
    ? keyof Row
    : [Name & keyof Row] extends [never]
      ? keyof Row
      : Name & keyof Row
  : keyof Row

/** Why the API would refuse this query, as far as that can be seen from here; `undefined` when it takes it. */
export function queryFault(query: InstanceQuery): string | undefined {
  const sets = Object.entries(query.with)
  const chosen = Object.entries(query.select)
  if (sets.length < 1 || sets.length > 50) return 'a query has 1 to 50 result sets'
  if (chosen.length < 1 || chosen.length > 50) return 'a query selects 1 to 50 of its sets'
  for (const [name, set] of sets) {
    const fault = setFault(set, query)
    if (fault !== undefined) return `${name}: ${fault}`
  }
  for (const [name, { sources = [] }] of chosen) {
    if (!Object.hasOwn(query.with, name)) return `${name} is selected and is no result set`
    if (sources.length > 10) return `${name}: at most 10 views can be selected`
    for (const { source, properties } of sources) {
      if (!isView(source)) return `${name}: a source must be a view with its version`
      if (properties.length < 1) return `${name}: a source needs properties, or "*"`
    }
  }
  return undefined
}

function setFault(set: Nodes | Edges, query: InstanceQuery): string | undefined {
  const { limit, mode, backfillSort } = set
  if ('nodes' in set === 'edges' in set) return 'a result set is one of nodes or of edges'
  if (limit !== undefined && (!Number.isInteger(limit) || limit < 1 || limit > 2000))
    return 'limit must be from 1 to 2000'
  if (backfillSort !== undefined && mode !== 'twoPhase') return 'backfillSort goes with mode "twoPhase" only'
  const body = 'nodes' in set ? set.nodes : set.edges
  if (!isObject(body)) return 'nodes or edges must be an object'
  const { from: start } = body as { readonly from?: unknown }
  if (start !== undefined && !(typeof start === 'string' && Object.hasOwn(query.with, start))) {
    return `its start, "${String(start)}", is no result set`
  }
  return undefined
}

const isView = ({ type, space, externalId, version }: View): boolean =>
  type === 'view' &&
  isSpace(space) &&
  isModelId(externalId) &&
  /^[a-zA-Z0-9]([.a-zA-Z0-9_-]{0,41}[a-zA-Z0-9])?$/.test(version)
