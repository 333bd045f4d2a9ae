/** Cognee's shapes (docs/apis/cognee.md) and our records. Pure. */
import { SyncError } from '../../errors.ts'
import type { Json, RemoteRecord } from '../../model.ts'
import { count, flag, isObject, list, member, text } from '../shared/shape.ts'
import { parseTime } from '../shared/time.ts'

export interface Dataset {
  readonly id: string
  readonly name: string
  readonly owner: string | undefined
  readonly createdAt: number | undefined
  readonly updatedAt: number | undefined
}

export interface Listed {
  readonly id: string
  readonly dataset: string
  readonly name: string
  readonly extension: string | undefined
  readonly mime: string | undefined
  readonly createdAt: number | undefined
  readonly updatedAt: number | undefined
}

/** What only the bytes tell. */
export type Content = { readonly md5: string; readonly sha256: string; readonly size: number }

export interface Run {
  readonly id: string
  /** Either may be missing: servers differ. */
  readonly datasets: readonly string[] | undefined
  readonly names: readonly string[] | undefined
  /** The documented status tells the first name of several. */
  readonly first?: true
  readonly percent: number | undefined
}

export const readDatasets = (json: Json | undefined): Dataset[] => rows(json, 'the list of datasets').map(readDataset)

export function readDataset(json: Json | undefined): Dataset {
  const [id, name] = [text(json, 'id'), text(json, 'name')]
  if (id === undefined || name === undefined) throw wrongShape('a dataset')
  const [createdAt, updatedAt] = [time(json, 'createdAt'), time(json, 'updatedAt')]
  return { id, name, owner: text(json, 'ownerId'), createdAt, updatedAt }
}

export const readListing = (json: Json | undefined, dataset: string): Listed[] =>
  rows(json, 'the documents of a dataset').map(one => {
    const id = text(one, 'id')
    if (id === undefined) throw wrongShape('a document')
    return {
      id,
      dataset,
      name: text(one, 'name') ?? id,
      extension: text(one, 'extension'),
      mime: text(one, 'mimeType'),
      createdAt: time(one, 'createdAt'),
      updatedAt: time(one, 'updatedAt'),
    }
  })

export function datasetRecord({ id, name, owner, createdAt, updatedAt }: Dataset, status?: string): RemoteRecord {
  const value = { name, ...defined({ owner, status, createdAt, updatedAt }) }
  return { collection: 'datasets', id, value, version: JSON.stringify(value) }
}

/** Without `content` the bytes could not be had. */
export function documentRecord(listed: Listed, content: Content | undefined): RemoteRecord {
  const { id, dataset, name, extension, mime, createdAt } = listed
  const { sha256, size } = content ?? {}
  const value = { dataset, name, ...defined({ extension, mime, sha256, size, createdAt }) }
  return { collection: 'documents', id, value, version: documentVersion(listed, content) }
}

const documentVersion = ({ updatedAt }: Listed, content: Content | undefined): Json => ({
  updatedAt: updatedAt ?? null,
  ...content,
})

/** The flat answer that is documented, or a map of such answers, as it is declared. */
export function readStarted(json: Json | undefined): { readonly id: string; readonly details: Json } {
  const flat = text(json, 'run_id') === undefined && isObject(json) ? Object.values(json)[0] : json
  const id = text(flat, 'run_id')
  if (id === undefined) throw wrongShape('the answer to a sync')
  const names = ['run_id', 'status', 'dataset_ids', 'dataset_names', 'message', 'timestamp', 'user_id']
  const said = names.map(name => [name, member(flat, name)] as const).filter(([, value]) => value !== undefined)
  return { id, details: Object.fromEntries(said) as Json }
}

/** The newest run under way, if any. */
export function readOverview(json: Json | undefined): Run | undefined {
  const running = flag(json, 'has_running_sync')
  if (running === undefined) throw wrongShape('the status')
  if (!running) return undefined
  return readRun(member(json, 'latest_running_sync'))
}

export function readRun(json: Json | undefined): Run {
  const id = text(json, 'run_id')
  if (id === undefined) throw wrongShape('a run')
  const name = text(json, 'dataset_name')
  const names = texts(json, 'dataset_names')
  return {
    id,
    datasets: texts(json, 'dataset_ids'),
    names: names ?? (name === undefined ? undefined : [name]),
    ...(names === undefined && { first: true as const }),
    percent: count(json, 'progress_percentage'),
  }
}

/** The only 409 that is about another run. */
export const isConflict = (json: Json | undefined): boolean =>
  text(member(json, 'details'), 'run_id') !== undefined || text(member(json, 'details'), 'status') === 'already_running'

export const saysUnavailable = (json: Json | undefined): boolean => /unavailable/i.test(reasonOf(json) ?? '')
export const saysInaccessible = (json: Json | undefined): boolean => /UnauthorizedDataAccess/.test(reasonOf(json) ?? '')

/** Whichever of its envelopes an error comes in. */
export function reasonOf(json: Json | undefined): string | undefined {
  const [first] = list(json, 'detail') ?? []
  const said = text(json, 'error') ?? text(json, 'detail') ?? text(first, 'msg') ?? text(json, 'message')
  return said !== undefined && said.length <= 200 ? said : undefined
}

export function wrongShape(what: string): SyncError {
  return new SyncError('protocol', `Cognee sent ${what} in another shape than its API has. If this goes on, report it.`)
}

function rows(json: Json | undefined, what: string): readonly Json[] {
  if (!Array.isArray(json)) throw wrongShape(what)
  return json as readonly Json[] // isArray forgets that a list may be readonly
}

function texts(json: Json | undefined, key: string): readonly string[] | undefined {
  return list(json, key)?.filter(one => typeof one === 'string')
}

/** A time without a zone is UTC. */
function time(json: Json | undefined, key: string): number | undefined {
  const said = text(json, key)
  return said === undefined ? undefined : parseTime(said)
}

type Defined<T> = { readonly [K in keyof T]?: Exclude<T[K], undefined> }
const defined = <T extends { readonly [key: string]: Json | undefined }>(of: T): Defined<T> =>
  Object.fromEntries(Object.entries(of).filter(([, value]) => value !== undefined)) as Defined<T>
