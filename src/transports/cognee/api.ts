/** The calls of Cognee's API, one function each. */
import { md5 } from '@noble/hashes/legacy.js'
import { SyncError } from '../../errors.ts'
import type { Json } from '../../model.ts'
import type { Io } from '../../transport.ts'
import { readAll } from '../shared/body.ts'
import { type Answer, type Http, PAGE_BYTES } from '../shared/http.ts'
import { list, text } from '../shared/shape.ts'
import { multipart } from './multipart.ts'
import {
  type Content,
  type Dataset,
  isConflict,
  type Listed,
  type Run,
  readDataset,
  readDatasets,
  readListing,
  readOverview,
  readStarted,
  reasonOf,
  saysInaccessible,
  saysUnavailable,
} from './wire.ts'

export type Api = ReturnType<typeof api>

export interface Cloud {
  /** What of these the cloud lacks, and what it has beside them, by MD5. */
  diff(dataset: { id: string; name: string }, hashes: readonly string[], io: Io): Promise<Difference>
}
/** A document whose bytes are wanted. */
type Stored = Pick<Listed, 'dataset' | 'id' | 'mime'>

export interface Difference {
  readonly lacking: readonly string[]
  readonly more: readonly string[]
}

export function api(http: Http, mostBytes: number) {
  async function get(route: string, ids: { readonly [name: string]: string }, io: Io): Promise<Json | undefined> {
    return (await http.send({ method: 'GET', route, ids, want: 'json', most: PAGE_BYTES }, io)).json
  }

  return {
    datasets: async (io: Io): Promise<Dataset[]> => readDatasets(await get('/datasets', {}, io)),

    /** By dataset; a server that cannot say it says nothing. */
    async status(id: string, io: Io): Promise<string | undefined> {
      const call = {
        method: 'GET',
        route: '/datasets/status',
        query: { dataset: id },
        data: [403, 404, 409],
      } as const
      const { status, json } = await http.send({ ...call, want: 'json' }, io)
      return status < 300 ? text(json, id) : undefined
    },

    async create(name: string, io: Io): Promise<Dataset> {
      return readDataset(
        (await http.send({ method: 'POST', route: '/datasets', json: { name }, want: 'json' }, io)).json,
      )
    },

    /** `false`: it is not ours to delete, or it is gone. */
    async deleteDataset(id: string, io: Io): Promise<boolean> {
      const call = {
        method: 'DELETE',
        route: '/datasets/{id}',
        ids: { id },
        want: 'nothing',
        data: [403, 404],
      } as const
      return (await http.send(call, io)).status < 300
    },

    /** `undefined`: the dataset is gone, or not to be seen; the API does not tell which. */
    async documents(dataset: string, io: Io): Promise<Listed[] | undefined> {
      const route = '/datasets/{id}/data'
      const call = {
        method: 'GET',
        route,
        ids: { id: dataset },
        want: 'json',
        most: PAGE_BYTES,
        data: [403, 404],
      } as const
      const { status, json } = await http.send(call, io)
      return status < 300 ? readListing(json, dataset) : undefined
    },

    raw,

    /** `undefined`: the bytes cannot be had. */
    async content(one: Stored, io: Io): Promise<Content | undefined> {
      const bytes = await raw(one, io)
      return bytes && { md5: hex(md5(bytes)), sha256: await io.digest(bytes), size: bytes.length }
    },

    /** The same bytes again are the same document. Its id, where the server says it. */
    async add(dataset: string, file: { name: string; mime: string; bytes: Uint8Array }, io: Io) {
      const { bytes, type } = multipart(
        [
          { name: 'datasetId', text: dataset },
          { name: 'data', file },
        ],
        io.uuid(),
      )
      const call = {
        method: 'POST',
        route: '/add',
        bytes,
        headers: { 'content-type': type },
        data: [400, 409, 500],
      } as const
      const answer = await http.send({ ...call, want: 'json' }, io)
      if (answer.status >= 300) throw cannotAdd(answer)
      const [info] = list(answer.json, 'data_ingestion_info') ?? []
      return text(info, 'data_id')
    },

    /** `false`: the dataset is gone, or not ours to change. A document that is gone is deleted. */
    async deleteDocument(dataset: string, id: string, io: Io): Promise<boolean> {
      const route = '/datasets/{dataset}/data/{id}'
      const call = { method: 'DELETE', route, ids: { dataset, id }, want: 'nothing', data: [401, 403, 404] } as const
      const { status, json } = await http.send(call, io)
      if (status === 401 && !saysInaccessible(json)) throw new SyncError('needs-auth', 'Cognee wants another token.')
      return status < 300
    },

    async sync(body: Json, io: Io): Promise<{ id: string; details: Json }> {
      const data = [400, 403, 404, 409, 413]
      const answer = await http.send({ method: 'POST', route: '/sync', json: body, want: 'json', data }, io)
      if (answer.status < 300) return readStarted(answer.json)
      throw cannotSync(answer)
    },

    running: async (io: Io): Promise<Run | undefined> => readOverview(await get('/sync/status', {}, io)),
  }

  async function raw(one: Stored, io: Io): Promise<Uint8Array | undefined> {
    const first = await rawOnce(one, io)
    if (first === undefined || first.sure) return first?.bytes
    // Nothing said how long it is: what was cut short on the way is another time, most likely.
    const second = await rawOnce(one, io)
    if (second?.bytes.length !== first.bytes.length) throw cutShort()
    return first.bytes
  }

  /** Asked for as a range, because the answer to that says the whole length in its own header, too. */
  async function rawOnce({ dataset, id, mime = '' }: Stored, io: Io) {
    const { status, pieces, header } = await http.send(
      {
        method: 'GET',
        route: '/datasets/{dataset}/data/{id}/raw',
        ids: { dataset, id },
        headers: { range: 'bytes=0-' },
        want: 'pieces',
        most: mostBytes,
        // Any other page is the network's, which asks for a login.
        html: /html/i.test(mime),
        data: [403, 404, 416],
      },
      io,
    )
    if (status === 416) return { bytes: new Uint8Array(), sure: true } // there is no range of nothing
    if (status >= 300) return undefined
    const bytes = await readAll(pieces)
    const total = /\/(\d+)$/.exec(header('content-range') ?? '')?.[1]
    if (total !== undefined && Number(total) !== bytes.length) throw cutShort()
    return { bytes, sure: total !== undefined || header('content-length') !== null }
  }
}

const cutShort = (): SyncError => new SyncError('truncated', 'A document ended early. It will be read again.')

export function cloudApi(http: Http): Cloud {
  return {
    async diff({ id, name }, hashes, io) {
      const json = { dataset_id: id, dataset_name: name, hashes }
      const route = '/api/sync/{id}/diff'
      const answer = await http.send({ method: 'POST', route, ids: { id }, json, want: 'json', most: PAGE_BYTES }, io)
      const of = (key: string) => (list(answer.json, key) ?? []).filter(one => typeof one === 'string')
      return { lacking: of('missing_on_remote'), more: of('missing_on_local') }
    },
  }
}

function cannotSync({ status, json }: Answer): SyncError {
  const why = reasonOf(json)
  const said = why === undefined ? '' : ` It says: ${why}`
  if (status === 403) return new SyncError('forbidden', `You may not sync one of these datasets.${said}`)
  if (status === 404) return new SyncError('missing', `One of these datasets does not exist, or there is none.${said}`)
  if (status === 413) return new SyncError('too-large', `A dataset is too large for your plan.${said}`)
  if (status === 409 && isConflict(json))
    return new SyncError('busy', 'Another sync is under way. This one follows it.')
  if (status === 409 && saysUnavailable(json)) {
    return new SyncError('busy', 'Cognee cannot reach its cloud. Another try may work.')
  }
  return new SyncError('rejected', `Cognee does not start this sync.${said}`)
}

/** Permissions are a 500 here. */
function cannotAdd({ status, json }: Answer): SyncError {
  const why = `${reasonOf(json) ?? ''} ${text(json, 'detail') ?? ''}`
  if (status === 500 && !/Permission/.test(why)) return new SyncError('server', 'Cognee could not add a document.')
  if (status === 500) return new SyncError('forbidden', 'You may not add to this dataset.')
  return new SyncError('rejected', `Cognee does not take this document. It says: ${why.trim().slice(0, 200)}`)
}

const hex = (bytes: Uint8Array): string => Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('')
