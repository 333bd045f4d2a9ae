import { describe, expect, test } from 'vitest'
import type { RemoteRecord } from '../../../src/model.ts'
import type { RecordFilter } from '../../../src/transports/cdf-records/index.ts'
import {
  cdfRecords,
  eventId,
  events,
  readEventId,
  readRecordId,
  recordId,
  records,
} from '../../../src/transports/cdf-records/index.ts'
import { DAY, PLACE, prop, streamOf } from './stream.ts'

const SYNC = /\/records\/sync$/
const base = (value: object | null) => ({ value: value as never, version: 1 })

describe('options', () => {
  const good = {
    url: 'https://cluster.example',
    project: 'p',
    stream: 'live',
    containers: [{ space: 'plant', externalId: 'Reading' }],
    token: () => 'x',
  }
  const eleven = Array.from({ length: 11 }, (_, at) => ({ space: 'plant', externalId: 'R', as: `r${at}` }))
  test.each<[string, object]>([
    ['an id of a stream that is none', { stream: 'Live' }],
    ['an id of a stream that is too long', { stream: 'x'.repeat(101) }],
    ['no container', { containers: [] }],
    ['eleven containers', { containers: eleven }],
    ['two containers without a name', { containers: [good.containers[0], { space: 'plant', externalId: 'Place' }] }],
    ['a name with a dot', { containers: [{ ...good.containers[0], as: 'a.b' }] }],
    ['some properties where all are replaced', { containers: [{ ...good.containers[0], properties: ['n'] }] }],
    ['a container that is none', { containers: [{ space: '1', externalId: 'Reading' }] }],
    ['limit 0', { limit: 0 }],
    ['limit 1001', { limit: 1001 }],
    ['seconds', { since: '30s-ago' }],
    ['a beginning that is too short', { since: '-ago' }],
    ['a beginning that is too long', { since: `${'1'.repeat(97)}d-ago` }],
    ['a filter of two operators', { filter: { matchAll: {}, exists: { property: prop('n') } } }],
    ['a filter with 101 values', { filter: { in: { property: ['space'], values: Array(101).fill('x') } } }],
    [
      'a filter on what is not read',
      {
        readonly: true,
        filter: { exists: { property: ['plant', 'Place', 'hall'] } },
      },
    ],
    ['http elsewhere', { url: 'http://cluster.example' }],
    ['a project that is none', { project: '../x' }],
  ])('%s are refused where they are given', (_, wrong) => {
    expect(() => cdfRecords({ ...good, ...wrong } as never)).toThrow(expect.objectContaining({ code: 'misconfigured' }))
    expect(() => cdfRecords(good as never)).not.toThrow()
  })
})

describe('ids', () => {
  test('name a record in one string and back, whatever is in it', () => {
    for (const externalId of ['a', 'a:b', ':', 'ä/..%2e', ' ', 'x'.repeat(256)]) {
      const identity = { space: 'my-space_1', externalId }
      expect(readRecordId(recordId(identity))).toEqual(identity)
      expect(readEventId(eventId(identity, { n: 1 }))).toEqual(identity)
    }
    for (const id of ['', 'a', ':a', 'a:', '1:a', `a:${'x'.repeat(257)}`, 'a:\0'])
      expect(readRecordId(id)).toBeUndefined()
  })

  test('of an event follow from its content, however its times and integers are written', () => {
    const id = (value: object, externalId = 'a') => eventId({ space: 'plant', externalId }, value as never)
    expect(id({ a: 1, b: '2026-01-01T00:00:00Z' })).toBe(id({ b: '2026-01-01T01:00:00.000+01:00', a: 1n }))
    const different = [{ a: 1 }, { a: '1' }, { a: [1] }, { a: 9007199254740993n }, { a: 9007199254740992n }, { b: 1 }]
    expect(new Set(different.map(value => id(value))).size).toBe(different.length)
    expect(id({ a: 1 })).not.toBe(id({ a: 1 }, 'b'))
  })
})

describe('what can be written', () => {
  test.each<[string, object]>([
    ['null', { n: null }],
    ['bytes', { n: new Uint8Array(1) }],
    ['an empty list', { tags: [] }],
    ['nothing', {}],
    ['a lone surrogate', { name: '\ud800' }],
    ['NUL', { name: 'a\0' }],
    ['an integer beyond 64 bits', { count: 2n ** 63n }],
    ['text beyond 128,000 bytes', { name: 'ä'.repeat(64_001) }],
    ['JSON beyond 40,960 bytes', { more: { text: 'x'.repeat(41_000) } }],
    ['a field that is no property', { 'a b': 1 }],
  ])('%s cannot', (_, value) => {
    expect(records.check('plant:a', value as never)).toEqual(expect.any(String))
  })

  test('is what the API can hold, under an id that names it', () => {
    const value = { n: 1, count: 2n ** 63n - 1n, name: 'x', tags: ['a'], more: { a: null }, 'place.hall': 'h' }
    expect(records.check('plant:a', value)).toBeUndefined()
    expect(records.check('nowhere', value)).toEqual(expect.any(String))
    expect(events.check(eventId({ space: 'plant', externalId: 'a' }, value), value)).toBeUndefined()
    expect(events.check(eventId({ space: 'plant', externalId: 'a' }, value), { n: 2 })).toEqual(expect.any(String))
  })
})

describe('a walk', () => {
  test('begins with how far back, goes on with the cursor alone, and always says its limit (I29)', async () => {
    const { add, device } = streamOf({ limit: 2 })
    for (const id of ['a', 'b', 'c']) await add(id, { n: 1 })
    const one = device()
    await one.pull()
    expect(Object.keys(one.values())).toEqual(['plant:a', 'plant:b', 'plant:c'])
    expect(await one.bodies(SYNC)).toEqual([
      { limit: 2, initializeCursor: '9999d-ago' },
      { limit: 2, cursor: expect.any(String) },
    ])
  })

  test('ends with hasNext only: short pages, and an empty last one, end nothing', async () => {
    const { add, device } = streamOf({ limit: 2 }, { records: { maxPageBytes: 300, hasNext: 'full-page' } })
    for (const id of ['a', 'b', 'c', 'd']) await add(id, { name: 'x'.repeat(100) })
    const one = device()
    const pages = await one.pull()
    expect(Object.keys(one.values())).toHaveLength(4)
    expect(pages.slice(0, -1).every(page => page.complete === undefined)).toBe(true)
    expect(pages.at(-1)!.complete).toEqual([{ source: 'records' }])
  })

  test('reads a page of ten megabytes', async () => {
    const { admin, item, device } = streamOf()
    for (let at = 0; at < 3; at++) {
      const some = Array.from({ length: 40 }, (_, n) => item(`${at}-${n}`, { name: 'x'.repeat(100_000) }))
      await admin.ingest('live', some)
    }
    const one = device()
    expect((await one.pull()).map(({ records }) => records.length)).toEqual([99, 21])
    expect(Object.keys(one.values())).toHaveLength(120)
  })

  test('that is only ever promised more is given up for now, and goes on from where it was (F67)', async () => {
    const { add, device, server } = streamOf({ filter: { equals: { property: ['externalId'], value: 'last' } } })
    for (let at = 0; at < 30; at++) await add(`r${at}`, { n: 1 })
    await add('last', { n: 1 })
    server.set({ records: { scan: 2 } })
    const one = device()
    await expect(one.pull()).rejects.toMatchObject({ code: 'protocol' })
    expect(one.one.requests.length).toBe(11)
    await one.pull()
    expect(Object.keys(one.values())).toEqual(['plant:last'])
  })

  test('at the same place with more promised applies once and stops (F68)', async () => {
    const { add, device, server } = streamOf()
    await add('a', { n: 1 })
    const one = device()
    await one.pull()
    await add('b', { n: 1 })
    const { cursor } = one.one.cursor as { cursor: string }
    const rewrite = (body: string) => JSON.stringify({ ...JSON.parse(body), nextCursor: cursor, hasNext: true })
    server.weather.next({ path: SYNC, spoil: { rewrite } })
    await one.pull()
    expect(one.notices).toMatchObject([{ code: 'protocol' }])
    expect(Object.keys(one.values())).toEqual(['plant:a', 'plant:b'])
  })

  test.each([
    ['missing', undefined],
    ['null', null],
    ['a number', 7],
    ['empty', ''],
    ['too long', 'x'.repeat(100_001)],
  ])('with a cursor that is %s is a protocol error that moves nothing (F69)', async (_, nextCursor) => {
    const { add, device, server } = streamOf()
    await add('a', { n: 1 })
    const rewrite = (body: string) => JSON.stringify({ ...JSON.parse(body), nextCursor })
    server.weather.next({ path: SYNC, spoil: { rewrite } })
    const one = device()
    await expect(one.pull()).rejects.toMatchObject({ code: 'protocol' })
    expect(one.one.cursor).toBeUndefined()
  })

  test('brings the same again without harm, and an unknown status or a broken row is passed over (F66, F75)', async () => {
    const { add, device, server } = streamOf({ limit: 2 }, { records: { redeliver: 1 } })
    for (const id of ['a', 'b', 'c']) await add(id, { n: 1 })
    const one = device()
    await one.pull()
    expect(Object.keys(one.values())).toHaveLength(3)
    const rewrite = (body: string) => {
      const answer = JSON.parse(body)
      return JSON.stringify({ ...answer, items: [{ ...answer.items[0], status: 'merged' }, { space: 'plant' }] })
    }
    await add('d', { n: 1 })
    server.weather.next({ path: SYNC, spoil: { rewrite } })
    expect((await one.pull()).flatMap(page => page.records)).toEqual([])
    expect(one.notices.map(({ code }) => code)).toEqual(['unsupported', 'unreadable'])
  })

  test('takes seconds for what they are (F77)', async () => {
    const { add, device, server } = streamOf()
    await add('a', { n: 1 })
    const rewrite = (body: string) => body.replace(/"(createdTime|lastUpdatedTime)":\d+/g, '"$1":1720616232')
    server.weather.next({ path: SYNC, spoil: { rewrite } })
    expect(await device().news()).toMatchObject([{ at: 1_720_616_232_000 }])
  })

  test('of a stream of another kind than was said is refused; where the kind may not be known, it is believed', async () => {
    const { device, server } = streamOf({ immutable: true, stream: 'live' })
    await expect(device().pull()).rejects.toMatchObject({ code: 'misconfigured' })
    server.weather.next({ path: /\/streams\/live$/, before: 403 })
    expect(await device().pull()).toHaveLength(1)
    await expect(device({ stream: 'nope' }).pull()).rejects.toMatchObject({ code: 'missing' })
  })
})

describe('a place in the stream', () => {
  test('older than two and a half days is too old where there are deletions, and never where there are none (I30)', async () => {
    for (const immutable of [false, true]) {
      const { add, device, pass } = streamOf({ immutable })
      await add('a', { n: 1 })
      const one = device()
      await one.pull()
      pass(2.4 * DAY)
      await one.pull()
      pass(2.6 * DAY)
      if (immutable) await one.pull()
      else await expect(one.pull()).rejects.toMatchObject({ code: 'cursor-invalid' })
    }
  })

  test('that is looked at again and again stays young', async () => {
    const { add, device, pass } = streamOf()
    await add('a', { n: 1 })
    const one = device()
    for (let days = 0; days < 10; days++) {
      await one.pull()
      pass(DAY)
    }
    expect(await one.news()).toEqual([])
  })

  test('that the stream refuses is forgotten; a question that it refuses is not its fault', async () => {
    const { add, device, server } = streamOf()
    await add('a', { n: 1 })
    const one = device()
    await one.pull()
    const place = one.one.cursor as { cursor: string }
    one.one.cursor = { ...place, cursor: 'bm9uc2Vuc2U=' }
    await expect(one.pull()).rejects.toMatchObject({ code: 'cursor-invalid' })
    server.weather.next({ path: SYNC, times: 2, before: 400 })
    await expect(one.pull()).rejects.toMatchObject({ code: 'rejected' })
  })

  test('belongs to its question (F70)', async () => {
    const { add, device } = streamOf()
    await add('a', { n: 1 })
    const one = device()
    await one.pull()
    const other = device({ filter: { equals: { property: ['space'], value: 'plant' } } })
    other.one.cursor = one.one.cursor
    await expect(other.pull()).rejects.toMatchObject({ code: 'cursor-invalid' })
    const same = device({ limit: 3 })
    same.one.cursor = one.one.cursor
    expect(await same.news()).toEqual([])
  })
})

describe('a filter', () => {
  const hot: RecordFilter = {
    and: [{ equals: { property: ['space'], value: 'plant' } }, { range: { property: prop('n'), gte: 10 } }],
  }

  test('on properties stays here, so that deletions are seen; what lasts for life goes there', async () => {
    const { add, put, remove, device } = streamOf({ filter: hot })
    await add('hot', { n: 11 })
    await add('cold', { n: 1 })
    await put('far', { n: 99 }, 'other')
    const one = device()
    await one.pull()
    expect(one.values()).toEqual({ 'plant:hot': { n: 11 } })
    expect((await one.bodies(SYNC))[0].filter).toEqual({ equals: { property: ['space'], value: 'plant' } })
    await remove('hot')
    await one.pull()
    expect(one.values()).toEqual({ 'plant:hot': null })
  })

  test('lets go of what leaves it, takes in what enters it, and ignores what was never in it', async () => {
    const { add, put, device } = streamOf({ filter: hot })
    await add('a', { n: 11 })
    await add('b', { n: 1 })
    const one = device()
    await one.pull()
    await put('a', { n: 2 })
    await put('b', { n: 12 })
    await put('c', { n: 3 })
    expect((await one.news()).map(({ id, value }) => [id, value])).toEqual([
      ['plant:a', null],
      ['plant:b', { n: 12 }],
    ])
  })

  test('at the server hides deletions, and that is told', async () => {
    const { add, remove, device } = streamOf({ filter: hot, filterAtServer: true })
    await add('hot', { n: 11 })
    const one = device()
    const [page] = await one.pull()
    expect(page).toMatchObject({ missesDeletes: true })
    expect((await one.bodies(SYNC))[0].filter).toEqual(hot)
    await remove('hot')
    expect(await one.news()).toEqual([])
  })

  test('that only says what lasts misses nothing at the server', async () => {
    const filter = { in: { property: ['externalId'], values: ['a', 'b'] } } as const
    const { add, remove, device } = streamOf({ filter, filterAtServer: true })
    await add('a', { n: 1 })
    const one = device()
    expect((await one.pull())[0]!.missesDeletes).toBeUndefined()
    await remove('a')
    expect(await one.news()).toMatchObject([{ id: 'plant:a', value: null }])
  })

  test('of an immutable stream goes there whole', async () => {
    const { add, device } = streamOf({ filter: hot, immutable: true })
    await add('a', { n: 11 })
    await add('a', { n: 1 })
    const one = device()
    expect((await one.news()).map(({ value }) => value)).toEqual([{ n: 11 }])
    expect((await one.bodies(SYNC))[0].filter).toEqual(hot)
  })
})

describe('containers', () => {
  test('have fields of their own, and a write keeps what belongs to a container that nobody named', async () => {
    const { admin, item, device, change, there } = streamOf({
      containers: [{ space: 'plant', externalId: 'Reading', as: 'r' }],
    })
    const reading = item('a', { n: 1 })
    const place = { source: PLACE, properties: { hall: 'h' } }
    await admin.ingest('live', [{ ...reading, sources: [...reading.sources, place] }])
    const one = device()
    const [{ value, version }] = (await one.news()) as [RemoteRecord]
    expect(value).toEqual({ 'r.n': 1, 'plant.Place.hall': 'h' })
    await one.send(change('a', { ...value, 'r.n': 2 }, { value, version }))
    expect(there()).toEqual({ 'plant:a': { plant: { Reading: { n: 2 }, Place: { hall: 'h' } } } })
    expect(await one.send(change('b', { n: 1 }))).toMatchObject([{ state: 'rejected', code: 'invalid' }])
  })

  test('are read in part where nothing is written', async () => {
    const { add, device } = streamOf({
      readonly: true,
      containers: [{ space: 'plant', externalId: 'Reading', properties: ['name'] }],
    })
    await add('a', { n: 1, name: 'x' })
    const one = device()
    expect((await one.news()).map(({ value }) => value)).toEqual([{ name: 'x' }])
    expect([one.transport.push, one.transport.sources.records!.readonly]).toEqual([undefined, true])
  })
})

describe('a push', () => {
  test('makes, replaces and deletes, each in a request of its own', async () => {
    const { add, device, change, there } = streamOf()
    await add('old', { n: 1 })
    await add('gone', { n: 1 })
    const one = device()
    const receipts = await one.send(
      change('gone', null, base({ n: 1 })),
      change('new', { n: 1 }),
      change('old', { n: 2 }, base({ n: 1 })),
      change('back', { n: 3 }, base(null)),
    )
    expect(receipts.map(({ state }) => state)).toEqual(['accepted', 'accepted', 'accepted', 'accepted'])
    expect(Object.keys(there()).sort()).toEqual(['plant:back', 'plant:new', 'plant:old'])
    const routes = one.one.requests.map(({ url }) => new URL(url).pathname.replace(/.*records/, ''))
    expect(routes).toEqual(['', '/upsert', '/delete'])
  })

  test('tells item by item, in whatever order it was answered', async () => {
    const { device, change, server } = streamOf()
    const one = device()
    const rewrite = () =>
      JSON.stringify({
        error: {
          code: 503,
          message: 'no',
          partial: [
            { space: 'plant', externalId: 'c', code: 202 },
            { space: 'plant', externalId: 'a', code: 500, message: 'broke' },
            { space: 'plant', externalId: 'b', code: 409 },
          ],
        },
      })
    server.set({ records: { fail: 1, failCodes: [503] } })
    server.weather.next({ path: /upsert$/, spoil: { rewrite } })
    const edits = ['a', 'b', 'c', 'd'].map(id => change(id, { n: 2 }, base({ n: 1 })))
    expect((await one.send(...edits)).map(({ state }) => state)).toEqual(['later', 'later', 'accepted', 'unknown'])
  })

  test('of what is there already is a conflict that shows it, or its own earlier effect', async () => {
    const { add, device, change } = streamOf()
    await add('theirs', { n: 1 })
    await add('mine', { n: 2, count: 9007199254740993n })
    const one = device()
    const receipts = await one.send(
      change('theirs', { n: 2 }),
      change('mine', { n: 2, count: 9007199254740993n }),
      change('new', { n: 3 }),
    )
    expect(receipts).toMatchObject([
      { state: 'conflict', remote: { id: 'plant:theirs', value: { n: 1 } } },
      { state: 'accepted', remote: { id: 'plant:mine' } },
      { state: 'accepted' },
    ])
  })

  test('of what is there already and cannot be seen yet is a conflict to be learned of', async () => {
    const { add, device, change, server } = streamOf()
    server.set({ records: { visibleAfter: [5_000, 5_000] } })
    await add('a', { n: 1 })
    expect(await device().send(change('a', { n: 2 }))).toEqual([{ change: expect.any(String), state: 'conflict' }])
  })

  test('keeps to ten megabytes a request, and one that is longer alone is refused', async () => {
    const { device, change, there } = streamOf()
    const tags = Array.from({ length: 50 }, () => 'x'.repeat(100_000))
    const one = device()
    const receipts = await one.send(
      ...['a', 'b', 'c'].map(id => change(id, { tags })),
      change('d', { tags: [...tags, ...tags, ...tags] }),
    )
    expect(receipts.map(({ state }) => state)).toEqual(['accepted', 'accepted', 'accepted', 'rejected'])
    expect(one.one.requests).toHaveLength(3)
    expect(Object.keys(there())).toHaveLength(3)
  })

  test('of one part that fails does not hide what another settled', async () => {
    const { device, change, server } = streamOf()
    server.weather.next({ path: /upsert$/, before: { status: 429, retryAfter: 7 } })
    server.weather.next({ path: /delete$/, before: 503 })
    const receipts = await device().send(
      change('a', { n: 1 }),
      change('b', { n: 1 }, base({ n: 0 })),
      change('c', null, base({ n: 0 })),
    )
    expect(receipts).toMatchObject([{ state: 'accepted' }, { state: 'later', notBefore: expect.any(Number) }])
  })

  test('to an immutable stream only adds, and twice is once', async () => {
    const { device, change, there } = streamOf({ immutable: true })
    const one = device()
    const added = change('a', { n: 1 })
    expect((await one.send(added, change('a', { n: 2 }))).map(({ state }) => state)).toEqual(['accepted', 'accepted'])
    await one.send(added)
    expect(Object.keys(there())).toHaveLength(1) // one space and externalId, two records
    expect(await one.news()).toHaveLength(2)
    const edit = { ...change('a', { n: 3 }), base: base({ n: 1 }) }
    expect(await one.send(edit)).toMatchObject([{ state: 'rejected', code: 'unsupported' }])
    expect(await one.send({ ...added, value: null })).toMatchObject([{ state: 'rejected', code: 'unsupported' }])
  })

  test('to an immutable stream tells apart what shares a name there, and one that fails is not lost (I1)', async () => {
    const { device, change, server } = streamOf({ immutable: true })
    const one = device()
    for (const status of [503, 409]) {
      const partial = [{ space: 'plant', externalId: 'a', code: status }]
      const body = JSON.stringify({ error: { code: status, message: 'Some could not be written.', partial } })
      server.weather.next({ path: /records$/, before: { status, body } })
    }
    const receipts = await one.send(change('a', { n: 1 }), change('a', { n: 2 }), change('a', { n: 3 }))
    expect(receipts.map(({ state }) => state)).toEqual(['later', 'later', 'accepted'])
  })

  test('to a stream of another kind is a mistake in the setup', async () => {
    const { device, change } = streamOf({ stream: 'archive' })
    const sent = device().send(change('a', { n: 1 }, base({ n: 0 })))
    await expect(sent).rejects.toMatchObject({ code: 'misconfigured' })
  })

  test('that the schema refuses is refused as a whole: the engine finds the one', async () => {
    const { device, change } = streamOf()
    await expect(device().send(change('a', { nope: 1 }))).rejects.toMatchObject({ code: 'rejected' })
  })

  test('carries integers that a number cannot hold, both ways', async () => {
    const { device, change, there } = streamOf()
    const value = { count: -9223372036854775808n, n: 0.1, more: { deep: [9007199254740993n, 'bigint:1'] } }
    const one = device()
    await one.send(change('a', value))
    expect(there()['plant:a']!.plant!.Reading).toEqual(value)
    expect((await one.news()).map(record => record.value)).toEqual([value])
  })
})

test('all requests that were refused share one new token, and without one the app is asked', async () => {
  const { device, admin, change } = streamOf()
  const asked: boolean[] = []
  let token = 'old'
  const one = device({
    token: ({ refresh }) => {
      asked.push(refresh)
      if (refresh) token = 'new'
      return token
    },
  })
  admin.addToken('new')
  await Promise.all([one.pull(), one.send(change('a', { n: 1 })), one.send(change('b', { n: 1 }))])
  expect(asked.filter(refresh => refresh)).toHaveLength(1)
  admin.dropToken('new')
  await expect(one.pull()).rejects.toMatchObject({ code: 'needs-auth' })
})
