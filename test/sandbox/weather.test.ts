import { expect, test } from 'vitest'
import type { Fault, Rates } from '../../src/sandbox/weather.ts'
import { weather } from '../../src/sandbox/weather.ts'
import { client, START, SYNC, scene, settle, virtualWorld } from './kit.ts'

const shares = '/api/v1/users/me/shares'

test('a connection that fails on the way there rejects as fetch does, and nothing was done', async () => {
  const { sandbox, apply, folder } = await scene()
  sandbox.weather.next({ path: /apply/, before: 'refuse' })
  await expect(apply([folder('/dir')])).rejects.toThrow(TypeError)
  expect(sandbox.inspect().log).toHaveLength(1)
  expect(sandbox.weather.pending()).toBe(0)
})

test('an answer that is lost leaves its effect behind', async () => {
  const { sandbox, apply, folder } = await scene()
  sandbox.weather.next({ path: /apply/, after: 'lose-answer' })
  const item = folder('/dir')
  await expect(apply([item])).rejects.toThrow(TypeError)
  expect(sandbox.inspect().effects[item.version_id]).toBe(1)
  expect((await apply([item])).body.applied[0].outcome).toBe('applied')
  expect(sandbox.inspect().effects[item.version_id]).toBe(1)
})

test('a failing status comes before the effect or after it', async () => {
  const { sandbox, apply, folder } = await scene()
  sandbox.weather.next({ method: 'POST', before: 503 })
  sandbox.weather.next({ method: 'POST', after: 500 })
  const item = folder('/dir')
  expect((await apply([item])).status).toBe(503)
  expect(sandbox.inspect().effects[item.version_id]).toBeUndefined()
  expect((await apply([item])).status).toBe(500)
  expect(sandbox.inspect().effects[item.version_id]).toBe(1)
})

test.each([408, 401, 403, 429, 500, 502, 503, 504])('any status can stand in for the API: %i', async status => {
  const { sandbox, api } = await scene()
  sandbox.weather.next({ before: status })
  expect((await api('GET', shares)).status).toBe(status)
  expect((await api('GET', shares)).status).toBe(200)
})

test.each([
  [7, '7'],
  [{ inMs: 30_000 }, 'Sat, 02 May 2026 08:00:30 GMT'],
  ['soon', 'soon'],
  [-1, '-1'],
  [1e9, '1000000000'],
])('Retry-After is written as seconds, as a date, or as garbage: %j', async (retryAfter, text) => {
  const { sandbox, api } = await scene()
  sandbox.weather.next({ before: { status: 429, retryAfter } })
  expect((await api('GET', shares)).headers.get('retry-after')).toBe(text)
})

test('a request may arrive twice: at once, or long after its answer', async () => {
  const { sandbox, apply, folder, world } = await scene()
  sandbox.weather.next({ path: /apply/, again: 0 })
  const item = folder('/dir')
  await apply([item])
  expect(sandbox.weather.happened()).toEqual([{ at: START, method: 'POST', path: `${SYNC}/apply`, what: 'again' }])
  expect(sandbox.inspect().effects[item.version_id]).toBe(1)

  sandbox.weather.next({ path: /apply/, again: 60_000 })
  const unkeyed = folder('/twice', { version_id: null })
  await apply([unkeyed], 'CLIENT_WINS')
  expect(sandbox.inspect().log).toHaveLength(3)
  sandbox.admin.remove(sandbox.inspect().shares[0]!.id, '/twice')
  await world.pass(60_000)
  expect(sandbox.inspect().log.map(row => row.change.change_type)).toEqual([
    'created',
    'created',
    'created',
    'deleted',
    'created',
  ])
})

test('latency is virtual time: nothing arrives before it has passed', async () => {
  const { sandbox, apply, folder, world } = await scene()
  sandbox.weather.next({ path: /apply/, latency: 300, answerLatency: 200 })
  let answered = false
  apply([folder('/dir')]).then(() => {
    answered = true
  })
  await world.pass(299)
  expect(sandbox.inspect().log).toHaveLength(1)
  await world.pass(1)
  expect([sandbox.inspect().log.length, answered]).toEqual([2, false])
  await world.pass(200)
  expect(answered).toBe(true)
})

test('who aborts stops waiting; what is under way arrives all the same', async () => {
  const { sandbox, token, share, world } = await scene()
  sandbox.weather.next({ latency: 300 })
  const abort = new AbortController()
  const request = new Request(`http://sandbox${SYNC}/upload/ver_u?share_id=${share}`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${token}` },
    body: 'hello',
    signal: abort.signal,
  })
  const answer = sandbox.fetch(request)
  await settle()
  abort.abort()
  await expect(answer).rejects.toThrow(/abort/i)
  await world.pass(300)
  expect(sandbox.inspect().staged).toHaveLength(1)
})

async function spoiltBy(spoil: Fault['spoil']) {
  const { sandbox, token, world } = await scene()
  sandbox.weather.next({ spoil: spoil! })
  const request = new Request(`http://sandbox${shares}`, { headers: { authorization: `Bearer ${token}` } })
  const response = await sandbox.fetch(request)
  const read = response.arrayBuffer().then(
    buffer => new Uint8Array(buffer),
    error => error,
  )
  await world.pass(100_000)
  const bytes = await read
  return { response, bytes, text: bytes instanceof Error ? bytes.message : new TextDecoder().decode(bytes) }
}

test('a body may end early with nobody saying so', async () => {
  const { response, text } = await spoiltBy('short')
  expect(response.status).toBe(200)
  expect(text).toMatch(/^{"shares"/)
  expect(() => JSON.parse(text)).toThrow()
})

test('a body may break off, and reading it rejects', async () => {
  const { response, text } = await spoiltBy('cut')
  expect(response.status).toBe(200)
  expect(text).toBe('terminated')
})

test('a captive portal answers 200 with its login page', async () => {
  const { response, text } = await spoiltBy('html')
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/html'])
  expect(text).toMatch(/^<!doctype html>/)
})

test.each([
  ['empty', 200, ''],
  ['no-content', 204, ''],
] as const)('a body may be missing: %s', async (spoil, status, expected) => {
  const { response, text } = await spoiltBy(spoil)
  expect([response.status, text]).toEqual([status, expected])
})

test('a body may carry a wrong type, a byte order mark, garbage at its end', async () => {
  expect((await spoiltBy('wrong-type')).response.headers.get('content-type')).toBe('application/x-unknown')
  expect((await spoiltBy('bom')).bytes.subarray(0, 3)).toEqual(Uint8Array.of(0xef, 0xbb, 0xbf))
  expect((await spoiltBy('trailing-garbage')).text).toMatch(/}]<$/)
})

test('a body may drip, and may be far larger than it should', async () => {
  const dripped = await spoiltBy({ drip: 10 })
  expect(JSON.parse(dripped.text)).toHaveProperty('total', 1)
  expect((await spoiltBy({ swell: 2_000_000 })).text).toHaveLength(2_000_000)
})

test('a sloppy server says what the test makes it say', async () => {
  const { text } = await spoiltBy({
    rewrite: body => body.replace('"total":1', '"total":null,"total":9007199254740993'),
  })
  expect(text).toMatch(/"total":null,"total":9007199254740993}$/)
})

test('an answer may send the client elsewhere', async () => {
  const { response } = await spoiltBy({ redirect: 'http://elsewhere.example/', status: 307 })
  expect([response.status, response.headers.get('location')]).toEqual([307, 'http://elsewhere.example/'])
})

test('rates draw the same storm from the same seed, and switching one fault on does not move the others', async () => {
  const storm = async (rates: Rates) => {
    const it = weather(virtualWorld(42))
    it.set(rates)
    const log: string[] = []
    for (let n = 0; n < 200; n++) {
      const answer = it.around(new Request('http://x/'), async () => new Response('ok'))
      log.push(await answer.then(({ status }) => String(status)).catch(() => 'broken'))
    }
    return log
  }
  const refusing = await storm({ refuse: 0.1 })
  expect(await storm({ refuse: 0.1 })).toEqual(refusing)
  expect(refusing.filter(it => it === 'broken').length).toBeGreaterThan(5)
  const both = await storm({ refuse: 0.1, loseWith: 0.2, refusals: [500, 502] })
  expect(both.filter((_, index) => refusing[index] === 'broken').every(it => it === 'broken')).toBe(true)
  expect(new Set(both)).toEqual(new Set(['200', '500', '502', 'broken']))
})

test('a browser sees the plain headers of a strict server, and all of a lax one', async () => {
  const { sandbox, api } = await scene({ knobs: { rateLimit: 100 } })
  const seen = async () => [...(await api('GET', shares, undefined, { origin: 'http://app' })).headers.keys()]
  expect(await seen()).toEqual(['content-type'])
  sandbox.set({ cors: 'lax' })
  expect(await seen()).toEqual(expect.arrayContaining(['date', 'x-ratelimit-limit', 'x-ratelimit-remaining']))
  sandbox.set({ cors: 'strict', seenAs: 'browser' })
  expect([...(await api('GET', shares)).headers.keys()]).toEqual(['content-type'])
  sandbox.set({ seenAs: 'server' })
  expect((await api('GET', shares)).headers.get('date')).toBe('Sat, 02 May 2026 08:00:00 GMT')
})

test('a preflight is answered without a token', async () => {
  const { sandbox } = await scene()
  const headers = {
    origin: 'http://app',
    'access-control-request-method': 'PUT',
    'access-control-request-headers': 'authorization',
  }
  const response = await sandbox.overWire(new Request(`http://sandbox${shares}`, { method: 'OPTIONS', headers }))
  expect([response.status, response.headers.get('access-control-allow-headers')]).toEqual([204, 'authorization'])
})

test('the rate limit counts by cost, tells its state, and opens again with the next minute', async () => {
  const { admin, api, share, world, sandbox, token } = await scene()
  const file = admin.createFile(share, '/a', 'x')
  sandbox.set({ rateLimit: 8 })
  const left = ({ headers }: { readonly headers: Headers }) => headers.get('x-ratelimit-remaining')
  expect(left(await api('GET', shares))).toBe('7')
  expect(left(await api('GET', `${SYNC}/download/${file.resource_id}`))).toBe('2')
  expect(left(await api('POST', `${SYNC}/devices/dev_1/heartbeat`))).toBe('0')
  const refused = await api('GET', shares)
  expect([refused.status, refused.body.error.code, refused.headers.get('retry-after'), left(refused)]).toEqual([
    429,
    'RATE_LIMITED',
    '60',
    '0',
  ])
  admin.addToken(sandbox.inspect().users[0]!.id, 'second')
  expect((await client(request => sandbox.fetch(request), 'second')('GET', shares)).status).toBe(200)
  world.set(world.now() + 60_000)
  expect((await client(request => sandbox.fetch(request), token)('GET', shares)).status).toBe(200)
})
