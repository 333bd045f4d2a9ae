import { expect, test } from 'vitest'
import type { SocketEvents } from '../../../src/platform.ts'
import { dial } from '../../../src/sandbox/files/dial.ts'
import { filesSandbox } from '../../../src/sandbox/files/sandbox.ts'
import type { Nudge } from '../../../src/transport.ts'
import { files } from '../../../src/transports/files/index.ts'
import { client } from '../../conformance/transport-io.ts'
import { clock } from './clock.ts'

interface Opened {
  readonly url: string
  readonly headers: { readonly [name: string]: string }
  readonly events: SocketEvents
  readonly sent: string[]
  readonly at: number
  closed: number | undefined
}

/** A listening device whose sockets lead to the sandbox, or to nobody. */
function listening(options: { web?: true; wired?: false; token?: (why: { refresh: boolean }) => string } = {}) {
  const time = clock()
  const server = filesSandbox({ world: { now: time.now, sleep: time.sleep, random: () => 0.5 } })
  const { user_id, token } = server.admin.addUser('Ada')
  const share = server.admin.addShare('Team', user_id)
  const opened: Opened[] = []
  const one = client({
    transport: files({
      url: 'https://drive.example',
      share,
      token: options.token ?? (() => token),
      ...(options.web ? { platform: 'web' as const } : {}),
    }),
    fetch: server.fetch,
    now: time.now,
    sleep: time.sleep,
    random: () => 1,
    socket(url, headers, events) {
      const entry: Opened = { url, headers, events, sent: [], at: time.now(), closed: undefined }
      opened.push(entry)
      const over = (code = 1000, reason = '') => {
        if (entry.closed !== undefined) return
        entry.closed = code
        events.close(code, reason)
      }
      if (options.wired === false) return { send: text => void entry.sent.push(text), close: over }
      const socket = dial(server, url.replace('wss:', 'https:'), headers.authorization)
      socket.onopen = () => events.open()
      socket.onmessage = ({ data = '' }) => events.message(data)
      socket.onclose = ({ code, reason }) => over(code, reason)
      return {
        send(text) {
          entry.sent.push(text)
          socket.send(text)
        },
        close(code = 1000, reason) {
          // As every real one does.
          if (code !== 1000 && !(code >= 3000 && code <= 4999))
            throw new DOMException('invalid code', 'InvalidAccessError')
          socket.close(code, reason)
          over(code, reason)
        },
      }
    },
  })
  const heard: Nudge[] = []
  const stop = new AbortController()
  let ended: unknown
  return {
    time,
    server,
    share,
    user_id,
    token,
    opened,
    heard,
    one,
    stop: () => stop.abort(),
    ended: () => ended,
    async start() {
      if (options.token === undefined) await one.transport.join!(one.io())
      one.transport
        .nudges!.listen(nudge => heard.push(nudge), one.io(stop.signal))
        .then(
          () => {
            ended = 'done'
          },
          error => {
            ended = error
          },
        )
      await time.pass(0)
    },
  }
}

test('opening says to look, and so does each change of our share and no other', async () => {
  const it = listening()
  await it.start()
  expect(it.heard).toEqual(['changed'])
  expect(it.opened[0]).toMatchObject({
    url: 'wss://drive.example/api/v1/sync/ws/device-1',
    headers: { authorization: `Bearer ${it.token}` },
  })
  it.server.admin.createFile(it.share, '/a', 'a')
  it.server.admin.createFile(it.server.admin.addShare('Other', it.user_id), '/b', 'b')
  it.server.admin.forceSync(it.share)
  it.server.admin.say({ event_type: 'sync_preference_updated', share_id: it.share, device_id: 'device-1' })
  it.server.admin.say({ event_type: 'sync_preference_updated', share_id: it.share, device_id: 'other' })
  it.server.admin.say({ event_type: 'who-knows' })
  await it.time.pass(0)
  expect(it.heard).toEqual(['changed', 'changed', 'start-over', 'settings'])
  it.stop()
  await it.time.pass(0)
  expect(it.ended()).toBe('done')
  expect(it.opened[0]?.closed).toBe(1000)
})

test('in a browser the token goes in the address', async () => {
  const it = listening({ web: true })
  await it.start()
  expect(it.opened[0]?.url).toBe(`wss://drive.example/api/v1/sync/ws/device-1?token=${it.token}`)
  expect(it.opened[0]?.headers).toEqual({})
  expect(it.heard).toEqual(['changed'])
})

test('it stays alive by pings every 25 s, and beats once a minute (F79)', async () => {
  const it = listening()
  await it.start()
  await it.time.pass(200_000)
  expect(it.opened).toHaveLength(1)
  expect(it.opened[0]?.sent.filter(frame => frame.includes('ping'))).toHaveLength(8)
  const beats = it.one.requests.filter(({ url }) => url.endsWith('/heartbeat'))
  expect(beats).toHaveLength(3)
  it.server.weather.next({ path: /heartbeat/, before: 503 })
  await it.time.pass(60_000)
  expect(it.ended()).toBeUndefined()
})

test('a half-open socket is left and opened again', async () => {
  const it = listening()
  await it.start()
  it.server.weather.set({ deaf: true })
  await it.time.pass(36_000)
  expect(it.opened).toHaveLength(2)
  it.server.weather.set({})
  await it.time.pass(60_000)
  expect(it.heard.length).toBeGreaterThan(1)
})

test('a server that takes the connection and never answers is left after 20 s, and asked again (F45)', async () => {
  const it = listening({ wired: false })
  await it.start()
  await it.time.pass(19_000)
  expect(it.opened[0]?.closed).toBeUndefined()
  await it.time.pass(3_000)
  expect(it.opened.map(({ closed }) => closed)).toEqual([4000, undefined])
})

test('pauses double up to a minute while nothing can be reached', async () => {
  const it = listening({ wired: false })
  await it.start()
  const pauses: number[] = []
  for (let n = 0; n < 9; n++) {
    const { length } = it.opened
    it.opened.at(-1)?.events.close(1006, '')
    const from = it.time.now()
    while (it.opened.length === length) await it.time.pass(500)
    pauses.push(it.opened.at(-1)!.at - from)
  }
  expect(pauses).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000])
})

test('a refused token is renewed once, then the socket rests', async () => {
  const asked: boolean[] = []
  const it = listening({
    token: ({ refresh }) => {
      asked.push(refresh)
      return 'bad'
    },
  })
  await it.start()
  await it.time.pass(30_000)
  expect(it.opened.map(({ closed }) => closed)).toEqual([4401, 4401])
  expect(asked.filter(refresh => refresh)).toHaveLength(1)
  await it.time.pass(10 * 60_000)
  expect(it.opened.length).toBeLessThanOrEqual(4)
  expect(it.ended()).toBeUndefined()
})

test('a device that is gone or switched off ends it', async () => {
  const gone = listening()
  await gone.start()
  gone.server.admin.removeDevice(gone.user_id, 'device-1')
  gone.server.sweep()
  await gone.time.pass(0)
  expect(gone.ended()).toMatchObject({ code: 'device-gone' })

  const off = listening()
  await off.start()
  off.server.admin.setDeviceActive(off.user_id, 'device-1', false)
  off.server.sweep()
  await off.time.pass(0)
  expect(off.ended()).toMatchObject({ code: 'forbidden' })

  const unheard = listening({ wired: false })
  await unheard.start()
  unheard.server.admin.removeDevice(unheard.user_id, 'device-1')
  await unheard.time.pass(60_000)
  expect(unheard.ended()).toMatchObject({ code: 'device-gone' })
})

test('five bad frames in a minute are a rest of ten minutes, a few are nothing', async () => {
  const it = listening()
  await it.start()
  const bad = ['{', '[]', '"x"', '{}', `${'['.repeat(100)}${']'.repeat(100)}`, '{"__proto__":{"type":"pong"}}']
  for (const frame of bad.slice(0, 4)) it.opened[0]?.events.message(frame)
  await it.time.pass(61_000)
  for (const frame of bad.slice(0, 4)) it.opened[0]?.events.message(frame)
  expect(it.opened[0]?.closed).toBeUndefined()
  it.opened[0]?.events.garbage?.()
  expect(it.opened[0]?.closed).toBe(4008)
  await it.time.pass(9 * 60_000)
  expect(it.opened).toHaveLength(1)
  await it.time.pass(2 * 60_000)
  expect(it.opened).toHaveLength(2)
})

test('a frame over 64 KiB closes the socket', async () => {
  const it = listening()
  await it.start()
  it.opened[0]?.events.message(JSON.stringify({ type: 'x'.repeat(70_000) }))
  expect(it.opened[0]?.closed).toBe(4009)
  await it.time.pass(2000)
  expect(it.opened).toHaveLength(2)
})

test('nothing stays behind when it is stopped', async () => {
  const it = listening()
  await it.start()
  await it.time.pass(30_000)
  it.stop()
  await it.time.pass(0)
  expect(it.ended()).toBe('done')
  expect(it.opened.every(({ closed }) => closed !== undefined)).toBe(true)
  const { length } = it.one.requests
  await it.time.pass(300_000)
  expect(it.one.requests.length).toBe(length)
})
