import { expect, test } from 'vitest'
import { serverClock } from '../../../src/client/clock.ts'
import { SyncError } from '../../../src/errors.ts'
import type { Io, Transport } from '../../../src/transport.ts'
import { failureOf } from '../../../src/transports/shared/failure.ts'
import { type Call, http } from '../../../src/transports/shared/http.ts'
import { client } from '../../conformance/transport-io.ts'

const NOW = Date.parse('2026-05-02T08:00:00Z')
const SECRET = 's3cr3t-token'
const call: Call = {
  method: 'GET',
  route: '/things/{id}',
  ids: { id: 'private-id' },
  query: { q: 'private' },
  want: 'json',
}

function world(answer: (request: Request) => Response | Promise<Response>, token = () => SECRET) {
  const one = client({
    transport: { name: 'x', sources: {} } as Transport,
    fetch: async it => answer(it),
    now: () => NOW,
  })
  const remote = http({ url: 'https://api.example/v1', token })
  return { one, send: (more: Partial<Call> = {}, io: Io = one.io()) => remote.send({ ...call, ...more }, io) }
}

const json = (body: unknown, init: ResponseInit = {}): Response =>
  new Response(typeof body === 'string' ? body : JSON.stringify(body), {
    ...init,
    headers: { 'content-type': 'application/json', ...init.headers },
  })

async function failing(
  answer: (request: Request) => Response | Promise<Response>,
  more: Partial<Call> = {},
): Promise<SyncError> {
  const error = await world(answer)
    .send(more)
    .catch(it => it)
  expect(error).toBeInstanceOf(SyncError)
  const said = JSON.stringify([error.message, error.stack, error.details, String(error.cause)])
  for (const hidden of [SECRET, 'private', 'api.example']) expect(said).not.toContain(hidden)
  return error
}

test.each([
  [400, 'rejected'],
  [403, 'forbidden'],
  [404, 'missing'],
  [405, 'misconfigured'],
  [408, 'server'],
  [409, 'conflict'],
  [410, 'missing'],
  [413, 'too-large'],
  [418, 'rejected'],
  [422, 'rejected'],
  [429, 'throttled'],
  [500, 'server'],
  [502, 'server'],
  [503, 'server'],
  [504, 'server'],
  [507, 'remote-full'],
  [511, 'not-the-api'],
  [301, 'misconfigured'],
  [302, 'misconfigured'],
  [307, 'misconfigured'],
  [308, 'misconfigured'],
])('status %i is %s', async (status, code) => {
  const error = await failing(() => json({ detail: 'private' }, { status }))
  expect(error.code).toBe(code)
})

test.each([
  ['an HTML page', () => new Response('<html>', { headers: { 'content-type': 'text/html' } }), 'not-the-api'],
  ['HTML without a type', () => new Response(new TextEncoder().encode('<html>')), 'not-the-api'],
  [
    'a 404 page of a proxy',
    () => new Response('<html>', { status: 404, headers: { 'content-type': 'text/html' } }),
    'not-the-api',
  ],
  ['another type', () => new Response('{}', { headers: { 'content-type': 'application/x-unknown' } }), 'not-the-api'],
  ['half of the JSON', () => json('{"a":[1,2'), 'truncated'],
  ['less than announced', () => json('{}', { headers: { 'content-length': '5000' } }), 'none'],
  ['nothing', () => json(''), 'truncated'],
  ['204', () => new Response(null, { status: 204 }), 'protocol'],
  ['a byte order mark', () => json('\ufeff{}'), 'protocol'],
  ['two documents', () => json('{}\n{}'), 'protocol'],
  [
    'bytes that are no text',
    () => new Response(new Uint8Array([0xff, 0xfe]), { headers: { 'content-type': 'application/json' } }),
    'protocol',
  ],
  ['an opaque answer', () => Object.defineProperty(json({}), 'type', { value: 'opaqueredirect' }), 'misconfigured'],
  ['a redirected answer', () => Object.defineProperty(json({}), 'redirected', { value: true }), 'misconfigured'],
  ['no connection', () => Promise.reject(new TypeError('fetch failed')), 'network'],
  [
    'a refused redirect',
    () => Promise.reject(new TypeError('fetch failed', { cause: new Error('unexpected redirect') })),
    'misconfigured',
  ],
  ['no answer in time', () => Promise.reject(new DOMException('late', 'TimeoutError')), 'timeout'],
  ['a leader that is none', () => Promise.reject(new SyncError('stale-leader', 'x')), 'stale-leader'],
] as const)('%s is %s', async (_, answer, code) => {
  if (code === 'none') expect((await world(answer).send()).json).toEqual({})
  else expect((await failing(answer)).code).toBe(code)
})

test('a login page of the network is no success, whatever was asked for (F48)', async () => {
  const page = () => new Response('<html>', { headers: { 'content-type': 'text/html; charset=utf-8' } })
  for (const want of ['json', 'pieces', 'nothing'] as const)
    expect((await failing(page, { want })).code).toBe('not-the-api')
})

test('a body that breaks, stops or never ends is network, truncated and protocol', async () => {
  const stream = (pull: (controller: ReadableStreamDefaultController<Uint8Array>) => void) => () =>
    new Response(new ReadableStream({ pull }), { headers: { 'content-type': 'application/json' } })
  expect((await failing(stream(it => it.error(new TypeError('terminated'))))).code).toBe('network')
  let given = 0
  const endless = stream(it => {
    given += 65_536
    it.enqueue(new Uint8Array(65_536).fill(32))
  })
  expect((await failing(endless, { most: 1_000_000 })).code).toBe('protocol')
  expect(given).toBeLessThan(1_300_000)
  const deep = () => json(`${'['.repeat(200)}${']'.repeat(200)}`)
  expect((await failing(deep)).code).toBe('protocol')
})

test('abort ends a request before, during and after its answer', async () => {
  for (const answer of [
    (request: Request) =>
      new Promise<Response>((_, no) => request.signal.addEventListener('abort', () => no(request.signal.reason))),
    () =>
      new Response(new ReadableStream({ pull: () => new Promise(() => {}) }), {
        headers: { 'content-type': 'application/json' },
      }),
  ]) {
    const { one, send } = world(answer)
    const stop = new AbortController()
    const sent = send({}, one.io(stop.signal)).catch(error => error)
    setTimeout(() => stop.abort(), 1)
    expect(await sent).toMatchObject({ code: 'aborted' })
  }
})

test('a request carries its credentials to its own origin only, follows nothing and leaves no trace', async () => {
  const { one, send } = world(() => json({}, { headers: { date: 'Sat, 02 May 2026 08:00:01 GMT' } }))
  await send({ method: 'POST', json: { a: 1 } })
  const [request] = one.requests
  expect(request?.url).toBe('https://api.example/v1/things/private-id?q=private')
  expect(request).toMatchObject({
    redirect: 'error',
    credentials: 'omit',
    referrerPolicy: 'no-referrer',
    cache: 'no-store',
  })
  expect(request?.headers.get('authorization')).toBe(`Bearer ${SECRET}`)
  expect(one.serverTimes).toEqual([NOW + 1500])
})

test('a refused token is renewed once for all, and the second refusal is for the app', async () => {
  const asked: boolean[] = []
  const token = ({ refresh }: { refresh: boolean } = { refresh: false }) => {
    asked.push(refresh)
    return refresh ? 'new' : 'old'
  }
  const fine = world(
    it => (it.headers.get('authorization') === 'Bearer new' ? json({ ok: 1 }) : json({}, { status: 401 })),
    token as never,
  )
  const answers = await Promise.all([fine.send(), fine.send(), fine.send()])
  expect(answers.map(({ json: body }) => body)).toEqual([{ ok: 1 }, { ok: 1 }, { ok: 1 }])
  expect(asked.filter(refresh => refresh)).toHaveLength(1)
  const never = world(() => json({}, { status: 401 }))
  await expect(never.send()).rejects.toMatchObject({ code: 'needs-auth' })
  expect(never.one.requests).toHaveLength(2)
})

test.each([
  [429, { 'retry-after': '7' }, {}, NOW + 7000],
  [429, { 'retry-after': 'Sat, 02 May 2026 08:00:40 GMT', date: 'Sat, 02 May 2026 08:00:10 GMT' }, {}, NOW + 30_000],
  [429, {}, { error: { retry_after: 9 } }, NOW + 9000],
  [503, { 'retry-after': '3' }, {}, NOW + 3000],
  [429, { 'retry-after': '1000000000' }, {}, undefined],
  [404, { 'retry-after': '3' }, {}, undefined],
])('a %i with %o and %o says when', (status, headers: Record<string, string>, body, notBefore) => {
  const error = failureOf({ status, json: body as never, header: name => headers[name] ?? null }, '/x', NOW)
  expect(error.notBefore).toBe(notBefore)
})

test('the code of the API is kept when it is one, and nothing else of what it says', async () => {
  const known = await failing(() => json({ error: { code: 'SYNC_CONFLICT', message: 'private' } }, { status: 409 }))
  expect(known.details).toEqual({ status: 409, route: '/things/{id}', code: 'SYNC_CONFLICT' })
  const odd = await failing(() => json({ error: { code: 'private words' } }, { status: 409 }))
  expect(odd.details).toEqual({ status: 409, route: '/things/{id}' })
})

test.each([0, 1, 500, 999])(
  'a clock that is right stays so, where answers come %i ms into a second (F41)',
  async at => {
    const clock = serverClock({ now: () => NOW + at + 100, monotonic: () => 0 }) // the answers were under way that long
    const { one, send } = world(() => json({}, { headers: { date: new Date(NOW + at).toUTCString() } }))
    for (let n = 0; n < 5; n++) await send({}, { ...one.io(), serverTime: clock.heard })
    expect([clock.sure(), clock.offset()]).toEqual([true, 0])
  },
)
