import { describe, expect, test } from 'vitest'
import {
  ACTOR,
  actor,
  films,
  graph,
  id,
  MOVIE,
  movie,
  movieProp,
  PLAYS,
  plays,
  showFilms,
} from './cognite-graph-kit.ts'
import { talker } from './cognite-kit.ts'
import type { Json } from './kit.ts'

const DAY = 24 * 3_600_000
const names = (items: Json[]) => items.map(it => it.externalId)

describe('apply', () => {
  test('makes, patches, clears, replaces, and counts a version for what really changed', async () => {
    const { apply, call } = graph()
    const one = (properties: object, more: object = {}) => apply([movie('m', properties)], more)
    expect((await one({ releaseYear: 1999, tags: ['a'] })).body.items[0]).toMatchObject({
      version: 1,
      wasModified: true,
    })
    expect((await one({ releaseYear: 1999 })).body.items[0]).toMatchObject({ version: 1, wasModified: false })
    expect((await one({ releaseYear: null })).body.items[0].version).toBe(2)
    const read = async () => {
      const { body } = await call('/byids', {
        sources: [{ source: MOVIE }],
        items: [{ instanceType: 'node', ...id('m') }],
      })
      return body.items[0].properties.mySpace['MovieView/v1']
    }
    expect(await read()).toEqual({ title: 'm', tags: ['a'] })
    await one({ views: 9007199254740993n, shown: '2026-01-01T00:00:00Z' }, { replace: true })
    expect(await read()).toEqual({ title: 'm', views: 9007199254740993n, shown: '2026-01-01T00:00:00.000+00:00' })
  })

  test('guards by version, for all or item by item, with the code of the day', async () => {
    const { apply, sandbox, call } = graph()
    await apply([movie('m')])
    await apply([movie('m', { releaseYear: 1 })])
    const stale = movie('m', { releaseYear: 2 }, { existingVersion: 1 })
    const refused = await apply([stale, movie('n')])
    expect([refused.status, refused.body.error.message]).toEqual([400, 'A version conflict caused the ingest to fail.'])
    sandbox.set({ instances: { conflictCode: 409 } })
    expect((await apply([stale])).status).toBe(409)
    expect((await apply([movie('m', {}, { existingVersion: 0 })])).status).toBe(409)
    const skipped = await apply([stale, movie('n', {}, { existingVersion: 0 })], { skipOnVersionConflict: true })
    expect(names(skipped.body.items)).toEqual(['n'])
    sandbox.set({ instances: { skipped: 'standing' } })
    const shown = await apply([stale], { skipOnVersionConflict: true })
    expect(shown.body.items).toMatchObject([{ version: 2, wasModified: false }])
    expect((await apply([movie('m', { releaseYear: 3 }, { existingVersion: 2 })])).status).toBe(200)
    expect((await apply([movie('m', { releaseYear: 4 }, { existingVersion: 99 })])).status).toBe(200)
    expect((await apply([movie('new', {}, { existingVersion: 7 })])).status).toBe(200)
    const gone = { items: [{ instanceType: 'node', ...id('m'), existingVersion: 1 }] }
    expect((await call('/delete', gone)).status).toBe(409)
  })

  test('is all or nothing, deletes with upserts, and takes a node with its edges', async () => {
    const { apply, call, sandbox, remove } = graph()
    await apply([movie('m'), actor('a'), plays('m', 'a')])
    expect((await apply([movie('x'), movie('y', { nope: 1 })])).status).toBe(400)
    const both = await apply([movie('z')], {
      delete: [
        { instanceType: 'node', ...id('m') },
        { instanceType: 'node', ...id('no') },
      ],
    })
    expect(both.body.deleted).toEqual([{ instanceType: 'node', ...id('m') }])
    expect(names(sandbox.inspect().instances() as Json).sort()).toEqual(['a', 'z'])
    expect((await remove('m')).body).toEqual({ items: [] })
    const many = Array.from({ length: 1001 }, (_, at) => movie(`m${at}`))
    expect((await apply(many)).status).toBe(400)
    expect(
      (await call('/delete', { items: [{ instanceType: 'node', space: 'nowhere', externalId: 'a' }] })).status,
    ).toBe(400)
  })

  test('makes what relations and edges point at only where that is wanted', async () => {
    const { apply, sandbox } = graph()
    const related = movie('m', { studio: id('s') })
    const refused = await apply([related], { autoCreateDirectRelations: false })
    expect(refused.body.error.message).toMatch(/'s' was referenced as the target of a direct relation/)
    expect((await apply([related])).status).toBe(200)
    expect((await apply([plays('m', 'new')])).status).toBe(400)
    expect((await apply([plays('m', 'new')], { autoCreateEndNodes: true })).status).toBe(200)
    expect((await apply([plays('old', 'm')], { autoCreateStartNodes: true })).status).toBe(200)
    const nodes = sandbox
      .inspect()
      .instances()
      .filter(it => it.instanceType === 'node')
    expect(nodes.map(it => it.externalId).sort()).toEqual(['m', 'new', 'old', 's'])
  })

  test('of what does not fit is 400, and meeting a lock says that it may be tried again', async () => {
    const { apply, sandbox } = graph()
    for (const wrong of [{ title: null }, { releaseYear: 'x' }, { releaseYear: 2 ** 31 }, { tags: 'x' }]) {
      expect((await apply([movie('m', wrong)])).status).toBe(400)
    }
    sandbox.set({ instances: { contend: 1 } })
    const { status, body, headers } = await apply([movie('m')])
    expect([status, body.error.isAutoRetryable, headers.get('cdf-is-auto-retryable')]).toEqual([409, true, 'true'])
  })
})

describe('sync', () => {
  test('shows all, then what changes, and tombstones with what they held', async () => {
    const { apply, remove, sync, follow } = graph()
    await apply([movie('a'), movie('b'), movie('c')])
    const next = follow()
    expect(await next()).toEqual(['a', 'b', 'c'])
    expect(await next()).toEqual([])
    await apply([movie('a', { releaseYear: 1 })])
    await apply([movie('b')])
    expect(await next()).toEqual(['a'])
    const { body } = await sync()
    await remove('b', 'c')
    expect(await next()).toEqual(['-b', '-c'])
    const gone = (await sync({ cursors: body.nextCursor })).body.items.films
    expect(gone[0]).toMatchObject({ version: 2, properties: { mySpace: { 'MovieView/v1': { title: 'b' } } } })
    expect(gone[0].deletedTime).toBe(gone[0].lastUpdatedTime)
    expect(await follow()()).toEqual(['a'])
    const all = await follow({ with: { films: { ...films.films, skipAlreadyDeleted: false } } })()
    expect(all).toEqual(['a', '-b', '-c'])
  })

  test('gives another cursor each time, good for three days, and then only where missed deletes are accepted', async () => {
    const { apply, sync, world } = graph()
    await apply([movie('a')])
    const first = (await sync()).body.nextCursor
    const second = (await sync({ cursors: first })).body.nextCursor
    expect(second.films).not.toBe((await sync({ cursors: second })).body.nextCursor.films)
    world.set(world.now() + 3 * DAY)
    expect((await sync({ cursors: second })).status).toBe(200)
    world.set(world.now() + 1)
    const { status, body } = await sync({ cursors: second })
    expect([status, body.error.message]).toEqual([400, expect.stringMatching(/^Cursor has expired/)])
    expect((await sync({ cursors: second, allowExpiredCursorsAndAcceptMissedDeletes: true })).status).toBe(200)
    for (const cursors of [{ films: 'x' }, { other: first.films }, { films: '' }])
      expect((await sync({ cursors })).status).toBe(400)
  })

  test('forgets tombstones after three days', async () => {
    const { apply, remove, world, follow, sync } = graph()
    await apply([movie('a')])
    const { nextCursor } = (await sync()).body
    await remove('a')
    world.set(world.now() + 3 * DAY)
    expect((await sync({ cursors: nextCursor })).body.items.films).toEqual([])
    expect(await follow()()).toEqual([])
  })

  test('in two phases is a backfill in the order asked for, and then what changed meanwhile', async () => {
    const { apply, sync, remove } = graph()
    await apply(['c', 'a', 'd', 'b'].map((name, at) => movie(name, { releaseYear: 10 - at })))
    const backfillSort = [{ property: movieProp('releaseYear') }]
    const expression = { films: { ...films.films, mode: 'twoPhase', limit: 2, backfillSort } }
    const page = (cursors?: Json) => sync({ with: expression, ...(cursors && { cursors }) })
    const first = (await page()).body
    expect(names(first.items.films)).toEqual(['b', 'd'])
    await apply([movie('e'), movie('c', { releaseYear: 0 })])
    await remove('b')
    const second = (await page(first.nextCursor)).body
    expect(names(second.items.films)).toEqual(['a'])
    const third = (await page(second.nextCursor)).body
    expect(names(third.items.films)).toEqual(['e', 'c'])
    expect(names((await page(third.nextCursor)).body.items.films)).toEqual(['b'])
    const wrong = await sync({ with: { films: { ...films.films, backfillSort } } })
    expect(wrong.body.error.message).toBe('Backfill sort can only be used with two-phase sync.')
  })

  test('without backfill shows only what comes after the first call', async () => {
    const { apply, follow } = graph()
    await apply([movie('a')])
    const next = follow({ with: { films: { ...films.films, mode: 'noBackfill' } } })
    expect(await next()).toEqual([])
    await apply([movie('b'), movie('a', { releaseYear: 1 })])
    expect(await next()).toEqual(['b', 'a'])
  })

  test('shows a deleted and remade instance as two, of two lives', async () => {
    const { apply, remove, sync, world, sandbox } = graph()
    await apply([movie('a')])
    await apply([movie('a', { releaseYear: 1 })])
    const { nextCursor } = (await sync()).body
    world.set(world.now() + 5_000)
    await remove('a')
    await apply([movie('a')])
    const { films: seen } = (await sync({ cursors: nextCursor })).body.items
    expect(seen.map((it: Json) => [it.version, it.deletedTime !== undefined])).toEqual([
      [3, true],
      [1, false],
    ])
    expect(seen[1].createdTime).toBe(seen[0].createdTime + 5_000)
    sandbox.set({ instances: { newLife: 'goes-on' } })
    await remove('a')
    expect((await apply([movie('a')])).body.items[0].version).toBe(4)
  })

  test('begins no life before the one before it, however long its transaction took', async () => {
    const { apply, remove, sandbox } = graph()
    const born = async () => (await apply([movie('a')])).body.items[0].createdTime as number
    const first = await born()
    await remove('a')
    sandbox.set({ instances: { behind: [10_000, 10_000] } })
    expect(await born()).toBeGreaterThan(first)
  })

  test('keeps to its limits, tells types and notices, and runs out of time where too much is asked', async () => {
    const { apply, sync, sandbox } = graph()
    await apply([movie('a')])
    for (const limit of [0, 2001, 1.5])
      expect((await sync({ with: { films: { ...films.films, limit } } })).status).toBe(400)
    for (const body of [{ with: {} }, { select: {} }, { select: { other: {} } }, { with: { films: {} } }]) {
      expect((await sync(body)).status).toBe(400)
    }
    const { body } = await sync({ includeTyping: true, debug: { timeout: 5 } })
    expect(body.typing.films.mySpace['MovieView/v1'].releaseYear).toMatchObject({
      type: { type: 'int32' },
      nullable: true,
    })
    expect(body.debug.notices).toMatchObject([{ code: 'noTimeoutWithResults' }])
    sandbox.set({ instances: { timeoutAbove: 50 } })
    const late = await sync()
    expect([late.status, late.body.error.message]).toEqual([408, expect.stringMatching(/^Graph query timed out/)])
    expect((await sync({ with: { films: { ...films.films, limit: 50 } } })).status).toBe(200)
  })

  test('limits what a token sees to its spaces, without a word', async () => {
    const { apply, sandbox, admin } = graph()
    await apply([movie('a'), { ...movie('b'), space: 'other' }])
    admin.addToken('eve', { spaces: ['other'] })
    const { body } = await talker(sandbox, 'eve')('/models/instances/sync', { with: films, select: showFilms })
    expect(names(body.items.films)).toEqual(['b'])
  })
})

describe("the seed's own query", () => {
  const query = {
    with: {
      movies: { nodes: { filter: { range: { property: movieProp('releaseYear'), lt: 2000 } } } },
      actors_in_movie: { edges: { from: 'movies', filter: { equals: { property: ['edge', 'type'], value: PLAYS } } } },
      actors: { nodes: { from: 'actors_in_movie' } },
    },
    select: {
      actors: {
        sources: [{ source: ACTOR, properties: ['name'] }],
        sort: [{ property: ['mySpace', 'ActorView/v1', 'name'] }],
      },
    },
  }

  test('runs as it stands: chained, two of three sets not shown, sort ignored with a notice or refused', async () => {
    const { apply, call, sandbox } = graph()
    await apply([movie('old', { releaseYear: 1990 }), movie('new', { releaseYear: 2010 })])
    await apply(['a', 'b', 'c'].map(name => actor(name)))
    await apply([plays('old', 'a'), plays('old', 'b'), plays('new', 'c')])
    const { body } = await call('/sync', { ...query, debug: {} })
    expect(names(body.items.actors)).toEqual(['a', 'b'])
    expect(Object.keys(body.items)).toEqual(['actors'])
    expect(Object.keys(body.nextCursor).sort()).toEqual(['actors', 'actors_in_movie', 'movies'])
    expect(body.debug.notices).toMatchObject([{ code: 'sortNotBackedByIndex', resultExpression: 'actors' }])
    sandbox.set({ instances: { sortInSelect: 'refuse' } })
    expect((await call('/sync', query)).status).toBe(400)
  })

  test('shows an actor again when it, its edge or its film changed, and gone when it was deleted', async () => {
    const { apply, call, remove } = graph()
    await apply([movie('old', { releaseYear: 1990 }), movie('new', { releaseYear: 2010 })])
    await apply(['a', 'b', 'c'].map(name => actor(name)))
    await apply([plays('old', 'a'), plays('new', 'c')])
    let cursors: Json = {}
    const news = async () => {
      const { body } = await call('/sync', { ...query, cursors })
      cursors = body.nextCursor
      return body.items.actors.map((it: Json) => (it.deletedTime ? `-${it.externalId}` : it.externalId))
    }
    expect(await news()).toEqual(['a'])
    expect(await news()).toEqual([])
    await apply([actor('a', 'Ann')])
    expect(await news()).toEqual(['a'])
    await apply([plays('old', 'b')])
    expect(await news()).toEqual(['b'])
    await apply([movie('new', { releaseYear: 1999 })])
    expect(await news()).toEqual(['c'])
    await remove('a')
    expect(await news()).toEqual(['-a'])
    expect(await news()).toEqual([])
  })

  test('pages through a chain without losing any', async () => {
    const { apply, call } = graph()
    await apply([movie('old', { releaseYear: 1990 })])
    const cast = Array.from({ length: 23 }, (_, at) => `a${at}`)
    await apply(cast.map(name => actor(name)))
    await apply(cast.map(name => plays('old', name)))
    const limited = { ...query, with: { ...query.with, actors: { ...query.with.actors, limit: 5 } } }
    const seen: string[] = []
    let cursors: Json = {}
    for (let page = 0; page < 7; page++) {
      const { body } = await call('/sync', { ...limited, cursors })
      cursors = body.nextCursor
      seen.push(...names(body.items.actors))
      expect(body.items.actors.length).toBeLessThanOrEqual(5)
    }
    expect(seen.sort()).toEqual([...cast].sort())
  })
})

describe('query, list and byids', () => {
  test('show what is there, sorted and paged', async () => {
    const { apply, call, remove } = graph()
    await apply(['a', 'b', 'c', 'd'].map((name, at) => movie(name, { releaseYear: 2000 + at })))
    await remove('d')
    const sort = [{ property: movieProp('releaseYear'), direction: 'descending' }]
    const body = { with: { films: { ...films.films, limit: 2, sort } }, select: showFilms }
    const first = await call('/query', body)
    expect(names(first.body.items.films)).toEqual(['c', 'b'])
    const second = await call('/query', { ...body, cursors: first.body.nextCursor })
    expect([names(second.body.items.films), second.body.nextCursor]).toEqual([['a'], {}])
    const listed = await call('/list', { sources: [{ source: MOVIE }], limit: 2 })
    expect(names(listed.body.items)).toEqual(['a', 'b'])
    const rest = await call('/list', { sources: [{ source: MOVIE }], limit: 2, cursor: listed.body.nextCursor })
    expect([names(rest.body.items), rest.body.nextCursor]).toEqual([['c'], undefined])
    const items = ['c', 'd', 'no'].map(name => ({ instanceType: 'node', ...id(name) }))
    expect(names((await call('/byids', { items })).body.items)).toEqual(['c'])
  })

  test('follow direct relations both ways, edges backwards, distances and sets of sets', async () => {
    const { apply, call } = graph()
    await apply([movie('m1', { studio: id('s') }), movie('m2', { studio: id('s') }), actor('a'), actor('b')])
    await apply([plays('m1', 'a'), plays('a', 'b')])
    const from = (name: string) => ({ nodes: { filter: { instanceReferences: [id(name)] } } })
    const ask = async (expressions: object, set: string) =>
      names((await call('/query', { with: expressions, select: { [set]: {} } })).body.items[set])
    const through = { source: MOVIE, identifier: 'studio' }
    expect(await ask({ m: from('m1'), s: { nodes: { from: 'm', through, direction: 'outwards' } } }, 's')).toEqual([
      's',
    ])
    expect(await ask({ s: from('s'), m: { nodes: { from: 's', through } } }, 'm')).toEqual(['m1', 'm2'])
    const back = { b: from('b'), e: { edges: { from: 'b', direction: 'inwards' } }, n: { nodes: { from: 'e' } } }
    expect(await ask(back, 'n')).toEqual(['a'])
    const far = { m: from('m1'), e: { edges: { from: 'm', maxDistance: 2 } } }
    expect(await ask(far, 'e')).toEqual(['m1-a', 'a-b'])
    expect(await ask({ m: from('m1'), e: { edges: { from: 'm' } } }, 'e')).toEqual(['m1-a'])
    expect(await ask({ x: from('a'), y: from('b'), z: { union: ['x', 'y'] } }, 'z')).toEqual(['a', 'b'])
    expect(await ask({ x: from('a'), y: from('b'), z: { intersection: ['x', 'y'] } }, 'z')).toEqual([])
    const wrong = { with: { x: { nodes: { from: 'y' } }, y: { nodes: { from: 'x' } } }, select: { x: {} } }
    expect((await call('/query', wrong)).status).toBe(400)
  })

  test('filter by base properties, views, containers, parameters, other properties, relations and spans', async () => {
    const { apply, call } = graph()
    const year = (shown: string, until: string) => ({ shown: `${shown}T00:00:00Z`, until: `${until}T00:00:00Z` })
    await apply([
      movie('a', { releaseYear: 1990, studio: id('s'), ...year('2020-01-01', '2021-01-01') }, { type: id('Film') }),
      movie('b', { releaseYear: 2000, tags: ['x', 'y'], ...year('2022-01-01', '2023-01-01') }),
      actor('s', 'Studio'),
    ])
    const find = async (filter: object, parameters: object = {}) => {
      const { status, body } = await call('/query', {
        with: { n: { nodes: { filter } } },
        select: { n: {} },
        parameters,
      })
      return status === 200 ? names(body.items.n) : status
    }
    const equals = (property: string[], value: unknown) => ({ equals: { property, value } })
    expect(await find(equals(['node', 'externalId'], 'a'))).toEqual(['a'])
    expect(await find(equals(['externalId'], 'a'))).toEqual(['a'])
    expect(await find(equals(['node', 'type'], id('Film')))).toEqual(['a'])
    expect(await find(equals(['mySpace', 'Movie', 'releaseYear'], 1990))).toEqual(['a'])
    expect(await find(equals(movieProp('releaseYear'), { parameter: 'year' }), { year: 2000 })).toEqual(['b'])
    expect(await find(equals(movieProp('releaseYear'), { parameter: 'year' }))).toBe(400)
    expect(await find(equals(movieProp('title'), { property: ['node', 'externalId'] }))).toEqual(['a', 'b'])
    expect(await find({ containsAny: { property: movieProp('tags'), values: ['y', 'z'] } })).toEqual(['b'])
    expect(await find({ nested: { scope: movieProp('studio'), filter: { hasData: [ACTOR] } } })).toEqual(['a'])
    const overlaps = (gte: string, lt: string) => ({
      overlaps: { startProperty: movieProp('shown'), endProperty: movieProp('until'), gte, lt },
    })
    expect(await find(overlaps('2020-06-01T00:00:00Z', '2020-07-01T00:00:00Z'))).toEqual(['a'])
    expect(await find(overlaps('2020-06-01T00:00:00Z', '2024-01-01T00:00:00Z'))).toEqual(['a', 'b'])
    expect(await find({ instanceReferences: [id('b'), id('no')] })).toEqual(['b'])
    expect(await find({ not: { hasData: [MOVIE] } })).toEqual(['s'])
    expect(await find({ range: { property: ['node', 'createdTime'], gt: 0 } })).toEqual(['a', 'b', 's'])
    for (const path of [
      ['nope'],
      ['node', 'nope'],
      movieProp('nope'),
      ['mySpace', 'NoView/v1', 'x'],
      ['a', 'b', 'c', 'd'],
    ]) {
      expect(await find(equals(path, 1))).toBe(400)
    }
  })
})
