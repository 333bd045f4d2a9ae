/** What the simulator found where it was not known what became of a request, or what time it is. */
import { afterEach, describe, expect, test } from 'vitest'
import type { EngineOptions } from '../../../src/engine/engine.ts'
import type { Ground } from '../../../src/engine/ground.ts'
import { ioFor } from '../../../src/engine/io.ts'
import { runLoop } from '../../../src/engine/loop.ts'
import { keepTidy } from '../../../src/engine/tidy.ts'
import type { InboxEntry } from '../../../src/ledger/rows.ts'
import type { Rule } from '../../../src/model.ts'
import { collection, defineSchema } from '../../../src/schema.ts'
import { deviceOf, mustAgree } from './device.ts'
import { fakeOf, file, folder, tree, worldOf } from './kit.ts'

const stops: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop()
})

describe('what the feed shows of a change that a key-guarding remote took long ago (I4)', () => {
  /** The creation of `a` was sent and not answered; then everything was walked anew, and the feed shows another `a`. */
  async function shownAfterAWalk(more: object) {
    const world = worldOf()
    const fake = fakeOf({ guard: 'key' })
    const device = await deviceOf(fake, { rule: 'KEEP_BOTH', world })
    await device.pull()
    await device.put('a', { n: 1 })
    fake.answer = ({ change }) => ({ change, state: 'unknown' })
    await device.push()
    await device.startOver()
    await device.pull()
    fake.put('a', { n: 9 }, more)
    await device.pull()
    expect(await device.rows()).toMatchObject([{ state: 'sent', sentIn: 2, seen: { value: { n: 9 } } }])
    await world.pass(60_000)
    return { fake, device }
  }

  test('came after it, though the feed left nothing out since the walk: the walk may have', async () => {
    const { fake, device } = await shownAfterAWalk({ past: [] })
    fake.answer = ({ change }) => ({ change, state: 'accepted', version: 0 })
    await device.push()
    await device.sync()
    expect([await device.values(), fake.values()]).toEqual([{ a: { n: 9 } }, { a: { n: 9 } }])
    expect([await device.rows(), await device.inbox()]).toEqual([[], []])
    await mustAgree(device)
  })

  test('came before it when the next pull shows the echo, though the feed left nothing out since the walk', async () => {
    const { fake, device } = await shownAfterAWalk({ past: [] })
    fake.put('a', null)
    fake.log.pop() // no feed of states shows that it went
    fake.answer = undefined
    await device.push()
    await device.sync()
    expect([await device.values(), fake.values()]).toEqual([{ a: { n: 1 } }, { a: { n: 1 } }])
    expect([await device.rows(), await device.inbox()]).toEqual([[], []])
  })

  test('came before it and is gone, where the feed tells all there ever was', async () => {
    const { fake, device } = await shownAfterAWalk({ past: [], told: true })
    fake.put('a', null)
    fake.log.pop() // no feed of states shows that it went
    fake.answer = undefined
    await device.push()
    expect([await device.values(), await device.rows()]).toEqual([{ a: { n: 1 } }, []])
    await device.sync()
    expect([await device.values(), fake.values()]).toEqual([{ a: { n: 1 } }, { a: { n: 1 } }])
    expect(await device.inbox()).toEqual([])
  })
})

test('what a feed shows before a taken change still came before it, after a conflict with an edit made since (I3)', async () => {
  const fake = fakeOf({ guard: 'version' })
  const device = await deviceOf(fake, { rule: 'KEEP_BOTH' })
  await device.pull()
  fake.put('a', { n: 9 })
  const theirs = fake.log.pop()! // taken on a version that an earlier life had too
  fake.rows.delete('a')
  await device.put('a', { n: 1 })
  await device.push()
  fake.log.splice(fake.log.length - 1, 0, theirs)
  await device.put('a', { n: 2 })
  await device.sync()
  await device.sync()
  expect(await device.values()).toEqual(fake.values())
  expect(Object.values(fake.values())).toContainEqual({ n: 2 })
  await mustAgree(device)
})

test('a change that made anew what was deleted there is told as that, though its answer was lost (I5)', async () => {
  const fake = fakeOf({ guard: 'version', origins: false })
  fake.put('a', { n: 0 })
  const device = await deviceOf(fake, { rule: 'SERVER_WINS' })
  await device.pull()
  await device.put('a', { n: 1 })
  fake.answer = ({ change, value }) => {
    fake.put('a', null)
    fake.put('a', value) // what is not there has no version to compare with
    return { change, state: 'unknown' }
  }
  await device.push()
  await device.pull()
  expect([await device.values(), await device.rows()]).toEqual([{ a: { n: 1 } }, []])
  expect(await device.inbox()).toMatchObject([{ local: { value: { n: 1 } }, theirs: { value: null }, loses: 'remote' }])
  await mustAgree(device)
})

describe('a record that was deleted here while its creation was in doubt, and edited there (I5)', () => {
  async function deletedInDoubt(rule: Rule) {
    const fake = fakeOf()
    const device = await deviceOf(fake, { rule })
    await device.pull()
    await device.put('a', { n: 1 })
    fake.lose = 1
    await expect(device.push()).rejects.toThrow()
    fake.put('a', { n: 2 })
    fake.log.splice(0, 1) // the feed does not show our own any more
    await device.put('a', null)
    await device.sync()
    expect(await device.values()).toEqual(fake.values())
    await mustAgree(device)
    return { fake, device }
  }

  test('is judged by what was created: CLIENT_WINS deletes it', async () => {
    const { fake, device } = await deletedInDoubt('CLIENT_WINS')
    expect(fake.values()).toEqual({})
    expect(await device.inbox()).toMatchObject([{ base: { value: { n: 1 } }, theirs: { value: { n: 2 } } }])
  })

  test('is judged by what was created: SERVER_WINS keeps it, and the inbox has the delete', async () => {
    const { fake, device } = await deletedInDoubt('SERVER_WINS')
    expect(fake.values()).toEqual({ a: { n: 2 } })
    expect(await device.inbox()).toMatchObject([{ local: { value: null }, loses: 'local' }])
  })
})

test('what a change ran over at a remote that guards nothing is a conflict when it is shown again (I4)', async () => {
  const fake = fakeOf({ guard: 'none', origins: false })
  fake.put('a', { n: 0 })
  const device = await deviceOf(fake, { rule: 'CLIENT_WINS' })
  await device.pull()
  await device.put('a', { n: 1 })
  fake.meanwhile = () => {
    fake.meanwhile = undefined
    fake.put('a', { n: 9 })
  }
  await device.sync()
  expect([fake.values(), await device.inbox()]).toMatchObject([{ a: { n: 1 } }, [{ theirs: { value: { n: 9 } } }]])
  await device.put('a', { n: 2 })
  await device.sync()
  fake.put('a', { n: 9 })
  await device.sync()
  expect([await device.values(), fake.values()]).toEqual([{ a: { n: 2 } }, { a: { n: 2 } }])
  expect(await device.inbox()).toHaveLength(2)
})

describe('after a delete of ours at a remote that guards nothing, which somebody may not have known of', () => {
  async function deleted(rule: Rule) {
    const world = worldOf()
    const fake = fakeOf({ guard: 'none', origins: false })
    fake.put('a', { n: 0 })
    const device = await deviceOf(fake, { rule, world })
    await device.pull()
    await device.put('a', null)
    await device.sync()
    return { world, fake, device }
  }

  test('a record that is there again stays, and the inbox says that the delete did not hold (I5)', async () => {
    for (const rule of ['CLIENT_WINS', 'MANUAL'] as const) {
      const { fake, device } = await deleted(rule)
      fake.put('a', { n: 9 })
      await device.sync()
      expect([await device.values(), fake.values()]).toEqual([{ a: { n: 9 } }, { a: { n: 9 } }])
      expect(await device.inbox()).toMatchObject([{ local: { value: null }, by: 'remote', loses: 'local' }])
      await mustAgree(device)
    }
  })

  test('a record made anew that goes again leaves its value in the inbox: it may be our delete, delivered late', async () => {
    const { fake, device } = await deleted('KEEP_BOTH')
    await device.put('a', { n: 1 })
    await device.sync()
    fake.put('a', null)
    await device.sync()
    expect([await device.values(), fake.values()]).toEqual([{}, {}])
    expect(await device.inbox()).toMatchObject([{ local: { value: { n: 1 } }, state: 'settled', loses: 'local' }])
    await mustAgree(device)
  })

  test('under MANUAL a person is asked before that value goes', async () => {
    const { fake, device } = await deleted('MANUAL')
    await device.put('a', { n: 1 })
    await device.sync()
    fake.put('a', null)
    await device.sync()
    expect([await device.values(), fake.values()]).toEqual([{ a: { n: 1 } }, {}])
    expect(await device.inbox()).toMatchObject([{ local: { value: { n: 1 } }, state: 'open' }])
  })

  test('is nothing to tell after a week', async () => {
    const { world, fake, device } = await deleted('CLIENT_WINS')
    await world.pass(8 * 24 * 3_600_000)
    fake.put('a', { n: 9 })
    await device.sync()
    expect([await device.values(), await device.inbox()]).toEqual([{ a: { n: 9 } }, []])
  })
})

test('a leader that was frozen and robbed between asking who leads and hearing it asks again (I17)', async () => {
  const world = worldOf()
  const device = await deviceOf(fakeOf(), { world })
  const { read } = device.store
  let frozen = false
  device.store.read = async (scope, work) => {
    const answer = await read(scope, work)
    if (!frozen) {
      frozen = true
      await device.raw(tx => tx.rows('meta').putMany([{ key: ['leader'], row: { epoch: 2, beat: 0 } }]))
      await world.pass(15_000)
    }
    return answer
  }
  const io = ioFor(device.on, { signal: device.on.signal })
  const sent = io.fetch('https://fake.test/send', { method: 'POST' })
  await expect(sent).rejects.toMatchObject({ code: 'stale-leader' })
  expect(world.fetched).toEqual([])
})

test('an edit behind a change that waits for the user waits for the user too (I13)', async () => {
  const world = worldOf()
  const fake = fakeOf({ name: 'tree', source: tree })
  const device = await deviceOf(fake, { world })
  fake.answer = ({ change, id }) =>
    id === 'f'
      ? { change, state: 'rejected', code: 'invalid', reason: 'No such folder.' }
      : { change, state: 'later', notBefore: 0 }
  await device.put('f', folder('f'))
  await device.put('x', file('x', 'f'))
  await device.push()
  await device.put('x', file('y', 'f'))
  expect((await device.rows()).map(({ id, state }) => [id, state])).toEqual([
    ['f', 'held'],
    ['x', 'waiting'],
    ['x', 'waiting'],
  ])
  const end = new AbortController()
  const on: Ground = { ...device.on, signal: end.signal }
  const loop = runLoop(on, () => {})
  stops.push(async () => {
    end.abort()
    await loop.done
  })
  await world.pass(30_000)
  expect(loop.state()).toEqual({ state: 'resting', nudged: false, stuck: 2 })
})

describe('a settled conflict whose week is not over', () => {
  const year = 365 * 24 * 3_600_000

  test.each([
    ['a server says that it is a year later', year, 0],
    ['this clock was set a year ahead, and a server says so', 0, year],
  ])('stays when %s (I5)', async (_, corrected, set) => {
    const world = worldOf()
    const device = await deviceOf(fakeOf(), { world })
    const until = world.now() + 7 * 24 * 3_600_000
    const entry = { id: 'c', state: 'settled', until } satisfies Partial<InboxEntry>
    await device.raw(tx => tx.rows('inbox').putMany([{ key: ['c'], row: entry }]))
    const { now } = world
    world.jump(set)
    const end = new AbortController()
    const options: EngineOptions = {
      ...device.on,
      name: 'm',
      schema: defineSchema({ version: 1, collections: { notes: collection({}) } }),
      remotes: {},
      clock: {
        ...device.on.clock,
        now: () => now() + corrected - set,
        sure: () => true,
        offset: () => corrected - set,
      },
      keep: 0,
      report() {},
    }
    const keeping = keepTidy(options, 1, end.signal)
    await world.pass(120_000)
    end.abort()
    await keeping
    expect(await device.inbox()).toMatchObject([{ id: 'c' }])
  })
})
