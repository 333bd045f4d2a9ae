/** The end of a database, and of an account's data. */
import { afterEach, describe, expect, test } from 'vitest'
import { SyncError } from '../../../src/errors.ts'
import { collection } from '../../../src/schema.ts'
import type { StoreDriver } from '../../../src/store.ts'
import { memory, memoryDisk } from '../../../src/stores/memory.ts'
import { fakeOf, worldOf } from '../engine/kit.ts'
import { appOf, closeAll, type Row } from './app.ts'

afterEach(closeAll)

const extra = { drafts: collection<Row>()({}) }
const codeOf = (call: () => unknown) =>
  Promise.resolve()
    .then(call)
    .then(
      () => 'nothing',
      error => (error instanceof SyncError ? error.code : `${error}`),
    )

describe('a closed database', () => {
  test('is closed once, whoever else says so, and ends what is under way', async () => {
    const { db, world } = await appOf()
    const closing = db.close()
    expect(db.close()).toBe(closing)
    await closing
    await world.pass(60_000)
    await db.close()
  })

  test('says so to every call', async () => {
    const { db, rows } = await appOf({ extra })
    const write = await rows.put('a', { n: 1 })
    await db.close()
    const calls: { readonly [name: string]: () => unknown } = {
      get: () => rows.get('a'),
      put: () => rows.put('a', { n: 2 }),
      add: () => rows.add({ n: 2 }),
      patch: () => rows.patch('a', { n: 2 }),
      delete: () => rows.delete('a'),
      list: () => rows.list(),
      query: () => rows.where('n').equals(1).get(),
      count: () => rows.count(),
      live: () => rows.live('a').get(),
      write: () => db.write(tx => tx.notes!.put('a', { n: 2 })),
      settled: () => write.settled(),
      'settled by id': () => db.write.settled(write.id),
      explain: () => db.explain('notes', 'a'),
      outbox: () => db.outbox.list(),
      retry: () => db.outbox.retry('x'),
      discard: () => db.outbox.discard('x'),
      conflicts: () => db.conflicts.list(),
      resolve: () => db.conflicts.resolve('x', { take: 'local' }),
      undo: () => db.conflicts.undo('x'),
      status: () => db.remotes.fake.status.get(),
      sync: () => db.remotes.fake.sync(),
      synced: () => db.remotes.fake.synced(),
      pause: () => db.remotes.fake.pause(),
      resume: () => db.remotes.fake.resume(),
      allowDeletes: () => db.remotes.fake.allowDeletes(),
      unsynced: () => db.unsynced(),
      wipe: () => db.wipe({ discard: true }),
      async export() {
        for await (const _ of db.export()) return
      },
    }
    const codes = await Promise.all(Object.entries(calls).map(async ([name, call]) => [name, await codeOf(call)]))
    expect(codes).toEqual(Object.keys(calls).map(name => [name, 'closed']))
  })

  test('lets nobody wait for what cannot come any more', async () => {
    const { db, rows, world } = await appOf()
    await db.remotes.fake.pause()
    const write = await rows.put('a', { n: 1 })
    const waiting = [write.settled(), db.remotes.fake.synced()].map(one => codeOf(() => one))
    await world.pass(100)
    await db.close()
    expect(await Promise.all(waiting)).toEqual(['closed', 'closed'])
  })
})

describe('a store that is wiped', () => {
  async function used() {
    const world = worldOf()
    const store = memory('m', { disk: memoryDisk('wiped') })
    const fake = fakeOf()
    for (const id of ['a', 'b', 'c']) fake.put(id, { n: 1 })
    const app = await appOf({ world, store, fake, extra })
    await app.db.data.drafts!.put('draft', { n: 1 })
    return { ...app, again: () => appOf({ world, store, fake, extra }) }
  }

  test('has nothing in it, is closed, and is another device; nothing is deleted at the remote (I10, S20)', async () => {
    const { db, fake, world, again } = await used()
    expect(await db.wipe()).toEqual({ changes: 0, held: 0, asked: 0, local: 1 })
    expect(await codeOf(() => db.data.notes!.list())).toBe('closed')
    await world.pass(60_000)
    const other = await again()
    expect(other.db.device.id).not.toBe(db.device.id)
    expect([await other.rows.count(), await other.db.data.drafts!.count()]).toEqual([3, 0])
    expect([Object.keys(fake.values()), fake.sent]).toEqual([['a', 'b', 'c'], []])
  })

  test('is not, while something in it was not sent: it says how much, and goes on', async () => {
    const { db, rows, fake, world } = await used()
    fake.answer = ({ change }) => ({ change, state: 'rejected', code: 'invalid', reason: 'No.' })
    await rows.put('a', { n: 2 })
    await world.pass(5_000)
    await db.remotes.fake.pause()
    await rows.put('b', { n: 2 })
    const lost = { changes: 1, held: 1, asked: 0, local: 1 }
    expect(await db.unsynced()).toEqual(lost)
    await expect(db.wipe()).rejects.toMatchObject({ code: 'unsynced', details: lost })
    fake.answer = undefined
    const [held] = (await db.outbox.list()).filter(({ state }) => state === 'held')
    await db.outbox.retry(held!.change)
    await db.remotes.fake.resume()
    await world.pass(10_000)
    expect(fake.values()).toMatchObject({ a: { n: 2 }, b: { n: 2 } })
    expect(await db.wipe()).toEqual({ changes: 0, held: 0, asked: 0, local: 1 })
  })

  test('is, when that is to be discarded, and says what went', async () => {
    const { db, rows, fake, again } = await used()
    await db.remotes.fake.pause()
    await rows.put('a', { n: 2 })
    expect(await db.wipe({ discard: true })).toEqual({ changes: 1, held: 0, asked: 0, local: 1 })
    const other = await again()
    expect([await other.rows.get('a'), await other.db.outbox.list(), fake.values().a]).toEqual([{ n: 1 }, [], { n: 1 }])
  })

  test('keeps nothing of a page that comes while it is being wiped', async () => {
    const { db, fake, world, again } = await used()
    let arrive = () => {}
    const arriving = new Promise<void>(resolve => {
      arrive = resolve
    })
    fake.whilePulling = () => arriving
    fake.put('late', { n: 1 })
    db.remotes.fake.sync()
    await world.pass(1_000)
    const wiping = db.wipe()
    arrive()
    await wiping
    fake.whilePulling = undefined
    for (const id of ['a', 'b', 'c', 'late']) fake.rows.delete(id)
    const other = await again()
    expect(await other.rows.list()).toEqual([])
  })
})

describe('another tab with a store that is wiped', () => {
  async function tabs() {
    const world = worldOf()
    const disk = memoryDisk('tabs')
    const fake = fakeOf()
    fake.put('a', { n: 1 })
    const tab = () => appOf({ world, store: memory('m', { disk }), fake })
    const [one, other] = [await tab(), await tab()]
    return { world, one, other, tab }
  }

  test('is closed too, and does not fill it again (S20)', async () => {
    const { world, one, other } = await tabs()
    const codes: string[] = []
    other.rows.live('a').subscribe(
      () => {},
      ({ code }) => codes.push(code),
    )
    await world.pass(100)
    const pulled = one.fake.pulled.length
    await one.db.wipe()
    await world.pass(60_000)
    expect([await codeOf(() => other.rows.list()), codes, one.fake.pulled.length]).toEqual([
      'closed',
      ['closed'],
      pulled,
    ])
  })

  test('does not fill it again, though no message came', async () => {
    const world = worldOf()
    const disk = memoryDisk('deaf')
    const inner = memory('m', { disk })
    const fake = fakeOf()
    fake.put('a', { n: 1 })
    const deaf: StoreDriver = {
      name: inner.name,
      open: async (shape, platform) => ({ ...(await inner.open(shape, platform)), watch: () => () => {} }),
    }
    const other = await appOf({ world, store: deaf, fake })
    const one = await appOf({ world, store: inner, fake })
    const pulled = fake.pulled.length
    await one.db.wipe()
    await world.pass(60_000)
    expect([await other.rows.list(), fake.pulled.length]).toEqual([[], pulled])
    other.tab.wake()
    await world.pass(1_000)
    expect(await codeOf(() => other.rows.list())).toBe('closed')
  })

  test('is closed when it thaws, and leads no more (S20, F30)', async () => {
    const { world, one, other, tab } = await tabs()
    other.tab.frozen = true
    await one.db.wipe()
    await world.pass(60_000)
    const again = await tab()
    await again.rows.put('b', { n: 1 })
    other.tab.frozen = false
    other.tab.wake()
    await world.pass(60_000)
    expect(await codeOf(() => other.rows.list())).toBe('closed')
    expect((await again.rows.list()).map(({ id }) => id)).toEqual(['a', 'b'])
    expect((await again.status()).phase).toBe('synced')
  })
})

test('what an engine in a worker does until it hears of a wipe goes too', async () => {
  const disk = memoryDisk('slow')
  const inner = memory('m', { disk })
  let late = 0
  const store: StoreDriver = {
    name: inner.name,
    async open(shape, platform) {
      const open = await inner.open(shape, platform)
      return {
        ...open,
        async write(scope, work, how) {
          const result = await open.write(scope, work, how)
          const clears = scope.rows.includes('bodies') && scope.rows.includes('private') && late++ === 0
          const row = { id: 'late', value: { n: 1 }, meta: { generation: 1, version: 1 } }
          if (clears) await open.write({ records: ['notes'], rows: [] }, tx => tx.records('notes').putMany([row]))
          return result
        },
      }
    },
  }
  const { db } = await appOf({ store })
  await db.wipe()
  expect([late, await (await appOf({ store: inner, wait: 0 })).rows.list()]).toEqual([2, []])
})

describe('a store', () => {
  test('belongs to the first account that opens it, for good (I21)', async () => {
    const store = memory('m', { disk: memoryDisk('ann') })
    const first = await appOf({ store, account: 'ann' })
    await first.rows.put('a', { n: 1 })
    await first.db.close()
    await expect(appOf({ store, account: 'bob' })).rejects.toMatchObject({ code: 'wrong-account' })
    const again = await appOf({ store, account: 'ann' })
    expect(await again.rows.get('a')).toEqual({ n: 1 })
    await again.db.wipe({ discard: true })
    expect((await appOf({ store, account: 'bob' })).db.device.id).toBeTypeOf('string')
  })
})
