/** What the simulator found, each as the shortest story that shows it. */
import { describe, expect, test } from 'vitest'
import type { Rule } from '../../../src/model.ts'
import { deviceOf, mustAgree } from './device.ts'
import { type FakeOptions, fakeOf, file, folder, tree, worldOf } from './kit.ts'

const treeFake = (options: FakeOptions = {}) => fakeOf({ name: 'tree', source: tree, ...options })

describe('a record that was only moved into a folder which the remote deleted', () => {
  /** The app moved `w` into `f`, which the remote deleted with `x` in it. */
  async function movedIn(rule: Rule) {
    const fake = treeFake()
    fake.put('f', folder('f'))
    fake.put('x', file('x', 'f'))
    const { version } = fake.put('w', file('w'))
    const device = await deviceOf(fake, { rule })
    await device.pull()
    await device.put('w', file('w', 'f'))
    fake.deleteTree('f')
    await device.pull()
    return { fake, device, version }
  }

  test('keeps its id and its base under KEEP_BOTH, and the folder comes back for it', async () => {
    const { fake, device, version } = await movedIn('KEEP_BOTH')
    expect((await device.rows()).find(({ id }) => id === 'w')).toMatchObject({ base: { value: file('w'), version } })
    await device.sync()
    expect(fake.values()).toEqual({ f: folder('f'), w: file('w', 'f') })
    expect(await device.values()).toEqual(fake.values())
    await mustAgree(device)
  })

  test('goes back to where the remote has it under SERVER_WINS', async () => {
    const { fake, device } = await movedIn('SERVER_WINS')
    expect([await device.values(), await device.rows()]).toEqual([{ w: file('w') }, []])
    await device.sync()
    expect(fake.values()).toEqual({ w: file('w') })
    await mustAgree(device)
  })
})

describe('a change whose answer was lost', () => {
  test('is accepted when the feed names it as what came before, and what came after it is news', async () => {
    const fake = fakeOf()
    fake.put('a', { n: 0 })
    const device = await deviceOf(fake, { rule: 'KEEP_BOTH' })
    await device.pull()
    const [change] = await device.put('a', { n: 1 })
    fake.lose = 1
    await expect(device.push()).rejects.toThrow()
    const { version } = fake.log.pop()!
    fake.put('a', { n: 2 }, { past: [{ origin: change!, version }] })
    await device.sync()
    expect([await device.values(), fake.values()]).toEqual([{ a: { n: 2 } }, { a: { n: 2 } }])
    expect([await device.inbox(), await device.outcome(change!)]).toEqual([[], 'accepted'])
    await mustAgree(device)
  })
})

describe('what a feed of states shows while a creation is under way', () => {
  /** The creation of `a` has no outcome yet, and a pull showed somebody else's `a` meanwhile. */
  async function seenMeanwhile(more: object) {
    const world = worldOf()
    const fake = fakeOf({ guard: 'key' })
    const device = await deviceOf(fake, { rule: 'KEEP_BOTH', world })
    await device.pull()
    await device.put('a', { n: 1 })
    fake.answer = ({ change }) => ({ change, state: 'unknown' })
    await device.push()
    fake.put('a', { n: 9 }, more)
    await device.pull()
    expect(await device.rows()).toMatchObject([{ state: 'sent', seen: { value: { n: 9 } } }])
    await world.pass(60_000)
    fake.answer = undefined
    return { fake, device }
  }

  /** The feed does not show that it went. */
  const goes = (fake: ReturnType<typeof fakeOf>) => {
    fake.put('a', null)
    fake.log.pop()
  }

  test('is gone when the creation is accepted, where the feed tells all that came before', async () => {
    const { fake, device } = await seenMeanwhile({ past: [] })
    goes(fake)
    await device.push()
    expect([await device.values(), await device.rows()]).toEqual([{ a: { n: 1 } }, []])
    await device.sync()
    expect([await device.values(), await device.inbox()]).toEqual([{ a: { n: 1 } }, []])
  })

  test('came before the creation when the next pull shows its echo', async () => {
    const { fake, device } = await seenMeanwhile({})
    goes(fake)
    await device.push()
    expect(await device.rows()).toMatchObject([{ taken: 3, seen: { value: { n: 9 } } }])
    await device.sync()
    expect([await device.values(), fake.values()]).toEqual([{ a: { n: 1 } }, { a: { n: 1 } }])
    expect([await device.rows(), await device.inbox()]).toEqual([[], []])
    await mustAgree(device)
  })

  test('came after the creation when the next pull shows no echo', async () => {
    const { fake, device } = await seenMeanwhile({})
    fake.answer = ({ change }) => ({ change, state: 'accepted', version: 0 })
    await device.push()
    expect(await device.rows()).toMatchObject([{ taken: 0 }])
    expect(await device.value('a')).toEqual({ n: 1 })
    await device.sync()
    expect([await device.values(), fake.values()]).toEqual([{ a: { n: 9 } }, { a: { n: 9 } }])
    expect([await device.rows(), await device.inbox()]).toEqual([[], []])
    await mustAgree(device)
  })

  test('is no news when it says that there is nothing, as before the record was brought back', async () => {
    const world = worldOf()
    const fake = fakeOf({ guard: 'key' })
    fake.put('a', { n: 0 })
    const device = await deviceOf(fake, { world })
    await device.pull()
    fake.put('a', null)
    await device.pull()
    await device.put('a', { n: 1 })
    fake.answer = ({ change }) => ({ change, state: 'unknown' })
    await device.push()
    await device.startOver()
    await device.pull()
    fake.answer = undefined
    await world.pass(60_000)
    await device.push()
    fake.log.pop() // no echo
    await device.sync()
    expect([await device.values(), fake.values()]).toEqual([{ a: { n: 1 } }, { a: { n: 1 } }])
    expect([await device.rows(), await device.inbox()]).toEqual([[], []])
  })
})

test('two devices that bring back one record are judged by what was there before the deletion', async () => {
  const world = worldOf()
  const fake = fakeOf()
  fake.put('a', { x: 0, y: 0 })
  const one = await deviceOf(fake, { rule: 'MERGE', world, id: 'device-1' })
  const two = await deviceOf(fake, { rule: 'MERGE', world, id: 'device-2' })
  await one.pull()
  await two.pull()
  await two.put('a', { x: 0, y: 1 })
  await one.put('a', { x: 1, y: 0 })
  fake.put('a', null)
  await one.pull()
  await two.pull()
  await one.sync()
  await two.sync()
  await one.sync()
  expect(fake.values()).toEqual({ a: { x: 1, y: 1 } })
  expect([await one.values(), await two.values()]).toEqual([fake.values(), fake.values()])
})

describe('a field that the remote fills in', () => {
  async function filledIn(meanwhile?: object) {
    const fake = fakeOf()
    const device = await deviceOf(fake, { rule: 'KEEP_BOTH' })
    await device.put('a', { n: 1 })
    await device.sync()
    if (meanwhile !== undefined) await device.put('a', meanwhile as never)
    const filled = { ...fake.log[0]!, value: { n: 1, by: 'server' } }
    fake.rows.set('a', filled)
    fake.repeat(filled)
    await device.pull()
    return { fake, device }
  }

  test('of our own record is taken over', async () => {
    const { device } = await filledIn()
    expect([await device.values(), await device.inbox()]).toEqual([{ a: { n: 1, by: 'server' } }, []])
  })

  test('of our own record is taken over below a newer edit, which is no conflict', async () => {
    const { fake, device } = await filledIn({ n: 2 })
    expect(await device.values()).toEqual({ a: { n: 2, by: 'server' } })
    await device.sync()
    expect([fake.values(), await device.inbox()]).toEqual([{ a: { n: 2, by: 'server' } }, []])
    await mustAgree(device)
  })
})
