import type { Hono } from 'hono'
import { md5 } from '../digest.ts'
import { ApiError, unauthorized } from './errors.ts'
import type { Server } from './state.ts'

/** The cloud's side, as the local server calls it. In front of its own paths stands `/cloud`. */
export function cloudRoutes(app: Hono, server: Server): void {
  const { state } = server
  const held = (dataset: string) => {
    const there = state.cloud.get(dataset) ?? new Map()
    state.cloud.set(dataset, there)
    return there
  }

  app.use('/cloud/*', async (c, next) => {
    if (server.knobs().cloudDown) throw new ApiError(503, { detail: 'Service unavailable' })
    if (c.req.header('x-api-key') !== state.cloudKey) throw unauthorized()
    await next()
  })
  app.post('/cloud/api/api-keys/check', c => c.json(null))
  app.post('/cloud/api/sync/:dataset/diff', async c => {
    const { hashes = [] } = (await c.req.json()) as { hashes?: string[] }
    const there = [...held(c.req.param('dataset')).values()].map(one => one.md5)
    return c.json({
      missing_on_remote: hashes.filter(hash => !there.includes(hash)),
      missing_on_local: there.filter(hash => !hashes.includes(hash)),
    })
  })
  app.put('/cloud/api/sync/:dataset/data/:id', async c => {
    const form = await c.req.formData()
    const file = form.get('file')
    if (!(file instanceof Blob)) throw new ApiError(400, { detail: 'file is missing' })
    const bytes = new Uint8Array(await file.arrayBuffer())
    const hash = md5(bytes)
    if (form.get('md5') !== hash) throw new ApiError(400, { detail: 'md5 does not match the bytes' })
    held(c.req.param('dataset')).set(c.req.param('id'), { md5: hash, bytes, name: (file as File).name ?? 'file' })
    return c.json(null)
  })
  app.get('/cloud/api/sync/:dataset/data/:md5', c => {
    const one = [...held(c.req.param('dataset')).values()].find(it => it.md5 === c.req.param('md5'))
    if (!one) throw new ApiError(404, { detail: 'Not found' })
    return c.body(new Uint8Array(one.bytes), 200, { 'x-file-name': one.name })
  })
  app.put('/cloud/api/sync/:dataset', async c => {
    if (c.req.query('prune') !== 'true') throw new ApiError(400, { detail: 'prune must be true' })
    const { items = [] } = (await c.req.json()) as { items?: string[] }
    const there = held(c.req.param('dataset'))
    const gone = [...there].filter(([, { md5 }]) => !items.includes(md5)).map(([id]) => id)
    for (const id of gone) there.delete(id)
    return c.json({ deleted_database_entries: gone.length, deleted_files_from_storage: gone.length })
  })
  app.post('/cloud/api/cognify', c => c.json({}))
}
