import type { Context, Hono } from 'hono'
import { uuid } from '../uuid.ts'
import { ApiError, denied, invalid } from './errors.ts'
import { document, stamp } from './runs.ts'
import { type Data, type Dataset, dataOf, may, type Server, type User } from './state.ts'

export type Env = { Variables: { user: User } }

/** Datasets and what is in them; here the API writes in camel case. */
export function datasetRoutes(app: Hono<Env>, server: Server): void {
  const { state } = server

  const found = (c: Context<Env>, what: 'read' | 'write' | 'delete'): Dataset => {
    const dataset = state.datasets.get(c.req.param('id') ?? '')
    // What does not exist and what is not allowed look the same.
    if (!dataset || !may(dataset, c.get('user'), what === 'read' ? 'read' : 'write')) throw denied(what)
    return dataset
  }
  const remove = (dataset: Dataset) => {
    for (const one of dataOf(server, dataset.id)) state.data.delete(one.id)
    state.datasets.delete(dataset.id)
  }

  app.get('/api/v1/datasets', c => {
    const all = [...state.datasets.values()].filter(one => may(one, c.get('user'), 'read'))
    return c.json(all.map(one => datasetJson(server, one)))
  })
  app.post('/api/v1/datasets', async c => {
    const body = (await c.req.json().catch(() => undefined)) as { name?: unknown } | undefined
    if (typeof body?.name !== 'string' || body.name === '') {
      throw invalid(['body', 'name'], 'Field required', 'missing', body)
    }
    return c.json(datasetJson(server, datasetNamed(server, c.get('user'), body.name)))
  })
  app.get('/api/v1/datasets/status', c => {
    const asked = c.req.queries('dataset') ?? []
    const known = asked.flatMap(id => {
      const one = state.datasets.get(id)
      return one && may(one, c.get('user'), 'read') ? [[id, one.pipeline] as const] : []
    })
    return c.json(Object.fromEntries(known))
  })
  app.delete('/api/v1/datasets', c => {
    for (const one of [...state.datasets.values()]) if (may(one, c.get('user'), 'write')) remove(one)
    return c.json(null)
  })
  app.delete('/api/v1/datasets/:id', c => {
    remove(found(c, 'delete'))
    return c.json(null)
  })
  app.get('/api/v1/datasets/:id/data', c => {
    const { id } = found(c, 'read')
    const all = dataOf(server, id).sort((one, other) => other.bytes.length - one.bytes.length)
    return c.json(all.map(one => dataJson(server, one)))
  })
  app.delete('/api/v1/datasets/:id/data/:data', c => {
    const dataset = state.datasets.get(c.req.param('id'))
    if (!dataset || !may(dataset, c.get('user'), 'write')) {
      throw new ApiError(401, { detail: `Dataset ${c.req.param('id')} not accessible. [UnauthorizedDataAccessError]` })
    }
    const one = state.data.get(c.req.param('data'))
    if (one?.dataset === dataset.id) state.data.delete(one.id)
    return c.json(null)
  })
  app.get('/api/v1/datasets/:id/data/:data/raw', c => {
    const { id } = found(c, 'read')
    const one = state.data.get(c.req.param('data'))
    if (one?.dataset !== id) {
      const detail = `Data (${c.req.param('data')}) not found in dataset (${id}). [DataNotFoundError]`
      throw new ApiError(404, { detail })
    }
    return ranged(one, c.req.header('range'))
  })

  app.post('/api/v1/add', async c => {
    const form = await c.req.formData()
    const [id, name] = [form.get('datasetId'), form.get('datasetName')]
    if (typeof id !== 'string' && typeof name !== 'string') {
      throw new ApiError(400, { error: 'Either datasetId or datasetName must be provided.', detail: null })
    }
    const user = c.get('user')
    const dataset = typeof id === 'string' ? state.datasets.get(id) : datasetNamed(server, user, String(name))
    if (!dataset || !may(dataset, user, 'write')) {
      throw new ApiError(500, { error: 'Internal server error', detail: 'PermissionDeniedError' })
    }
    const info: { data_id: string }[] = []
    for (const file of form.getAll('data')) {
      if (!(file instanceof File)) throw invalid(['body', 'data'], 'Expected UploadFile', 'value_error', null)
      info.push({ data_id: add(server, dataset, file.name, file.type, new Uint8Array(await file.arrayBuffer())).id })
    }
    return c.json({
      status: 'PipelineRunCompleted',
      pipeline_run_id: uuid(server.world),
      dataset_id: dataset.id,
      dataset_name: dataset.name,
      payload: null,
      data_ingestion_info: info,
    })
  })
}

/** The same bytes in the same dataset are the same document. */
export function add(server: Server, dataset: Dataset, file: string, mime: string, bytes: Uint8Array): Data {
  const { state, world } = server
  const dot = file.lastIndexOf('.')
  const [name, extension] = dot > 0 ? [file.slice(0, dot), file.slice(dot + 1)] : [file, 'txt']
  const made = document(name, extension, mime || 'text/plain', bytes)
  const same = dataOf(server, dataset.id).find(one => one.md5 === made.md5)
  if (same) return same
  const data = { ...made, id: uuid(world), dataset: dataset.id, created_at: state.time }
  state.data.set(data.id, data)
  dataset.updated_at = state.time
  return data
}

/** A name that the user has already is that dataset. */
export function datasetNamed({ state, world }: Server, user: User, name: string): Dataset {
  const same = [...state.datasets.values()].find(one => one.owner === user.id && one.name === name)
  if (same) return same
  const made: Dataset = {
    id: uuid(world),
    name,
    owner: user.id,
    created_at: state.time,
    updated_at: null,
    members: new Map(),
    pipeline: 'DATASET_PROCESSING_COMPLETED',
  }
  state.datasets.set(made.id, made)
  return made
}

const datasetJson = (server: Server, { id, name, created_at, updated_at, owner }: Dataset) => ({
  id,
  name,
  createdAt: zoned(created_at, server),
  updatedAt: updated_at === null ? null : zoned(updated_at, server),
  ownerId: owner,
})

const dataJson = (server: Server, { id, name, created_at, extension, mime, dataset }: Data) => ({
  id,
  name,
  createdAt: zoned(created_at, server),
  updatedAt: null,
  extension,
  mimeType: mime,
  rawDataLocation: `file:///data/${id}`,
  datasetId: dataset,
  label: null,
  externalMetadata: null,
})

const zoned = (ms: number, server: Server): string => stamp(ms, server).replace('+00:00', 'Z')

function ranged({ bytes, md5, mime }: Data, range: string | undefined): Response {
  const size = bytes.length
  const headers = { 'content-type': mime, 'accept-ranges': 'bytes', etag: `"${md5}"` }
  const match = /^bytes=(\d+)-(\d*)$/.exec(range ?? '')
  if (!match) return new Response(new Uint8Array(bytes), { headers: { ...headers, 'content-length': String(size) } })
  const [from, to] = [Number(match[1]), match[2] === '' ? size - 1 : Math.min(Number(match[2]), size - 1)]
  if (from > to) return new Response(null, { status: 416, headers: { ...headers, 'content-range': `bytes */${size}` } })
  const part = bytes.slice(from, to + 1)
  const said = { 'content-range': `bytes ${from}-${to}/${size}`, 'content-length': String(part.length) }
  return new Response(part, { status: 206, headers: { ...headers, ...said } })
}
