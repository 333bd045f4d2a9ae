/** What the app hears of its storage, and what is done for it. */
import 'fake-indexeddb/auto'
import { copyFileSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { IDBFactory } from 'fake-indexeddb'
import { afterEach, describe, expect, onTestFinished, test } from 'vitest'
import { open } from '../../../src/client/open.ts'
import type { Records } from '../../../src/client/records.ts'
import type { StorageStatus } from '../../../src/client/storage.ts'
import type { Db } from '../../../src/client/types.ts'
import { type Code, SyncError } from '../../../src/errors.ts'
import type { Identity } from '../../../src/ledger/rows.ts'
import type { Platform } from '../../../src/platform.ts'
import type { Collection, Schema } from '../../../src/schema.ts'
import type { Scope, Store, StoreDriver, Writer } from '../../../src/store.ts'
import { spaces } from '../../../src/store.ts'
import { indexeddb } from '../../../src/stores/indexeddb/index.ts'
import { memory, memoryDisk } from '../../../src/stores/memory.ts'
import { sqlite } from '../../../src/stores/sqlite.ts'
import { type Fake, fakeOf, tree, turns, type World, worldOf } from '../engine/kit.ts'
import { heard, type Row } from './app.ts'

const opened = new Set<Db>()
afterEach(async () => {
  for (const db of opened) await db.close()
  opened.clear()
})

/** What a browser says about the storage of a site. */
function browser() {
  const marks = new Map<string, string>()
  const says = { persisted: false, agrees: true, asked: 0, usage: 10, quota: 1_000 }
  const storage: NonNullable<Platform['storage']> = {
    persisted: async () => says.persisted,
    async persist() {
      says.asked++
      says.persisted = says.agrees
      return says.agrees
    },
    estimate: async () => ({ usage: says.usage, quota: says.quota }),
  }
  const kept: NonNullable<Platform['marks']> = {
    get: name => marks.get(name),
    set: (name, text) => (text === undefined ? marks.delete(name) : marks.set(name, text)),
  }
  return { says, marks, platform: { storage, marks: kept } }
}

/** A durable store that the browser may evict, on a disk in memory, and what goes wrong with it. */
function evictable(world: World, disk = memoryDisk(world.uuid())) {
  const fails = { with: undefined as Code | undefined, when: (_: Scope, __: Writer): unknown => true }
  const driver: StoreDriver = {
    name: 'm',
    async open(shape, platform) {
      const store = await memory('m', { disk }).open(shape, platform)
      const evictable: Store = {
        ...store,
        durable: true,
        evictable: true,
        write: (scope, work, options) =>
          store.write(
            scope,
            async tx => {
              const result = await work(tx)
              if (fails.with && (await fails.when(scope, tx))) throw new SyncError(fails.with, 'as the test wants it')
              return result
            },
            options,
          ),
      }
      return evictable
    },
  }
  return { disk, driver, fails }
}

interface App {
  readonly world?: World
  readonly fake?: Fake
  readonly store?: StoreDriver
  readonly platform?: Partial<Platform>
  readonly local?: true
  readonly version?: number
}

async function app({ world = worldOf(), fake = fakeOf(), platform, local, version = 1, ...more }: App = {}) {
  const [[name, source] = ['notes', {}]] = Object.entries(fake.transport.sources)
  const rows: Collection<Row> = { ...source, ...(!local && { remote: 'fake' }) }
  const schema: Schema = { version, collections: { [name]: rows }, migrations: {} }
  const store = more.store ?? evictable(world).driver
  const tab = world.tab()
  const db = (await open({
    store,
    schema,
    remotes: { fake: fake.transport },
    platform: { ...tab.platform, ...platform },
  })) as unknown as Db
  opened.add(db)
  await world.pass(1_000)
  const data = db.data[name] as unknown as Records<Row>
  return { world, fake, db, data, tab, status: () => db.storage.status.get() }
}

describe('the status', () => {
  test('of memory is not durable, and says what that risks: only what is not synced', async () => {
    const { status, data, db, world } = await app({ store: memory() })
    expect(await status()).toEqual({ durable: false, unsynced: 0, atRisk: [] })
    await db.remotes.fake!.pause()
    await data.add({ n: 1 })
    expect(await status()).toEqual({ durable: false, unsynced: 1, atRisk: ['not-durable'] })
    await db.remotes.fake!.resume()
    await world.pass(1_000)
    expect(await status()).toEqual({ durable: false, unsynced: 0, atRisk: [] })
    expect(await db.storage.persist()).toBe(false)
  })

  test('of a browser says what it promised, uses and allows, and that it may evict what is not synced (F20)', async () => {
    const { says, platform } = browser()
    says.agrees = false
    const { status, data, db, world } = await app({ platform })
    await db.remotes.fake!.pause()
    const { answers, stop } = heard<StorageStatus>(db.storage.status)
    await turns()
    await data.add({ n: 1 })
    await turns()
    const risky = { durable: true, persisted: false, usage: 10, quota: 1_000, unsynced: 1, atRisk: ['evictable'] }
    expect(answers).toEqual([{ ...risky, unsynced: 0, atRisk: [] }, risky])
    says.agrees = true
    expect(await db.storage.persist()).toBe(true)
    await turns()
    expect(answers.at(-1)).toEqual({ ...risky, persisted: true, atRisk: [] })
    says.usage = 900
    await world.pass(61_000)
    expect(answers.at(-1)).toMatchObject({ usage: 900 })
    stop()
    says.usage = 950
    await world.pass(200_000)
    expect(answers.at(-1)).toMatchObject({ usage: 900 })
    expect(await status()).toMatchObject({ usage: 950 })
  })

  test('counts what lives on this device only as not synced', async () => {
    const { status, data } = await app({ local: true, platform: browser().platform })
    const id = await data.add({ n: 1 })
    expect(await status()).toMatchObject({ unsynced: 1 })
    await data.delete(id)
    expect(await status()).toMatchObject({ unsynced: 0 })
  })

  test('a browser that says nothing has promised nothing, and one that lies or throws breaks nothing (F22)', async () => {
    const silent = await app()
    await silent.db.remotes.fake!.pause()
    await silent.data.add({ n: 1 })
    expect(await silent.status()).toEqual({ durable: true, persisted: false, unsynced: 1, atRisk: ['evictable'] })
    const throws = () => Promise.reject(new TypeError('no'))
    const { status, data } = await app({
      platform: { storage: { persisted: throws, persist: throws, estimate: throws } },
    })
    await data.add({ n: 1 })
    await turns()
    expect(await status()).toMatchObject({ durable: true, persisted: false })
  })
})

describe('a store that fails', () => {
  test('is said to, is not called safe meanwhile, and is well again by itself (F8, F9)', async () => {
    const world = worldOf()
    const { driver } = evictable(world)
    let lost = false
    const fail = () => Promise.reject(new SyncError('storage-unavailable', 'as the test wants it'))
    const failing: StoreDriver = {
      name: driver.name,
      async open(shape, platform) {
        const store = await driver.open(shape, platform)
        return {
          ...store,
          read: (scope, work) => (lost ? fail() : store.read(scope, work)),
          write: (scope, work, options) => (lost ? fail() : store.write(scope, work, options)),
        }
      },
    }
    const { db, data, fake } = await app({ world, store: failing })
    const { answers } = heard<StorageStatus>(db.storage.status)
    await world.pass(100)
    lost = true
    await expect(data.add({ n: 1 })).rejects.toMatchObject({ code: 'storage-unavailable' })
    await world.pass(10_000)
    const problem = { code: 'storage-unavailable', message: 'as the test wants it' }
    expect(answers.at(-1)).toEqual({ durable: true, persisted: false, atRisk: ['evictable'], problem })
    const said = answers.length
    await world.pass(3_600_000)
    expect(answers.length).toBe(said)
    lost = false
    await data.add({ n: 2 }, 'a')
    await world.pass(120_000)
    expect(answers.at(-1)).toEqual({ durable: true, persisted: false, unsynced: 0, atRisk: [] })
    expect(fake.values()).toEqual({ a: { n: 2 } })
  })
})

describe('persistence', () => {
  test('is asked for once: after the first acknowledged write, and never before or again', async () => {
    const world = worldOf()
    const { says, platform } = browser()
    says.agrees = false
    const { disk, driver } = evictable(world)
    const one = await app({ world, store: driver, platform })
    await one.db.conflicts.list()
    expect(says.asked).toBe(0)
    await one.data.add({ n: 1 })
    await turns()
    expect(says.asked).toBe(1)
    await one.data.add({ n: 2 })
    await turns()
    await one.db.close()
    const other = await app({ world, store: evictable(world, disk).driver, platform })
    await other.data.add({ n: 3 })
    await turns()
    expect(says.asked).toBe(1)
  })

  test('is not asked for where it is promised already', async () => {
    const { says, platform } = browser()
    says.persisted = true
    const { data } = await app({ platform })
    await data.add({ n: 1 })
    await turns()
    expect(says.asked).toBe(0)
  })
})

describe('a full storage', () => {
  test('rejects writes whole, says so, and takes them again when there is room (F5)', async () => {
    const world = worldOf()
    const { driver, fails } = evictable(world)
    const { db, data, status } = await app({ world, store: driver })
    const { answers } = heard<StorageStatus>(db.storage.status)
    await turns()
    fails.with = 'storage-full'
    await expect(data.add({ n: 1 }, 'a')).rejects.toMatchObject({ code: 'storage-full' })
    expect([await data.list(), await db.outbox.list()]).toEqual([[], []])
    expect(await status()).toMatchObject({ problem: { code: 'storage-full', message: 'as the test wants it' } })
    await turns()
    expect(answers.at(-1)).toHaveProperty('problem')
    fails.with = undefined
    await data.add({ n: 1 }, 'a')
    expect(await status()).not.toHaveProperty('problem')
    await world.pass(5_000)
    expect(answers.at(-1)).not.toHaveProperty('problem')
  })

  test('stops no push: the outbox drains while news wait, and all goes on by itself (F5, F6)', async () => {
    const world = worldOf()
    const { driver, fails } = evictable(world)
    const { db, data, fake } = await app({ world, store: driver })
    fake.put('old', { n: 1 })
    db.remotes.fake!.sync()
    await world.pass(1_000)
    await db.remotes.fake!.pause()
    await data.put('old', { n: 2 })
    let known = 1
    fails.when = async (scope, tx) =>
      scope.records.includes('notes') && (await tx.records('notes').count()) > known && scope.rows.includes('private')
    fails.with = 'storage-full'
    fake.put('news', { n: 1 })
    await db.remotes.fake!.resume()
    await world.pass(30_000)
    expect(fake.values()).toEqual({ old: { n: 2 }, news: { n: 1 } })
    expect(await db.outbox.list()).toEqual([])
    expect((await data.list()).map(({ id }) => id)).toEqual(['old'])
    expect(await db.remotes.fake!.status.get()).toMatchObject({ phase: 'waiting', reason: { code: 'storage-full' } })
    known = 2
    await world.pass(120_000)
    expect((await data.list()).map(({ id }) => id)).toEqual(['news', 'old'])
    expect(await db.remotes.fake!.status.get()).toMatchObject({ phase: 'synced' })
  })

  test('drops what the remote has too first, and keeps what is only here', async () => {
    const world = worldOf()
    const { driver, disk, fails } = evictable(world)
    const fake = fakeOf({ source: tree, name: 'files' })
    const { db, data } = await app({ world, store: driver, fake })
    const bytes = (n: number) => new Uint8Array([n])
    await data.write('there', bytes(1), { kind: 'file', name: 'there', parent: 'root' } as never)
    await world.pass(2_000)
    expect(await db.outbox.list()).toEqual([])
    await db.remotes.fake!.pause()
    await world.pass(10_000)
    await data.write('here', bytes(2), { kind: 'file', name: 'here', parent: 'root' } as never)
    // There is room for the bytes of two.
    fails.when = async (_, tx) => (await tx.rows('bodies').count()) > 2
    fails.with = 'storage-full'
    await data.write('more', bytes(3), { kind: 'file', name: 'more', parent: 'root' } as never)
    const raw = await memory('m', { disk }).open(
      { version: 1, collections: { files: { index: [] } }, migrations: {} },
      world.tab().platform,
    )
    const kept = await raw.read({ records: [], rows: ['bodies'] }, tx => tx.rows('bodies').list())
    expect(kept.map(({ row }) => (row as { bytes: Uint8Array }).bytes[0]).sort()).toEqual([2, 3])
    // Now nothing is left to drop: what is only here is not.
    const last = data.write('last', bytes(4), { kind: 'file', name: 'last', parent: 'root' } as never)
    await expect(last).rejects.toMatchObject({ code: 'storage-full' })
    expect(await data.read('here')).toEqual(bytes(2))
    await raw.close()
  })
})

describe('a store that newer code has upgraded', () => {
  test('is read on by the old tab, which says what to do; the new one goes on (F14, F15, I18)', async () => {
    const world = worldOf()
    const factory = new IDBFactory()
    const fake = fakeOf()
    const one = await app({ world, fake, store: indexeddb('shared', { factory }) })
    const { answers } = heard<StorageStatus>(one.db.storage.status)
    await one.data.add({ n: 1 }, 'a')
    await world.pass(1_000)
    const other = await app({ world, fake, store: indexeddb('shared', { factory }), version: 2 })
    await other.data.add({ n: 2 }, 'b')
    await world.pass(20_000)
    expect(answers.at(-1)!.problem).toMatchObject({ code: 'storage-newer' })
    await expect(one.data.add({ n: 3 })).rejects.toMatchObject({ code: 'storage-newer' })
    expect((await one.data.list()).map(({ id }) => id)).toEqual(['a', 'b'])
    expect(one.db.remotes.fake && (await one.db.remotes.fake.status.get()).leads).toBe(false)
    expect((await other.db.remotes.fake!.status.get()).leads).toBe(true)
    expect(fake.values()).toEqual({ a: { n: 1 }, b: { n: 2 } })
    const late = await app({ world, fake, store: indexeddb('shared', { factory }) })
    expect(late.db.device.id).toBe(other.db.device.id)
    expect(await late.data.get('b')).toEqual({ n: 2 })
    expect(await late.status()).toMatchObject({ problem: { code: 'storage-newer' } })
    await expect(late.data.delete('b')).rejects.toMatchObject({ code: 'storage-newer' })
  })
})

describe('the identity', () => {
  const everything = { records: ['notes'], rows: spaces }

  /** As the browser, or a person, empties it. */
  async function emptied(world: World, disk: ReturnType<typeof memoryDisk>): Promise<void> {
    const shape = { version: 1, collections: { notes: { index: [] } }, migrations: {} }
    const raw = await memory('m', { disk }).open(shape, world.tab().platform)
    await raw.write(everything, async tx => {
      const records = await tx.records('notes').list({ deleted: true })
      await tx.records('notes').deleteMany(records.map(({ id }) => id))
      for (const space of spaces) {
        const rows = await tx.rows(space).list()
        await tx.rows(space).deleteMany(rows.map(({ key }) => key))
      }
    })
    await raw.close()
  }

  test('of a store that was emptied is another, which is said; nothing is deleted at the remote (I10, F17, F20)', async () => {
    const world = worldOf()
    const { marks, platform } = browser()
    const { disk, driver } = evictable(world)
    const fake = fakeOf()
    const one = await app({ world, fake, store: driver, platform })
    await one.data.add({ n: 1 }, 'a')
    await world.pass(1_000)
    await one.db.close()
    await emptied(world, disk)
    const other = await app({ world, fake, store: driver, platform })
    expect(other.db.device.id).not.toBe(one.db.device.id)
    expect((await other.status()).anew).toMatchObject({ why: 'emptied' })
    expect([fake.values(), await other.data.list()]).toEqual([{ a: { n: 1 } }, [{ id: 'a', value: { n: 1 } }]])
    await other.db.close()
    const again = await app({ world, fake, store: driver, platform })
    expect(again.db.device.id).toBe(other.db.device.id)
    expect(marks.size).toBe(1)
  })

  test('of a store that is emptied while it is open is another soon, and it walks everything (I10, F20)', async () => {
    const world = worldOf()
    const { platform } = browser()
    const { disk, driver } = evictable(world)
    const fake = fakeOf()
    const one = await app({ world, fake, store: driver, platform })
    await one.data.add({ n: 1 }, 'a')
    await world.pass(1_000)
    expect(fake.joins).toBe(1)
    await emptied(world, disk)
    await world.pass(30_000)
    expect(fake.joins).toBe(2)
    expect(fake.pulled.filter(cursor => cursor === undefined)).toHaveLength(2)
    expect([fake.values(), await one.data.list()]).toEqual([{ a: { n: 1 } }, [{ id: 'a', value: { n: 1 } }]])
    expect((await one.status()).anew).toMatchObject({ why: 'emptied' })
    await one.db.close()
    const again = await app({ world, fake, store: driver, platform })
    expect(again.db.device.id).not.toBe(one.db.device.id)
    await world.pass(1_000)
    expect(fake.joins).toBe(2)
  })

  test('of a store that was restored from an older copy is another: its cursor is not used, its work goes out (I11)', async () => {
    const world = worldOf()
    const { platform } = browser()
    const fake = fakeOf()
    const { disk, driver } = evictable(world)
    const one = await app({ world, fake, store: driver, platform })
    await one.data.add({ n: 1 }, 'a')
    await world.pass(1_000)
    await one.db.remotes.fake!.pause()
    await one.data.add({ n: 2 }, 'unsent')
    await one.db.close()
    const shape = { version: 1, collections: { notes: { index: [] } }, migrations: {} }
    const raw = await memory('m', { disk }).open(shape, world.tab().platform)
    const identity = {
      key: ['identity'],
      row: { device: one.db.device.id, createdAt: 0, opened: 1 } satisfies Identity,
    }
    // It was opened thrice since this copy was made.
    for (let n = 0; n < 3; n++) {
      const between = await app({ world, fake, store: driver, platform })
      expect(between.db.device.id).toBe(one.db.device.id)
      await between.db.close()
    }
    await raw.write(everything, tx => tx.rows('meta').putMany([identity]))
    await raw.close()
    const walks = fake.pulled.filter(cursor => cursor === undefined).length
    const other = await app({ world, fake, store: driver, platform })
    expect(other.db.device.id).not.toBe(one.db.device.id)
    expect((await other.status()).anew).toMatchObject({ why: 'restored' })
    await other.db.remotes.fake!.resume()
    await world.pass(5_000)
    expect(fake.pulled.filter(cursor => cursor === undefined).length).toBe(walks + 1)
    expect(fake.values()).toEqual({ a: { n: 1 }, unsent: { n: 2 } })
  })

  test('of a file that was copied is another, of one that was moved the same (I10)', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tidemark-copy-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const at = (name: string) => join(folder, name)
    const world = worldOf()
    const one = await app({ world, store: sqlite(at('one')), local: true })
    await one.data.add({ n: 1 }, 'a')
    await one.db.close()
    copyFileSync(at('one'), at('copy'))
    renameSync(at('one'), at('moved'))
    const moved = await app({ world, store: sqlite(at('moved')), local: true })
    expect(moved.db.device.id).toBe(one.db.device.id)
    const copy = await app({ world, store: sqlite(at('copy')), local: true })
    expect(copy.db.device.id).not.toBe(one.db.device.id)
    expect((await copy.status()).anew).toMatchObject({ why: 'copied' })
    expect(await copy.data.get('a')).toEqual({ n: 1 })
    await copy.db.close()
    const again = await app({ world, store: sqlite(at('copy')), local: true })
    expect(again.db.device.id).toBe(copy.db.device.id)
  })

  test('is compared with a second place that may be missing, full or foul', async () => {
    const world = worldOf()
    const { driver } = evictable(world)
    const fake = fakeOf()
    const one = await app({ world, fake, store: driver, platform: browser().platform })
    await one.db.close()
    const throws = () => {
      throw new DOMException('no', 'SecurityError')
    }
    for (const marks of [
      undefined,
      { get: throws, set: throws },
      { get: () => '{"device":1}', set() {} },
      { get: () => '<', set() {} },
    ]) {
      const again = await app({ world, fake, store: driver, ...(marks && { platform: { marks } }) })
      expect(again.db.device.id).toBe(one.db.device.id)
      await again.db.close()
    }
  })
})

test('a live question is asked again after a commit of which nobody says what it touched', async () => {
  const world = worldOf()
  const inner = memory('m')
  // As between processes: another's commit is "anything".
  const store: StoreDriver = {
    name: inner.name,
    async open(shape, platform) {
      const store = await inner.open(shape, platform)
      return { ...store, watch: listener => store.watch(() => listener([{}])) }
    },
  }
  const { data } = await app({ world, store })
  const { answers } = heard(data.live('a'))
  await turns()
  await data.put('a', { n: 1 })
  await turns()
  expect(answers).toEqual([undefined, { n: 1 }])
})
