/** What the simulator found about clocks, sockets and looks, each as the shortest story that shows it. */
import { afterEach, describe, expect, test } from 'vitest'
import type { Ground } from '../../../src/engine/ground.ts'
import { runLoop } from '../../../src/engine/loop.ts'
import { SyncError } from '../../../src/errors.ts'
import { putCheckpoint } from '../../../src/ledger/rows.ts'
import { deviceOf } from './device.ts'
import { type Fake, fakeOf, worldOf } from './kit.ts'

const stops: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop()
})

/** A device with its loop; `listens` has, for each socket that was opened, what closes it. */
async function running(prepare?: (fake: Fake) => unknown) {
  const world = worldOf()
  const fake = fakeOf()
  const listens: ((why: Error) => void)[] = []
  const { nudges, ...transport } = fake.transport
  const listen: NonNullable<typeof nudges>['listen'] = (hear, io) =>
    Promise.race([nudges!.listen(hear, io), new Promise<never>((_, reject) => listens.push(reject))])
  fake.transport = { ...transport, nudges: { listen } }
  prepare?.(fake)
  const device = await deviceOf(fake, { world })
  const end = new AbortController()
  const on: Ground = { ...device.on, signal: end.signal }
  const loop = runLoop(on, () => {})
  stops.push(async () => {
    end.abort()
    await loop.done
  })
  await world.pass(1_000)
  return { world, fake, device, loop, listens }
}
describe('a clock that is set back a month', () => {
  const month = 30 * 24 * 3_600_000

  test('does not make a change wait for the time that it was put off to', async () => {
    const world = worldOf()
    const fake = fakeOf()
    const device = await deviceOf(fake, { world })
    await device.put('a', { n: 1 })
    fake.answer = ({ change }) => ({ change, state: 'later', notBefore: world.now() + 30_000 })
    await device.push()
    fake.answer = undefined
    await device.sync()
    expect(fake.values()).toEqual({})
    world.jump(-month)
    await device.sync()
    expect(fake.values()).toEqual({ a: { n: 1 } })
  })

  test('does not make the pause after a failure longer', async () => {
    const { fake, world, loop, device } = await running()
    const { write } = device.store
    let jumps = 0
    // Between the failure and the pause.
    device.store.write = async (scope, work) => {
      const result = await write(scope, work)
      if (fake.failPulls.length === 0 && ++jumps === 1) world.jump(-month)
      return result
    }
    fake.failPulls.push(new SyncError('server', 'Down.'))
    fake.nudge()
    await world.pass(300)
    expect([loop.state().state, jumps]).toEqual(['waiting', 1])
    await world.pass(60_000)
    expect(loop.state().state).toBe('resting')
  })

  test('while a refusal is on its way does not make us stay away for as long (I12)', async () => {
    const { fake, world, loop } = await running()
    fake.failPulls.push(new SyncError('throttled', 'Slow down.', { notBefore: world.now() + 40_000 }))
    world.jump(-month)
    loop.bell.urgent()
    await world.pass(300)
    expect(loop.state().state).toBe('waiting')
    await world.pass(5 * 60_000)
    expect(loop.state().state).toBe('resting')
  })

  test('does not make us stay away longer than the remote asked for', async () => {
    const { fake, world, loop } = await running()
    fake.failPulls.push(new SyncError('throttled', 'Slow down.', { notBefore: world.now() + 40_000 }))
    loop.bell.urgent()
    await world.pass(300)
    world.jump(-month)
    loop.bell.urgent()
    await world.pass(41_000)
    expect(loop.state().state).toBe('resting')
  })
})

describe('the socket', () => {
  test('of a remote that does not know the device yet is not opened', async () => {
    const { world, listens } = await running(fake => {
      for (let at = 0; at < 5; at++) fake.failJoins.push(new SyncError('server', 'Down.'))
    })
    expect(listens).toHaveLength(0)
    await world.pass(120_000)
    expect(listens).toHaveLength(1)
  })

  test('that closes because the remote forgot the device makes it join again at once', async () => {
    const { fake, world, listens } = await running()
    listens[0]!(new SyncError('device-gone', 'Who?'))
    await world.pass(100)
    expect(fake.joins).toBe(2)
  })
})

test('a push that was about to begin when the app paused sends nothing', async () => {
  const fake = fakeOf()
  const device = await deviceOf(fake)
  await device.put('a', { n: 1 })
  await device.raw(async tx => putCheckpoint(tx, 'fake', { ...(await device.checkpointIn(tx)), paused: true }))
  expect((await device.push()).state).toBe('nothing')
  expect(fake.sent).toEqual([])
})

test('a look that the app wants is owed from the moment it is asked for until it has ended', async () => {
  const { fake, world, loop } = await running()
  const idle = () => loop.state().state === 'resting' && !loop.state().nudged
  const during: boolean[] = []
  fake.whilePulling = () => {
    during.push(idle())
  }
  expect(idle()).toBe(true)
  loop.bell.urgent()
  expect(idle()).toBe(false)
  await world.pass(100)
  expect(during).toEqual([false])
  expect(idle()).toBe(true)
})
