import { Hono } from 'hono'
import { uuid } from '../uuid.ts'
import { cloudRoutes } from './cloud.ts'
import { datasetRoutes, type Env } from './datasets.ts'
import { ApiError, invalid, unauthorized } from './errors.ts'
import { advance, overview, start } from './runs.ts'
import type { Server, User } from './state.ts'

const MINUTE = 60_000

export function app(server: Server): Hono<Env> {
  const { state, world } = server
  const app = new Hono<Env>()
  const calls = new Map<string, number[]>()

  app.onError(error => {
    const known = error instanceof ApiError
    // A bug of the sandbox must not look like an answer of the API.
    const body = known ? error.body : { detail: `sandbox bug: ${error.stack ?? error.message}` }
    const headers = { 'content-type': 'application/json', ...(known ? error.headers : {}) }
    return new Response(JSON.stringify(body), { status: known ? error.status : 500, headers })
  })
  app.notFound(() => {
    throw new ApiError(404, { detail: 'Not Found' })
  })
  app.use(async (_, next) => {
    advance(server)
    await next()
  })

  app.get('/health', c => c.json({ status: 'ready', health: 'healthy', version: 'sandbox' }))
  app.post('/api/v1/auth/login', async c => {
    const form = new URLSearchParams(await c.req.text())
    const user = [...state.users.values()].find(
      one => one.email === form.get('username') && one.password === form.get('password'),
    )
    if (!user) throw new ApiError(400, { detail: 'LOGIN_BAD_CREDENTIALS' })
    const access_token = uuid(world)
    state.tokens.set(access_token, { user: user.id, expires: world.now() + server.knobs().tokenLife, key: false })
    const cookie = `auth_token=${access_token}; HttpOnly; Path=/; SameSite=lax`
    return c.json({ access_token, token_type: 'bearer' }, 200, { 'set-cookie': cookie })
  })
  app.post('/api/v1/auth/logout', c => c.json({}, 200, { 'set-cookie': 'auth_token=; Max-Age=0; Path=/' }))
  app.post('/api/v1/auth/register', async c => {
    const { email, password } = (await c.req.json()) as { email: string; password: string }
    if ([...state.users.values()].some(one => one.email === email)) {
      throw new ApiError(400, { detail: 'REGISTER_USER_ALREADY_EXISTS' })
    }
    const user = { id: uuid(world), email, password }
    state.users.set(user.id, user)
    return c.json({ id: user.id, email }, 201)
  })

  app.use('/api/v1/*', async (c, next) => {
    const user = userOf(c.req.raw.headers)
    if (!user) throw unauthorized()
    c.set('user', user)
    spend(user)
    await next()
  })
  app.get('/api/v1/auth/me', c => c.json({ email: c.get('user').email }))

  app.post('/api/v1/sync', async c => {
    const { run, answer } = start(server, c.get('user'), await body(c.req.raw))
    const { shape } = server.knobs()
    // A stock server fails to write its own answer, after the run has begun.
    if (shape === 'broken') return new Response('Internal Server Error', { status: 500 })
    return c.json(shape === 'map' ? { [run.run_id]: answer } : (answer as object))
  })
  app.get('/api/v1/sync/status', c => c.json(overview(server, c.get('user')) as object))
  datasetRoutes(app, server)
  cloudRoutes(app as unknown as Hono, server)
  return app

  /** A key, a token, a cookie: the first that is somebody's. */
  function userOf(headers: Headers): User | undefined {
    const cookie = /(?:^|;\s*)auth_token=([^;]+)/.exec(headers.get('cookie') ?? '')?.[1]
    const bearer = headers.get('authorization')?.replace(/^Bearer /i, '')
    const given = [
      [headers.get('x-api-key'), true],
      [bearer, false],
      [cookie, false],
    ] as const
    for (const [token, key] of given) {
      const held = state.tokens.get(token ?? '')
      if (held && held.key === key && held.expires > world.now()) return state.users.get(held.user)
    }
    return undefined
  }

  function spend({ id }: User): void {
    const limit = server.knobs().rateLimit
    if (limit === null) return
    const now = world.now()
    const recent = (calls.get(id) ?? []).filter(at => at > now - MINUTE)
    if (recent.length >= limit) {
      const wait = Math.ceil((recent[0]! + MINUTE - now) / 1000)
      throw new ApiError(429, { error: 'Rate limit exceeded.' }, { 'retry-after': String(wait) })
    }
    calls.set(id, [...recent, now])
  }
}

/** A zero-length body counts as `{}`; JSON of another type than JSON does not count at all. */
async function body(request: Request): Promise<Readonly<Record<string, unknown>>> {
  const text = await request.text()
  if (text === '') return {}
  try {
    if (!/json/i.test(request.headers.get('content-type') ?? '')) throw new Error('no JSON')
    const json: unknown = JSON.parse(text)
    if (json === null) return {}
    if (typeof json !== 'object' || Array.isArray(json)) throw new Error('no object')
    return json as Readonly<Record<string, unknown>>
  } catch {
    throw invalid(['body'], 'JSON decode error', 'json_invalid', null)
  }
}
