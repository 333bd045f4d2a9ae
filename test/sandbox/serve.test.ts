import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { filesSandbox } from '../../src/sandbox/files/sandbox.ts'
import { realWorld } from '../../src/sandbox/real-world.ts'
import { serve } from '../../src/sandbox/serve.ts'
import { client, type Json, register, SYNC, talk } from './kit.ts'

const open: { close(): Promise<void> | void }[] = []
afterEach(async () => {
  for (const it of open.splice(0)) await it.close()
})

async function served() {
  const sandbox = filesSandbox({ world: realWorld })
  const { user_id, token } = sandbox.admin.addUser('Ada')
  const share = sandbox.admin.addShare('Docs', user_id)
  const server = await serve({ files: sandbox })
  open.push(server)
  const api = client(fetch, token, server.urls.files)
  await register(api, 'dev_1')
  return { sandbox, user_id, token, share, url: server.urls.files, api, ...talk(api, share, 'dev_1') }
}

async function plug(url: string) {
  const socket = new WebSocket(url.replace('http', 'ws'))
  const seen: Json[] = []
  socket.on('message', data => seen.push(JSON.parse(String(data))))
  socket.on('close', code => seen.push(code))
  socket.on('error', () => undefined)
  const until = async (count: number) => {
    while (seen.length < count) await Promise.race([once(socket, 'message'), once(socket, 'close')])
    return seen
  }
  return { socket, until }
}

test('upload, apply, feed and ranged download go over real HTTP', async () => {
  const { push, created, changes, api, url } = await served()
  expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
  const big = 'x'.repeat(300_000)
  const { body } = await push(created('/big', big), big)
  const { resource_id } = body.applied[0]
  expect((await changes(1)).body.changes[0].metadata.size).toBe(300_000)
  const whole = await api('GET', `${SYNC}/download/${resource_id}`)
  expect([whole.status, whole.body.length, whole.headers.get('content-length')]).toEqual([200, 300_000, '300000'])
  const part = await api('GET', `${SYNC}/download/${resource_id}`, undefined, { range: 'bytes=299998-' })
  expect([part.status, part.body, part.headers.get('content-range')]).toEqual([206, 'xx', 'bytes 299998-299999/300000'])
})

test('HEAD answers how much of an upload is there', async () => {
  const { api, share } = await served()
  const path = `${SYNC}/upload/ver_h?share_id=${share}`
  await api('PUT', path, new Uint8Array(3), { 'content-range': 'bytes 0-2/9' })
  const { status, headers } = await api('HEAD', path)
  expect([status, headers.get('upload-offset')]).toEqual([200, '3'])
})

test('a broken connection is one: fetch rejects, before the effect and after it', async () => {
  const { sandbox, apply, folder } = await served()
  const item = folder('/dir')
  sandbox.weather.next({ path: /apply/, before: 'refuse' })
  await expect(apply([item])).rejects.toThrow(TypeError)
  expect(sandbox.inspect().effects[item.version_id]).toBeUndefined()
  sandbox.weather.next({ path: /apply/, after: 'lose-answer' })
  await expect(apply([item])).rejects.toThrow(TypeError)
  expect(sandbox.inspect().effects[item.version_id]).toBe(1)
})

test('a body that breaks off rejects while it is read, one that ends early does not', async () => {
  const { sandbox, url, token } = await served()
  const get = () => fetch(`${url}/api/v1/users/me/shares`, { headers: { authorization: `Bearer ${token}` } })
  sandbox.weather.next({ spoil: 'cut' })
  const cut = await get()
  expect(cut.status).toBe(200)
  await expect(cut.text()).rejects.toThrow(TypeError)
  sandbox.weather.next({ spoil: 'short' })
  const short = await (await get()).text()
  expect(short).toMatch(/^{"shares"/)
  expect(() => JSON.parse(short)).toThrow()
})

test('a swollen body is small on the wire and large when it is opened', async () => {
  const { sandbox, url, token } = await served()
  sandbox.weather.next({ spoil: { swell: 5_000_000, gzip: true } })
  const response = await fetch(`${url}/api/v1/users/me/shares`, { headers: { authorization: `Bearer ${token}` } })
  expect(response.headers.get('content-encoding')).toBe('gzip')
  expect((await response.text()).length).toBe(5_000_000)
})

test('CORS headers go out on answers, refusals and preflights', async () => {
  const { sandbox, url, token } = await served()
  const headers = { authorization: `Bearer ${token}`, origin: 'http://app' }
  const strict = await fetch(`${url}/api/v1/users/me/shares`, { headers })
  expect(strict.headers.get('access-control-allow-origin')).toBe('http://app')
  expect(strict.headers.get('access-control-expose-headers')).toBeNull()
  sandbox.set({ cors: 'lax' })
  const lax = await fetch(`${url}/api/v1/nowhere`, { headers })
  expect([lax.status, lax.headers.get('access-control-expose-headers')]).toEqual([
    404,
    expect.stringContaining('Retry-After'),
  ])
})

test('a real socket is subscribed, pinged, nudged and closed', async () => {
  const { sandbox, url, token, share, user_id } = await served()
  const { socket, until } = await plug(`${url}${SYNC}/ws/dev_1?token=${token}`)
  await once(socket, 'open')
  socket.send('{"type":"ping"}')
  socket.send('{"type":"subscribe"}')
  await until(2)
  sandbox.admin.createFile(share, '/a', 'x')
  await until(3)
  sandbox.admin.setDeviceActive(user_id, 'dev_1', false)
  const seen = await until(4)
  expect(seen.slice(0, 2)).toEqual([{ type: 'pong' }, { type: 'subscribed' }])
  expect(seen[2]).toMatchObject({ event_type: 'change', share_id: share, data: { new_path: '/a' } })
  expect(seen[3]).toBe(4403)
})

test.each([
  ['dev_1?token=wrong', 4401],
  ['dev_9?token=', 4404],
])('a real socket to %s is closed with %i', async (path, code) => {
  const { url, token } = await served()
  const { until } = await plug(`${url}${SYNC}/ws/${path}${path.endsWith('=') ? token : ''}`)
  expect(await until(1)).toEqual([code])
})

test('an oversized frame on a real socket ends it with 1009', async () => {
  const { url, token } = await served()
  const { socket, until } = await plug(`${url}${SYNC}/ws/dev_1?token=${token}`)
  await once(socket, 'open')
  socket.send('x'.repeat(70_000))
  expect(await until(1)).toEqual([1009])
})

test('the command prints one line, serves, survives kill -9 on its disk, and ends on SIGTERM', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sandbox-'))
  open.push({ close: () => rmSync(folder, { recursive: true }) })
  const start = async () => {
    const main = new URL('../../src/sandbox/main.ts', import.meta.url).pathname
    const child = spawn(process.execPath, [main, '--db', join(folder, 'x.db'), '--seed-share', 'Notes'])
    open.push({ close: () => void child.kill('SIGKILL') })
    const [line] = await once(child.stdout, 'data')
    return { child, told: JSON.parse(String(line)) }
  }
  const first = await start()
  const api = client(fetch, first.told.token, first.told.files)
  await register(api, 'dev_1')
  const before = talk(api, first.told.share, 'dev_1')
  const item = before.folder('/dir')
  const { body } = await before.apply([item])
  first.child.kill('SIGKILL')
  await once(first.child, 'exit')

  const second = await start()
  expect([second.told.token, second.told.share]).toEqual([first.told.token, first.told.share])
  const after = talk(client(fetch, second.told.token, second.told.files), second.told.share, 'dev_1')
  expect((await after.apply([item])).body.applied).toEqual(body.applied)
  second.child.kill('SIGTERM')
  expect(await once(second.child, 'exit')).toEqual([0, null])
}, 30_000)
