import { describe, expect, test } from 'vitest'
import { plant, prop, READING, reading, talker, verbs } from './cognite-kit.ts'

const DAY = 24 * 3_600_000

describe('streams', () => {
  test('are made from a template, listed, looked up and deleted, and their name is taken for a while', async () => {
    const { post, world } = plant()
    const item = { externalId: 's1', settings: { template: { name: 'ImmutableTestStream' } } }
    const made = await post('/streams', { items: [item] })
    expect([made.status, made.body.items[0].type]).toEqual([201, 'Immutable'])
    expect((await post('/streams', { items: [item] })).body.error).toMatchObject({
      code: 409,
      duplicated: [{ externalId: 's1' }],
    })
    const one = await post('/streams/s1?includeStatistics=true', undefined, 'GET')
    expect(one.body.settings).toMatchObject({
      lifecycle: { dataDeletedAfter: 'P7D', retainedAfterSoftDelete: 'P1D' },
      limits: { maxRecordsTotal: { consumed: 0 }, maxFilteringInterval: 'P7D' },
    })
    expect((await post('/streams', undefined, 'GET')).body.items).toHaveLength(3)
    for (let twice = 0; twice < 2; twice++) {
      expect(await post('/streams/delete', { items: [{ externalId: 's1' }] })).toMatchObject({ status: 200, body: {} })
    }
    expect((await post('/streams/s1', undefined, 'GET')).status).toBe(404)
    expect((await post('/streams', { items: [item] })).status).toBe(409)
    world.set(world.now() + DAY)
    expect((await post('/streams', { items: [item] })).status).toBe(201)
    expect((await post('/streams/s1', undefined, 'DELETE')).status).toBe(410)
  })

  test.each(['Upper', 'logs', 'cdf_x', 'cognite_x', 'a-', 'x'.repeat(101)])('cannot be called %s', async externalId => {
    const item = { externalId, settings: { template: { name: 'BasicLiveData' } } }
    expect((await plant().post('/streams', { items: [item] })).status).toBe(400)
  })
})

describe('writes', () => {
  test('to a mutable stream: ingest makes, upsert replaces as a whole, delete ignores the unknown', async () => {
    const { ingest, upsert, remove, sync, names } = plant()
    expect(await ingest('live', reading('a', { value: 1, name: 'x' }), reading('b'))).toMatchObject({
      status: 202,
      body: {},
    })
    expect((await upsert(reading('a', { value: 2 }), reading('c'))).status).toBe(202)
    expect((await remove('b', 'nobody')).status).toBe(200)
    expect(await names()).toEqual(['a', 'c', '-b'])
    const { body } = await sync()
    expect(body.items[0]).toMatchObject({ status: 'updated', properties: { plant: { Reading: { value: 2 } } } })
    expect(body.items[0].properties.plant.Reading.name).toBeUndefined()
    expect(Object.keys(body.items[2]).sort()).toEqual([
      'createdTime',
      'externalId',
      'lastUpdatedTime',
      'space',
      'status',
    ])
  })

  test('of what is there already answer 409 for that item, and do the rest', async () => {
    const { ingest, names } = plant()
    await ingest('live', reading('a'))
    const { status, body } = await ingest('live', reading('a', { value: 9 }), reading('b'))
    expect(status).toBe(409)
    expect(body.error.partial).toHaveLength(2)
    expect(body.error.partial).toContainEqual({ space: 'plant', externalId: 'b', code: 202 })
    expect(body.error.partial).toContainEqual(expect.objectContaining({ externalId: 'a', code: 409 }))
    expect(await names()).toEqual(['a', 'b'])
  })

  test('that name a record twice, or an immutable stream, are 422', async () => {
    const { ingest, post } = plant()
    expect((await ingest('live', reading('a'), reading('a'))).body.error).toMatchObject({
      code: 422,
      duplicated: [{ externalId: 'plant.a' }],
    })
    for (const verb of ['upsert', 'delete']) {
      expect((await post(`/streams/archive/records/${verb}`, { items: [reading('a')] })).status).toBe(422)
    }
  })

  test('to an immutable stream add, under the same id too; an exact duplicate is dropped, or kept on a bad day', async () => {
    const { ingest, names, sandbox } = plant()
    await ingest('archive', reading('a', { value: 1 }), reading('a', { value: 2 }), reading('a', { value: 1 }))
    expect(await names({}, 'archive')).toEqual(['a', 'a'])
    sandbox.set({ records: { duplicates: 'store' } })
    await ingest('archive', reading('a', { value: 1 }))
    expect(await names({}, 'archive')).toEqual(['a', 'a', 'a'])
  })

  test('with items that fail tell of each in any order', async () => {
    const { upsert, sandbox, names } = plant()
    sandbox.set({ records: { fail: 0.5, failCodes: [503] } })
    const ids = Array.from({ length: 40 }, (_, at) => `r${at}`)
    const { status, body } = await upsert(...ids.map(id => reading(id)))
    const partial: { externalId: string; code: number }[] = body.error.partial
    expect(status).toBe(503)
    expect(partial.map(it => it.externalId)).not.toEqual(ids)
    expect(partial.map(it => it.externalId).sort()).toEqual([...ids].sort())
    const done = partial.filter(it => it.code === 202).map(it => it.externalId)
    expect((await names()).sort()).toEqual(done.sort())
  })

  test.each([
    ['an unknown property', reading('a', { other: 1 })],
    ['text for a number', reading('a', { value: 'x' })],
    ['a number beyond 32 bits', reading('a', { small: 2 ** 31 })],
    ['a number beyond 64 bits', reading('a', { count: 2n ** 63n })],
    ['a fraction for an integer', reading('a', { count: 1.5 })],
    ['no list for a list', reading('a', { tags: 'x' })],
    ['an empty list', reading('a', { tags: [] })],
    ['a list for no list', reading('a', { name: ['x'] })],
    ['null', reading('a', { name: null })],
    ['no property', reading('a', {})],
    ['no time', reading('a', { at: 'yesterday' })],
    ['an unknown space', { ...reading('a'), space: 'nowhere' }],
    ['an id with NUL', reading('a\0b')],
    ['an id that is too long', reading('x'.repeat(257))],
    [
      'an unknown container',
      { ...reading('a'), sources: [{ source: { ...READING, externalId: 'No' }, properties: { a: 1 } }] },
    ],
  ])('of %s are 400', async (_, item) => {
    const { upsert, names } = plant()
    expect((await upsert(item)).status).toBe(400)
    expect(await names()).toEqual([])
  })

  test('of more than 1000 items or 10 MB are 400, and exactly 1000 are not', async () => {
    const { upsert } = plant()
    const many = (length: number) => Array.from({ length }, (_, at) => reading(`r${at}`))
    expect((await upsert(...many(1000))).status).toBe(202)
    expect((await upsert(...many(1001))).status).toBe(400)
    const big = Array.from({ length: 100 }, (_, at) => reading(`b${at}`, { name: 'x'.repeat(110_000) }))
    expect((await upsert(...big)).status).toBe(400)
  })

  test('keep integers that a number cannot hold', async () => {
    const { upsert, sync, filter } = plant()
    await upsert(reading('a', { count: 9007199254740993n, more: { deep: [9223372036854775807n] } }))
    const { body } = await sync()
    expect(body.items[0].properties.plant.Reading).toEqual({
      count: 9007199254740993n,
      more: { deep: [9223372036854775807n] },
    })
    const exact = { equals: { property: prop('count'), value: 9007199254740993n } }
    expect((await filter(exact)).body.items).toHaveLength(1)
    expect((await filter({ equals: { property: prop('count'), value: 9007199254740992n } })).body.items).toEqual([])
  })
})

describe('sync', () => {
  test('wants a cursor or a beginning, ignores the beginning beside a cursor, and refuses what is no cursor', async () => {
    const { post, ingest } = plant()
    await ingest('live', reading('a'))
    const sync = (body: object) => post('/streams/live/records/sync', body)
    expect((await sync({})).status).toBe(400)
    const first = await sync({ initializeCursor: '1h-ago' })
    expect(first.body.items).toHaveLength(1)
    const { nextCursor } = first.body
    expect((await sync({ cursor: nextCursor, initializeCursor: '1h-ago' })).body.items).toEqual([])
    for (const cursor of ['', 'garbage', btoa('{"stream":"archive","order":1}'), 'x'.repeat(100_001)]) {
      expect((await sync({ cursor })).status).toBe(400)
    }
    for (const initializeCursor of ['1s-ago', 'now', '2w-ago', '7d', 'h-ago', '1.5h-ago', '1h ago']) {
      expect((await sync({ initializeCursor })).status).toBe(400)
    }
    for (const limit of [0, 1001, 1.5, '10']) expect((await sync({ cursor: nextCursor, limit })).status).toBe(400)
  })

  test('gives ten without a limit, and always a cursor', async () => {
    const { post, ingest, sync } = plant()
    await ingest('live', ...Array.from({ length: 12 }, (_, at) => reading(`r${at}`)))
    const page = await post('/streams/live/records/sync', { initializeCursor: '1h-ago' })
    expect([page.body.items.length, page.body.hasNext]).toEqual([10, true])
    const rest = await sync({ cursor: page.body.nextCursor })
    expect([rest.body.items.length, rest.body.hasNext]).toEqual([2, false])
    const drained = await sync({ cursor: rest.body.nextCursor })
    expect(drained.body).toEqual({ items: [], nextCursor: expect.any(String), hasNext: false })
  })

  test('cuts a page at its size, with one item at least, and promises more', async () => {
    const { ingest, sync, sandbox } = plant()
    sandbox.set({ records: { maxPageBytes: 500 } })
    await ingest('live', reading('big', { name: 'x'.repeat(600) }), reading('b'), reading('c'))
    const { body } = await sync()
    expect([body.items.length, body.hasNext]).toEqual([1, true])
    expect((await sync({ cursor: body.nextCursor })).body.items).toHaveLength(2)
  })

  test('may promise more after a full page and then have nothing', async () => {
    const { ingest, sync, sandbox } = plant()
    await ingest('live', reading('a'), reading('b'))
    expect((await sync({ limit: 2 })).body.hasNext).toBe(false)
    sandbox.set({ records: { hasNext: 'full-page' } })
    const { body } = await sync({ limit: 2 })
    expect(body.hasNext).toBe(true)
    expect((await sync({ cursor: body.nextCursor, limit: 2 })).body).toMatchObject({ items: [], hasNext: false })
  })

  test('shows each record once with its present state, at its new place', async () => {
    const { ingest, upsert, names, sync } = plant()
    await ingest('live', reading('a'), reading('b'))
    const { body } = await sync({ limit: 1 })
    await upsert(reading('a', { value: 2 }))
    expect(await names({ cursor: body.nextCursor })).toEqual(['b', 'a'])
  })

  test('makes a deleted record anew with a new beginning', async () => {
    const { ingest, remove, sync, world } = plant()
    await ingest('live', reading('a'))
    const { body: first } = await sync()
    await remove('a')
    world.set(world.now() + 5_000)
    await ingest('live', reading('a'))
    const { body } = await sync()
    expect(body.items).toHaveLength(1)
    expect(body.items[0].status).toBe('created')
    expect(body.items[0].createdTime).toBe(first.items[0].createdTime + 5_000)
  })

  test('shows a tombstone for three days, and what an immutable stream keeps for a week only so long', async () => {
    const { ingest, remove, names, world } = plant()
    await ingest('live', reading('a'))
    await ingest('archive', reading('a'))
    await remove('a')
    world.set(world.now() + 3 * DAY - 1)
    expect(await names()).toEqual(['-a'])
    world.set(world.now() + 1)
    expect(await names()).toEqual([])
    expect(await names({}, 'archive')).toEqual(['a'])
    world.set(world.now() + 4 * DAY)
    expect(await names({}, 'archive')).toEqual([])
  })

  test('hides tombstones from filters on properties, and shows them to filters on what they still have', async () => {
    const { ingest, remove, names } = plant()
    await ingest('live', reading('a', { value: 1 }))
    await remove('a')
    expect(await names({ filter: { equals: { property: prop('value'), value: 1 } } })).toEqual([])
    expect(await names({ filter: { hasData: [READING] } })).toEqual([])
    expect(await names({ filter: { equals: { property: ['externalId'], value: 'a' } } })).toEqual(['-a'])
  })

  test('shows a write late, in the order of becoming visible, and never an older state after a newer one', async () => {
    const { upsert, names, sandbox, world, sync } = plant()
    sandbox.set({ records: { visibleAfter: [5_000, 5_000] } })
    await upsert(reading('slow', { value: 1 }))
    sandbox.set({ records: { visibleAfter: [0, 0] } })
    await upsert(reading('slow', { value: 2 }))
    await upsert(reading('quick'))
    expect(await names()).toEqual(['quick'])
    const { body } = await sync()
    world.set(world.now() + 5_000)
    const late = await sync({ cursor: body.nextCursor })
    expect(late.body.items).toHaveLength(1)
    expect(late.body.items[0]).toMatchObject({ externalId: 'slow', properties: { plant: { Reading: { value: 2 } } } })
    expect(late.body.items[0].lastUpdatedTime).toBeLessThanOrEqual(body.items[0].lastUpdatedTime)
  })

  test('may bring the last of the page before once more, and looks at so many rows only', async () => {
    const { ingest, sync, names, sandbox } = plant()
    await ingest('live', ...['a', 'b', 'c', 'd'].map(id => reading(id, { name: id })))
    sandbox.set({ records: { redeliver: 1, scan: 2 } })
    const { body } = await sync({ limit: 1 })
    expect(await names({ cursor: body.nextCursor, limit: 2 })).toEqual(['a', 'b'])
    const nothing = await sync({ filter: { equals: { property: prop('name'), value: 'd' } } })
    expect(nothing.body).toMatchObject({ items: [], hasNext: true })
  })

  test('projects, tells types, and begins by time with the drift it has', async () => {
    const { ingest, sync, names, world, sandbox } = plant()
    await ingest('live', { ...reading('a', { value: 1, name: 'x' }) })
    const sources = [{ source: READING, properties: ['name'] }]
    const { body } = await sync({ sources, includeTyping: true })
    expect(body.items[0].properties).toEqual({ plant: { Reading: { name: 'x' } } })
    expect(body.typing.plant.Reading.name.type).toMatchObject({ type: 'text' })
    expect((await sync({ sources: [{ source: READING, properties: ['nope'] }] })).status).toBe(400)
    world.set(world.now() + 2 * 60_000)
    await ingest('live', reading('b'))
    expect(await names({ initializeCursor: '1m-ago' })).toEqual(['b'])
    sandbox.set({ records: { drift: 61_000 } })
    expect(await names({ initializeCursor: '1m-ago' })).toEqual(['a', 'b'])
  })

  test('limits what a token sees to its spaces, without a word', async () => {
    const { admin, sandbox, ingest } = plant()
    admin.addSpace('other')
    admin.addToken('eve', { spaces: ['other'] })
    await ingest('live', reading('a'), { ...reading('b'), space: 'other' })
    const eve = verbs(talker(sandbox, 'eve'))
    expect(await eve.names()).toEqual(['b'])
    expect((await eve.upsert(reading('a'))).status).toBe(403)
  })
})

describe('platform', () => {
  test('asks for a token, knows its own project and paths only, and says who asked', async () => {
    const { sandbox, admin, world } = plant()
    admin.addToken('old', { expiresAt: world.now() + 1_000 })
    const status = async (token: string) => (await talker(sandbox, token)('/streams', undefined, 'GET')).status
    expect([await status('nobody'), await status('old')]).toEqual([401, 200])
    world.set(world.now() + 1_000)
    expect(await status('old')).toBe(401)
    const { status: lost, headers, body } = await talker(sandbox, 'ada')('/nowhere', {})
    expect([lost, headers.get('x-request-id'), body.error.code]).toEqual([404, expect.any(String), 404])
  })

  test('counts requests and bytes per second, and those under way, and answers 429 in three forms', async () => {
    const { sync, sandbox, world, ingest } = plant({ knobs: { limits: 1 } })
    await ingest('live', reading('a', { name: 'x'.repeat(100_000) }))
    const all = await Promise.all(Array.from({ length: 31 }, () => sync()))
    expect(all.filter(it => it.status === 429).length).toBeGreaterThan(0)
    const refused = all.find(it => it.status === 429)!
    expect([refused.headers.get('retry-after'), refused.body.error.code]).toEqual(['1', 429])
    world.set(world.now() + 1_000)
    expect((await sync()).status).toBe(200)
    sandbox.set({ limits: 0.0001, errors: 'string', retryAfter: false })
    world.set(world.now() + 1_000)
    await sync()
    const second = await sync()
    expect([second.status, second.body, second.headers.get('retry-after')]).toEqual([
      429,
      { error: expect.any(String) },
      null,
    ])
    sandbox.set({ errors: 'empty' })
    expect((await sync()).body).toBe('')
  })

  test('at most so many requests at a time', async () => {
    const { sync, world } = plant({ knobs: { limits: 0.1, work: [100, 100] } })
    const both = [sync(), sync(), sync(), sync()]
    await world.pass(100)
    const codes = (await Promise.all(both)).map(it => it.status)
    expect(codes.filter(code => code === 429).length).toBeGreaterThan(0)
    expect(codes).toContain(200)
  })
})
