import { afterEach, describe, expect, test } from 'vitest'
import type { Reader, Store, StoreDriver, Touched } from '../../../src/store.ts'
import { memory, memoryDisk } from '../../../src/stores/memory.ts'
import { file, folder, tree } from '../engine/kit.ts'
import { appOf, closeAll, heard } from './app.ts'

afterEach(closeAll)

/** A store that counts the questions asked of it, and loses messages or fails when told. */
function watched(disk = memoryDisk('watched')) {
  const seen = { lists: 0, reads: 0, deaf: false, failing: false }
  const inner = memory('m', { disk })
  const counting = (tx: Reader): Reader => ({
    rows: space => tx.rows(space),
    records(name) {
      const from = tx.records(name)
      return {
        ...from,
        list(query) {
          seen.lists++
          return from.list(query)
        },
      }
    },
  })
  const store: StoreDriver = {
    name: inner.name,
    async open(shape, platform) {
      const open = await inner.open(shape, platform)
      const wrapped: Store = {
        ...open,
        read(scope, work) {
          seen.reads++
          if (seen.failing) return Promise.reject(new Error('gone'))
          return open.read(scope, tx => work(counting(tx)))
        },
        watch: hear => open.watch((touched: readonly Touched[]) => seen.deaf || hear(touched)),
      }
      return wrapped
    },
  }
  return { seen, store }
}

async function app(index: readonly string[] = ['n']) {
  const { seen, store } = watched()
  const one = await appOf({ store, index })
  await one.db.remotes.fake.pause()
  await one.world.pass(1_000)
  /** How often `live` asks while `work` happens. */
  const runs = async (work: () => Promise<unknown>): Promise<number> => {
    seen.lists = 0
    await work()
    await one.world.pass(100)
    return seen.lists
  }
  return { ...one, seen, runs }
}

describe('a live query is asked again', () => {
  test.each([
    ['with an index', ['n']],
    ['without one', []],
  ])('only when its range is touched, %s', async (_, index) => {
    const { rows, runs, world } = await app(index)
    for (let n = 0; n < 10; n++) await rows.put(`r${n}`, { n })
    const { answers } = heard(rows.where('n').between(3, 5).live())
    await world.pass(1_000)
    expect(await runs(() => rows.put('r1', { n: 2 }))).toBe(0) // stays outside
    expect(await runs(() => rows.put('new', { n: 9 }))).toBe(0) // begins outside
    expect(await runs(() => rows.delete('r9'))).toBe(0)
    expect(await runs(() => rows.put('r4', { n: 4 }))).toBe(0) // is what it was
    expect(answers).toHaveLength(1)
    expect(await runs(() => rows.put('r4', { n: 4, more: true }))).toBe(1)
    expect(await runs(() => rows.put('r1', { n: 3 }))).toBe(1) // comes in
    expect(await runs(() => rows.put('r1', { n: 8 }))).toBe(1) // goes out
    expect(await runs(() => rows.delete('r5'))).toBe(1)
    expect(
      answers.map(list =>
        list
          .map(one => one.id)
          .sort()
          .join(),
      ),
    ).toEqual(['r3,r4,r5', 'r3,r4,r5', 'r1,r3,r4,r5', 'r3,r4,r5', 'r3,r4'])
  })

  test('not for what its filter drops, and for what moves in under its limit', async () => {
    const { rows, runs, world } = await app()
    for (let n = 0; n < 10; n++) await rows.put(`r${n}`, { n })
    const even = rows.orderBy('n').filter(({ value }) => Number(value.n) % 2 === 0)
    const { answers } = heard(even.limit(2).live())
    await world.pass(1_000)
    expect(await runs(() => rows.put('odd', { n: 1 }))).toBe(0)
    expect(await runs(() => rows.delete('r8'))).toBe(0) // was beyond the limit
    await rows.delete('r0')
    await world.pass(100)
    expect(answers.map(list => list.map(one => one.id))).toEqual([
      ['r0', 'r2'],
      ['r2', 'r4'],
    ])
  })

  test('not for another record, nor for what the remote says to a change', async () => {
    const { db, rows, seen, world, runs } = await app()
    await rows.put('a', { n: 1 })
    await rows.put('b', { n: 1 })
    const one = heard(rows.live('a'))
    const all = heard(rows.live())
    await world.pass(1_000)
    expect(await runs(() => rows.put('b', { n: 2 }))).toBe(1)
    expect(await runs(() => db.remotes.fake.resume())).toBe(0)
    await world.pass(3_000)
    expect([(await db.outbox.list()).length, one.answers.length, all.answers.length]).toEqual([0, 1, 2])
    all.stop()
    seen.reads = 0
    await db.remotes.fake.pause()
    await rows.put('b', { n: 3 })
    await world.pass(100)
    expect(one.answers).toHaveLength(1)
  })

  test('once for all commits of a frame, and at once for the first', async () => {
    const { rows, runs, world } = await app()
    const { answers } = heard(rows.where('n').atLeast(0).live())
    await world.pass(1_000)
    const asked = await runs(async () => {
      for (let n = 0; n < 50; n++) await rows.put(`r${n}`, { n })
    })
    expect(asked).toBeLessThanOrEqual(3)
    expect(answers.at(-1)).toHaveLength(50)
    await world.pass(1_000)
    const before = world.now()
    await rows.put('first', { n: 1 })
    await world.pass(0)
    expect([world.now(), answers.at(-1)?.length]).toEqual([before, 51])
  })

  test('when many records are touched at once, without looking at each', async () => {
    const { db, rows, world, runs } = await app()
    const { answers } = heard(rows.where('n').above(1_498).live())
    await world.pass(1_000)
    const many = () =>
      db.write(async tx => {
        for (let n = 0; n < 1_500; n++) await tx.notes!.put(`r${n}`, { n })
      })
    expect(await runs(many)).toBe(1)
    expect(answers.at(-1)).toEqual([{ id: 'r1499', value: { n: 1_499 } }])
  })
})

describe('a message that is lost', () => {
  test('is made up for within seconds (F33, rule 11)', async () => {
    const { rows, seen, world } = await app()
    const { answers } = heard(rows.live('a'))
    const list = heard(rows.where('n').equals(1).live())
    await world.pass(1_000)
    seen.deaf = true
    await rows.put('a', { n: 1 })
    await world.pass(100)
    expect([answers, list.answers]).toEqual([[undefined], [[]]])
    await world.pass(5_000)
    expect([answers, list.answers]).toEqual([
      [undefined, { n: 1 }],
      [[], [{ id: 'a', value: { n: 1 } }]],
    ])
  })

  test('is made up for within a frame when the page wakes (F38)', async () => {
    const { rows, seen, world, tab } = await app()
    const { answers } = heard(rows.live('a'))
    await world.pass(1_000)
    seen.deaf = true
    await rows.put('a', { n: 1 })
    tab.wake()
    await world.pass(16)
    expect(answers).toEqual([undefined, { n: 1 }])
  })

  test('does not keep a write from being told how it ended (F33)', async () => {
    const { db, rows, seen, world } = await app()
    const write = await rows.put('a', { n: 1 })
    let outcome: string | undefined
    void write.settled().then(one => {
      outcome = one
    })
    await world.pass(100)
    seen.deaf = true
    await db.remotes.fake.resume()
    await world.pass(30_000)
    expect(outcome).toBe('accepted')
  })
})

describe('a snapshot', () => {
  test('is the same object until the answer is another, with the parts that did not change', async () => {
    const { rows, world } = await app()
    await rows.put('a', { n: 1, deep: { list: [1] } })
    await rows.put('b', { n: 2 })
    const live = rows.live()
    expect(live.snapshot()).toEqual({ value: undefined, ready: false })
    expect(live.snapshot()).toBe(live.snapshot())
    const { stop } = heard(live)
    await world.pass(100)
    const first = live.snapshot()
    expect(first).toEqual({ value: await rows.list(), ready: true })
    await rows.put('b', { n: 2 })
    await world.pass(10_000)
    expect(live.snapshot()).toBe(first)
    await rows.put('b', { n: 3 })
    await world.pass(100)
    const second = live.snapshot()
    expect(second.value?.map(one => one.value.n)).toEqual([1, 3])
    expect(second.value?.[0]).toBe(first.value?.[0])
    stop()
    expect(live.snapshot()).toBe(second)
  })

  test('is shared by all who listen, also by one who comes later and by one who comes back', async () => {
    const { rows, seen, world } = await app()
    await rows.put('a', { n: 1 })
    const live = rows.live()
    seen.lists = 0
    const one = heard(live)
    const other = heard(live)
    await world.pass(100)
    const late = heard(live)
    expect(late.answers).toEqual([])
    await world.pass(0)
    expect([one.answers, other.answers, late.answers].map(list => list.length)).toEqual([1, 1, 1])
    expect([other.answers[0], late.answers[0]]).toEqual([one.answers[0], one.answers[0]])
    expect(seen.lists).toBe(1)
    for (const { stop } of [one, other, late]) stop()
    await rows.put('a', { n: 2 })
    const again = heard(live)
    await world.pass(100)
    expect([again.answers, one.answers.length]).toEqual([[[{ id: 'a', value: { n: 2 } }]], 1])
  })

  test('says why a question failed, keeps the last answer, and is good again', async () => {
    const { rows, seen, world } = await app()
    await rows.put('a', { n: 1 })
    const live = rows.live('a')
    const failures: unknown[] = []
    const answers: unknown[] = []
    live.subscribe(
      answer => answers.push(answer),
      error => failures.push(error.code),
    )
    await world.pass(100)
    seen.failing = true
    await rows.put('a', { n: 2 })
    await world.pass(100)
    expect(live.snapshot()).toMatchObject({ value: { n: 1 }, ready: true, error: { code: 'bug' } })
    seen.failing = false
    await world.pass(10_000)
    expect(live.snapshot()).toEqual({ value: { n: 2 }, ready: true })
    expect([answers, failures]).toEqual([[{ n: 1 }, { n: 2 }], ['bug']])
  })

  test('of a closed database says so, to those who listened and to those who come', async () => {
    const { db, rows, world } = await app()
    const live = rows.live('a')
    const codes: unknown[] = []
    live.subscribe(
      () => {},
      error => codes.push(error.code),
    )
    await world.pass(100)
    await db.close()
    live.subscribe(
      () => {},
      error => codes.push(error.code),
    )
    await world.pass(0)
    expect(codes).toEqual(['closed', 'closed'])
    expect(live.snapshot()).toMatchObject({ ready: true, error: { code: 'closed' } })
  })
})

test('what is in a folder goes on to be shown by the id that the folder was asked for with', async () => {
  const { rows, sync, world, fake } = await appOf({ name: 'tree', source: tree, rename: id => `the ${id}` })
  await sync()
  await rows.put('f', folder('f'))
  const inside = rows.where('parent').equals('f')
  const { answers } = heard(inside.live())
  await sync()
  await world.pass(100)
  expect(await rows.get('f')).toEqual(folder('f'))
  expect(Object.keys(fake.values())).toEqual(['the f'])
  await rows.put('x', file('x', 'f'))
  await world.pass(100)
  const names = (items: unknown) => (items as { id: string }[]).map(({ id }) => id)
  expect(names(answers.at(-1))).toEqual(['the x'])
  fake.put('y', file('y', 'the f'))
  await sync()
  await world.pass(100)
  expect(names(answers.at(-1))).toEqual(['the x', 'y'])
  expect(names(await inside.get())).toEqual(['the x', 'y'])
  expect(await inside.count()).toBe(2)
})
