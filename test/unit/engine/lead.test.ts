import { afterEach, expect, test } from 'vitest'
import { serverClock } from '../../../src/client/clock.ts'
import { startEngine } from '../../../src/engine/engine.ts'
import { lead } from '../../../src/engine/lead.ts'
import { SyncError } from '../../../src/errors.ts'
import { shapeOf } from '../../../src/ledger/migrate.ts'
import { getRow, type Leadership } from '../../../src/ledger/rows.ts'
import type { Platform } from '../../../src/platform.ts'
import { collection, defineSchema } from '../../../src/schema.ts'
import type { Store } from '../../../src/store.ts'
import { memory, memoryDisk } from '../../../src/stores/memory.ts'
import { createResolver } from '../../../src/strategies/index.ts'
import { fakeOf, notes, type Tab, type World, worldOf } from './kit.ts'

const ends: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0)) await end()
})

const schema = defineSchema({ version: 1, collections: { notes: collection({ ...notes, remote: 'fake' }) } })

function place(world: World = worldOf()) {
  return { world, disk: memoryDisk(world.uuid()) }
}

/** A context that wants to lead, and what it did when. */
async function candidate(
  { world, disk }: ReturnType<typeof place>,
  change: (tab: Tab) => Platform = tab => tab.platform,
  changeStore: (store: Store) => Store = store => store,
) {
  const tab = world.tab()
  const store = changeStore(await memory('m', { disk }).open(shapeOf(schema), tab.platform))
  const end = new AbortController()
  const epochs: number[] = []
  const lost: number[] = []
  const done = lead({ store, platform: change(tab), name: 'm', signal: end.signal }, async (epoch, gone) => {
    epochs.push(epoch)
    await new Promise<void>(resolve => {
      if (gone.aborted) resolve()
      else gone.addEventListener('abort', () => resolve(), { once: true })
    })
    lost.push(epoch)
  })
  ends.push(async () => {
    end.abort()
    tab.frozen = false
    await world.pass(1)
    await done
  })
  const leader = () => store.read({ records: [], rows: ['meta'] }, tx => getRow<Leadership>(tx, 'meta', ['leader']))
  return { tab, epochs, lost, leader, done, stop: () => end.abort() }
}

/** Channels that the tabs of one machine share. */
function withChannels(): (tab: Tab) => Platform {
  const listeners = new Set<{ tab: Tab; name: string; hear: (message: unknown) => void }>()
  return tab => ({
    ...tab.platform,
    channel: name => ({
      post: message => {
        for (const one of listeners) if (one.tab !== tab && one.name === name && !one.tab.frozen) one.hear(message)
      },
      listen: hear => {
        const one = { tab, name, hear }
        listeners.add(one)
        return () => listeners.delete(one)
      },
      close() {},
    }),
  })
}

/** Its timers come at most once a minute, as those of a tab that is long in the background. */
const throttled = (platform: Platform): Platform => ({
  ...platform,
  sleep: (ms, signal) => platform.sleep(Math.max(ms, 60_000), signal),
})

test('one of two leads, and the other follows when it leaves in order', async () => {
  const here = place()
  const one = await candidate(here)
  await here.world.pass(10)
  const other = await candidate(here)
  await here.world.pass(30_000)
  expect([one.epochs, other.epochs]).toEqual([[1], []])
  one.stop()
  await here.world.pass(10)
  expect([one.lost, other.epochs]).toEqual([[1], [2]])
})

test('a frozen leader is robbed, and finds out when it thaws', async () => {
  const here = place()
  const one = await candidate(here)
  await here.world.pass(5_000)
  const other = await candidate(here)
  await here.world.pass(5_000)
  one.tab.frozen = true
  await here.world.pass(20_000)
  expect([one.epochs, other.epochs]).toEqual([[1], [2]])
  one.tab.frozen = false
  await here.world.pass(20_000)
  expect(one.lost).toEqual([1])
  expect([one.epochs, other.epochs, other.lost]).toEqual([[1], [2], []])
  expect(await other.leader()).toMatchObject({ epoch: 2 })
})

test('a leader that beats is never robbed, however long the others wait', async () => {
  const here = place()
  const one = await candidate(here)
  const others = [await candidate(here), await candidate(here)]
  await here.world.pass(600_000)
  expect([one.epochs, ...others.map(({ epochs }) => epochs)]).toEqual([[1], [], []])
})

test('a leader whose timers are throttled is asked, and beats: only one that does not is robbed', async () => {
  const here = place()
  const channels = withChannels()
  const one = await candidate(here, tab => throttled(channels(tab)))
  await here.world.pass(5_000)
  const other = await candidate(here, channels)
  await here.world.pass(600_000)
  expect([one.epochs, one.lost, other.epochs]).toEqual([[1], [], []])
  one.tab.frozen = true
  await here.world.pass(20_000)
  expect(other.epochs).toEqual([2])
})

test('a leader that cannot beat because the storage is full is left alone, one whose store fails is robbed (F5)', async () => {
  for (const code of ['storage-full', 'storage-unavailable'] as const) {
    const here = place()
    const channels = withChannels()
    let fails = false
    await candidate(here, channels, store => ({
      ...store,
      write: (scope, work, options) =>
        fails ? Promise.reject(new SyncError(code, 'as the test wants it')) : store.write(scope, work, options),
    }))
    await here.world.pass(5_000)
    const other = await candidate(here, channels)
    fails = true
    await here.world.pass(60_000)
    expect([code, other.epochs]).toEqual([code, code === 'storage-full' ? [] : [2]])
  }
})

test('a leader whose store was upgraded by newer code leaves for good within a beat (I18)', async () => {
  const here = place()
  const one = await candidate(here)
  await here.world.pass(5_000)
  const newer = await memory('m', { disk: here.disk }).open(
    { ...shapeOf(schema), version: 2 },
    here.world.tab().platform,
  )
  const other = await candidate(here, undefined, () => newer)
  await here.world.pass(4_000)
  expect([one.epochs, one.lost, other.epochs]).toEqual([[1], [1], [2]])
  await one.done
})

test('where the lock is seen by one process only, the beat in the store tells that another leads', async () => {
  const here = place()
  const alone = (tab: Tab): Platform => ({
    ...tab.platform,
    locks: {
      everywhere: false,
      hold: async (_name, { signal }, work) => work(new AbortController().signal).then(() => signal.throwIfAborted()),
    },
  })
  const one = await candidate(here, alone)
  await here.world.pass(4_000)
  const other = await candidate(here, alone)
  await here.world.pass(60_000)
  expect([one.epochs, other.epochs]).toEqual([[1], []])
  one.tab.frozen = true
  await here.world.pass(20_000)
  expect(other.epochs).toEqual([2])
  one.tab.frozen = false
  await here.world.pass(10_000)
  expect([one.lost, other.lost]).toEqual([[1], []])
  // Of several that find it dead at once only one takes over.
  other.tab.frozen = true
  const others = [await candidate(here, alone), await candidate(here, alone), await candidate(here, alone)]
  await here.world.pass(60_000)
  expect([one, ...others].flatMap(({ epochs }) => epochs)).toEqual(expect.arrayContaining([1, 3]))
  expect([one, ...others].flatMap(({ epochs }) => epochs)).toHaveLength(2)
})

test('of two engines on one store one works; robbed, its commits and requests are refused', async () => {
  const { world, disk } = place()
  const fake = fakeOf()
  async function engine() {
    const tab = world.tab()
    const store = await memory('m', { disk }).open(shapeOf(schema), tab.platform)
    const running = startEngine({
      store,
      name: 'm',
      schema,
      remotes: { fake: fake.transport },
      platform: tab.platform,
      resolver: createResolver(),
      device: { id: 'd', name: 'D' },
      clock: serverClock(tab.platform),
      onMassDelete: 'ask',
      keep: 1_000_000,
      report() {},
    })
    ends.push(async () => {
      tab.frozen = false
      const stopped = running.stop()
      await world.pass(100)
      await stopped
    })
    return { tab, store, running }
  }
  const one = await engine()
  await world.pass(1_000)
  const other = await engine()
  await world.pass(1_000)
  expect([one.running.state('fake').leads, other.running.state('fake').leads]).toEqual([true, false])

  // The first is frozen while a page is under way; it thaws when the other leads.
  fake.put('a', { n: 1 })
  let thaw = () => {}
  const thawed = new Promise<void>(resolve => {
    thaw = resolve
  })
  fake.whilePulling = () => {
    fake.whilePulling = undefined
    one.tab.frozen = true
    return thawed
  }
  fake.nudge()
  await world.pass(30_000)
  expect(other.running.state('fake').leads).toBe(true)
  const read = () => other.store.read({ records: ['notes'], rows: [] }, tx => tx.records('notes').list())
  expect(await read()).toMatchObject([{ id: 'a', value: { n: 1 } }])
  fake.put('a', { n: 2 })
  one.tab.frozen = false
  thaw()
  await world.pass(5_000)
  expect(one.running.state('fake').leads).toBe(false)
  await world.pass(60_000)
  expect(await read()).toMatchObject([{ id: 'a', value: { n: 2 } }])
})
