/** What a stream is set up with, checked where it is given by the limits of the API. */
import type { Json } from '../../model.ts'
import { type CdfOptions, isModelId, isSpace, wrong } from '../shared/cdf/setup.ts'
import { canonical } from '../shared/cdf/values.ts'
import { containersOf, filterFault, lasting, type RecordFilter } from './filter.ts'

/** A container that records have data in. */
export interface RecordContainer {
  readonly space: string
  readonly externalId: string
  /** Its properties are `as.property` then. Of several containers at most one goes without. */
  readonly as?: string
  /** Only these are read. Only where nothing is replaced by a write: `readonly` or `immutable`. Default: all. */
  readonly properties?: readonly string[]
}

export interface CdfRecordsOptions extends CdfOptions {
  readonly stream: string
  readonly containers: readonly RecordContainer[]
  /** The stream's records can only be added. Compared with the stream before the first walk. */
  readonly immutable?: boolean
  /** Nothing is ever written. */
  readonly readonly?: boolean
  readonly filter?: RecordFilter
  /** Sends the whole filter of a mutable stream, which hides deletions from us: the status says so. */
  readonly filterAtServer?: boolean
  /** How far back the stream is read: `<number>m|h|d-ago`. Default: from its beginning. */
  readonly since?: string
  /** Most records per page, 1 to 1000. Default 1000. */
  readonly limit?: number
  /** How late a write may show in the feed, in milliseconds. Default 5,000. */
  readonly visibleWithin?: number
}

export interface Config {
  readonly stream: string
  readonly immutable: boolean
  readonly readonly: boolean
  readonly containers: readonly RecordContainer[]
  /** What a sync asks for beside its cursor. */
  readonly query: { readonly sources?: Json; readonly filter?: RecordFilter; readonly limit: number }
  /** What is judged here. */
  readonly filter: RecordFilter | undefined
  readonly mayMissDeletes: boolean
  readonly since: string
  /** The question in one text: another question cannot go on from this one's cursor. */
  readonly question: string
  readonly visibleWithin: number
}

const STREAM = /^[a-z]([a-z0-9_-]{0,98}[a-z0-9])?$/
const SINCE = /^\d{1,96}[mhd]-ago$/

export function configOf(options: CdfRecordsOptions): Config {
  const { stream, filter, since = '9999d-ago', limit = 1000, visibleWithin = 5_000 } = options
  const { immutable = false, filterAtServer = false } = options
  const readonly = options.readonly ?? false
  if (!STREAM.test(stream)) throw wrong(`"${stream}" is no id of a stream`)
  if (!Number.isInteger(limit) || limit < 1 || limit > 1000) throw wrong('limit must be a whole number from 1 to 1000')
  if (since.length < 6 || !SINCE.test(since)) throw wrong('since must look like "30d-ago", with m, h or d')
  if (!Number.isInteger(visibleWithin) || visibleWithin < 0 || visibleWithin > 600_000) {
    throw wrong('visibleWithin must be whole milliseconds, at most ten minutes')
  }
  const fault = filter === undefined ? undefined : filterFault(filter)
  if (fault !== undefined) throw wrong(`The filter cannot be used: ${fault}`)
  mustBeContainers(options.containers, immutable || readonly)

  const whole = immutable || filterAtServer
  const here = whole ? undefined : filter
  const there = whole || filter === undefined ? filter : lasting(filter)
  // A write replaces a record as a whole, so all of it must be known: then nothing may be left out by asking for parts.
  const sources = immutable || readonly ? sourcesOf(options.containers) : undefined
  if (here !== undefined && sources !== undefined) mustSee(here, options.containers)
  const query = { ...(sources !== undefined && { sources }), ...(there !== undefined && { filter: there }), limit }
  const question = canonical({ stream, since, sources: sources ?? null, filter: (filter ?? null) as Json, whole })
  return {
    stream,
    immutable,
    readonly,
    containers: options.containers,
    query,
    filter: here,
    mayMissDeletes: filterAtServer && !immutable && filter !== undefined && lasting(filter) !== filter,
    since,
    question,
    visibleWithin,
  }
}

function mustBeContainers(containers: readonly RecordContainer[], partly: boolean): void {
  if (containers.length < 1 || containers.length > 10) throw wrong('A stream is read with 1 to 10 containers')
  const names = containers.map(({ as = '' }) => as)
  if (new Set(names).size < names.length)
    throw wrong('Of several containers each but one needs a name of its own: `as`')
  for (const { space, externalId, as, properties } of containers) {
    if (!isSpace(space) || !isModelId(externalId)) throw wrong(`"${space}.${externalId}" is no container`)
    if (as !== undefined && !/^[A-Za-z][\w-]{0,63}$/.test(as)) throw wrong(`"${as}" cannot name a container`)
    if (properties === undefined) continue
    if (!partly) throw wrong('Only some properties can be read where nothing is written: `readonly: true`')
    const fits = properties.length >= 1 && properties.length <= 1000 && properties.every(isModelId)
    if (!fits) throw wrong(`The properties of ${externalId} must be 1 to 1000 names`)
  }
}

function sourcesOf(containers: readonly RecordContainer[]): Json {
  return containers.map(({ space, externalId, properties = ['*'] }) => ({
    source: { type: 'container', space, externalId },
    properties,
  }))
}

/** What is judged here must come with the answer. */
function mustSee(filter: RecordFilter, containers: readonly RecordContainer[]): void {
  for (const { space, externalId } of containersOf(filter)) {
    const asked = containers.find(one => one.space === space && one.externalId === externalId)
    if (asked === undefined || asked.properties !== undefined) {
      throw wrong(`The filter looks at ${space}.${externalId}: read that container with all its properties`)
    }
  }
}
