/** Airweave's shapes (section numbers are of docs/apis/airweave.md) and our records and reports. Pure. */
import { SyncError } from '../../errors.ts'
import type { JobReport } from '../../job.ts'
import type { Json, RemoteRecord, Value } from '../../model.ts'
import { count, flag, list, member, text } from '../shared/shape.ts'
import { parseTime } from '../shared/time.ts'

export interface Connection {
  readonly id: string
  readonly record: RemoteRecord
}

export interface Job {
  readonly id: string
  /** In lower case, whatever the server writes. */
  readonly status: string
  readonly startedAt: number | undefined
  /** How many entities are gone, where that is known. */
  readonly deleted: number | undefined
  readonly record: RemoteRecord
  readonly report: JobReport
}

export interface Chunk {
  readonly id: string
  readonly index: number
  readonly original: string
  readonly job: string | undefined
  readonly name: string
  readonly type: string
  readonly text: string
  readonly url: string | undefined
  readonly updatedAt: number | undefined
  readonly fields: Json | undefined
}

export function readConnections(json: Json | undefined): Connection[] {
  return rows(json, 'the list of connections').map(one => {
    const id = idOf(one, 'a connection')
    const value = {
      name: text(one, 'name') ?? '',
      source: text(one, 'short_name') ?? '',
      collection: text(one, 'readable_collection_id') ?? '',
      status: lower(one, 'status') ?? '',
      authenticated: flag(one, 'is_authenticated') ?? false,
      entities: count(one, 'entity_count') ?? 0,
      ...defined({ createdAt: time(one, 'created_at'), modifiedAt: time(one, 'modified_at') }),
    }
    return { id, record: record('connections', id, value) }
  })
}

export const readJobs = (json: Json | undefined, connection: string): Job[] =>
  rows(json, 'the list of jobs').map(one => readJob(one, connection))

export function readJob(json: Json | undefined, connection: string): Job {
  const id = idOf(json, 'a job')
  const status = lower(json, 'status')
  if (status === undefined) throw wrongShape('a job')
  const counters = countersOf(json, status)
  const said = defined({
    startedAt: time(json, 'started_at'),
    completedAt: time(json, 'completed_at'),
    error: text(json, 'error'),
    errorCategory: text(json, 'error_category'),
  })
  const value = { connection, status, ...said, ...counters }
  return {
    id,
    status,
    startedAt: said.startedAt,
    deleted: counters?.deleted,
    record: record('jobs', id, value),
    report: reportOf(status, counters, said, value),
  }
}

/** A job ends in these states; one that nobody knows is on its way (F90). */
const ENDS = ['completed', 'failed', 'cancelled']
export const isOver = ({ status }: Pick<Job, 'status'>): boolean => ENDS.includes(status)

const UNDER_WAY: { readonly [status: string]: JobReport['state'] } = {
  created: 'queued',
  pending: 'queued',
  running: 'running',
  cancelling: 'cancelling',
}
export const isKnown = ({ status }: Pick<Job, 'status'>): boolean => isOver({ status }) || status in UNDER_WAY

interface Counters {
  readonly inserted: number
  readonly updated: number
  readonly deleted: number
  readonly failed: number
}

/** Before the end, and for a job that was cancelled, they are zeros that mean nothing (section 5). */
function countersOf(json: Json | undefined, status: string): Counters | undefined {
  if (status !== 'completed' && status !== 'failed') return undefined
  const [inserted, updated, deleted, failed] = ['inserted', 'updated', 'deleted', 'failed'].map(
    name => count(json, `entities_${name}`) ?? 0,
  ) as [number, number, number, number]
  return { inserted, updated, deleted, failed }
}

function reportOf(
  status: string,
  counters: Counters | undefined,
  { error, errorCategory }: { readonly error?: string; readonly errorCategory?: string },
  details: Json,
): JobReport {
  const common = { ...(counters && { counters: { ...counters } }), details }
  const reason = error === undefined ? {} : { reason: error }
  if (status === 'completed') {
    const lacking = counters !== undefined && counters.failed > 0
    if (!lacking && error === undefined) return { state: 'done', progress: 1, ...common }
    return { state: 'partial', ...common, reason: error ?? `${counters?.failed} entities could not be processed.` }
  }
  if (status === 'cancelled') return { state: 'cancelled', ...common, ...reason }
  if (status === 'failed' && errorCategory !== undefined) {
    const advice = ADVICE[errorCategory] ?? 'Renew the credentials of this connection.'
    return { state: 'failed', ...common, reason: [error, advice].filter(Boolean).join(' '), needs: 'user' }
  }
  if (status === 'failed') return { state: 'failed', ...common, ...reason }
  return { state: UNDER_WAY[status] ?? 'running', ...common }
}

const ADVICE: { readonly [category: string]: string } = {
  oauth_credentials_expired: 'Sign in to the source again.',
  api_key_invalid: 'Give the connection another key of the source.',
  auth_provider_account_gone: 'Connect the account anew.',
  auth_provider_credentials_invalid: 'Renew the credentials at the provider of the account.',
}

/** A frame of `/subscribe`; `undefined` for one that says nothing of progress. */
export function readFrame(frame: Json): JobReport | undefined {
  const status = lower(frame, 'status')
  if (status !== undefined && ENDS.includes(status)) {
    return { state: status === 'completed' ? 'done' : status === 'failed' ? 'failed' : 'cancelled' }
  }
  const names = ['inserted', 'updated', 'deleted', 'kept'] as const
  const counters = Object.fromEntries(names.map(name => [name, count(frame, name)] as const))
  if (names.some(name => counters[name] === undefined)) return undefined
  return { state: 'running', counters: counters as { readonly [name: string]: number } }
}

export function readChunks(json: Json | undefined): Chunk[] {
  const results = list(json, 'results')
  if (results === undefined) throw wrongShape('the results of a search')
  return results.map(one => {
    const metadata = member(one, 'airweave_system_metadata')
    const id = text(one, 'entity_id')
    const index = count(metadata, 'chunk_index')
    const original = text(metadata, 'original_entity_id')
    if (id === undefined || index === undefined || original === undefined) throw wrongShape('a chunk')
    return {
      id,
      index,
      original,
      job: text(metadata, 'sync_job_id'),
      name: text(one, 'name') ?? '',
      type: text(metadata, 'entity_type') ?? '',
      text: text(one, 'textual_representation') ?? '',
      url: text(one, 'web_url') ?? text(one, 'url'),
      updatedAt: time(one, 'updated_at'),
      fields: member(one, 'raw_source_fields'),
    }
  })
}

/** Entities from their chunks, by the source's id. */
export function regrouped(chunks: readonly Chunk[], connection: string): RemoteRecord[] {
  const byEntity = new Map<string, Chunk[]>()
  for (const chunk of chunks) byEntity.set(chunk.original, [...(byEntity.get(chunk.original) ?? []), chunk])
  return [...byEntity].map(([entity, parts]) => {
    const [first, ...more] = parts.sort((one, other) => one.index - other.index) as [Chunk, ...Chunk[]]
    const value = {
      connection,
      entity,
      name: first.name,
      type: first.type,
      text: [first, ...more].map(part => part.text).join(''),
      ...defined({ url: first.url, updatedAt: first.updatedAt, fields: first.fields }),
    }
    return { collection: 'entities', id: entityId(connection, entity), value, version: first.job ?? null }
  })
}

export const entityId = (connection: string, entity: string): string => `${connection}/${entity}`

/** Section 2: the text of a 400 tells a job in the way from a plan that is used up. */
export const saysAlready = (json: Json | undefined): boolean => /already/i.test(text(json, 'detail') ?? '')
export const saysPaused = (json: Json | undefined): boolean => /paused/i.test(text(json, 'detail') ?? '')
/** Section 1: a bad key is a 403, as a missing permission is. */
export const saysKey = (json: Json | undefined): boolean => /api key/i.test(text(json, 'detail') ?? '')

/** What the API says to the user, if it is short. */
export function detailOf(json: Json | undefined): string {
  const detail = text(json, 'detail')
  return detail === undefined || detail.length > 200 ? '' : ` It says: ${detail}`
}

export function wrongShape(what: string): SyncError {
  return new SyncError(
    'protocol',
    `Airweave sent ${what} in another shape than its API has. If this goes on, report it.`,
  )
}

function rows(json: Json | undefined, what: string): readonly Json[] {
  if (!Array.isArray(json)) throw wrongShape(what)
  return json as readonly Json[] // isArray forgets that a list may be readonly
}

function idOf(json: Json | undefined, what: string): string {
  const id = text(json, 'id')
  if (id === undefined || id === '') throw wrongShape(what)
  return id
}

/** There are no versions: the same content is the same state. */
const record = (collection: string, id: string, value: Value): RemoteRecord => ({
  collection,
  id,
  value,
  version: JSON.stringify(value),
})

const lower = (json: Json | undefined, key: string): string | undefined => text(json, key)?.toLowerCase()

/** Times come without a zone, and are UTC (section 6 of the table in front). */
function time(json: Json | undefined, key: string): number | undefined {
  const said = text(json, key)
  return said === undefined ? undefined : parseTime(said)
}

type Defined<T> = { readonly [K in keyof T]?: Exclude<T[K], undefined> }
const defined = <T extends { readonly [key: string]: Json | undefined }>(of: T): Defined<T> =>
  Object.fromEntries(Object.entries(of).filter(([, value]) => value !== undefined)) as Defined<T>
