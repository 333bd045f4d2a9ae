import { describe, expect, test } from 'vitest'
import {
  cdfInstances,
  edges,
  type InstanceQuery,
  instanceId,
  instanceQuery,
  nodes,
  type RowOf,
  readInstanceId,
} from '../../../src/transports/cdf-instances/index.ts'
import { actor, id, movie, plays } from '../../sandbox/cognite-graph-kit.ts'
import { DAY, FILM, filmQuery, filmsOf, seedQuery } from './films.ts'

const SYNC = /\/instances\/sync$/
const APPLY = /\/instances$/

describe('a query', () => {
  test.each<[string, object]>([
    ['no set', { with: {} }],
    ['nothing selected', { select: {} }],
    ['a set that is not there', { select: { other: {} } }],
    ['nodes and edges at once', { with: { films: { nodes: {}, edges: {} } } }],
    ['a start that is not there', { with: { films: { nodes: { from: 'x' } } } }],
    ['a limit beyond 2000', { with: { films: { limit: 2001, nodes: {} } } }],
    ['a backfill sort in one phase', { with: { films: { backfillSort: [], nodes: {} } } }],
    [
      'a view without a version',
      { select: { films: { sources: [{ source: { ...FILM, version: '' }, properties: ['*'] }] } } },
    ],
    ['a source without properties', { select: { films: { sources: [{ source: FILM, properties: [] }] } } }],
  ])('with %s is refused where it is given', (_, wrong) => {
    const make = (query: object) =>
      cdfInstances({ url: 'https://c.example', project: 'p', token: () => 'x', query: query as InstanceQuery })
    expect(() => make({ ...filmQuery, ...wrong })).toThrow(expect.objectContaining({ code: 'misconfigured' }))
    expect(() => make(filmQuery)).not.toThrow()
  })

  test('types the rows of its sets, and its sets against each other', () => {
    const row: RowOf<typeof seedQuery, 'actors'> = { name: 'Ann', $type: id('Actor') }
    const film: RowOf<typeof filmQuery, 'films'> = { title: 'x', views: 1n }
    // @ts-expect-error a name is text
    const wrong: RowOf<typeof seedQuery, 'actors'> = { name: 1 }
    // @ts-expect-error there is no such property
    const other: RowOf<typeof filmQuery, 'films'> = { length: 1 }
    const bad = () =>
      instanceQuery({
        // @ts-expect-error there is no such set
        with: { films: { nodes: { from: 'movies' } } },
        select: { films: {} },
      })
    expect([row.name, film.title, wrong, other, typeof bad]).toHaveLength(5)
  })
})

describe('ids and values', () => {
  test('name an instance in one string and back', () => {
    for (const externalId of ['a', 'a:b', ':', 'x'.repeat(256)])
      expect(readInstanceId(instanceId(id(externalId)))).toEqual(id(externalId))
    for (const wrong of ['', 'a', ':a', 'a:', 'a:\0']) expect(readInstanceId(wrong)).toBeUndefined()
  })

  test('are refused at once where the graph could not hold them', () => {
    expect(nodes.check('mySpace:a', { title: 'x', $type: id('Film') })).toBeUndefined()
    expect(nodes.check('mySpace:a', {})).toBeUndefined()
    for (const wrong of [{ n: null }, { $type: 'x' }, { $startNode: id('a') }, { 'a b': 1 }]) {
      expect(nodes.check('mySpace:a', wrong as never)).toEqual(expect.any(String))
    }
    const ends = { $type: id('T'), $startNode: id('a'), $endNode: id('b') }
    expect(edges.check('mySpace:a', ends)).toBeUndefined()
    expect(edges.check('mySpace:a', { $type: id('T') })).toEqual(expect.any(String))
  })
})

describe('a walk', () => {
  test('ends on an empty page, two in a row in two phases, and lists its sets whole (I31)', async () => {
    for (const [mode, empty] of [
      ['onePhase', 1],
      ['twoPhase', 2],
    ] as const) {
      const { apply, device } = filmsOf({ ...filmQuery, with: { films: { ...filmQuery.with.films, mode, limit: 2 } } })
      await apply(movie('a'), movie('b'), movie('c'))
      const one = device()
      const pages = await one.pull()
      expect(pages.map(({ records }) => records.length)).toEqual([2, 1, ...Array(empty).fill(0)])
      expect(pages.map(({ complete }) => complete !== undefined)).toEqual([
        false,
        false,
        ...Array(empty - 1).fill(false),
        true,
      ])
      expect(pages.at(-1)!.complete).toEqual([{ source: 'films' }])
      expect(Object.keys(one.live())).toEqual(['a', 'b', 'c'])
    }
  })

  test('without backfill lists nothing whole, and hears what comes', async () => {
    const { apply, device } = filmsOf({
      ...filmQuery,
      with: { films: { ...filmQuery.with.films, mode: 'noBackfill' } },
    })
    await apply(movie('a'))
    const one = device()
    expect((await one.pull()).flatMap(({ complete = [] }) => complete)).toEqual([])
    await apply(movie('b'))
    expect((await one.news()).map(({ id: name }) => name)).toEqual(['mySpace:b'])
  })

  test('moves all cursors together, those of unselected sets too (I2m)', async () => {
    const { apply, device } = filmsOf(seedQuery)
    await apply(movie('old', { releaseYear: 1990 }), actor('a'), plays('old', 'a'))
    const one = device()
    const pages = await one.pull()
    for (const { cursor } of pages) {
      expect(Object.keys((cursor as { cursors: object }).cursors).sort()).toEqual([
        'actors',
        'actors_in_movie',
        'movies',
      ])
    }
    const sent = await one.sent(SYNC)
    expect(sent[0].cursors).toBeUndefined()
    expect(sent[1].cursors).toEqual((pages[0]!.cursor as { cursors: object }).cursors)
  })

  test("of the seed's own query runs as it stands, without the sort that means nothing", async () => {
    const { apply, remove, device, server } = filmsOf(seedQuery)
    server.set({ instances: { sortInSelect: 'refuse' } })
    await apply(movie('old', { releaseYear: 1990 }), movie('new', { releaseYear: 2010 }))
    await apply(actor('a', 'Ann'), actor('b', 'Bob'), actor('c', 'Cy'), plays('old', 'a'), plays('new', 'c'))
    const one = device()
    await one.pull()
    expect(one.live('actors')).toEqual({ a: { name: 'Ann' } })
    await apply(plays('old', 'b'), actor('a', 'Anna'))
    await one.pull()
    expect(one.live('actors')).toEqual({ a: { name: 'Anna' }, b: { name: 'Bob' } })
    await remove('a')
    await one.pull()
    expect(one.live('actors')).toEqual({ b: { name: 'Bob' } })
  })

  test('of a page with a deletion and a new life ends with the new life, in either order (F73)', async () => {
    for (const shuffle of [false, true]) {
      const { apply, remove, device, pass } = filmsOf(filmQuery, { instances: { shuffle } })
      await apply(movie('a', { releaseYear: 1 }))
      await apply(movie('a', { releaseYear: 2 }))
      const one = device()
      await one.pull()
      pass(1_000)
      await remove('a')
      await apply(movie('a', { releaseYear: 3 }))
      const news = await one.news()
      expect(news).toMatchObject([{ value: { title: 'a', releaseYear: 3 }, version: { version: 1 } }])
    }
  })

  test('that takes too long asks for less, and for more again', async () => {
    const { apply, device, server } = filmsOf({ ...filmQuery, with: { films: { ...filmQuery.with.films, limit: 8 } } })
    await apply(...Array.from({ length: 30 }, (_, at) => movie(`m${at}`)))
    server.set({ instances: { timeoutAbove: 3 } })
    const one = device()
    await one.pull()
    expect(Object.keys(one.live())).toHaveLength(30)
    const limits = (await one.sent(SYNC)).map(({ with: { films } }) => films.limit)
    expect(limits.slice(0, 7)).toEqual([8, 4, 2, 2, 2, 2, 4])
    server.set({ instances: { timeoutAbove: 0 } })
    await apply(movie('more'))
    await expect(one.pull()).rejects.toMatchObject({ code: 'server' })
  })

  test('brings the same again without harm, integers to the last digit, and times as Date writes them', async () => {
    const { apply, device } = filmsOf(
      { ...filmQuery, with: { films: { ...filmQuery.with.films, limit: 2 } } },
      { instances: { redeliver: 1 } },
    )
    await apply(movie('a', { views: 9007199254740993n, shown: '2026-01-01T01:00:00+01:00' }), movie('b'), movie('c'))
    const one = device()
    await expect(one.pull()).resolves.toBeDefined()
    expect(one.live().a).toEqual({ title: 'a', views: 9007199254740993n, shown: '2026-01-01T00:00:00.000Z' })
  })

  test('tells the remarks of the API once, and types when asked', async () => {
    const { apply, device, server } = filmsOf(filmQuery)
    await apply(movie('a'))
    const one = device({ debug: true })
    const notices = [{ code: 'significantPostFiltering', hint: 'Add an index.', resultExpression: 'films' }]
    const rewrite = (body: string) => JSON.stringify({ ...JSON.parse(body), debug: { notices } })
    server.weather.next({ path: SYNC, times: 2, spoil: { rewrite } })
    await one.pull()
    expect(one.notices).toEqual([{ code: 'remark', message: 'significantPostFiltering in films: Add an index.' }])
    const typing = await one.transport.api.typing(undefined, one.one.io())
    const shape = { films: { mySpace: { 'MovieView/v1': { releaseYear: { type: { type: 'int32' } } } } } }
    expect(typing).toMatchObject(shape)
  })
})

describe('a place in the graph', () => {
  test('that expired by the server, or by its age, is forgotten (I31)', async () => {
    const { apply, device, pass } = filmsOf()
    await apply(movie('a'))
    for (const days of [2.6, 4]) {
      const one = device()
      await one.pull()
      pass(days * DAY)
      await expect(one.pull()).rejects.toMatchObject({ code: 'cursor-invalid' })
      for (const body of await one.sent(SYNC)) expect(body.allowExpiredCursorsAndAcceptMissedDeletes).toBeUndefined()
    }
  })

  test('is gone on with although deletions may be missed only where the app said so, and that is told (I11x)', async () => {
    const { apply, remove, device, pass } = filmsOf()
    await apply(movie('a'), movie('b'))
    const one = device({ acceptMissedDeletes: true })
    await one.pull()
    await remove('b')
    pass(4 * DAY)
    await apply(movie('c'))
    const pages = await one.pull()
    expect(pages[0]).toMatchObject({ missesDeletes: true })
    expect(Object.keys(one.live()).sort()).toEqual(['a', 'b', 'c'])
    const flags = (await one.sent(SYNC)).map(body => body.allowExpiredCursorsAndAcceptMissedDeletes)
    expect(flags.filter(Boolean)).toHaveLength(1)
  })

  test('belongs to its query, whatever its limits; a bad cursor is told from a bad query', async () => {
    const { apply, device, server } = filmsOf()
    await apply(movie('a'))
    const one = device()
    await one.pull()
    const same = device({ query: { ...filmQuery, with: { films: { ...filmQuery.with.films, limit: 7 } } } })
    same.one.cursor = one.one.cursor
    expect(await same.news()).toEqual([])
    const other = device({ query: { ...filmQuery, with: { films: { nodes: {} } } } })
    other.one.cursor = one.one.cursor
    await expect(other.pull()).rejects.toMatchObject({ code: 'cursor-invalid' })
    one.one.cursor = { ...(one.one.cursor as object), cursors: { films: 'bm8=' } }
    await expect(one.pull()).rejects.toMatchObject({ code: 'cursor-invalid' })
    server.weather.next({ path: SYNC, times: 2, before: 400 })
    await expect(device().pull()).rejects.toMatchObject({ code: 'rejected' })
  })

  test('asks before it lets go of a space of which nothing can be seen any more', async () => {
    const { apply, admin, device, remove } = filmsOf()
    await apply(movie('a'), movie('b'), { ...movie('x'), space: 'other' })
    const one = device()
    await one.pull()
    admin.addToken('ada', { spaces: ['other'] })
    one.one.cursor = undefined
    expect((await one.pull()).at(-1)!.suspicious).toMatch(/mySpace/)
    admin.addToken('ada')
    await remove('a')
    one.one.cursor = undefined
    expect((await one.pull()).at(-1)!.suspicious).toBeUndefined()
  })
})

describe('a push', () => {
  test('makes, edits by what differs, clears and deletes in one request, guarded by the version', async () => {
    const { apply, device, change, there } = filmsOf()
    await apply(movie('a', { releaseYear: 1, tags: ['x'] }), movie('b'))
    const one = device()
    await one.pull()
    const receipts = await one.send(
      change('a', { title: 'a', releaseYear: 2 }, one.base('a')),
      change('b', null, one.base('b')),
      change('c', { title: 'c', views: 9007199254740993n, $type: id('Film') }),
    )
    expect(receipts).toMatchObject([
      { state: 'accepted', version: { version: 2 } },
      { state: 'accepted', version: { version: 2 } },
      { state: 'accepted', version: { version: 1 } },
    ])
    const [sent] = await one.sent(APPLY)
    expect(sent.items[0]).toMatchObject({
      existingVersion: 1,
      sources: [{ properties: { releaseYear: 2, tags: null } }],
    })
    expect(sent.items[0].sources[0].properties.title).toBeUndefined()
    expect([sent.items[1].existingVersion, sent.delete[0].existingVersion]).toEqual([0, 1])
    expect(there('a')!.data.mySpace!.Movie).toEqual({ title: 'a', releaseYear: 2 })
    expect(there('b')).toBeUndefined()
    expect(there('c')).toMatchObject({ type: id('Film'), data: { mySpace: { Movie: { views: 9007199254740993n } } } })
    expect(await one.news()).toMatchObject([
      { version: { version: 2 } },
      { version: { version: 1 } },
      { value: null, version: { version: 2 } },
    ])
  })

  test.each([
    ['400', { conflictCode: 400 }],
    ['409', { conflictCode: 409 }],
    ['skipped items that are shown', { skipped: 'standing' }],
  ] as const)('that meets a newer version is in conflict for that item only (%s)', async (_, instances) => {
    const { apply, device, change, there } = filmsOf(filmQuery, { instances })
    await apply(movie('a'), movie('b'))
    const one = device()
    await one.pull()
    await apply(movie('a', { releaseYear: 7 }))
    const receipts = await one.send(
      change('a', { title: 'a', releaseYear: 8 }, one.base('a')),
      change('b', { title: 'b', releaseYear: 8 }, one.base('b')),
    )
    expect(receipts).toMatchObject([
      { state: 'conflict', remote: { value: { title: 'a', releaseYear: 7 }, version: { version: 2 } } },
      { state: 'accepted' },
    ])
    expect(there('a')!.data.mySpace!.Movie!.releaseYear).toBe(7)
  })

  test('that is refused as a whole for one conflict is spread until that one is found', async () => {
    const { apply, device, change, server } = filmsOf()
    await apply(movie('a'), movie('b'), movie('c'))
    const one = device()
    await one.pull()
    await apply(movie('b', { releaseYear: 7 }))
    // Between our look and our write.
    const hide = (body: string) => {
      const answer = JSON.parse(body)
      const items = answer.items.map((it: { externalId: string }) =>
        it.externalId === 'b' ? { ...it, version: 1 } : it,
      )
      return JSON.stringify({ ...answer, items })
    }
    server.weather.next({ path: /byids$/, spoil: { rewrite: hide } })
    const no = JSON.stringify({ error: { code: 400, message: 'A version conflict caused the ingest to fail.' } })
    server.weather.next({ path: APPLY, before: { status: 400, body: no } })
    const edits = ['a', 'b', 'c'].map(name => change(name, { title: name, releaseYear: 8 }, one.base(name)))
    expect((await one.send(...edits)).map(({ state }) => state)).toEqual(['accepted', 'conflict', 'accepted'])
  })

  test('never brings back what was deleted, nor writes over another life', async () => {
    const { apply, remove, device, change, there, pass } = filmsOf()
    await apply(movie('gone'), movie('again'))
    const one = device()
    await one.pull()
    pass(1_000)
    await remove('gone', 'again')
    await apply(movie('again', { releaseYear: 1 }))
    const receipts = await one.send(
      change('gone', { title: 'gone', releaseYear: 2 }, one.base('gone')),
      change('again', { title: 'again', releaseYear: 2 }, one.base('again')),
    )
    expect(receipts).toMatchObject([
      { state: 'conflict', remote: { value: null } },
      { state: 'conflict', remote: { value: { releaseYear: 1 } } },
    ])
    expect(there('gone')).toBeUndefined()
  })

  test('that finds a new life begun by itself completes it, and says which delete did not hold (I5)', async () => {
    const { apply, remove, device, change, there, server, pass } = filmsOf()
    await apply(movie('a', { releaseYear: 1 }))
    const one = device()
    await one.pull()
    const base = one.base('a')
    pass(1_000)
    await remove('a')
    // Deleted between our look and our write: an upsert that was meant for the old life begins another.
    const before = JSON.stringify({ items: [{ instanceType: 'node', ...id('a'), ...(base.version as object) }] })
    server.weather.next({ path: /byids$/, spoil: { rewrite: () => before } })
    expect(await one.send(change('a', { ...base.value, title: 'b' }, base))).toMatchObject([
      {
        state: 'settled',
        verdict: { take: 'local' },
        remote: { value: { title: 'b', releaseYear: 1 } },
        lost: { id: 'mySpace:a', value: null },
      },
    ])
    expect(there('a')!.data.mySpace!.Movie).toEqual({ title: 'b', releaseYear: 1 })
  })

  test('of a creation whose answer was lost knows its own effect, and of a deletion too', async () => {
    const { apply, remove, device, change } = filmsOf()
    await apply(movie('mine', { releaseYear: 1 }), movie('theirs', { releaseYear: 1 }), movie('x'))
    const one = device()
    await one.pull()
    const base = one.base('x')
    await remove('x')
    const receipts = await one.send(
      change('mine', { title: 'mine', releaseYear: 1 }),
      change('theirs', { title: 'theirs', releaseYear: 2 }),
      change('x', null, base),
    )
    expect(receipts.map(({ state }) => state)).toEqual(['accepted', 'conflict', 'accepted'])
  })

  test('that meets a lock is tried again, one that does not fit is refused as a whole', async () => {
    const { device, change, server } = filmsOf()
    server.set({ instances: { contend: 1 } })
    await expect(device().send(change('a', { title: 'a' }))).rejects.toMatchObject({ code: 'busy' })
    server.set({ instances: { contend: 0 } })
    await expect(device().send(change('a', { releaseYear: 1 }))).rejects.toMatchObject({ code: 'rejected' })
    expect(await device().send(change('a', { 'other.x': 1 }))).toMatchObject([{ state: 'rejected' }])
  })

  test('writes edges, with their ends where the app wants them made', async () => {
    const query = instanceQuery({
      with: { roles: { edges: {} } },
      select: { roles: {} },
    })
    const { apply, device, change, there } = filmsOf(query)
    await apply(movie('m'), actor('a'))
    const ends = { $type: id('Movie.actors'), $startNode: id('m'), $endNode: id('a') }
    const one = device()
    expect(await one.send(change('m-a', ends, null, 'roles'))).toMatchObject([{ state: 'accepted' }])
    expect((await one.news()).map(({ value }) => value)).toEqual([ends])
    const loose = { ...ends, $endNode: id('new') }
    await expect(one.send(change('m-n', loose, null, 'roles'))).rejects.toMatchObject({ code: 'rejected' })
    const making = device({ autoCreate: { endNodes: true } })
    expect(await making.send(change('m-n', loose, null, 'roles'))).toMatchObject([{ state: 'accepted' }])
    expect(there('new')).toBeDefined()
  })
})
