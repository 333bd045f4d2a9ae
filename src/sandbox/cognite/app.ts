import { Hono } from 'hono'
import { ApiError, bad, errorResponse, notFound } from './errors.ts'
import { applyRoutes } from './instances/apply.ts'
import { graphOf } from './instances/graph.ts'
import { lookupRoutes } from './instances/lookup.ts'
import { syncRoutes } from './instances/sync.ts'
import { limits } from './limits.ts'
import { containerRoutes } from './models/containers.ts'
import { spaceRoutes } from './models/spaces.ts'
import { viewRoutes } from './models/views.ts'
import { readRoutes } from './records/read.ts'
import { streamRoutes, TEMPLATES } from './records/streams.ts'
import { writeRoutes } from './records/write.ts'
import type { App, Server } from './server.ts'

/** The API of one project. Every path asks for a token first. */
export function app(server: Server): App {
  const { state, world, knobs, project } = server
  const root: App = new Hono()
  const app: App = new Hono()
  const limited = limits(server, id => TEMPLATES[state.streams.get(id)?.template ?? '']?.type === 'Immutable')
  let requests = 0

  root.onError((error, c) => {
    const requestId = c.get('requestId')
    if (error instanceof ApiError) return errorResponse(error, requestId, knobs())
    // A bug of the sandbox must not look like an answer of the API.
    const text = `sandbox bug: ${error.stack ?? error.message}`
    return new Response(text, { status: 500, headers: { 'content-type': 'text/plain' } })
  })
  root.notFound(() => {
    throw notFound('Resource not found. Check the URL.')
  })

  root.use(async (c, next) => {
    c.set('requestId', `req-${++requests}`)
    const held = state.tokens.get(c.req.header('authorization')?.replace(/^Bearer /i, '') ?? '')
    if (!held || (held.expiresAt !== null && held.expiresAt <= world.now())) throw new ApiError(401, 'Unauthorized')
    c.set('token', held)
    const leave = limited.enter(c.req.method, c.req.path, held.token)
    let bytes = 0
    try {
      const [from, to] = knobs().work
      if (to > 0) await world.sleep(Math.floor(from + (to - from) * world.random()))
      await next()
      bytes = Number(c.res.headers.get('content-length') ?? (await c.res.clone().arrayBuffer()).byteLength)
    } finally {
      leave(bytes)
    }
    c.header('x-request-id', c.get('requestId'))
  })
  root.use('/api/v1/projects/:project/*', async (c, next) => {
    if (c.req.param('project') !== project) throw bad(`Project '${c.req.param('project')}' does not exist.`)
    await next()
  })

  spaceRoutes(app, server)
  containerRoutes(app, server)
  viewRoutes(app, server)
  streamRoutes(app, server)
  writeRoutes(app, server)
  readRoutes(app, server)
  const graph = graphOf(state, () => knobs().instances.tombstonesKept)
  applyRoutes(app, server, graph)
  syncRoutes(app, server, graph)
  lookupRoutes(app, server, graph)
  root.route('/api/v1/projects/:project', app)
  return root
}
