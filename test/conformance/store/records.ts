import { expect, test } from 'vitest'
import type { RecordQuery } from '../../../src/store.ts'
import { codeOf, type MakePlace, notes, openNew, put, record } from './place.ts'

/** Records: order, ranges, pages, indexes, tombstones. */
export function recordTests(make: MakePlace): void {
  test('what was put is what is got, in the order asked for', async () => {
    const store = await openNew(make)
    await put(store, record('a', { title: 'one' }, { version: 7 }), record('b', { title: 'two' }))
    const found = await store.read(notes, async tx => ({
      one: await tx.records('notes').get('a'),
      none: await tx.records('notes').get('zz'),
      many: await tx.records('notes').getMany(['b', 'zz', 'a', 'b']),
    }))
    const [a, b] = [record('a', { title: 'one' }, { version: 7 }), record('b', { title: 'two' })]
    expect(found).toEqual({ one: a, none: undefined, many: [b, undefined, a, b] })
  })

  test('a record put twice in one call is as the last one', async () => {
    const store = await openNew(make)
    await put(store, record('a', { rank: 1 }), record('a', { rank: 2 }))
    const found = await store.read(notes, async tx => [
      await tx.records('notes').list(),
      await tx.records('notes').list({ index: 'rank' }),
    ])
    expect(found).toEqual([[record('a', { rank: 2 })], [record('a', { rank: 2 })]])
  })

  test('ids sort by UTF-16 code unit', async () => {
    const store = await openNew(make)
    const ids = ['\uffff', '😀', 'é', 'a', 'B', '10', '9', 'a\0', 'aa', '\ud800', '__proto__', ' ']
    await put(store, ...ids.map(id => record(id, {})))
    const list = (query: RecordQuery) => store.read(notes, tx => tx.records('notes').list(query))
    const sorted = [...ids].sort()
    expect((await list({})).map(({ id }) => id)).toEqual(sorted)
    expect((await list({ order: 'desc' })).map(({ id }) => id)).toEqual([...sorted].reverse())
  })

  test('a range of ids includes its bounds unless said otherwise', async () => {
    const store = await openNew(make)
    await put(store, ...['a', 'b', 'c', 'd'].map(id => record(id, {})))
    const list = (query: RecordQuery) =>
      store.read(notes, async tx => {
        const found = await tx.records('notes').list(query)
        expect(await tx.records('notes').count(query)).toBe(found.length)
        return found.map(({ id }) => id).join('')
      })
    expect(await list({ from: 'b', to: 'c' })).toBe('bc')
    expect(await list({ from: 'b', fromOpen: true })).toBe('cd')
    expect(await list({ to: 'c', toOpen: true, order: 'desc' })).toBe('ba')
    expect(await list({ from: 'b', to: 'b' })).toBe('b')
    expect(await list({ from: 'b', to: 'b', toOpen: true })).toBe('')
    expect(await list({ from: 'c', to: 'b' })).toBe('')
  })

  test('pages follow each other without gap or repetition, in both orders, by id and by index', async () => {
    const store = await openNew(make)
    // Many equal ranks, so that pages end among equals; absent and foreign ones are not in the index.
    const all = Array.from({ length: 40 }, (_, n) => record(`n${(n * 7) % 40}`, { rank: n % 3 === 0 ? 'x' : n % 4 }))
    await put(store, ...all, record('other', { rank: true }), record('none', {}), record('gone', null))
    for (const order of ['asc', 'desc'] as const) {
      for (const index of [undefined, 'rank']) {
        const query = { order, ...(index && { index }) }
        const whole = await store.read(notes, tx => tx.records('notes').list(query))
        expect(whole).toHaveLength(index ? 40 : 42)
        for (const limit of [1, 7, 100]) {
          let after: RecordQuery['after']
          for (let at = 0; at < whole.length; at += limit) {
            const page = await store.read(notes, tx =>
              tx.records('notes').list({ ...query, limit, ...(after && { after }) }),
            )
            expect(page).toEqual(whole.slice(at, at + limit))
            const last = page.at(-1)!
            after = index ? { id: last.id, value: last.value!.rank as string | number } : { id: last.id }
          }
          const behind = { ...query, limit, ...(after && { after }) }
          expect(await store.read(notes, tx => tx.records('notes').list(behind))).toEqual([])
        }
      }
    }
  })

  test('an index sorts numbers before strings, then by id, and holds neither other values nor tombstones', async () => {
    const store = await openNew(make)
    const ranks = { a: 'b', b: 2, c: -1.5, d: '', e: 10, f: 'B', g: 0, h: -1e-7, i: 5e-324, j: 1e300, k: 2 }
    const others = { l: null, m: true, n: 3n, o: [1], p: { q: 1 }, q: new Uint8Array([1]), r: [] }
    await put(store, ...Object.entries({ ...ranks, ...others }).map(([id, rank]) => record(id, { rank })))
    await put(store, record('t', null), record('u', {}))
    const list = (query: RecordQuery) =>
      store.read(notes, async tx => {
        const found = await tx.records('notes').list({ index: 'rank', ...query })
        expect(await tx.records('notes').count({ index: 'rank', ...query })).toBe(found.length)
        return found.map(({ id }) => id).join('')
      })
    expect(await list({})).toBe('chgibkejdfa')
    expect(await list({ order: 'desc' })).toBe('afdjekbighc')
    expect(await list({ from: 2, to: 'B' })).toBe('bkejdf')
    expect(await list({ from: 2, fromOpen: true, to: '' })).toBe('ejd')
    expect(await list({ to: 0, toOpen: true })).toBe('ch')
    expect(await list({ from: 'B', fromOpen: true })).toBe('a')
    expect(await list({ from: -Infinity, to: Infinity })).toBe('chgibkej')
  })

  test('an index follows each change of a record', async () => {
    const store = await openNew(make)
    const ranked = () => store.read(notes, tx => tx.records('notes').list({ index: 'rank' }))
    await put(store, record('a', { rank: 1 }), record('b', { rank: 2 }))
    await put(store, record('a', { rank: 3 }))
    expect((await ranked()).map(({ id }) => id)).toEqual(['b', 'a'])
    await put(store, record('a', { rank: false }), record('b', null))
    expect(await ranked()).toEqual([])
    await put(store, record('b', { rank: 1 }))
    await store.write(notes, tx => tx.records('notes').deleteMany(['b', 'nobody']))
    expect(await ranked()).toEqual([])
  })

  test('a tombstone is got, and listed or counted only when asked for', async () => {
    const store = await openNew(make)
    await put(store, record('a', null, { version: 2 }), record('b', { rank: 1 }), record('c', null))
    const found = await store.read(notes, async tx => ({
      got: await tx.records('notes').get('a'),
      listed: (await tx.records('notes').list()).map(({ id }) => id),
      first: (await tx.records('notes').list({ limit: 1 })).map(({ id }) => id),
      all: (await tx.records('notes').list({ deleted: true })).map(({ id }) => id),
      count: await tx.records('notes').count(),
      countAll: await tx.records('notes').count({ deleted: true }),
      countSome: await tx.records('notes').count({ from: 'b' }),
    }))
    expect(found).toEqual({
      got: record('a', null, { version: 2 }),
      listed: ['b'],
      first: ['b'],
      all: ['a', 'b', 'c'],
      count: 1,
      countAll: 3,
      countSome: 1,
    })
  })

  test('count ignores limit, after and order; a limit of 0 lists nothing', async () => {
    const store = await openNew(make)
    await put(store, record('a', {}), record('b', {}))
    const query: RecordQuery = { limit: 0, after: { id: 'a' }, order: 'desc' }
    const found = await store.read(notes, async tx => [
      await tx.records('notes').count(query),
      await tx.records('notes').list(query),
      await tx.records('notes').list({ limit: Infinity }),
    ])
    expect(found).toEqual([2, [], [record('a', {}), record('b', {})]])
  })

  test('a query that no store could answer is refused', async () => {
    const store = await openNew(make)
    const bad: RecordQuery[] = [
      { index: 'nothing' },
      { index: 'rank', deleted: true },
      { index: 'rank', after: { id: 'a' } },
      { index: 'rank', from: NaN },
      { from: 1 },
      { limit: -1 },
      { limit: 1.5 },
    ]
    for (const query of bad) {
      expect(await codeOf(store.read(notes, tx => tx.records('notes').list(query)))).toBe('invalid-value')
    }
  })
}
