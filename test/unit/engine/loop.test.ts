import { afterEach, describe, expect, test } from 'vitest'
import type { Ground } from '../../../src/engine/ground.ts'
import { type Loop, runLoop } from '../../../src/engine/loop.ts'
import { type Code, SyncError } from '../../../src/errors.ts'
import { putCheckpoint } from '../../../src/ledger/rows.ts'
import { type DeviceOptions, deviceOf } from './device.ts'
import { type Fake, type FakeOptions, fakeOf, worldOf } from './kit.ts'

const stops: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop()
})

async function running(options: FakeOptions = {}, prepare?: (fake: Fake) => unknown, more: DeviceOptions = {}) {
  const world = worldOf()
  const fake = fakeOf(options)
  await prepare?.(fake)
  const device = await deviceOf(fake, { world, ...more })
  const end = new AbortController()
  const on: Ground = { ...device.on, signal: end.signal }
  const loop: Loop = runLoop(on, () => {})
  stops.push(async () => {
    end.abort()
    await loop.done
  })
  const change = async (work: (checkpoint: Awaited<ReturnType<typeof device.checkpoint>>) => object) =>
    device.raw(async tx => putCheckpoint(tx, 'fake', work(await device.checkpointIn(tx)) as never))
  await world.pass(1_000)
  return { world, fake, device, loop, end, change }
}

test('it joins, pulls, pushes and rests', async () => {
  const { fake, loop, device } = await running({}, fake => fake.put('a', { n: 1 }))
  expect([fake.joins, fake.pulled, loop.state()]).toEqual([
    1,
    [undefined],
    { state: 'resting', nudged: false, stuck: 0 },
  ])
  expect(await device.checkpoint()).toMatchObject({ joined: 'device-1', pulls: 1, walking: false })
})

test('a local write is sent after a pull, without waiting for the poll', async () => {
  const { fake, loop, device, world } = await running()
  await device.put('a', { n: 1 })
  loop.bell.changed()
  await world.pass(500)
  expect(fake.values()).toEqual({ a: { n: 1 } })
})

test('a local write whose message was lost is found within seconds', async () => {
  const { fake, device, world } = await running()
  await device.put('a', { n: 1 })
  await world.pass(6_000)
  expect(fake.values()).toEqual({ a: { n: 1 } })
})

test('a write made just as a push found nothing is not forgotten until the poll', async () => {
  const { fake, device, world, loop } = await running()
  let reads = 0
  const { read } = device.store
  // Lands the write between the last choice of a push and the look that follows it.
  device.store.read = async (scope, work) => {
    if (loop.state().state === 'pushing' && ++reads === 1) await device.put('a', { n: 1 })
    return read(scope, work)
  }
  fake.nudge()
  await world.pass(7_000)
  expect(fake.values()).toEqual({ a: { n: 1 } })
})

test('nudges within a short time make one look', async () => {
  const { fake, world } = await running()
  const before = fake.pulled.length
  for (let at = 0; at < 5; at++) fake.nudge()
  await world.pass(2_000)
  expect(fake.pulled.length - before).toBe(1)
})

test('a nudge that comes during a pull makes another one', async () => {
  const { fake, world } = await running()
  const before = fake.pulled.length
  fake.whilePulling = () => {
    fake.whilePulling = undefined
    fake.nudge()
  }
  fake.nudge()
  await world.pass(2_000)
  expect(fake.pulled.length - before).toBe(2)
})

test('without nudges it polls', async () => {
  const { fake, world, device } = await running()
  fake.put('a', { n: 1 })
  await world.pass(61_000)
  expect(await device.values()).toEqual({ a: { n: 1 } })
})

describe('a remote that asks to start over by a nudge', () => {
  const walks = (fake: Fake) => fake.pulled.filter(from => from === undefined).length

  test('gets that once in ten minutes, and what it asked too early after them (F78)', async () => {
    const { fake, world } = await running()
    fake.nudge('start-over')
    await world.pass(2_000)
    fake.nudge('start-over')
    await world.pass(2_000)
    expect(walks(fake)).toBe(2)
    await world.pass(9 * 60_000)
    expect(walks(fake)).toBe(2)
    await world.pass(2 * 60_000)
    expect(walks(fake)).toBe(3)
    await world.pass(20 * 60_000)
    expect(walks(fake)).toBe(3)
  })

  test('all the time gets no more, and everything else goes on', async () => {
    const { fake, world, device } = await running()
    for (let minute = 0; minute < 60; minute++) {
      for (let at = 0; at < 20; at++) fake.nudge('start-over')
      await device.put('a', { minute })
      await world.pass(60_000)
      expect(fake.values()).toEqual({ a: { minute } })
    }
    expect(walks(fake)).toBeLessThanOrEqual(1 + 6)
  })

  test('too early gets it at once when the app asks', async () => {
    const { fake, world, loop } = await running()
    fake.nudge('start-over')
    await world.pass(2_000)
    fake.nudge('start-over')
    loop.bell.urgent()
    await world.pass(2_000)
    expect(walks(fake)).toBe(3)
  })
})

describe('a failure', () => {
  const waits: Code[] = [
    'network',
    'timeout',
    'server',
    'truncated',
    'not-the-api',
    'protocol',
    'throttled',
    'busy',
    'late',
    'remote-full',
    'forbidden',
    'missing',
    'misconfigured',
    'conflict',
    'rejected',
    'too-large',
    'storage-unavailable',
    'bug',
  ]
  test.each(waits)('of code %s waits, says why, and goes on by itself', async code => {
    const { fake, world, device, loop } = await running()
    await device.put('a', { n: 1 })
    fake.failPulls.push(new SyncError(code, 'Why.'))
    loop.bell.nudged()
    await world.pass(300)
    expect(loop.state().state).toBe('waiting')
    const { failure } = await device.checkpoint()
    expect(failure).toMatchObject({ code, message: 'Why.', tries: 1 })
    expect(failure!.next).toBeGreaterThan(world.now())
    await world.pass(60_000)
    expect(fake.values()).toEqual({ a: { n: 1 } })
    expect(await device.checkpoint()).not.toHaveProperty('failure')
  })

  test.each(['key', 'version', 'none'] as const)(
    'for want of room stops no push to a remote that guards by %s, unless it guards nothing (F5)',
    async guard => {
      const { fake, world, device, loop } = await running({ guard })
      await device.put('a', { n: 1 })
      const full = () => new SyncError('storage-full', 'Free some room.')
      fake.failPulls.push(full(), full())
      loop.bell.nudged()
      await world.pass(300)
      expect(fake.values()).toEqual(guard === 'none' ? {} : { a: { n: 1 } })
      expect(loop.state().state).toBe('waiting')
      expect((await device.checkpoint()).failure).toMatchObject({ code: 'storage-full', message: 'Free some room.' })
      await world.pass(60_000)
      expect(fake.values()).toEqual({ a: { n: 1 } })
      expect(await device.checkpoint()).not.toHaveProperty('failure')
    },
  )

  test('of an unknown kind is a bug, and says so', async () => {
    const { fake, world, device } = await running()
    fake.failPulls.push(new TypeError('x is not a function'))
    fake.nudge()
    await world.pass(300)
    expect((await device.checkpoint()).failure).toMatchObject({ code: 'bug' })
  })

  test('of no token keeps the queue, and goes on when the app has one', async () => {
    const { fake, world, device, loop } = await running()
    await device.put('a', { n: 1 })
    for (let at = 0; at < 4; at++) fake.failPulls.push(new SyncError('needs-auth', 'No token.'))
    loop.bell.nudged()
    await world.pass(300)
    expect(loop.state().state).toBe('no-auth')
    expect((await device.checkpoint()).failure).toMatchObject({ code: 'needs-auth' })
    fake.failPulls.length = 0
    loop.bell.resume()
    await world.pass(300)
    expect(fake.values()).toEqual({ a: { n: 1 } })
  })

  test('of a forgotten cursor walks again and loses nothing', async () => {
    const { fake, world, device, loop } = await running({}, fake => fake.put('a', { n: 1 }))
    await device.put('a', { n: 2 })
    fake.failPulls.push(new SyncError('cursor-invalid', 'Forgotten.'))
    loop.bell.nudged()
    await world.pass(1_000)
    expect(fake.pulled.at(-1)).not.toBe(undefined)
    expect(fake.pulled.filter(from => from === undefined)).toHaveLength(2)
    expect([fake.values(), (await device.checkpoint()).generation]).toEqual([{ a: { n: 2 } }, 3])
  })

  test('of a cursor that is forgotten again and again becomes a pause', async () => {
    const { fake, world, device, loop } = await running()
    for (let at = 0; at < 3; at++) fake.failPulls.push(new SyncError('cursor-invalid', 'Forgotten.'))
    loop.bell.nudged()
    await world.pass(400)
    expect(loop.state().state).toBe('waiting')
    expect((await device.checkpoint()).failure).toMatchObject({ code: 'server' })
    await world.pass(60_000)
    expect(loop.state().state).toBe('resting')
  })

  test('of a cursor that is forgotten after every walk makes no storm, keeps every edit, and the app may ask (F76)', async () => {
    const { fake, world, device, loop } = await running({ guard: 'none' }, fake => fake.put('a', { n: 1 }))
    await device.put('b', { n: 2 })
    fake.failSends.push(...Array.from({ length: 1_000 }, () => new SyncError('server', 'Not now.')))
    const { pages } = fake.transport.pull!
    // A server set back, and another one behind the same address: what the one says is nothing to the other.
    fake.transport.pull!.pages = async function* (from, io) {
      if (typeof from === 'number') throw new SyncError('cursor-invalid', 'Unknown.')
      yield* pages(from, io)
    }
    const walks = () => fake.pulled.filter(from => from === undefined).length
    loop.bell.nudged()
    await world.pass(3_600_000)
    // Two at once, pauses of 30 s, 1, 2, 4, 8 minutes, then every ten minutes.
    expect(walks()).toBeGreaterThan(7)
    expect(walks()).toBeLessThanOrEqual(14)
    expect(await device.rows()).toMatchObject([{ id: 'b', value: { n: 2 } }])
    expect(loop.state().state).toBe('waiting')
    expect((await device.checkpoint()).failure?.next).toBeGreaterThan(world.now())
    const before = walks()
    loop.bell.urgent()
    await world.pass(300)
    expect(walks()).toBe(before + 1)
  })

  test('of a forgotten device joins again and walks again', async () => {
    const { fake, world, loop } = await running()
    fake.failPulls.push(new SyncError('device-gone', 'Who?'))
    loop.bell.nudged()
    await world.pass(60_000)
    expect([fake.joins, fake.pulled.filter(from => from === undefined).length]).toEqual([2, 2])
  })

  test('that goes on makes growing pauses, at most half a minute', async () => {
    const { fake, world, loop } = await running()
    for (let at = 0; at < 400; at++) fake.failPulls.push(new SyncError('server', 'Down.'))
    const before = fake.pulled.length
    loop.bell.nudged()
    await world.pass(3_600_000)
    expect(fake.pulled.length - before).toBeLessThan(280)
    expect(fake.pulled.length - before).toBeGreaterThan(120)
  })

  test('with a time to come back is not asked earlier, whoever calls', async () => {
    const { fake, world, loop } = await running()
    const before = fake.pulled.length
    fake.failPulls.push(new SyncError('throttled', 'Slow down.', { notBefore: world.now() + 40_000 }))
    loop.bell.urgent()
    await world.pass(300)
    expect(fake.pulled.length - before).toBe(1)
    loop.bell.urgent()
    loop.bell.nudged()
    await world.pass(30_000)
    expect(fake.pulled.length - before).toBe(1)
    await world.pass(20_000)
    expect(fake.pulled.length - before).toBeGreaterThan(1)
  })

  test('without such a time is over at once when the network comes back', async () => {
    const { fake, world, loop } = await running()
    for (let at = 0; at < 6; at++) fake.failPulls.push(new SyncError('network', 'Away.'))
    loop.bell.urgent()
    await world.pass(40_000)
    fake.failPulls.length = 0
    const before = fake.pulled.length
    loop.bell.urgent()
    await world.pass(300)
    expect(fake.pulled.length - before).toBeGreaterThan(0)
  })

  test('while sending leaves the queue, and is over with the next round', async () => {
    const { fake, world, device, loop } = await running({ guard: 'key' })
    await device.put('a', { n: 1 })
    fake.lose = 3
    loop.bell.changed()
    await world.pass(120_000)
    expect([fake.values(), await device.rows()]).toEqual([{ a: { n: 1 } }, []])
    expect(fake.log.filter(({ id }) => id === 'a')).toHaveLength(1)
  })
})

describe('a pause by the app', () => {
  test('stops all requests until it is over, and local work goes on', async () => {
    const { fake, world, device, loop, change } = await running()
    await change(checkpoint => ({ ...checkpoint, paused: true }))
    loop.bell.urgent()
    await world.pass(1_000)
    await device.put('a', { n: 1 })
    const before = world.fetched.length
    await world.pass(120_000)
    expect([loop.state().state, world.fetched.length - before]).toEqual(['paused', 0])
    await change(({ ...checkpoint }) => ({ ...checkpoint, paused: undefined }))
    await world.pass(10_000)
    expect(fake.values()).toEqual({ a: { n: 1 } })
  })
})

describe('the brake', () => {
  test('pauses until the app allows it, then goes on where it was', async () => {
    const { fake, world, device, loop, change } = await running({}, fake => {
      for (let at = 0; at < 30; at++) fake.put(`n${at}`, { at })
    })
    for (let at = 0; at < 25; at++) fake.put(`n${at}`, null)
    fake.nudge()
    await world.pass(1_000)
    expect(loop.state().state).toBe('paused')
    expect((await device.checkpoint()).brake).toMatchObject({ direction: 'in', deletes: 25, known: 30 })
    expect(Object.keys(await device.values())).toHaveLength(30)
    await change(({ brake, failure: _, ...checkpoint }) => ({ ...checkpoint, allowed: { in: brake!.deletes } }))
    loop.bell.resume()
    await world.pass(1_000)
    expect(Object.keys(await device.values())).toHaveLength(5)
    expect(await device.checkpoint()).not.toHaveProperty('allowed')
    expect(loop.state().state).toBe('resting')
  })
})

test('an engine that is told to stop stops, whatever it waits for', async () => {
  const { fake, world, loop, end } = await running()
  fake.failPulls.push(new SyncError('server', 'Down.'))
  loop.bell.nudged()
  await world.pass(300)
  end.abort()
  await loop.done
  expect(loop.state().state).toBe('stopped')
})

test('an engine that is told to stop before it began stops too', async () => {
  const device = await deviceOf(fakeOf())
  const loop = runLoop({ ...device.on, signal: AbortSignal.abort() }, () => {})
  await loop.done
  expect(loop.state().state).toBe('stopped')
})

test('a leader that was robbed stops and asks nothing more', async () => {
  const { world, device, loop, fake } = await running()
  await device.raw(tx => tx.rows('meta').putMany([{ key: ['leader'], row: { epoch: 9, beat: 1 } }]))
  const before = world.fetched.length
  fake.nudge()
  await world.pass(5_000)
  expect([loop.state().state, world.fetched.length - before]).toEqual(['stopped', 0])
})

test('what depends on a refused change does not make the loop run', async () => {
  const { world, device, fake, loop } = await running()
  fake.answer = ({ change }) => ({ change, state: 'rejected', code: 'forbidden', reason: 'No.' })
  await device.put('a', { n: 1 })
  loop.bell.changed()
  await world.pass(10_000)
  const before = world.fetched.length
  await world.pass(55_000)
  expect(world.fetched.length - before).toBeLessThan(4)
})
