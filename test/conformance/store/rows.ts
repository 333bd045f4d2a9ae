import { expect, test } from 'vitest'
import type { RowKey, RowQuery } from '../../../src/store.ts'
import { codeOf, type MakePlace, openAt, openNew, queue } from './place.ts'

/** Rows: keys, prefixes, pages, append. */
export function rowTests(make: MakePlace): void {
  // As IndexedDB sorts array keys.
  const sorted: RowKey[] = [
    [-1.5],
    [0],
    [0, 0],
    [0, 'a'],
    [2],
    [10],
    ['', 1],
    ['a'],
    ['a', -1],
    ['a', 2],
    ['a', 10],
    ['a', ''],
    ['a', 'b'],
    ['a', 'b', 1],
    ['a\0'],
    ['a\0', 1],
    ['a\0\0'],
    ['a\u0001'],
    ['aa'],
    ['b'],
    ['\ud800'],
    ['😀'],
    ['\uffff', 'x'],
    ['\uffff\uffff'],
  ]

  test('rows sort by key: numbers before strings, by code unit, a prefix first', async () => {
    const store = await openNew(make)
    const rows = sorted.map((key, n) => ({ key, row: { n } }))
    await store.write(queue, tx => tx.rows('queue').putMany([...rows].reverse()))
    expect(await store.read(queue, tx => tx.rows('queue').list())).toEqual(rows)
    expect(await store.read(queue, tx => tx.rows('queue').list({ order: 'desc' }))).toEqual([...rows].reverse())
    expect(await store.read(queue, tx => tx.rows('queue').getMany([['aa'], ['zz'], [0]]))).toEqual([
      { n: 18 },
      undefined,
      { n: 1 },
    ])
  })

  test('a prefix takes whole parts, and pages follow each other in both orders', async () => {
    const store = await openNew(make)
    await store.write(queue, tx => tx.rows('queue').putMany(sorted.map(key => ({ key, row: {} }))))
    const list = (query: RowQuery) =>
      store.read(queue, async tx => (await tx.rows('queue').list(query)).map(({ key }) => key))
    const under = (prefix: RowKey) => sorted.filter(key => prefix.every((part, at) => part === key[at]))
    for (const prefix of [[], ['a'], [0], ['a', 'b'], ['a\0'], ['\uffff'], ['nobody']]) {
      expect(await list({ prefix })).toEqual(under(prefix))
      expect(await store.read(queue, tx => tx.rows('queue').count({ prefix }))).toBe(under(prefix).length)
      for (const order of ['asc', 'desc'] as const) {
        const whole = order === 'asc' ? under(prefix) : under(prefix).reverse()
        for (let at = 0; at < whole.length; at++) {
          expect(await list({ prefix, order, after: whole[at]!, limit: 2 })).toEqual(whole.slice(at + 1, at + 3))
        }
      }
    }
    expect(await list({ prefix: ['a'], after: [0] })).toEqual(under(['a']))
    expect(await list({ prefix: ['a'], after: ['b'] })).toEqual([])
    expect(await list({ prefix: ['a'], after: ['b'], order: 'desc' })).toEqual(under(['a']).reverse())
    expect(await list({ prefix: ['a'], after: [0], order: 'desc' })).toEqual([])
  })

  test('spaces are apart, and so are rows and records', async () => {
    const store = await openNew(make)
    const scope = { records: ['notes'], rows: ['queue', 'outbox'] } as const
    await store.write(scope, async tx => {
      await tx.rows('queue').putMany([{ key: ['a'], row: { in: 'queue' } }])
      await tx.rows('outbox').putMany([{ key: ['a'], row: { in: 'outbox' } }])
      await tx.rows('outbox').deleteMany([['a'], ['b']])
    })
    expect(
      await store.read(scope, async tx => [await tx.rows('queue').get(['a']), await tx.rows('outbox').list()]),
    ).toEqual([{ in: 'queue' }, []])
  })

  test('append gives a greater number each time under a prefix, after deletes and after a reopening too', async () => {
    const place = await make()
    const store = await openAt(place)
    const append = (from: typeof store, prefix: RowKey) =>
      from.write(queue, tx => tx.rows('queue').append(prefix, { under: prefix }))
    const first = [await append(store, ['a']), await append(store, ['a']), await append(store, ['a'])]
    expect(first).toEqual([...first].sort((one, other) => one - other))
    expect(new Set(first).size).toBe(3)
    await store.write(queue, tx => tx.rows('queue').deleteMany(first.map(n => ['a', n])))
    const next = await append(store, ['a'])
    expect(next).toBeGreaterThan(first[2]!)
    await store.write(queue, tx => tx.rows('queue').deleteMany([['a', next]]))
    await store.close()
    const again = await openAt(place)
    const last = await append(again, ['a'])
    expect(last).toBeGreaterThan(next)
    const [top, other] = [await append(again, []), await append(again, ['a', 'b'])]
    expect(await again.read(queue, tx => tx.rows('queue').list())).toEqual([
      { key: [top], row: { under: [] } },
      { key: ['a', last], row: { under: ['a'] } },
      { key: ['a', 'b', other], row: { under: ['a', 'b'] } },
    ])
    expect(await again.read(queue, tx => tx.rows('queue').count())).toBe(3)
  })

  test('two appends of one transaction and of two at once never get the same number', async () => {
    const place = await make()
    const stores = [await openAt(place), await openAt(place)]
    const numbers = await Promise.all(
      Array.from({ length: 10 }, (_, n) =>
        stores[n % 2]!.write(queue, async tx => [
          await tx.rows('queue').append(['r'], {}),
          await tx.rows('queue').append(['r'], {}),
        ]),
      ),
    )
    expect(new Set(numbers.flat()).size).toBe(20)
    expect(await stores[0]!.read(queue, tx => tx.rows('queue').count({ prefix: ['r'] }))).toBe(20)
  })

  test('a key that no store could keep is refused', async () => {
    const store = await openNew(make)
    const bad = [[], [NaN], [Infinity], [['a']], [null], ['x'.repeat(2049)]] as unknown as RowKey[]
    for (const key of bad) {
      expect(await codeOf(store.write(queue, tx => tx.rows('queue').putMany([{ key, row: {} }])))).toBe('invalid-value')
    }
    await store.write(queue, tx => tx.rows('queue').putMany([{ key: ['x'.repeat(2048), -0], row: {} }]))
    expect(await store.read(queue, tx => tx.rows('queue').list())).toEqual([{ key: ['x'.repeat(2048), 0], row: {} }])
  })
}
