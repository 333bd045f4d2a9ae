import { Hono } from 'hono'
import { ApiError, errorBody, notFound } from './errors.ts'
import { rateLimit } from './rate-limit.ts'
import { applyRoutes } from './routes/apply.ts'
import { changeRoutes } from './routes/changes.ts'
import { conflictRoutes } from './routes/conflicts.ts'
import { deviceRoutes } from './routes/devices.ts'
import { downloadRoutes } from './routes/download.ts'
import { preferenceRoutes } from './routes/preferences.ts'
import { shareRoutes } from './routes/shares.ts'
import { uploadRoutes } from './routes/upload.ts'
import type { App, Server } from './server.ts'

/** The HTTP half of the API. Every path asks for a token first. */
export function app(server: Server): App {
  const app: App = new Hono()
  const limit = rateLimit(server)
  let requests = 0

  app.onError((error, c) => {
    const known = error instanceof ApiError ? error : new ApiError('BAD_REQUEST', error.message)
    // A bug of the sandbox must not look like an answer of the API.
    if (known !== error) return c.json({ detail: `sandbox bug: ${error.stack ?? error.message}` }, 500)
    const body = errorBody(known, `req_${++requests}`, server.knobs())
    const headers = { ...known.headers, 'content-type': 'application/json' }
    return new Response(JSON.stringify(body), { status: known.status, headers })
  })
  app.notFound(() => {
    throw notFound('path')
  })

  app.use(async (c, next) => {
    const token = c.req.header('authorization')?.replace(/^Bearer /i, '') ?? ''
    const user = server.userOf(token)
    if (!user) throw new ApiError('AUTH_TOKEN_INVALID', 'token missing, bad or expired')
    c.set('user', user)
    c.set('token', token)
    limit.spend(token, c.req.method, c.req.path)
    await next()
    for (const [name, value] of Object.entries(limit.headers(token))) c.header(name, value)
  })

  shareRoutes(app, server)
  changeRoutes(app, server)
  applyRoutes(app, server)
  uploadRoutes(app, server)
  downloadRoutes(app, server)
  conflictRoutes(app, server)
  deviceRoutes(app, server)
  preferenceRoutes(app, server)
  return app
}
