import { afterEach, describe, expect, test } from 'vitest'
import { fakeOf, file, tree } from '../engine/kit.ts'
import { appOf, closeAll, heard } from './app.ts'

afterEach(closeAll)

test('the outbox lists what is not there yet, oldest first, with its state', async () => {
  const { rows, db, fake, world } = await appOf()
  await db.remotes.fake.pause()
  await rows.put('b', { n: 1 })
  await rows.put('a', { n: 1 })
  const { answers } = heard(db.outbox.live())
  expect((await db.outbox.list()).map(({ id, state, value }) => [id, state, value])).toEqual([
    ['b', 'waiting', { n: 1 }],
    ['a', 'waiting', { n: 1 }],
  ])
  expect([await db.outbox.count(), await db.outbox.count('nobody')]).toEqual([2, 0])
  await db.remotes.fake.resume()
  await world.pass(10_000)
  expect([await db.outbox.list(), Object.keys(fake.values())]).toEqual([[], ['b', 'a']])
  expect(answers.at(-1)).toEqual([])
})

describe('a held change', () => {
  async function held() {
    const app = await appOf({ prepare: fake => fake.put('a', { n: 1 }) })
    app.fake.answer = ({ change }) => ({ change, state: 'rejected', code: 'invalid', reason: 'No.' })
    const write = await app.rows.put('a', { n: 2 })
    await app.sync()
    const [pending] = await app.db.outbox.list()
    return { ...app, write, pending: pending! }
  }

  test('says why', async () => {
    const { pending, db } = await held()
    expect(pending).toMatchObject({ state: 'held', reason: { code: 'invalid', message: 'No.' } })
    expect(await db.outbox.list()).toHaveLength(1)
  })

  test('goes out again when the app says so', async () => {
    const { db, fake, pending, world, write } = await held()
    fake.answer = undefined
    await db.outbox.retry(pending.change)
    await world.pass(10_000)
    expect([fake.values(), await db.outbox.list(), await write.settled()]).toEqual([{ a: { n: 2 } }, [], 'accepted'])
  })

  test('is given up for what the remote has, and the inbox keeps it', async () => {
    const { db, rows, pending, status, write } = await held()
    await db.outbox.discard(pending.change)
    expect([await rows.get('a'), await db.outbox.list()]).toEqual([{ n: 1 }, []])
    const [entry] = await db.conflicts.list()
    expect(entry).toMatchObject({ by: 'app', loses: 'local', local: { value: { n: 2 } } })
    expect([await write.settled(), (await status()).phase]).toEqual(['conflicted', 'synced'])
    await db.conflicts.undo(entry!.id)
    expect(await rows.get('a')).toEqual({ n: 2 })
  })

  test('moves with the remote: what is given up is what the remote has by now', async () => {
    const { db, rows, fake, sync } = await held()
    fake.put('a', { n: 1, more: true })
    await sync()
    const left = await db.outbox.list()
    for (const { change } of left) await db.outbox.discard(change)
    expect(await rows.get('a')).toEqual({ n: 1, more: true })
  })

  test('that is not held cannot be retried, and one that is not there neither', async () => {
    const { db, rows } = await appOf()
    await db.remotes.fake.pause()
    await rows.put('a', { n: 1 })
    const { change } = (await db.outbox.list())[0]!
    await expect(db.outbox.retry(change)).rejects.toMatchObject({ code: 'conflict' })
    await expect(db.outbox.retry('nobody')).rejects.toMatchObject({ code: 'not-found' })
    await expect(db.outbox.discard('nobody')).rejects.toMatchObject({ code: 'not-found' })
  })
})

describe('a change that is given up', () => {
  test('of a record that only this device has takes the record along', async () => {
    const { db, rows } = await appOf()
    await db.remotes.fake.pause()
    await rows.put('a', { n: 1 })
    const { change } = (await db.outbox.list())[0]!
    await db.outbox.discard(change)
    expect([await rows.get('a'), await db.outbox.list(), (await db.conflicts.list()).length]).toEqual([
      undefined,
      [],
      1,
    ])
  })

  test('is not given up while the remote has it', async () => {
    const { db, rows, fake, world } = await appOf()
    const errors: unknown[] = []
    fake.meanwhile = async () => {
      const { change } = (await db.outbox.list())[0]!
      errors.push(await db.outbox.discard(change).catch(error => error.code))
    }
    await rows.put('a', { n: 1 })
    await world.pass(10_000)
    expect(errors).toEqual(['busy'])
  })

  test('takes along an edit that was made after it was put off, and its write is told', async () => {
    const { db, rows, fake, world } = await appOf({ prepare: fake => fake.put('a', { n: 1 }) })
    fake.answer = ({ change }) => ({ change, state: 'later', notBefore: world.now() + 300_000 })
    const first = await rows.put('a', { n: 2 })
    await world.pass(10_000)
    const second = await rows.put('a', { n: 3 })
    const { change } = (await db.outbox.list())[0]!
    await db.outbox.discard(change)
    expect([await rows.get('a'), await db.outbox.list()]).toEqual([{ n: 1 }, []])
    expect((await db.conflicts.list()).map(({ local }) => local.value)).toEqual([{ n: 3 }])
    expect([await first.settled(), await second.settled()]).toEqual(['conflicted', 'conflicted'])
  })

  test('while its name is asked about leaves the other record alone', async () => {
    const fake = fakeOf({ name: 'tree', source: tree })
    const { rows, db, sync } = await appOf({ fake, name: 'tree', source: tree, rule: 'MANUAL' })
    await rows.put('mine', file('a', 'root', 'one'))
    fake.put('theirs', file('a', 'root', 'two'))
    await sync()
    const { change } = (await db.outbox.list())[0]!
    await db.outbox.discard(change)
    expect((await rows.list()).map(({ id }) => id)).toEqual(['theirs'])
    await sync()
    expect(Object.keys(fake.values())).toEqual(['theirs'])
  })
})
