import { expect, test } from 'vitest'
import { writeId } from '../../../src/client/settled.ts'
import { dropUnnamed, getBody, putBody } from '../../../src/ledger/bodies.ts'
import { ended, type JobRow, jobsKept, jobsOf, putJob } from '../../../src/ledger/jobs.ts'
import { dropOld } from '../../../src/ledger/tidy.ts'
import { deviceOf } from '../engine/device.ts'
import { fakeOf } from '../engine/kit.ts'

const week = 7 * 24 * 3_600_000

test('what is known of a write is kept while it is open, and for a week after', async () => {
  const fake = fakeOf()
  const device = await deviceOf(fake)
  const { platform, clock } = device.on
  const changes = [...(await device.put('a', { n: 1 })), ...(await device.put('b', { n: 1 }))]
  const id = await device.raw(tx => writeId(tx, changes, { platform, clock }))
  const known = () =>
    device.raw(async tx => [
      (await tx.rows('changes').get(['write', id])) !== undefined,
      ...(await tx.rows('changes').getMany(changes.map(change => [change]))).map(row => row !== undefined),
    ])
  await device.world.pass(2 * week)
  await device.raw(tx => dropOld(tx, device.world.now()))
  expect(await known()).toEqual([true, true, true])
  fake.answer = ({ change, id }) =>
    id === 'a' ? { change, state: 'rejected', code: 'invalid', reason: 'No.' } : undefined
  await device.sync()
  await device.raw(tx => dropOld(tx, device.world.now() + 10 * week))
  expect(await known()).toEqual([true, true, true])
  fake.answer = undefined
  await device.put('a', null)
  await device.raw(tx => dropOld(tx, device.world.now() + week - 1))
  await device.raw(tx => dropOld(tx, device.world.now() + week + 1))
  expect(await known()).toEqual([false, false, false])
})

test('a closed conflict is forgotten when its time is over, an open one never', async () => {
  const fake = fakeOf()
  fake.put('a', { n: 1 })
  fake.put('b', { n: 1 })
  const device = await deviceOf(fake, { rule: 'MANUAL' })
  await device.pull()
  await device.put('a', { n: 2 })
  await device.put('b', { n: 2 })
  fake.put('a', { n: 3 })
  fake.put('b', { n: 3 })
  await device.sync()
  fake.put('b', { n: 2 })
  await device.sync()
  await device.raw(tx => dropOld(tx, device.world.now() + 10 * week))
  expect((await device.inbox()).map(({ record, state }) => [record, state])).toEqual([['a', 'open']])
})

test('bytes go when no record, change or conflict names them any more', async () => {
  const fake = fakeOf({ source: { body: 'sha' } })
  const device = await deviceOf(fake)
  await device.put('a', { sha: 'one' })
  await device.sync()
  await device.put('a', { sha: 'two' })
  await device.raw(async tx => {
    for (const sha of ['one', 'two', 'three']) await putBody(tx, sha, new Uint8Array([1]), 0)
  })
  const left = () =>
    device.raw(async tx => {
      await dropUnnamed(tx, new Map([['notes', 'sha']]), 0)
      const found = await Promise.all(['one', 'two', 'three'].map(sha => getBody(tx, sha)))
      return found.map(bytes => bytes !== undefined)
    })
  expect(await left()).toEqual([true, true, false])
  await device.sync()
  expect(await left()).toEqual([false, true, false])
})

test('an ended job is forgotten after a month, an open one never', async () => {
  const device = await deviceOf(fakeOf())
  const row = (id: string): JobRow => ({
    id,
    remote: 'fake',
    request: {},
    createdAt: 0,
    report: { state: 'queued' },
    changedAt: 0,
  })
  await device.raw(async tx => {
    await putJob(tx, row('open'))
    await putJob(tx, ended(row('ended'), { state: 'done' }, 1_000))
  })
  const ids = () => device.raw(async tx => (await jobsOf(tx, 'fake')).map(({ id }) => id))
  await device.raw(tx => dropOld(tx, 1_000 + jobsKept - 1))
  expect(await ids()).toEqual(['ended', 'open'])
  await device.raw(tx => dropOld(tx, 1_000 + jobsKept))
  expect(await ids()).toEqual(['open'])
})
