import type { Plain } from '../json.ts'
import type { Table, Tables } from '../tables.ts'

/** Everything the project holds. Rows are plain data, so that the whole of it can be stored, compared and rolled back. */
export function stateOf(tables: Tables, now: () => number): State {
  return {
    tables,
    now,
    tokens: tables.table<Token>('cdf_tokens'),
    spaces: tables.table<Space>('cdf_spaces'),
    containers: tables.table<Container>('cdf_containers'),
    streams: tables.table<Stream>('cdf_streams'),
    records: tables.table<RecordRow>('cdf_records', { stream: row => row.stream, same: row => row.same }),
    feed: tables.table<FeedRow>('cdf_feed', { stream: row => row.stream }),
    pending: tables.table<PendingRow>('cdf_pending', { stream: row => row.stream, record: row => row.key }),
    views: tables.table<View>('cdf_views'),
    instances: tables.table<InstanceRow>('cdf_instances', {
      live: row => (row.deletedTime === null ? row.key : undefined),
      start: row => (row.deletedTime === null && row.startNode ? referenceKey(row.startNode) : undefined),
      end: row => (row.deletedTime === null && row.endNode ? referenceKey(row.endNode) : undefined),
    }),
    counters: tables.table<{ readonly next: number }>('cdf_counters'),
  }
}

export type State = {
  readonly tables: Tables
  readonly now: () => number
  readonly tokens: Table<Token>
  readonly spaces: Table<Space>
  readonly containers: Table<Container>
  readonly streams: Table<Stream>
  /** What was accepted. */
  readonly records: Table<RecordRow>
  /** What can be read by now, tombstones included, in the order of becoming visible. */
  readonly feed: Table<FeedRow>
  /** What is on its way from the one to the other. */
  readonly pending: Table<PendingRow>
  readonly views: Table<View>
  /** One row per life of an instance, tombstones included. */
  readonly instances: Table<InstanceRow>
  readonly counters: Table<{ readonly next: number }>
}

/** `spaces`: the ones that the token may read and write; null is all. */
export type Token = {
  readonly token: string
  readonly spaces: readonly string[] | null
  readonly expiresAt: number | null
}

export type Space = {
  readonly space: string
  readonly name?: string
  readonly description?: string
  readonly createdTime: number
  readonly lastUpdatedTime: number
}

export type PropertyType = {
  readonly type: TypeName
  readonly list?: boolean
  readonly maxListSize?: number
  readonly collation?: string
  readonly values?: { readonly [value: string]: object }
  readonly container?: object
}

export type TypeName =
  | 'text'
  | 'boolean'
  | 'int32'
  | 'int64'
  | 'float32'
  | 'float64'
  | 'timestamp'
  | 'date'
  | 'json'
  | 'direct'
  | 'enum'
  | 'timeseries'
  | 'file'
  | 'sequence'

export type Property = {
  readonly type: PropertyType
  readonly nullable: boolean
  readonly defaultValue?: Plain
  readonly name?: string
  readonly description?: string
}

export type Container = {
  readonly space: string
  readonly externalId: string
  readonly usedFor: 'node' | 'edge' | 'all' | 'record'
  readonly properties: { readonly [name: string]: Property }
  readonly name?: string
  readonly description?: string
  readonly createdTime: number
  readonly lastUpdatedTime: number
}

/** `purgeAt`: it was deleted, and its name is free again then. */
export type Stream = {
  readonly externalId: string
  readonly template: string
  readonly createdTime: number
  readonly purgeAt: number | null
}

/** By space, container and property. */
export type Data = { readonly [space: string]: { readonly [container: string]: { readonly [name: string]: Plain } } }

export type RecordRow = {
  readonly key: string
  readonly stream: string
  readonly space: string
  readonly externalId: string
  readonly createdTime: number
  readonly lastUpdatedTime: number
  readonly status: 'created' | 'updated' | 'deleted'
  readonly properties: Data | null
  /** Of an immutable stream: what an exact duplicate shares. */
  readonly same?: string
  /** How often this row was really written: what a judge of double delivery looks at. */
  readonly effects: number
}

/** `order` is the place in the feed, `seenFrom` the time since when it can be read. */
export type FeedRow = RecordRow & { readonly order: number; readonly seenFrom: number }
export type PendingRow = RecordRow & { readonly id: string; readonly visibleAt: number }

/** A property of a view is one of a container, under a name of its own. */
export type View = {
  readonly space: string
  readonly externalId: string
  readonly version: string
  readonly name?: string
  readonly description?: string
  readonly properties: { readonly [name: string]: { readonly container: Reference; readonly property: string } }
  readonly createdTime: number
  readonly lastUpdatedTime: number
}

export type Reference = { readonly space: string; readonly externalId: string }

export type InstanceRow = {
  readonly id: string
  /** Of all lives of one instance. */
  readonly key: string
  readonly instanceType: 'node' | 'edge'
  readonly space: string
  readonly externalId: string
  readonly version: number
  readonly type: Reference | null
  readonly startNode: Reference | null
  readonly endNode: Reference | null
  readonly createdTime: number
  readonly lastUpdatedTime: number
  readonly deletedTime: number | null
  /** By container; kept in a tombstone. */
  readonly data: Data
  /** Of the last change of all that was made to this project. */
  readonly order: number
  /** How often it was really written. */
  readonly effects: number
}

export function count(state: State, name: string): number {
  const next = state.counters.get(name)?.next ?? 1
  state.counters.put(name, { next: next + 1 })
  return next
}

export const containerKey = (it: { readonly space: string; readonly externalId: string }): string =>
  `${it.space}\n${it.externalId}`

export const viewKey = (it: {
  readonly space: string
  readonly externalId: string
  readonly version: string
}): string => `${it.space}\n${it.externalId}\n${it.version}`

export const referenceKey = (it: Reference): string => `${it.space}\n${it.externalId}`

export const instanceKey = (it: Reference & { readonly instanceType: 'node' | 'edge' }): string =>
  `${it.instanceType}\n${it.space}\n${it.externalId}`
