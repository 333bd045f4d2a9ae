import { afterEach, describe, expect, test } from 'vitest'
import { SyncError } from '../../../src/errors.ts'
import { memory, memoryDisk } from '../../../src/stores/memory.ts'
import { fakeOf, file, folder, tree, worldOf } from '../engine/kit.ts'
import { appOf, closeAll, heard } from './app.ts'

afterEach(closeAll)

/** What a promise came to by now. */
function settledSoFar<T>(promise: Promise<T>) {
  const state: { answer?: T; error?: unknown } = {}
  promise.then(
    answer => {
      state.answer = answer
    },
    error => {
      state.error = error
    },
  )
  return state
}

describe('how a write ended', () => {
  test('is told when the remote has it, never before', async () => {
    const { rows, fake, world } = await appOf()
    for (let at = 0; at < 3; at++) fake.failPulls.push(new SyncError('network', 'Away.'))
    const write = await rows.put('a', { n: 1 })
    const told = settledSoFar(write.settled())
    await world.pass(200)
    expect(told).toEqual({})
    await world.pass(60_000)
    expect(told).toEqual({ answer: 'accepted' })
  })

  test('is told as conflicted when a conflict took it', async () => {
    const { rows, fake, sync } = await appOf({ rule: 'SERVER_WINS', prepare: fake => fake.put('a', { n: 1 }) })
    const write = await rows.put('a', { n: 2 })
    fake.put('a', { n: 3 })
    await sync()
    expect(await write.settled()).toBe('conflicted')
  })

  test('is told as conflicted when it waits for the user, and as quarantined when it was refused', async () => {
    const { rows, fake, sync } = await appOf({ rule: 'MANUAL', prepare: fake => fake.put('a', { n: 1 }) })
    fake.answer = ({ change, id }) =>
      id === 'b' ? { change, state: 'rejected', code: 'invalid', reason: 'No.' } : undefined
    const asked = await rows.put('a', { n: 2 })
    const held = await rows.put('b', { n: 2 })
    fake.put('a', { n: 3 })
    await sync()
    expect([await asked.settled(), await held.settled()]).toEqual(['conflicted', 'quarantined'])
  })

  test('of several at once is the worst of them, and waits for all', async () => {
    const { db, fake, world, sync } = await appOf()
    fake.answer = ({ change, id }) =>
      id === 'a' ? { change, state: 'rejected', code: 'invalid', reason: 'No.' } : undefined
    fake.failPulls.push(new SyncError('network', 'Away.'))
    const write = await db.write(async tx => {
      await tx.notes!.put('a', { n: 1 })
      await tx.notes!.put('b', { n: 1 })
    })
    const told = settledSoFar(write.settled())
    await world.pass(1)
    expect(told).toEqual({})
    await sync()
    await world.pass(10_000)
    expect(told).toEqual({ answer: 'quarantined' })
  })

  test('is told after a reload too, while it is open and for a week after', async () => {
    const world = worldOf()
    const fake = fakeOf()
    const disk = memoryDisk('d')
    const first = await appOf({ world, fake, store: memory('m', { disk }) })
    await first.db.remotes.fake.pause()
    const one = await first.rows.put('a', { n: 1 })
    const two = await first.db.write(async tx => {
      await tx.notes!.put('b', { n: 1 })
      await tx.notes!.put('c', { n: 1 })
    })
    await first.db.close()
    const second = await appOf({ world, fake, store: memory('m', { disk }) })
    const told = [settledSoFar(second.db.write.settled(one.id)), settledSoFar(second.db.write.settled(two.id))]
    await world.pass(10_000)
    expect(told).toEqual([{}, {}])
    await second.db.remotes.fake.resume()
    await world.pass(10_000)
    expect(told).toEqual([{ answer: 'accepted' }, { answer: 'accepted' }])
    await expect(second.db.write.settled('nobody')).rejects.toMatchObject({ code: 'not-found' })
  })

  test('is told however long the network was away', async () => {
    const { rows, db, fake, world } = await appOf()
    await db.remotes.fake.pause()
    const write = await db.write(async tx => {
      await tx.notes!.put('a', { n: 1 })
      await tx.notes!.put('b', { n: 1 })
    })
    await rows.put('c', { n: 1 })
    const told = settledSoFar(write.settled())
    world.jump(9 * 24 * 3_600_000)
    await world.pass(2 * 3_600_000)
    await db.remotes.fake.resume()
    await world.pass(60_000)
    expect(Object.keys(fake.values())).toEqual(['a', 'b', 'c'])
    expect(told).toEqual({ answer: 'accepted' })
  })

  test('is told at once where there was nothing to do', async () => {
    const { rows } = await appOf()
    expect(await (await rows.delete('nobody')).settled()).toBe('accepted')
  })

  test('of a record made and deleted before it was sent is told as accepted', async () => {
    const { rows, db } = await appOf()
    await db.remotes.fake.pause()
    const write = await rows.put('a', { n: 1 })
    await rows.delete('a')
    expect(await write.settled()).toBe('accepted')
  })
})

describe('the status', () => {
  test('is synced only when all is there and the last look found nothing more', async () => {
    const { rows, fake, status, world, db } = await appOf({ wait: 0 })
    const { answers } = heard(db.remotes.fake.status)
    await world.pass(1_000)
    expect(answers[0]!.phase).toBe('syncing')
    expect(await status()).toMatchObject({
      phase: 'synced',
      pending: 0,
      held: 0,
      asked: 0,
      walking: false,
      leads: true,
    })
    await rows.put('a', { n: 1 })
    expect(await status()).toMatchObject({ phase: 'syncing', pending: 1 })
    await world.pass(10_000)
    expect((await status()).phase).toBe('synced')
    fake.nudge()
    expect((await status()).phase).toBe('syncing')
    await world.pass(1_000)
    expect((await status()).phase).toBe('synced')
  })

  test('says how far a walk is, the first and every other, and what is kept meanwhile (I13)', async () => {
    const world = worldOf()
    const fake = fakeOf({ page: 2 })
    for (let n = 0; n < 6; n++) fake.put(`n${n}`, { n })
    const { rows, db, status } = await appOf({ wait: 0, world, fake })
    const { answers } = heard(db.remotes.fake.status)
    const slow = () => world.tab().platform.sleep(100)
    fake.whilePulling = slow
    await world.pass(10_000)
    const first = answers.filter(({ walking }) => walking).map(({ walk }) => walk)
    expect(first).toContainEqual({ seen: 2, known: 0 })
    expect(first).toContainEqual({ seen: 6, known: 0 })
    expect(await status()).not.toHaveProperty('walk')

    fake.failSends.push(...Array.from({ length: 3 }, () => new SyncError('server', 'Not now.')))
    await rows.put('n0', { n: 'mine' })
    answers.length = 0
    fake.nudge('start-over')
    await world.pass(60_000)
    const second = answers.filter(({ walking }) => walking)
    expect(second.map(({ walk }) => walk)).toContainEqual({ seen: 4, known: 6 })
    expect(second.every(({ phase }) => phase !== 'synced')).toBe(true)
    expect((await status()).phase).toBe('synced')
    expect(fake.values()).toMatchObject({ n0: { n: 'mine' }, n5: { n: 5 } })
  })

  test('never says synced while a change is open, whatever happens to it', async () => {
    const { rows, fake, db, world } = await appOf()
    const { answers } = heard(db.remotes.fake.status)
    fake.lose = 1
    fake.failPulls.push(new SyncError('network', 'Away.'), new SyncError('server', 'Down.'))
    await rows.put('a', { n: 1 })
    await world.pass(120_000)
    for (const { phase, pending, held, asked } of answers) {
      if (phase === 'synced') expect([pending, held, asked]).toEqual([0, 0, 0])
    }
    expect(answers.at(-1)).toMatchObject({ phase: 'synced' })
  })

  test.each<[string, SyncError, string]>([
    ['a failure', new SyncError('server', 'Down.'), 'waiting'],
    ['no token', new SyncError('needs-auth', 'No token.'), 'needs-auth'],
  ])('says why and when the next try is after %s', async (_, error, phase) => {
    const { fake, status, world } = await appOf()
    for (let at = 0; at < 50; at++) fake.failPulls.push(error)
    fake.nudge()
    await world.pass(300)
    const now = await status()
    expect(now).toMatchObject({ phase, reason: { code: error.code, message: error.message } })
    expect(now.nextTry).toBeGreaterThan(world.now())
    expect(now.nextTry).toBeLessThan(world.now() + 10 * 60_000)
  })

  test('says that the user is needed for a refused change and for an open conflict', async () => {
    const { rows, fake, sync, status } = await appOf({ rule: 'MANUAL', prepare: fake => fake.put('a', { n: 1 }) })
    fake.answer = ({ change, id }) =>
      id === 'b' ? { change, state: 'rejected', code: 'invalid', reason: 'No.' } : undefined
    await rows.put('b', { n: 1 })
    await sync()
    expect(await status()).toMatchObject({ phase: 'needs-user', held: 1, asked: 0, pending: 0 })
    await rows.put('a', { n: 2 })
    fake.put('a', { n: 3 })
    await sync()
    expect(await status()).toMatchObject({ phase: 'needs-user', held: 1, asked: 1, pending: 0 })
  })

  test('says that the user is needed when all that is left waits for a refused change', async () => {
    const { rows, fake, sync, status, db, world } = await appOf({ name: 'tree', source: tree })
    fake.answer = ({ change, id }) =>
      id === 'f' ? { change, state: 'rejected', code: 'forbidden', reason: 'No.' } : undefined
    await rows.put('f', folder('f'))
    await rows.put('x', file('x', 'f'))
    await sync()
    expect(await status()).toMatchObject({ phase: 'needs-user', held: 1, pending: 1 })
    expect((await db.remotes.fake.synced()).phase).toBe('needs-user')
    await rows.put('y', file('y'))
    expect((await status()).phase).toBe('syncing')
    await world.pass(10_000)
    expect([(await status()).phase, Object.keys(fake.values())]).toEqual(['needs-user', ['y']])
  })

  test('of a look in another session is not called synced for long', async () => {
    const world = worldOf()
    const disk = memoryDisk('d')
    const fake = fakeOf()
    const first = await appOf({ world, fake, store: memory('m', { disk }) })
    await first.db.close()
    await world.pass(3_600_000)
    const second = await appOf({ world, fake, store: memory('m', { disk }), wait: 0 })
    expect((await second.status()).phase).toBe('syncing')
  })

  test('of a follower comes from what is stored', async () => {
    const world = worldOf()
    const disk = memoryDisk('d')
    const fake = fakeOf()
    await appOf({ world, fake, store: memory('m', { disk }) })
    const follower = await appOf({ world, fake, store: memory('m', { disk }) })
    expect(await follower.status()).toMatchObject({ phase: 'synced', leads: false })
    await follower.rows.put('a', { n: 1 })
    expect(await follower.status()).toMatchObject({ phase: 'syncing', pending: 1 })
    await world.pass(10_000)
    expect([(await follower.status()).phase, fake.values()]).toEqual(['synced', { a: { n: 1 } }])
  })

  test('of a follower needs the user where a change waits behind a question, as its leader says', async () => {
    const world = worldOf()
    const disk = memoryDisk('d')
    const fake = fakeOf({ name: 'files', source: tree })
    const app = () => appOf({ world, fake, name: 'files', source: tree, rule: 'MANUAL', store: memory('m', { disk }) })
    const leader = await app()
    fake.answer = ({ change, id }) =>
      id === 'docs' ? { change, state: 'rejected', code: 'invalid', reason: 'No.' } : undefined
    const follower = await app()
    await follower.rows.put('docs', folder('docs'))
    await follower.rows.put('a', file('a', 'docs'))
    await world.pass(30_000)
    const phases = [await leader.status(), await follower.status()].map(({ phase, pending }) => [phase, pending])
    expect(phases).toEqual([
      ['needs-user', 1],
      ['needs-user', 1],
    ])
  })

  test('waits with `synced` until it is true', async () => {
    const { rows, db, world, fake } = await appOf()
    await rows.put('a', { n: 1 })
    const told = settledSoFar(db.remotes.fake.synced())
    await world.pass(0)
    const before = structuredClone(fake.values())
    await world.pass(10_000)
    expect(before === undefined || told.answer?.phase).toBe('synced')
    expect(fake.values()).toEqual({ a: { n: 1 } })
  })
})

describe('a pause', () => {
  test('outlives a reload and ends with resume, from a follower too', async () => {
    const world = worldOf()
    const disk = memoryDisk('d')
    const fake = fakeOf()
    const first = await appOf({ world, fake, store: memory('m', { disk }) })
    await first.db.remotes.fake.pause()
    await first.db.close()
    const leader = await appOf({ world, fake, store: memory('m', { disk }) })
    const follower = await appOf({ world, fake, store: memory('m', { disk }) })
    await follower.rows.put('a', { n: 1 })
    await world.pass(60_000)
    expect([(await leader.status()).phase, fake.values()]).toEqual(['paused', {}])
    await follower.db.remotes.fake.resume()
    await world.pass(10_000)
    expect([(await leader.status()).phase, fake.values()]).toEqual(['synced', { a: { n: 1 } }])
  })
})

describe('the brake', () => {
  const many = Array.from({ length: 30 }, (_, at) => `n${at}`)
  const prepare = (fake: ReturnType<typeof fakeOf>) => {
    for (const id of many) fake.put(id, { n: 1 })
  }

  test('on deletes from the remote asks, and goes on when it is allowed', async () => {
    const { fake, db, rows, status, world } = await appOf({ prepare })
    for (const id of many.slice(5)) fake.put(id, null)
    fake.nudge()
    await world.pass(1_000)
    expect(await status()).toMatchObject({ phase: 'needs-user', brake: { direction: 'in', deletes: 25 } })
    expect(await rows.count()).toBe(30)
    await db.remotes.fake.allowDeletes()
    await world.pass(1_000)
    expect([await rows.count(), (await status()).phase]).toEqual([5, 'synced'])
  })

  test.each([3, 25])('does not ask again for a few that come after it was asked, in pages of %s (I10b)', async page => {
    const fake = fakeOf({ page })
    const { db, rows, status, world } = await appOf({ prepare, fake })
    for (const id of many.slice(5)) fake.put(id, null)
    fake.nudge()
    await world.pass(1_000)
    expect(await status()).toMatchObject({ phase: 'needs-user', brake: { direction: 'in', known: 30 } })
    for (const id of many.slice(2)) fake.put(id, null)
    await db.remotes.fake.allowDeletes()
    await world.pass(1_000)
    expect([await rows.count(), (await status()).phase]).toEqual([2, 'synced'])
  })

  test('on deletes from here asks, and goes on when it is allowed', async () => {
    const { fake, db, status, world } = await appOf({ prepare })
    await db.write(async tx => {
      for (const id of many.slice(5)) await tx.notes!.delete(id)
    })
    await world.pass(10_000)
    expect(await status()).toMatchObject({ phase: 'needs-user', brake: { direction: 'out', deletes: 25 }, pending: 25 })
    expect(Object.keys(fake.values())).toHaveLength(30)
    await db.remotes.fake.allowDeletes()
    await world.pass(10_000)
    expect([Object.keys(fake.values()).length, (await status()).phase]).toEqual([5, 'synced'])
  })

  test('is gone when the records were restored, and the app looks again', async () => {
    const { fake, db, status, world } = await appOf({ prepare })
    await db.write(async tx => {
      for (const id of many.slice(5)) await tx.notes!.delete(id)
    })
    await world.pass(10_000)
    await db.write(async tx => {
      for (const id of many.slice(5)) await tx.notes!.put(id, { n: 1 })
    })
    await db.remotes.fake.resume()
    await world.pass(10_000)
    expect([Object.keys(fake.values()).length, (await status()).phase]).toEqual([30, 'synced'])
  })
})

test('a brake that another tab looks at again is gone when nothing is left to ask', async () => {
  const world = worldOf()
  const disk = memoryDisk('d')
  const fake = fakeOf()
  const ids = Array.from({ length: 30 }, (_, at) => `n${at}`)
  for (const id of ids) fake.put(id, { n: 1 })
  const leader = await appOf({ world, fake, store: memory('m', { disk }) })
  const follower = await appOf({ world, fake, store: memory('m', { disk }) })
  await follower.db.write(async tx => {
    for (const id of ids) await tx.notes!.delete(id)
  })
  await world.pass(10_000)
  expect((await leader.status()).phase).toBe('needs-user')
  await follower.db.write(async tx => {
    for (const id of ids) await tx.notes!.put(id, { n: 1 })
  })
  await follower.db.remotes.fake.resume()
  await world.pass(20_000)
  expect([(await leader.status()).phase, Object.keys(fake.values()).length]).toEqual(['synced', 30])
})

describe('an explanation', () => {
  test('says for each state why a record is not there yet', async () => {
    const { rows, fake, db, sync, world } = await appOf({ rule: 'MANUAL', prepare: fake => fake.put('a', { n: 1 }) })
    const state = async (id: string) => (await db.explain('notes', id)).state
    expect([await state('nobody'), await state('a')]).toEqual(['missing', 'synced'])
    fake.answer = ({ change, id }) =>
      id === 'b'
        ? { change, state: 'rejected', code: 'invalid', reason: 'The reason.' }
        : id === 'c'
          ? { change, state: 'unknown' }
          : undefined
    for (const id of ['a', 'b', 'c']) await rows.put(id, { n: 2 })
    expect(await state('a')).toBe('waiting')
    fake.put('a', { n: 3 })
    await sync()
    await world.pass(5_000)
    expect([await state('a'), await state('b'), await state('c')]).toEqual(['asked', 'held', 'sent'])
    expect((await db.explain('notes', 'b')).message).toContain('The reason.')
    const [entry] = await db.conflicts.list()
    expect((await db.explain('notes', 'a')).message).toContain(entry!.id)
  })

  test('says when the next try is', async () => {
    const { rows, fake, db, world } = await appOf()
    for (let at = 0; at < 20; at++) fake.failPulls.push(new SyncError('network', 'Away.'))
    await rows.put('a', { n: 1 })
    await world.pass(20_000)
    const why = await db.explain('notes', 'a')
    expect(why).toMatchObject({ state: 'waiting', message: expect.stringContaining('Away.') })
    expect(why.nextTry).toBeGreaterThan(world.now())
  })
})

test('a folder that is put, filled and moved by one app arrives as it is', async () => {
  const { db, fake, world } = await appOf({ name: 'tree', source: tree })
  await db.write(async ({ tree }) => {
    await tree!.put('x', file('x', 'f'))
    await tree!.put('f', folder('f', 'g'))
    await tree!.put('g', folder('g'))
  })
  await world.pass(10_000)
  expect(fake.sent.map(batch => batch.map(({ id }) => id))).toEqual([['g', 'f', 'x']])
})
