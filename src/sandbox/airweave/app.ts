import { type Context, Hono } from 'hono'
import { addCollection, connect, disconnect, found, foundCollection, named, patch } from './connections.ts'
import { ApiError, bodyOf, invalid, notFound } from './errors.ts'
import { advance, cancel, jobsOf, request } from './jobs.ts'
import { rateLimit } from './rate-limit.ts'
import { search } from './search.ts'
import { type ShortName, SOURCES } from './source.ts'
import type { Server } from './state.ts'
import type { Streams } from './streams.ts'
import { collectionJson, jobJson, listed, sourceJson, whole } from './wire.ts'

/** The HTTP API. Every path asks for a key first, and every success is a 200. */
export function app(server: Server, streams: Streams): Hono {
  const { state } = server
  // Every path answers with and without a slash at its end.
  const app = new Hono({ strict: false })
  const limit = rateLimit(server)

  app.onError(error => {
    const known = error instanceof ApiError
    // A bug of the sandbox must not look like an answer of the API.
    const body = known ? bodyOf(error, server.knobs()) : { detail: `sandbox bug: ${error.stack ?? error.message}` }
    const headers = { 'content-type': 'application/json', ...(known ? error.headers : {}) }
    return new Response(JSON.stringify(body), { status: known ? error.status : 500, headers })
  })
  app.notFound(() => {
    throw notFound('Not Found')
  })

  app.use(async (c, next) => {
    const key = c.req.header('x-api-key')
    if (key === undefined) throw new ApiError(401, 'No valid authentication provided')
    const known = state.keys.get(key)
    if (!known) throw new ApiError(403, 'Invalid or expired API key')
    if (known.expired) throw new ApiError(403, 'API key has expired')
    const headers = limit.spend()
    if (Number(c.req.header('content-length') ?? 0) > server.knobs().maxBodyBytes) {
      throw new ApiError(413, 'Request body too large')
    }
    advance(server)
    await next()
    for (const [name, value] of Object.entries(headers)) c.res.headers.set(name, value)
  })

  app.get('/sources', c => c.json(Object.keys(SOURCES).map(name => sourceJson(name as ShortName))))
  app.get('/sources/:short_name', c => {
    const name = c.req.param('short_name')
    if (!Object.hasOwn(SOURCES, name)) throw notFound(`Source '${name}' not found`)
    return c.json(sourceJson(name as ShortName))
  })

  app.get('/collections', c => {
    const [skip, most] = paging(c)
    const wanted = c.req.query('search')?.toLowerCase() ?? ''
    const all = [...state.collections.values()].filter(({ name }) => name.toLowerCase().includes(wanted))
    return c.json(all.slice(skip, skip + most).map(one => collectionJson(server, one)))
  })
  app.post('/collections', async c => c.json(collectionJson(server, addCollection(server, await body(c)))))
  app.get('/collections/:id', c => c.json(collectionJson(server, foundCollection(server, c.req.param('id')))))
  app.patch('/collections/:id', async c => {
    const collection = foundCollection(server, c.req.param('id'))
    collection.name = named((await body(c)).name, 64)
    collection.modified_at = state.time
    return c.json(collectionJson(server, collection))
  })
  app.delete('/collections/:id', c => {
    const collection = foundCollection(server, c.req.param('id'))
    const last = collectionJson(server, collection)
    for (const one of [...state.connections.values()]) {
      if (one.collection === collection.readable_id) disconnect(server, one)
    }
    state.collections.delete(collection.readable_id)
    return c.json(last)
  })
  app.post('/collections/:id/search/instant', async c => {
    const { readable_id } = foundCollection(server, c.req.param('id'))
    return c.json({ results: search(server, readable_id, await body(c)) })
  })

  app.post('/source-connections', async c => c.json(whole(server, connect(server, await body(c)))))
  app.get('/source-connections', c => {
    const [skip, most] = paging(c)
    const collection = c.req.query('collection')
    const all = [...state.connections.values()].filter(one => !collection || one.collection === collection)
    return c.json(all.slice(skip, skip + most).map(one => listed(server, one)))
  })
  app.get('/source-connections/:id', c => c.json(whole(server, found(server, c.req.param('id')))))
  app.patch('/source-connections/:id', async c => {
    const connection = found(server, c.req.param('id'))
    patch(server, connection, await body(c))
    return c.json(whole(server, connection))
  })
  app.delete('/source-connections/:id', c => {
    const connection = found(server, c.req.param('id'))
    const last = whole(server, connection)
    disconnect(server, connection)
    return c.json(last)
  })

  app.post('/source-connections/:id/run', c => {
    const connection = found(server, c.req.param('id'))
    return c.json(jobJson(server, request(server, connection, truth(c.req.query('force_full_sync')))))
  })
  app.get('/source-connections/:id/jobs', c => {
    const connection = found(server, c.req.param('id'))
    const [, most] = paging(c)
    const newest = jobsOf(server, connection.id).reverse()
    return c.json(newest.slice(0, most).map(job => jobJson(server, job)))
  })
  app.post('/source-connections/:id/jobs/:job/cancel', c =>
    // The connection is not compared with the job's: it is only said back.
    c.json(jobJson(server, cancel(server, c.req.param('job')), c.req.param('id'))),
  )

  for (const kind of ['subscribe', 'subscribe-state'] as const) {
    app.get(`/sync/job/:job/${kind}`, c => {
      const id = c.req.param('job') ?? ''
      const job = state.jobs.find(one => one.id === id)
      return streams.subscribe(id, job, kind === 'subscribe-state')
    })
  }
  return app
}

async function body(c: Context): Promise<Readonly<Record<string, unknown>>> {
  const text = await c.req.text()
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    throw invalid(['body'], 'JSON decode error')
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw invalid(['body'], 'Input should be an object')
  return json as Readonly<Record<string, unknown>>
}

function paging(c: Context): readonly [skip: number, limit: number] {
  const read = (name: string, usual: number, from: number, to: number) => {
    const value = Number(c.req.query(name) ?? usual)
    if (!Number.isInteger(value) || value < from || value > to) {
      throw invalid(['query', name], `Input should be an integer from ${from} to ${to}`)
    }
    return value
  }
  return [read('skip', 0, 0, Number.MAX_SAFE_INTEGER), read('limit', 100, 1, 1000)]
}

function truth(text: string | undefined): boolean {
  if (text === undefined) return false
  if (/^(true|1|yes|on|t|y)$/i.test(text)) return true
  if (/^(false|0|no|off|f|n)$/i.test(text)) return false
  throw invalid(['query', 'force_full_sync'], 'Input should be a valid boolean')
}
