import { deepStrictEqual } from 'node:assert'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Value } from '../../../src/model.ts'
import { longestId } from '../../../src/stores/shared/keys.ts'
import { allNotes, codeOf, type MakePlace, notes, openAt, openNew, put, queue, record } from './place.ts'

/** Values: what is kept exactly, and what is refused by all stores alike. */
export function valueTests(make: MakePlace): void {
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 8 }),
    fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 4 }).map(units => String.fromCharCode(...units)),
    fc.constantFrom('__proto__', 'constructor', 'toJSON', '$int', '$bytes', '$$int', '$', 'length', '0', '\ud800', ''),
  )
  const leaf = fc.oneof(
    fc.constantFrom(null, true, false, 0, 2 ** 53, -1e-7, 5e-324, 1.7976931348623157e308),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map(n => n || 0),
    fc.bigInt(),
    fc.uint8Array({ maxLength: 20 }),
    text,
  )
  const { field } = fc.letrec(tie => ({
    field: fc.oneof({ maxDepth: 4 }, leaf, fc.array(tie('field'), { maxLength: 4 }), tie('fields')),
    fields: fc.array(fc.tuple(text, tie('field')), { maxLength: 4 }).map(members),
  }))
  const value = fc.array(fc.tuple(text, field), { maxLength: 5 }).map(members) as fc.Arbitrary<Value>
  const id = fc.oneof(text, fc.constant('x'.repeat(longestId))).filter(some => some.length > 0)

  /** As JSON.parse makes them: '__proto__' is a member like any other. */
  function members(entries: [string, unknown][]): object {
    const made = {}
    for (const [name, member] of entries) {
      Object.defineProperty(made, name, { value: member, enumerable: true, configurable: true, writable: true })
    }
    return made
  }

  test('every value and every id comes back as it went in, after a reopening too', async () => {
    const place = await make()
    const store = await openAt(place)
    const entries = fc.array(fc.tuple(id, value, value), { minLength: 1, maxLength: 5 })
    const check = async (written: [string, Value, Value][]) => {
      const expected = new Map(written.map(([id, value, meta]) => [id, record(id, value, meta)]))
      await put(store, ...written.map(([id, value, meta]) => record(id, value, meta)))
      await store.write(queue, tx =>
        tx.rows('queue').putMany(written.map(([id, value]) => ({ key: [id, 1], row: value }))),
      )
      const ids = [...expected.keys()]
      const found = await store.read(notes, tx => tx.records('notes').getMany(ids))
      deepStrictEqual(found, [...expected.values()])
      const rows = await store.read(queue, tx => tx.rows('queue').getMany(ids.map(id => [id, 1])))
      deepStrictEqual(
        rows,
        ids.map(id => expected.get(id)!.value),
      )
    }
    await fc.assert(fc.asyncProperty(entries, check), { numRuns: 60 })
    const before = await allNotes(store)
    await store.close()
    deepStrictEqual(await allNotes(await openAt(place)), before)
  })

  test('what we count on, by example', async () => {
    const store = await openNew(make)
    const odd = members([['__proto__', { polluted: true }]]) as Value
    const kept = {
      big: 2n ** 64n + 1n,
      negative: -(2n ** 53n) - 1n,
      bytes: new Uint8Array([0, 255, 128]),
      nested: { list: [{ deep: [[1n, new Uint8Array([7])], null] }], odd },
      looks: [{ $int: '5' }, { $bytes: 'AAAA' }, { $$int: '5' }, { $int: 5, more: 1 }],
      huge: 'x'.repeat(3_000_000),
      piece: new Uint8Array(2 ** 20).fill(9),
    } as unknown as Value // bytes may lie at any depth
    await put(store, record('a', kept, { version: 1n }))
    expect(await allNotes(store)).toStrictEqual([record('a', kept, { version: 1n })])
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined()
  })

  test('a row of nothing but bytes, or of those and more, or of what looks like them', async () => {
    const store = await openNew(make)
    const rows = [
      { bytes: new Uint8Array([0, 255, 128]) },
      { bytes: new Uint8Array() },
      { bytes: new Uint8Array([7]), more: null },
      { bytes: 'AP+A' },
      { piece: new Uint8Array([1]) },
      {},
    ]
    await store.write(queue, tx => tx.rows('queue').putMany(rows.map((row, n) => ({ key: ['bytes', n], row }))))
    const read = () => store.read(queue, tx => tx.rows('queue').list({ prefix: ['bytes'] }))
    expect((await read()).map(({ row }) => row)).toStrictEqual(rows)
    const [first] = await read()
    ;(first!.row as { bytes: Uint8Array }).bytes[0] = 9
    expect((await read()).map(({ row }) => row)).toStrictEqual(rows)
    expect(await store.read(queue, tx => tx.rows('queue').get(['bytes', 0]))).toStrictEqual(rows[0])
  })

  test('undefined members are dropped, -0 becomes 0, and bytes are only those of the view', async () => {
    const store = await openNew(make)
    const given = { a: undefined, b: { c: undefined, d: -0 }, e: [-0], f: Buffer.from('some bytes').subarray(5, 7) }
    await put(store, record('a', given as unknown as Value))
    const [found] = await allNotes(store)
    expect(found!.value).toStrictEqual({ b: { d: 0 }, e: [0], f: new Uint8Array([98, 121]) })
    expect((found!.value!.f as Uint8Array).buffer.byteLength).toBe(2)
  })

  test('nobody can change what is stored through what was given or got', async () => {
    const store = await openNew(make)
    const given = { tags: ['a'], bytes: new Uint8Array([1]) }
    const meta = { version: [1] }
    const writing = store.write(notes, tx => tx.records('notes').putMany([record('a', given, meta)]))
    await writing
    given.tags.push('b')
    given.bytes[0] = 9
    meta.version.push(2)
    const first = await store.read(notes, tx => tx.records('notes').get('a'))
    ;(first!.value!.tags as string[]).push('c')
    ;(first!.value!.bytes as Uint8Array)[0] = 8
    ;(first!.meta as typeof meta).version.push(3)
    expect(await allNotes(store)).toEqual([record('a', { tags: ['a'], bytes: new Uint8Array([1]) }, { version: [1] })])
  })

  test('what some store could not keep is refused, and the transaction leaves no trace', async () => {
    const store = await openNew(make)
    const circle: { [name: string]: unknown } = {}
    circle.self = circle
    const detached = new Uint8Array(8)
    structuredClone(detached, { transfer: [detached.buffer] })
    const bad: unknown[] = [
      { a: () => 1 },
      { a: Symbol('a') },
      { a: NaN },
      { a: [Infinity] },
      { a: new Date() },
      { a: new Map() },
      { a: new Set() },
      { a: /x/ },
      { a: new Error('x') },
      { a: new (class Point {})() },
      { a: new Float64Array(1) },
      { a: new ArrayBuffer(1) },
      { a: new Blob([]) },
      { a: Promise.resolve() },
      { a: [undefined] },
      { a: new Array(2) },
      { a: detached },
      { a: new Uint8Array(2 ** 26 + 1) },
      circle,
      new Date(),
    ]
    for (const value of bad) {
      const asRecord = store.write(notes, async tx => {
        await tx.records('notes').putMany([record('before', {})])
        await tx.records('notes').putMany([record('a', {}), record('b', value as Value)])
      })
      expect(await codeOf(asRecord)).toBe('invalid-value')
      const asMeta = store.write(notes, tx => tx.records('notes').putMany([record('a', {}, value as object)]))
      expect(await codeOf(asMeta)).toBe('invalid-value')
      const asRow = store.write(queue, tx => tx.rows('queue').append([], value as object))
      expect(await codeOf(asRow)).toBe('invalid-value')
    }
    expect(await allNotes(store)).toEqual([])
  })

  test('an empty or endless id is refused', async () => {
    const store = await openNew(make)
    for (const id of ['', 'x'.repeat(longestId + 1), 5 as unknown as string, undefined as unknown as string]) {
      expect(await codeOf(put(store, record(id, {})))).toBe('invalid-value')
    }
    expect(await store.read(notes, tx => tx.records('notes').getMany(['', 'x'.repeat(longestId + 1)]))).toEqual([
      undefined,
      undefined,
    ])
  })
}
