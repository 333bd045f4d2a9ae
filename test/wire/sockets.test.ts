/** The socket over real connections: the platform's own WebSocket against a server of `ws`. Only the clock is the test's. */
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import { type AddressInfo, connect, createServer as listen, type Socket as Tcp } from 'node:net'
import type { Duplex } from 'node:stream'
import { afterEach, expect, test } from 'vitest'
import { type WebSocket, WebSocketServer } from 'ws'
import { collection, defineSchema, open } from '../../src/index.ts'
import { platform } from '../../src/platform.ts'
import { filesSandbox } from '../../src/sandbox/files/sandbox.ts'
import { realWorld } from '../../src/sandbox/real-world.ts'
import { serve } from '../../src/sandbox/serve.ts'
import { memory } from '../../src/stores/memory.ts'
import type { Nudge } from '../../src/transport.ts'
import { files, tree } from '../../src/transports/files/index.ts'
import { patiently } from '../browser/harness/patiently.ts'
import { client } from '../conformance/transport-io.ts'
import { clock } from '../unit/transports/clock.ts'

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

interface Line {
  readonly socket: WebSocket
  readonly token: string | undefined
  readonly heard: string[]
  /** The code that the client closed with. */
  closed: number | undefined
}

/** A server that says what it is told to, and remembers what it saw. */
async function server(greet: (line: Line, at: number) => void = () => {}) {
  const lines: Line[] = []
  const http = createServer((_, response) => response.writeHead(204).end()).listen(0, '127.0.0.1')
  await once(http, 'listening')
  const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: true })
  const it = {
    lines,
    /** How the next connection is met instead; `hang`: it is taken, and nothing is ever said. */
    instead: undefined as 'hang' | number | undefined,
    port: (http.address() as AddressInfo).port,
    upgrades: 0,
  }
  http.on('upgrade', (request: IncomingMessage, raw: Duplex, head: Buffer) => {
    it.upgrades++
    ends.push(() => raw.destroy())
    if (it.instead === 'hang') return
    if (it.instead !== undefined) return void raw.end(`HTTP/1.1 ${it.instead} No\r\ncontent-length: 0\r\n\r\n`)
    sockets.handleUpgrade(request, raw, head, socket => {
      const token = request.headers.authorization?.replace('Bearer ', '')
      const line: Line = { socket, token, heard: [], closed: undefined }
      lines.push(line)
      socket.on('error', () => {}) // a close follows
      socket.on('message', data => line.heard.push(String(data)))
      socket.on('close', code => {
        line.closed = code
      })
      greet(line, lines.length)
    })
  })
  ends.push(() => {
    http.closeAllConnections()
    http.close()
  })
  return it
}

/** A device that listens to it. */
function device(
  port: number,
  { random = 1, token = () => 'first' }: { random?: number; token?: (why: { refresh: boolean }) => string } = {},
) {
  const time = clock()
  const stop = new AbortController()
  ends.push(() => stop.abort())
  const real = platform()
  const one = client({
    transport: files({ url: `http://127.0.0.1:${port}`, share: 'shr_1', token }),
    fetch: real.fetch,
    now: time.now,
    sleep: time.sleep,
    random: () => random,
    socket: real.socket,
  })
  const heard: Nudge[] = []
  const it = { time, heard, stop: () => stop.abort(), ended: undefined as unknown }
  one.transport
    .nudges!.listen(nudge => heard.push(nudge), one.io(stop.signal))
    .then(
      () => {
        it.ended = 'done'
      },
      error => {
        it.ended = error
      },
    )
  return it
}

const answering = ({ socket }: Line) =>
  socket.on('message', data => {
    const type = String(data).includes('ping') ? 'pong' : 'subscribed'
    socket.send(JSON.stringify({ type }))
  })

/** Time goes on, and whatever is on the wire arrives. */
async function pass(time: ReturnType<typeof clock>, seconds: number): Promise<void> {
  for (let at = 0; at < seconds; at++) {
    await time.pass(1_000)
    await new Promise(resolve => setTimeout(resolve, 2))
  }
}

const first = <T>(found: T | undefined): T => {
  if (found === undefined) throw new Error('There is none.')
  return found
}

test('each opening says to look, with the token in a header and none in the address (F80, S2)', async () => {
  const far = await server(answering)
  const { heard, time } = device(far.port)
  await patiently('the first look', () => heard.length === 1)
  expect(far.lines[0]).toMatchObject({ token: 'first', heard: ['{"type":"subscribe"}'] })
  for (let at = 2; at <= 4; at++) {
    first(far.lines.at(-1)).socket.terminate()
    await patiently('another connection and its look', async () => {
      await pass(time, 1)
      return far.lines.length === at && heard.length === at
    })
  }
  expect(heard).toEqual(['changed', 'changed', 'changed', 'changed'])
})

test('a peer that hears and never answers is left 10 s after the ping, and found again (F79)', async () => {
  const far = await server()
  const { time } = device(far.port)
  await patiently('the greeting', () => far.lines[0]?.heard.length === 1)
  await pass(time, 34)
  await patiently('the ping', () => far.lines[0]?.heard.includes('{"type":"ping"}'))
  expect(far.lines[0]?.closed).toBeUndefined()
  await pass(time, 2)
  await patiently('the end', () => far.lines[0]?.closed !== undefined)
  expect(far.lines[0]?.closed).toBe(4000)
  await patiently('another one', async () => {
    await pass(time, 1)
    return far.lines.length === 2
  })
})

test('a peer behind a wire that was cut without a word is left, and found again when the wire is whole (F79)', async () => {
  const far = await server(answering)
  const wire = await wireTo(far.port)
  const { heard, time } = device(wire.port)
  await patiently('the first look', () => heard.length === 1)
  wire.dead = true
  await pass(time, 40)
  // The new connection is taken by the wire, and goes nowhere.
  await pass(time, 25)
  expect(far.lines).toHaveLength(1)
  wire.dead = false
  await patiently('a connection', async () => {
    await pass(time, 5)
    return far.lines.length === 2 && heard.length === 2
  })
})

test('a server that takes the connection and says nothing is left after 20 s (F45)', async () => {
  const far = await server(answering)
  far.instead = 'hang'
  const { heard, time } = device(far.port)
  await patiently('the try', () => far.upgrades === 1)
  far.instead = undefined
  await pass(time, 15)
  expect(far.upgrades).toBe(1)
  await patiently('another try', async () => {
    await pass(time, 5)
    return far.upgrades === 2 && heard.length === 1
  })
})

test('five frames of nonsense, text or binary, end it, and it rests for ten minutes (F84)', async () => {
  const far = await server(line => {
    answering(line)
    for (const frame of ['{', '[]', '{}', '{"__proto__":{"type":"pong"}}']) line.socket.send(frame)
  })
  const { heard, time, ...it } = device(far.port)
  await patiently('the first look', () => heard.length === 1)
  first(far.lines[0]).socket.send(Buffer.from([1, 2, 3]))
  await patiently('the end', () => far.lines[0]?.closed !== undefined)
  expect(far.lines[0]?.closed).toBe(4008)
  await pass(time, 590)
  expect(far.upgrades).toBe(1)
  await patiently('the end of the rest', async () => {
    await pass(time, 5)
    return far.upgrades === 2
  })
  expect(it.ended).toBeUndefined()
})

test('a frame over 64 KiB ends it, however small it was on the wire, and it comes back (F84, F85)', async () => {
  const far = await server(answering)
  const { heard, time } = device(far.port)
  await patiently('the first look', () => heard.length === 1)
  first(far.lines[0]).socket.send(JSON.stringify({ type: 'x'.repeat(4 * 1024 * 1024) }))
  await patiently('the end', () => far.lines[0]?.closed !== undefined)
  expect(far.lines[0]?.closed).toBe(4009)
  await patiently('another one', async () => {
    await pass(time, 1)
    return far.lines.length === 2
  })
})

test('a refused token is renewed once and used; refused again, the socket rests (F83, 4401)', async () => {
  const far = await server(({ socket, token }) => (token === 'second' ? undefined : socket.close(4401, 'expired')))
  let asked = 0
  const renewing = device(far.port, { token: ({ refresh }) => (refresh || asked++ > 0 ? 'second' : 'first') })
  await patiently('the second try', async () => {
    await pass(renewing.time, 1)
    return far.lines.length === 2
  })
  expect(far.lines.map(({ token }) => token)).toEqual(['first', 'second'])
  await patiently('its greeting', () => far.lines[1]?.heard.length === 1)

  const refused = await server(({ socket }) => socket.close(4401, 'expired'))
  const resting = device(refused.port)
  await patiently('the second try', async () => {
    await pass(resting.time, 1)
    return refused.lines.length === 2
  })
  await pass(resting.time, 300)
  expect(refused.upgrades).toBe(2)
  expect(resting.ended).toBeUndefined()
})

test.each([
  [4403, 'forbidden'],
  [4404, 'device-gone'],
] as const)('code %i ends it and says %s', async (code, what) => {
  const far = await server(({ socket }) => socket.close(code, 'no'))
  const it = device(far.port)
  await patiently('the end', () => it.ended)
  expect(it.ended).toMatchObject({ code: what })
})

test.each([1009, 1012, 1013])(
  'a server that closes with %i again and again is asked ever less often (F86)',
  async code => {
    const far = await server(({ socket }) => socket.close(code, 'no'))
    const { time, ...it } = device(far.port)
    await pass(time, 600)
    // 1, 2, 4, 8, 16, 32, then every minute.
    expect(far.upgrades).toBeGreaterThanOrEqual(12)
    expect(far.upgrades).toBeLessThanOrEqual(17)
    expect(it.ended).toBeUndefined()
  },
)

test('an upgrade that is refused with 401 is tried again, and no loop (F83)', async () => {
  const far = await server(answering)
  far.instead = 401
  const { time, heard } = device(far.port)
  await pass(time, 60)
  // 0, 1, 3, 7, 15 and 31 s; Node asks twice each time.
  expect(far.upgrades).toBeLessThanOrEqual(12)
  far.instead = undefined
  await patiently('a connection', async () => {
    await pass(time, 5)
    return heard.length === 1
  })
})

/** A whole device at a whole server. */
async function whole(fetch = platform().fetch) {
  const sandbox = filesSandbox({ world: realWorld })
  const served = await serve({ files: sandbox })
  const { user_id, token } = sandbox.admin.addUser('Ada')
  const share = sandbox.admin.addShare('Documents', user_id)
  const db = await open({
    store: memory(),
    schema: defineSchema({
      version: 1,
      collections: { entries: collection({ remote: 'drive', source: 'tree', ...tree }) },
    }),
    remotes: { drive: files({ url: served.urls.files, share, token: () => token }) },
    platform: { ...platform(), fetch },
  })
  ends.push(async () => {
    await db.close()
    await served.close()
  })
  await db.remotes.drive.synced()
  await patiently('the socket', () => sandbox.admin.openSockets() === 1)
  return { sandbox, share, user_id, db }
}

test('nudges that come together make few looks (I14)', async () => {
  let looks = 0
  const { sandbox, share, db } = await whole(request => {
    if (request.url.includes('/sync/changes')) looks++
    return fetch(request)
  })
  const [before, began] = [looks, performance.now()]
  for (let n = 0; n < 200; n++) {
    sandbox.admin.createFile(share, `/${n}`, String(n))
    await new Promise(resolve => setTimeout(resolve, 1))
  }
  await patiently('all of them', async () => (await db.data.entries.count()) === 200)
  // One look in a quarter of a second at most, however long that takes; and a page more or less each.
  expect(looks - before).toBeLessThanOrEqual(2 * (2 + (performance.now() - began) / 250))
  expect(looks - before).toBeLessThan(100)
})

test('a device that is switched off keeps its changes and says so, and goes on when it is switched on (4403)', async () => {
  const { sandbox, share, user_id, db } = await whole()
  const { device_id } = sandbox.inspect().devices[0]!
  sandbox.admin.setDeviceActive(user_id, device_id, false)
  sandbox.sweep()
  expect(sandbox.admin.openSockets()).toBe(0)
  await db.data.entries.add({ share, parent: share, name: 'Mine', kind: 'folder' })
  const status = () => db.remotes.drive.status.get()
  await patiently('the reason', async () => (await status()).reason?.code === 'forbidden')
  expect(await status()).toMatchObject({ phase: 'waiting', pending: 1, held: 0 })
  sandbox.admin.setDeviceActive(user_id, device_id, true)
  db.remotes.drive.sync()
  await patiently('all of it', async () => (await status()).phase === 'synced')
  expect(sandbox.inspect().tree[share]).toMatchObject([{ path: '/Mine' }])
  await patiently('the socket', () => sandbox.admin.openSockets() === 1)
}, 120_000)

test('a hundred devices whose server went down at once come back spread over time (F82)', async () => {
  const gone = createServer().listen(0, '127.0.0.1')
  await once(gone, 'listening')
  const { port } = gone.address() as AddressInfo
  gone.close()
  await once(gone, 'close')
  // What matters is where the fourth try falls; connections that nobody takes fail at once.
  let draws = 0
  const tries = await Promise.all(
    Array.from({ length: 100 }, async () => {
      const time = clock()
      const at: number[] = []
      const real = platform()
      const stop = new AbortController()
      const one = client({
        transport: files({ url: `http://127.0.0.1:${port}`, share: 'shr_1', token: () => 'first' }),
        fetch: real.fetch,
        now: time.now,
        sleep: time.sleep,
        random: () => (draws++ * 0.618_033_988_75) % 1,
        socket(...opening) {
          at.push(time.now())
          return real.socket(...opening)
        },
      })
      const listening = one.transport.nudges!.listen(() => {}, one.io(stop.signal))
      await patiently('four tries', async () => {
        await time.pass(500)
        return at.length >= 5
      })
      stop.abort()
      await listening.catch(() => {}) // the heartbeats may be the first to hear of the end
      return first(at[4]) - first(at[0])
    }),
  )
  const inSecond = new Map<number, number>()
  for (const at of tries) inSecond.set(Math.floor(at / 1000), (inSecond.get(Math.floor(at / 1000)) ?? 0) + 1)
  expect(Math.max(...inSecond.values())).toBeLessThanOrEqual(20)
})

/** A wire that can die: it takes what is sent and passes nothing on, and says nothing to anybody. */
async function wireTo(port: number) {
  const it = { dead: false, port: 0 }
  const all = new Set<Tcp>()
  const relay = listen(near => {
    const far = connect(port, '127.0.0.1')
    for (const socket of [near, far]) {
      all.add(socket)
      socket.on('error', () => {}) // both ends go
    }
    // Whoever came over a dead wire stays on it.
    let dead = it.dead
    const pipe = (from: Tcp, to: Tcp) => {
      from.on('data', bytes => {
        dead ||= it.dead
        if (!dead) to.write(bytes)
      })
      from.on('close', () => {
        if (!dead) to.destroy()
      })
    }
    pipe(near, far)
    pipe(far, near)
  }).listen(0, '127.0.0.1')
  await once(relay, 'listening')
  it.port = (relay.address() as AddressInfo).port
  ends.push(() => {
    for (const socket of all) socket.destroy()
    relay.close()
  })
  return it
}
