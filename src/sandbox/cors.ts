/** What browsers let a page read of a foreign answer, if the server does not name more. */
const SAFE = [
  'cache-control',
  'content-language',
  'content-length',
  'content-type',
  'expires',
  'last-modified',
  'pragma',
]

const EXPOSED = [
  'Date',
  'Retry-After',
  'ETag',
  'Content-Range',
  'Content-Disposition',
  'Accept-Ranges',
  'Upload-Offset',
  'X-Checksum-Sha256',
  'X-RateLimit-Limit',
  'X-RateLimit-Remaining',
  'X-RateLimit-Reset',
]

export type Cors = 'strict' | 'lax'

export function preflight(request: Request): Response | undefined {
  if (request.method !== 'OPTIONS' || !request.headers.has('access-control-request-method')) return undefined
  return new Response(null, {
    status: 204,
    headers: {
      'access-control-allow-origin': request.headers.get('origin') ?? '*',
      'access-control-allow-methods': 'GET, HEAD, POST, PUT, PATCH, DELETE',
      'access-control-allow-headers': request.headers.get('access-control-request-headers') ?? '*',
      'access-control-max-age': '600',
    },
  })
}

export function allowed(request: Request, response: Response, cors: Cors): Response {
  const origin = request.headers.get('origin')
  if (origin === null) return response
  const headers = new Headers(response.headers)
  headers.set('access-control-allow-origin', origin)
  headers.append('vary', 'Origin')
  if (cors === 'lax') headers.set('access-control-expose-headers', EXPOSED.join(', '))
  return new Response(response.body, { status: response.status, headers })
}

/** The same answer as a page's script would see it. */
export function asBrowserSees(response: Response, cors: Cors): Response {
  const visible = new Set(cors === 'lax' ? [...SAFE, ...EXPOSED.map(name => name.toLowerCase())] : SAFE)
  const headers = new Headers([...response.headers].filter(([name]) => visible.has(name)))
  return new Response(response.body, { status: response.status, headers })
}
