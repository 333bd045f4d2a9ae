import { afterEach, describe, expect, test } from 'vitest'
import type { Strategy } from '../../../src/model.ts'
import type { Turn } from '../../../src/sandbox/cognite/knobs.ts'
import { type CdfRecordsOptions, cdfRecords, eventId, recordId } from '../../../src/transports/cdf-records/index.ts'
import { projectOf } from './plant-app.ts'

const DAY = 24 * 3_600_000

interface Reading {
  readonly n?: number
  readonly name?: string
  readonly count?: bigint
}

const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

const id = (externalId: string) => recordId({ space: 'plant', externalId })

async function plant(options: Partial<CdfRecordsOptions> = {}, knobs: Turn = {}) {
  const project = projectOf(knobs)
  closing.push(project.close)
  const { admin } = project
  const stream = options.immutable ? 'archive' : 'live'
  admin.addSpace('plant')
  const type = (name: string) => ({ type: { type: name } })
  const properties = { n: type('float64'), name: type('text'), count: type('int64') }
  admin.addContainer({ space: 'plant', externalId: 'Reading', usedFor: 'record', properties })
  admin.addStream('live', 'BasicLiveData')
  admin.addStream('archive', 'BasicArchive')
  const app = (rule?: Strategy) =>
    project.app<Reading>({
      ...(rule !== undefined && { rule }),
      source: 'records',
      transport: token =>
        cdfRecords({
          url: 'https://cluster.example',
          project: 'p',
          stream,
          containers: [{ space: 'plant', externalId: 'Reading' }],
          token,
          ...options,
        }),
    })
  const source = { type: 'container', space: 'plant', externalId: 'Reading' } as const
  const item = (externalId: string, properties: object) =>
    ({ space: 'plant', externalId, sources: [{ source, properties: properties as never }] }) as const
  return {
    ...project,
    app,
    there: () =>
      Object.fromEntries(
        Object.entries(project.server.inspect().values(stream)).map(([key, data]) => [key, data.plant?.Reading]),
      ),
    put: (externalId: string, properties: object) => admin.upsert(stream, [item(externalId, properties)]),
  }
}

describe('two devices on one stream', () => {
  test('see what the other adds, edits and deletes, to the last digit', async () => {
    const { app, there, pass } = await plant()
    const [one, other] = [await app(), await app()]
    await one.rows.put(id('a'), { n: 1, count: 9007199254740993n })
    await one.rows.put(id('b'), { n: 2 })
    await pass(40_000)
    expect(await other.all()).toEqual({ 'plant:a': { n: 1, count: 9007199254740993n }, 'plant:b': { n: 2 } })
    await other.rows.patch(id('a'), { n: 5 })
    await other.rows.delete(id('b'))
    await pass(40_000)
    const expected = { 'plant:a': { n: 5, count: 9007199254740993n } }
    expect([await one.all(), await other.all(), there()]).toEqual([expected, expected, expected])
    expect(await one.status()).toMatchObject({ phase: 'synced', pending: 0 })
  })

  test.each<[Strategy, number]>([
    ['LAST_WRITER_WINS', 1],
    ['KEEP_BOTH', 2],
    ['SERVER_WINS', 1],
    ['CLIENT_WINS', 1],
  ])('that make the same record apart agree under %s, and the inbox has what was dropped (I5)', async (rule, count) => {
    const { app, there, pass, server } = await plant()
    const [one, other] = [await app(rule), await app(rule)]
    await pass(1_000)
    server.weather.set({ refuse: 1 })
    await one.rows.put(id('a'), { n: 1 })
    await other.rows.put(id('a'), { n: 2 })
    server.weather.set({})
    await pass(150_000)
    const state = there()
    expect(Object.keys(state)).toHaveLength(count)
    expect([await one.all(), await other.all()]).toEqual([state, state])
    const kept = [...(await one.db.conflicts.live().get()), ...(await other.db.conflicts.live().get())]
    expect(kept.length).toBeGreaterThan(0)
    const values = [...Object.values(state), ...kept.flatMap(({ local, theirs }) => [local.value, theirs.value])]
    for (const n of [1, 2]) expect(values).toContainEqual({ n })
  })
})

describe('a write that becomes visible late', () => {
  test('stays open until its echo, and local reads never go back (I9)', async () => {
    const { app, pass, server } = await plant({ visibleWithin: 20_000 }, { records: { visibleAfter: [8_000, 8_000] } })
    const one = await app()
    await pass(1_000)
    await one.rows.put(id('a'), { n: 1 })
    const seen: unknown[] = []
    one.rows.live(id('a')).subscribe(value => seen.push(value?.n))
    await pass(5_000)
    expect(Object.keys(server.inspect().values('live'))).toEqual(['plant:a'])
    expect(await one.status()).toMatchObject({ phase: 'syncing', pending: 1 })
    await one.rows.patch(id('a'), { n: 2 })
    await pass(120_000)
    expect(await one.status()).toMatchObject({ phase: 'synced', pending: 0 })
    expect([...new Set(seen)].filter(n => n !== undefined)).toEqual([1, 2])
    expect(server.inspect().values('live')['plant:a']).toEqual({ plant: { Reading: { n: 2 } } })
  })

  test('that never shows is settled when the time is over', async () => {
    const { app, pass } = await plant({ visibleWithin: 10_000 }, { records: { visibleAfter: [DAY, DAY] } })
    const one = await app()
    await pass(1_000)
    const write = await one.rows.put(id('a'), { n: 1 })
    await pass(5_000)
    expect((await one.status()).pending).toBe(1)
    await pass(30_000)
    expect((await one.status()).pending).toBe(0)
    expect(await write.settled()).toBe('accepted')
    expect(await one.all()).toEqual({ 'plant:a': { n: 1 } })
  })

  test('and runs over what another wrote meanwhile leaves that in the inbox (I4)', async () => {
    const { app, pass, put, server } = await plant({ visibleWithin: 30_000 })
    await put('a', { n: 0 })
    const one = await app()
    await pass(1_000)
    server.set({ records: { visibleAfter: [6_000, 6_000] } })
    await put('a', { n: 7 })
    server.set({ records: { visibleAfter: [20_000, 20_000] } })
    await one.rows.patch(id('a'), { n: 8 })
    await pass(10_000)
    await one.sync()
    await pass(120_000)
    const [entry] = await one.db.conflicts.live().get()
    expect(entry).toBeDefined()
    expect([entry!.local.value, entry!.theirs.value]).toContainEqual({ n: 7 })
    expect(await one.status()).toMatchObject({ phase: 'synced' })
  })
})

describe('an immutable stream', () => {
  test('takes what is added once, on every device, and nothing else', async () => {
    const { app, pass, server } = await plant({ immutable: true })
    const [one, other] = [await app(), await app()]
    const add = async (to: typeof one, value: Reading) => {
      const key = eventId({ space: 'plant', externalId: 'e' }, value as never)
      await to.rows.add(value, key)
      return key
    }
    const first = await add(one, { n: 1 })
    await add(one, { n: 2 })
    await add(other, { n: 1 })
    await pass(60_000)
    expect(Object.values(await one.all())).toHaveLength(2)
    expect(await other.all()).toEqual(await one.all())
    expect(server.inspect().records('archive')).toHaveLength(2)
    await expect(one.rows.patch(first, { n: 3 })).rejects.toMatchObject({ code: 'invalid-value' })
    await expect(one.rows.delete(first)).rejects.toMatchObject({ code: 'unsupported' })
    await expect(one.rows.add({ n: 1 }, 'plant:x')).rejects.toMatchObject({ code: 'invalid-value' })
  })
})

describe('a device that was away', () => {
  test('longer than tombstones are shown reads everything anew, and loses neither edits nor deletions (I30)', async () => {
    const { app, pass, put, admin, world, server, there } = await plant()
    for (const name of ['a', 'b', 'c']) await put(name, { n: 1 })
    const one = await app('KEEP_BOTH')
    await pass(2_000)
    server.weather.set({ refuse: 1 })
    await one.rows.patch(id('a'), { n: 2 })
    await admin.remove('live', [{ space: 'plant', externalId: 'b' }])
    await put('a', { n: 3 })
    world.jump(4 * DAY)
    server.weather.set({})
    await pass(150_000)
    const state = there()
    expect(await one.all()).toEqual(state)
    expect(Object.values(state)).toContainEqual({ n: 2 })
    expect(Object.values(state)).toContainEqual({ n: 3 })
    expect(Object.keys(state)).not.toContain('plant:b')
  })

  test('whose token ran out keeps its queue and goes on with another', async () => {
    const { app, pass, admin, there } = await plant()
    const one = await app()
    await pass(1_000)
    admin.dropToken('ada')
    await one.rows.put(id('a'), { n: 1 })
    await pass(40_000)
    expect(await one.status()).toMatchObject({ phase: 'needs-auth', pending: 1 })
    admin.addToken('eve')
    one.useToken('eve')
    await one.sync()
    await pass(40_000)
    expect(there()).toEqual({ 'plant:a': { n: 1 } })
  })

  test('from a feed that hides deletions says so in its status', async () => {
    const filter = { range: { property: ['plant', 'Reading', 'n'], gte: 0 } } as const
    const { app, pass, put } = await plant({ filter, filterAtServer: true })
    await put('a', { n: 1 })
    const one = await app()
    await pass(2_000)
    expect(await one.status()).toMatchObject({ phase: 'synced', missesDeletes: true })
    const { app: plain, pass: wait } = await plant({ filter })
    const other = await plain()
    await wait(2_000)
    expect(await other.status()).toMatchObject({ phase: 'synced', missesDeletes: false })
  })
})

test('with a bad network and a moody server two devices still end the same', async () => {
  const { app, pass, server, there } = await plant(
    { limit: 3, visibleWithin: 4_000 },
    { records: { visibleAfter: [0, 3_000], hasNext: 'full-page', redeliver: 0.3, fail: 0.2, maxPageBytes: 400 } },
  )
  let state = 7
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
  const [one, other] = [await app('LAST_WRITER_WINS'), await app('LAST_WRITER_WINS')]
  server.weather.set({ refuse: 0.1, lose: 0.1, again: 0.1, refuseWith: 0.1, refusals: [429, 503, 408, 500] })
  for (let step = 0; step < 40; step++) {
    const device = random() < 0.5 ? one : other
    const name = id(`r${Math.floor(random() * 6)}`)
    if (random() < 0.2) await device.rows.delete(name)
    else await device.rows.put(name, { n: step })
    await pass(Math.floor(random() * 9) * 1_000)
  }
  server.weather.set({})
  server.set({ records: { fail: 0 } })
  await pass(300_000)
  expect([await one.all(), await other.all()]).toEqual([there(), there()])
  for (const device of [one, other]) expect(await device.status()).toMatchObject({ phase: 'synced', pending: 0 })
})
