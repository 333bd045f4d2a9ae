import { expect, test } from 'vitest'
import { sqlite } from '../../../src/stores/sqlite.ts'
import { deviceOf, mustAgree } from '../engine/device.ts'
import { fakeOf, file, folder, tree } from '../engine/kit.ts'

const treeFake = () => fakeOf({ name: 'tree', source: tree })

test('an edit before sending joins the change that waits, and keeps its base', async () => {
  const fake = fakeOf()
  fake.put('a', { n: 1 })
  const device = await deviceOf(fake)
  await device.pull()
  const first = await device.put('a', { n: 2 })
  const second = await device.put('a', { n: 3 })
  expect(second).toEqual(first)
  const [row, ...more] = await device.rows()
  expect(more).toEqual([])
  expect(row).toMatchObject({ value: { n: 3 }, base: { value: { n: 1 }, version: 1 }, state: 'waiting' })
  await mustAgree(device)
})

test('each edit of a record has a later stamp than the one before, within one millisecond too', async () => {
  const device = await deviceOf(fakeOf())
  await device.put('a', { n: 1 })
  const [before] = await device.rows()
  await device.put('a', { n: 2 })
  const [after] = await device.rows()
  expect(after!.at.time).toBeGreaterThan(before!.at.time)
})

test('a record made and deleted before it was sent leaves nothing behind, and its write counts as accepted', async () => {
  const device = await deviceOf(fakeOf())
  const [change] = await device.put('a', { n: 1 })
  expect(await device.put('a', null)).toEqual([])
  expect(await device.rows()).toEqual([])
  expect(await device.queue()).toBe(0)
  expect(await device.value('a')).toBeUndefined()
  expect(await device.outcome(change!)).toBe('accepted')
})

test('deleting what the remote has is a change with its base; deleting it twice is one change', async () => {
  const fake = fakeOf()
  fake.put('a', { n: 1 })
  const device = await deviceOf(fake)
  await device.pull()
  const first = await device.put('a', null)
  const second = await device.put('a', null)
  expect(second).toEqual(first)
  expect(await device.rows()).toMatchObject([{ value: null, base: { value: { n: 1 }, version: 1 } }])
  await device.sync()
  expect(fake.values()).toEqual({})
  expect(await device.put('a', null)).toEqual([])
})

test('an edit made while its predecessor is under way is a successor, and goes on from the result', async () => {
  const fake = fakeOf()
  const device = await deviceOf(fake)
  const [first] = await device.put('a', { n: 1 })
  const seconds: string[][] = []
  fake.meanwhile = async () => {
    fake.meanwhile = undefined
    seconds.push(await device.put('a', { n: 2 }), await device.put('a', { n: 3 }))
    await mustAgree(device)
  }
  await device.push()
  expect(seconds[0]).toEqual(seconds[1])
  expect(seconds[0]).not.toEqual([first])
  expect(await device.outcome(first!)).toBe('accepted')
  expect(await device.rows()).toMatchObject([{ value: { n: 3 }, base: { value: { n: 1 }, version: 1 } }])
  await mustAgree(device)
  await device.sync()
  expect(fake.values()).toEqual({ a: { n: 3 } })
  expect(await device.outcome(seconds[0]![0]!)).toBe('accepted')
})

test('an edit of a held change is another change that goes out again', async () => {
  const fake = fakeOf()
  const device = await deviceOf(fake)
  const [first] = await device.put('a', { bad: true })
  fake.answer = ({ change }) => ({ change, state: 'rejected', code: 'invalid', reason: 'No.' })
  await device.sync()
  fake.answer = undefined
  const [second] = await device.put('a', { good: true })
  expect(second).not.toBe(first)
  expect(await device.rows()).toMatchObject([{ change: second, state: 'waiting', tries: 0 }])
  await device.sync()
  expect(fake.values()).toEqual({ a: { good: true } })
  expect(await device.outcome(first!)).toBe('accepted')
  await mustAgree(device)
})

test('an edit of a record that waits for an answer changes the question, and the question stays', async () => {
  const fake = fakeOf()
  fake.put('a', { n: 1 })
  const device = await deviceOf(fake, { rule: 'MANUAL' })
  await device.pull()
  await device.put('a', { n: 2 })
  fake.put('a', { n: 9 })
  await device.sync()
  const [change] = await device.put('a', { n: 3 })
  expect(await device.inbox()).toMatchObject([
    { state: 'open', local: { change, value: { n: 3 } }, theirs: { value: { n: 9 } } },
  ])
  expect(await device.rows()).toMatchObject([{ state: 'asked', value: { n: 3 } }])
  await mustAgree(device)
})

test('a deleted folder takes along all that is known below it, each with its own base', async () => {
  const fake = treeFake()
  fake.put('f', folder('f'))
  fake.put('g', folder('g', 'f'))
  fake.put('x', file('x', 'g'))
  const device = await deviceOf(fake)
  await device.pull()
  await device.put('new', file('new', 'g'))
  expect(await device.put('f', null)).toHaveLength(3)
  expect((await device.rows()).map(({ id, value, base }) => [id, value, base?.version])).toEqual([
    ['f', null, 1],
    ['g', null, 2],
    ['x', null, 3],
  ])
  await device.sync()
  expect(fake.sent.map(batch => batch.map(({ id }) => id))).toEqual([['x', 'g', 'f']])
  expect(fake.values()).toEqual({})
})

test('a local record that the remote never had is gone when it is deleted', async () => {
  const device = await deviceOf(fakeOf())
  await device.raw(tx => tx.records('notes').putMany([{ id: 'old', value: { n: 1 }, meta: { generation: 0 } }]))
  expect(await device.put('old', null)).toEqual([])
  expect(await device.value('old')).toBeUndefined()
})

test.each(['__proto__', 'constructor', 'a\nb', 'a\0b', '🌊', '\ud800'])('%j is an id like any other', async id => {
  const fake = fakeOf()
  const device = await deviceOf(fake)
  await device.put(id, { n: 1 })
  await device.sync()
  await device.put(id, { n: 2 })
  fake.put(id, { n: 3 })
  await device.sync()
  expect([await device.value(id), fake.values()]).toEqual([{ n: 3 }, { [id]: { n: 3 } }])
  await mustAgree(device)
})

test('a durable store keeps what was not sent over a reopening, in the same order', async () => {
  const { mkdtemp, rm } = await import('node:fs/promises')
  const { tmpdir } = await import('node:os')
  const dir = await mkdtemp(`${tmpdir()}/tidemark-`)
  const fake = fakeOf()
  const first = await deviceOf(fake, { store: sqlite(`${dir}/a.db`) })
  await first.put('b', { n: 1n })
  await first.put('a', { n: 2 })
  await first.store.close()
  const second = await deviceOf(fake, { store: sqlite(`${dir}/a.db`), world: first.world })
  await second.sync()
  expect(fake.sent.flat().map(({ id, value }) => [id, value])).toEqual([
    ['b', { n: 1n }],
    ['a', { n: 2 }],
  ])
  await mustAgree(second)
  await second.store.close()
  await rm(dir, { recursive: true })
})
