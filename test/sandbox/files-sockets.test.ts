import { expect, test } from 'vitest'
import { dial } from '../../src/sandbox/files/dial.ts'
import { type Json, type Scene, SYNC, scene, settle } from './kit.ts'

async function plugged({ sandbox, token }: Pick<Scene, 'sandbox' | 'token'>, device_id = 'dev_1', url?: string) {
  const seen: Json[] = []
  const socket = dial(sandbox, url ?? `ws://sandbox${SYNC}/ws/${device_id}?token=${token}`)
  socket.onopen = () => seen.push('open')
  socket.onmessage = ({ data }) => seen.push(JSON.parse(data!))
  socket.onclose = ({ code }) => seen.push(code)
  await settle()
  const say = async (frame: unknown) => {
    socket.send(typeof frame === 'string' ? frame : JSON.stringify(frame))
    await settle()
  }
  return { seen, socket, say }
}

async function subscribed(it: Scene) {
  const line = await plugged(it)
  await line.say({ type: 'subscribe' })
  line.seen.length = 0
  return line
}

test('ping is answered with pong, subscribe with subscribed, nonsense with silence', async () => {
  const { seen, say } = await plugged(await scene())
  await say({ type: 'ping' })
  await say({ type: 'subscribe' })
  await say('not json')
  await say('null')
  await say({ type: 'dance' })
  expect(seen).toEqual(['open', { type: 'pong' }, { type: 'subscribed' }])
})

test('nudges flow only after subscribe, carry the whole row, and reach the origin too', async () => {
  const it = await scene()
  const { seen, say } = await plugged(it)
  it.admin.createFile(it.share, '/early', 'x')
  await say({ type: 'subscribe' })
  seen.length = 0
  const item = it.created('/mine', 'y')
  await it.push(item, 'y')
  const { body } = await it.changes(2)
  expect(seen).toEqual([{ event_type: 'change', share_id: it.share, data: body.changes[0] }])
})

test('a nudge is sent when its row can be pulled', async () => {
  const it = await scene()
  const pulled: Json[] = []
  const socket = dial(it.sandbox, `ws://sandbox${SYNC}/ws/dev_1?token=${it.token}`)
  socket.onmessage = async ({ data }) => {
    if (JSON.parse(data!).event_type) pulled.push((await it.changes(1)).body.changes.length)
  }
  await settle()
  socket.send('{"type":"subscribe"}')
  it.admin.createFile(it.share, '/a', 'x')
  await settle()
  expect(pulled).toEqual([1])
})

test('changes of shares that the user cannot read are not told', async () => {
  const it = await scene()
  const { seen } = await subscribed(it)
  const foreign = it.admin.addShare('Foreign', it.admin.addUser('Bob').user_id)
  it.admin.createFile(foreign, '/a', 'x')
  await settle()
  expect(seen).toEqual([])
  it.admin.grant(foreign, it.user_id, 'reader')
  it.admin.createFile(foreign, '/b', 'x')
  await settle()
  expect(seen.map(it => (it.data ? it.data.change_type + it.data.resource_type : it.event_type))).toEqual([
    'createdshare',
    'force_sync',
    'createdfile',
  ])
})

test.each([
  ['a bad token', '/ws/dev_1?token=no', 4401],
  ['no token', '/ws/dev_1', 4401],
  ['an unknown device', '/ws/dev_9?token=', 4404],
])('%s is accepted and closed with its code', async (_, path, code) => {
  const it = await scene()
  const url = `ws://sandbox${SYNC}${path}${path.endsWith('=') ? it.token : ''}`
  expect((await plugged(it, 'dev_1', url)).seen).toEqual(['open', code])
})

test('the token may come in the header', async () => {
  const it = await scene()
  const socket = dial(it.sandbox, `ws://sandbox${SYNC}/ws/dev_1`, `Bearer ${it.token}`)
  await settle()
  expect(socket.readyState).toBe(1)
})

test('a socket is closed when its device rests (4403), goes (4404), or its token ends (4401)', async () => {
  const resting = await scene()
  const first = await plugged(resting)
  await resting.api('PATCH', `${SYNC}/devices/dev_1`, { is_active: false })
  await settle()
  expect([first.seen.at(-1), (await plugged(resting)).seen.at(-1)]).toEqual([4403, 4403])

  const removed = await scene()
  const second = await plugged(removed)
  await removed.api('DELETE', `${SYNC}/devices/dev_1`)
  await settle()
  expect(second.seen.at(-1)).toBe(4404)

  const expiring = await scene()
  expiring.admin.addToken(expiring.user_id, 'short', expiring.world.now() + 1000)
  const third = await plugged({ ...expiring, token: 'short' })
  expiring.world.set(expiring.world.now() + 1000)
  expiring.sandbox.sweep()
  await settle()
  expect(third.seen).toEqual(['open', 4401])
})

test('a frame over 64 KiB closes the socket with 1009', async () => {
  const { seen, say } = await plugged(await scene())
  await say('x'.repeat(64 * 1024 + 1))
  expect(seen.at(-1)).toBe(1009)
})

test('a socket that is silent for 90 seconds is dropped; a ping keeps it and refreshes last_seen_at', async () => {
  const it = await scene()
  const { seen, say } = await plugged(it)
  it.world.set(it.world.now() + 60_000)
  await say({ type: 'ping' })
  it.world.set(it.world.now() + 60_000)
  it.sandbox.sweep()
  expect(it.admin.openSockets()).toBe(1)
  expect((await it.api('GET', `${SYNC}/devices`)).body[0].last_seen_at).toBe('2026-05-02T08:01:00.000Z')
  it.world.set(it.world.now() + 30_000)
  it.sandbox.sweep()
  await settle()
  expect(seen.at(-1)).toBe(1001)
})

test('force_sync comes when the operator says so, and when compaction overtakes the device', async () => {
  const it = await scene()
  const { seen } = await subscribed(it)
  it.admin.forceSync(it.share)
  it.admin.forceSync()
  await it.api('GET', `${SYNC}/status?share_id=${it.share}&device_id=dev_1`)
  it.admin.compact()
  it.admin.createFile(it.share, '/a', 'x')
  it.admin.compact()
  await settle()
  expect(seen.filter(frame => frame.event_type === 'force_sync')).toEqual([
    { event_type: 'force_sync', share_id: it.share },
    { event_type: 'force_sync', share_id: null },
    { event_type: 'force_sync', share_id: it.share },
  ])
})

test('a changed preference is told to the sockets of its device', async () => {
  const it = await scene()
  const { seen } = await subscribed(it)
  await it.api('PUT', `${SYNC}/devices/dev_1/preferences/${it.share}`, {})
  await settle()
  expect(seen).toEqual([{ event_type: 'sync_preference_updated', share_id: it.share, device_id: 'dev_1' }])
})

test('frames get lost, come twice, and come late', async () => {
  const it = await scene()
  const { seen } = await subscribed(it)
  it.sandbox.weather.nextFrame('lose')
  it.sandbox.weather.nextFrame('twice')
  it.sandbox.weather.nextFrame({ late: 500 })
  for (const path of ['/lost', '/twice', '/late', '/plain']) it.admin.createFile(it.share, path, 'x')
  await settle()
  const paths = () => seen.map(({ data }) => data.new_path)
  expect(paths()).toEqual(['/twice', '/twice', '/plain'])
  await it.world.pass(500)
  expect(paths()).toEqual(['/twice', '/twice', '/plain', '/late'])
})

test('a half-open socket carries nothing, in either direction, and nobody says so', async () => {
  const it = await scene()
  const { seen, say, socket } = await subscribed(it)
  it.sandbox.weather.set({ deaf: true })
  it.admin.createFile(it.share, '/a', 'x')
  await say({ type: 'ping' })
  expect([seen, socket.readyState]).toEqual([[], 1])
})

test('a socket may fail to open, and be torn down with any code', async () => {
  const it = await scene()
  it.sandbox.weather.next({ path: /\/ws\//, before: 'refuse' })
  expect((await plugged(it)).seen).toEqual([1006])
  const { seen } = await plugged(it)
  it.admin.severSockets(1012)
  await settle()
  expect(seen).toEqual(['open', 1012])
})
