import { expect, test } from 'vitest'
import type { Value } from '../../../src/model.ts'
import { deviceOf, mustAgree } from './device.ts'
import { fakeOf, file, folder, tree } from './kit.ts'

const many = (count: number, from = 0): string[] => Array.from({ length: count }, (_, at) => `n${at + from}`)

test('what a complete walk does not bring is deleted here; what the remote never had stays', async () => {
  const fake = fakeOf()
  fake.put('a', { n: 1 })
  fake.put('b', { n: 2 })
  const device = await deviceOf(fake)
  await device.pull()
  await device.put('mine', { n: 3 })
  fake.rows.delete('b')
  await device.startOver()
  await device.pull()
  expect(await device.values()).toEqual({ a: { n: 1 }, mine: { n: 3 } })
  expect(await device.inbox()).toEqual([])
  await mustAgree(device)
  await device.sync()
  expect(fake.values()).toEqual({ a: { n: 1 }, mine: { n: 3 } })
})

test('a walk that is not complete deletes nothing, also when it goes on after a crash', async () => {
  const fake = fakeOf({ page: 1 })
  for (const id of ['a', 'b', 'c']) fake.put(id, { id })
  const device = await deviceOf(fake)
  await device.pull()
  fake.rows.delete('c')
  await device.startOver()
  fake.whilePulling = () => {
    if (fake.pulled.length > 0 && fake.landed.length > 0) fake.landed.length = 0
  }
  let pages = 0
  fake.spoil = page => {
    if (++pages === 2) throw new Error('gone')
    return page
  }
  await expect(device.pull()).rejects.toThrow('gone')
  fake.spoil = undefined
  expect(await device.values()).toEqual({ a: { id: 'a' }, b: { id: 'b' }, c: { id: 'c' } })
  expect(await device.checkpoint()).toMatchObject({ walking: true, generation: 3, cursor: { after: 'a' } })
})

test('what only an answer to a change showed before the walk is deleted where the walk does not bring it (I3)', async () => {
  const fake = fakeOf()
  fake.put('a', { n: 1 })
  const device = await deviceOf(fake, { rule: 'SERVER_WINS' })
  await device.put('a', { n: 2 })
  await device.push()
  expect(await device.values()).toEqual({ a: { n: 1 } })
  fake.rows.delete('a')
  await device.sync()
  expect(await device.values()).toEqual({})
  await mustAgree(device)
})

test('an edit meets the deletion that a walk found', async () => {
  const fake = fakeOf()
  fake.put('a', { n: 1 })
  const device = await deviceOf(fake, { rule: 'KEEP_BOTH' })
  await device.pull()
  await device.put('a', { n: 2 })
  fake.rows.delete('a')
  await device.startOver()
  await device.sync()
  expect(fake.values()).toEqual({ a: { n: 2 } })
  expect(await device.inbox()).toMatchObject([{ theirs: { value: null }, loses: 'remote' }])
  await mustAgree(device)
})

test('an edit that was sent while its record vanished waits for its own outcome', async () => {
  const fake = fakeOf()
  fake.put('a', { n: 1 })
  const device = await deviceOf(fake, { rule: 'SERVER_WINS' })
  await device.pull()
  await device.put('a', { n: 2 })
  fake.answer = ({ change }) => ({ change, state: 'unknown' })
  await device.push()
  fake.answer = undefined
  fake.rows.delete('a')
  await device.startOver()
  await device.sync()
  expect([await device.values(), fake.values(), await device.rows()]).toEqual([{}, {}, []])
  expect(await device.inbox()).toMatchObject([{ local: { value: { n: 2 } }, loses: 'local' }])
})

test('tombstones go with the next complete walk', async () => {
  const fake = fakeOf()
  fake.put('a', { n: 1 })
  const device = await deviceOf(fake)
  await device.pull()
  fake.put('a', null)
  await device.pull()
  expect(await device.value('a')).toBeNull()
  fake.rows.delete('a')
  fake.log.length = 0
  await device.startOver()
  await device.pull()
  expect(await device.value('a')).toBeUndefined()
})

test('a walk that lists more than it sweeps in one step sweeps all of it', async () => {
  const fake = fakeOf({ page: 5000 })
  for (const id of many(2500)) fake.put(id, { n: 1 })
  const device = await deviceOf(fake, { onMassDelete: 'allow' })
  await device.pull()
  for (const id of many(1300, 1200)) fake.rows.delete(id)
  await device.startOver()
  await device.pull()
  expect(Object.keys(await device.values())).toHaveLength(1200)
})

test('a listing of one folder deletes below that folder only', async () => {
  const fake = fakeOf({ name: 'tree', source: tree })
  fake.put('f', folder('f'))
  fake.put('g', folder('g', 'f'))
  fake.put('x', file('x', 'g'))
  fake.put('y', file('y'))
  const device = await deviceOf(fake)
  await device.pull()
  fake.rows.clear()
  await device.startOver()
  await device.land({
    records: [{ collection: 'tree', id: 'f', value: folder('f'), version: 1 }],
    cursor: 1,
    complete: [{ source: 'tree', within: 'f' }],
  })
  expect(Object.keys(await device.values())).toEqual(['f', 'y'])
})

test('a listing of one folder judges a record by where the remote has it, not by where it was moved here', async () => {
  const fake = fakeOf({ name: 'tree', source: tree })
  fake.put('f', folder('f'))
  fake.put('g', folder('g'))
  fake.put('in', file('in', 'f'))
  fake.put('out', file('out', 'g'))
  const device = await deviceOf(fake, { rule: 'SERVER_WINS' })
  await device.pull()
  await device.put('in', file('in', 'g'))
  await device.put('out', file('out', 'f'))
  await device.startOver()
  await device.land({
    records: [{ collection: 'tree', id: 'f', value: folder('f'), version: 1 }],
    cursor: 1,
    complete: [{ source: 'tree', within: 'f' }],
  })
  expect(await device.values()).toEqual({ f: folder('f'), g: folder('g'), out: file('out', 'f') })
})

test('more deletes than look like intent wait for the app, with nothing done and the cursor where it was', async () => {
  const fake = fakeOf()
  for (const id of many(30)) fake.put(id, { n: 1 })
  const device = await deviceOf(fake)
  await device.pull()
  const before = await device.checkpoint()
  for (const id of many(25)) fake.put(id, null)
  await expect(device.pull()).rejects.toMatchObject({
    code: 'mass-delete',
    details: { brake: { deletes: 25, known: 30 } },
  })
  expect(await device.checkpoint()).toEqual(before)
  expect(Object.keys(await device.values())).toHaveLength(30)
})

test('the brake looks at a whole pull, not at its pages', async () => {
  const fake = fakeOf({ page: 10 })
  for (const id of many(30)) fake.put(id, { n: 1 })
  const device = await deviceOf(fake)
  await device.pull()
  for (const id of many(25)) fake.put(id, null)
  await expect(device.pull()).rejects.toMatchObject({
    code: 'mass-delete',
    details: { brake: { deletes: 25, known: 30 } },
  })
})

test('the app may let deletes pass by rule', async () => {
  const fake = fakeOf()
  for (const id of many(30)) fake.put(id, { n: 1 })
  const asked: number[] = []
  const onMassDelete = ({ deletes }: { deletes: number }) => asked.push(deletes) > 0
  const device = await deviceOf(fake, { onMassDelete })
  await device.pull()
  for (const id of many(25)) fake.put(id, null)
  await device.pull()
  expect([asked, Object.keys(await device.values()).length]).toEqual([[25], 5])
})

test('one suspicious delete asks too', async () => {
  const fake = fakeOf()
  fake.put('a', { n: 1 })
  const device = await deviceOf(fake)
  await device.pull()
  fake.put('a', null)
  fake.spoil = page => ({ ...page, suspicious: 'The file is gone.' })
  await expect(device.pull()).rejects.toMatchObject({ details: { brake: { why: 'The file is gone.' } } })
  expect(await device.values()).toEqual({ a: { n: 1 } as Value })
})
