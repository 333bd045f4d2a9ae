import { expect, test } from 'vitest'
import type { Shape, Writer } from '../../../src/store.ts'
import {
  allNotes,
  allRows,
  codeOf,
  type MakePlace,
  notes,
  openAt,
  openNew,
  put,
  queue,
  record,
  shape,
} from './place.ts'

/** The life of a store: open, close, reopen, upgrade. */
export function openingTests(make: MakePlace): void {
  const second: Shape = {
    version: 2,
    collections: { ...shape.collections, tags: { index: [] }, files: { index: ['size'] } },
    migrations: {},
  }

  test('a reopened store has all that was acknowledged', async () => {
    const place = await make()
    const store = await openAt(place)
    await put(store, record('a', { rank: 1 }, { version: 1 }), record('b', null))
    await store.write(queue, tx => tx.rows('queue').putMany([{ key: ['a', 1], row: { done: false } }]))
    await store.close()
    const again = await openAt(place)
    expect(await allNotes(again)).toEqual([record('a', { rank: 1 }, { version: 1 }), record('b', null)])
    expect(await allRows(again)).toEqual([{ key: ['a', 1], row: { done: false } }])
  })

  test('a closed store says so, and closing twice is nothing', async () => {
    const store = await openNew(make)
    await store.close()
    await store.close()
    expect(await codeOf(() => allNotes(store))).toBe('closed')
    expect(await codeOf(() => put(store, record('a', {})))).toBe('closed')
  })

  test('close waits for what is under way', async () => {
    const place = await make()
    const store = await openAt(place)
    const writes = ['a', 'b', 'c'].map(id => put(store, record(id, {})))
    await store.close()
    await Promise.all(writes)
    expect(await allNotes(await openAt(place))).toHaveLength(3)
  })

  test('two drivers of one place have one name', async () => {
    const place = await make()
    expect(place.driver().name).toBe(place.driver().name)
  })

  test('a new store begins at its version, and no migration runs', async () => {
    const place = await make()
    const ran: number[] = []
    const migrations = { 1: async () => void ran.push(1), 2: async () => void ran.push(2) }
    await openAt(place, { ...second, migrations })
    expect(ran).toEqual([])
  })

  test('migrations run once each, in order, in one transaction that sees the old and the new', async () => {
    const place = await make()
    const store = await openAt(place)
    await put(store, record('a', { rank: 1 }), record('b', { rank: 2 }))
    await store.close()
    const ran: unknown[] = []
    const migrations = {
      4: async (tx: Writer) => void ran.push([4, await tx.records('tags').count(), await tx.rows('meta').get(['m'])]),
      3: async (tx: Writer) => {
        const all = await tx.records('notes').list()
        await tx.records('tags').putMany(all.map(({ id, value }) => record(id, { from: value!.rank! })))
        await tx.rows('meta').putMany([{ key: ['m'], row: { by: 3 } }])
        ran.push(3)
      },
      1: async () => void ran.push(1),
      5: async () => void ran.push(5),
    }
    const later = { version: 4, collections: { tags: { index: ['from'] } }, migrations }
    const upgraded = await openAt(place, later)
    await openAt(place, later)
    expect(ran).toEqual([3, [4, 2, { by: 3 }]])
    const tags = { records: ['tags'], rows: [] }
    const found = await upgraded.read(tags, tx => tx.records('tags').list({ index: 'from', from: 2 }))
    expect(found).toEqual([record('b', { from: 2 })])
  })

  test('an index that comes later holds the records that were there before', async () => {
    const place = await make()
    const store = await openAt(place)
    const files = { records: ['files'], rows: [] }
    await store.write(files, tx =>
      tx.records('files').putMany([record('a', { size: 5 }), record('b', { size: 2 }), record('c', null)]),
    )
    await store.close()
    const upgraded = await openAt(place, second)
    const ids = await upgraded.read(files, tx => tx.records('files').list({ index: 'size' }))
    expect(ids.map(({ id }) => id)).toEqual(['b', 'a'])
    await upgraded.close()
    // It goes, and comes back: what was written meanwhile is in it.
    const without = await openAt(place, {
      ...second,
      version: 3,
      collections: { ...second.collections, files: { index: [] } },
    })
    await without.write(files, tx => tx.records('files').putMany([record('d', { size: 3 })]))
    await without.close()
    const withAgain = await openAt(place, { ...second, version: 4 })
    const again = await withAgain.read(files, tx => tx.records('files').list({ index: 'size' }))
    expect(again.map(({ id }) => id)).toEqual(['b', 'd', 'a'])
  })

  test('a migration that fails half-way leaves the old version as it was, and runs again', async () => {
    const place = await make()
    const store = await openAt(place)
    await put(store, record('a', { rank: 1 }))
    await store.close()
    const failing = {
      2: async (tx: Writer) => {
        await tx.records('notes').putMany([record('a', { rank: 2 }), record('b', { rank: 2 })])
        await tx.rows('queue').append(['m'], {})
        throw new Error('half-way')
      },
    }
    await expect(openAt(place, { ...second, migrations: failing })).rejects.toThrow('half-way')
    const old = await openAt(place)
    expect([await allNotes(old), await allRows(old)]).toEqual([[record('a', { rank: 1 })], []])
    await old.close()
    const working = { 2: (tx: Writer) => tx.records('notes').putMany([record('b', { rank: 2 })]) }
    const upgraded = await openAt(place, { ...second, migrations: working })
    expect(await allNotes(upgraded)).toEqual([record('a', { rank: 1 }), record('b', { rank: 2 })])
  })

  test('a store that is newer than the code is read, and left alone (F15)', async () => {
    const place = await make()
    const newer = await openAt(place, second)
    await put(newer, record('a', { rank: 1 }))
    const old = await openAt(place)
    expect([newer.newer(), old.newer()]).toEqual([false, true])
    expect(await allNotes(old)).toEqual([record('a', { rank: 1 })])
    expect(await codeOf(put(old, record('b', {})))).toBe('storage-newer')
    expect(await codeOf(old.write(queue, tx => tx.rows('queue').append([], {})))).toBe('storage-newer')
    await put(newer, record('c', {}))
    expect(await allNotes(old)).toHaveLength(2)
  })

  test('a store that is upgraded elsewhere while open is read on, and takes nothing more (F14, I18)', async () => {
    const place = await make()
    const old = await openAt(place)
    await put(old, record('a', { rank: 1 }))
    const upgraded = await openAt(place, second)
    expect(await codeOf(() => put(old, record('b', {})))).toBe('storage-newer')
    expect(old.newer()).toBe(true)
    expect(await allNotes(old)).toEqual([record('a', { rank: 1 })])
    const ranked = { index: 'rank', from: 1 } as const
    expect(await old.read(notes, tx => tx.records('notes').list(ranked))).toEqual([record('a', { rank: 1 })])
    expect(await allNotes(upgraded)).toEqual([record('a', { rank: 1 })])
  })

  test('what a newer store no longer has cannot be read (F15)', async () => {
    const place = await make()
    const old = await openAt(place)
    const fewer = { ...second, collections: { ...second.collections, notes: { index: ['rank'] } } }
    await openAt(place, fewer)
    for (const store of [old, await openAt(place)]) {
      expect(await codeOf(() => allNotes(store))).toBe('storage-newer')
      expect(await store.read({ records: ['files'], rows: [] }, tx => tx.records('files').list())).toEqual([])
    }
  })

  test('a collection or an index without a new version is a mismatch that says what to do', async () => {
    const place = await make()
    const store = await openAt(place)
    await store.close()
    for (const collections of [second.collections, { notes: { index: ['rank', 'title', 'more'] } }]) {
      const opening = openAt(place, { ...shape, collections })
      expect(await codeOf(opening)).toBe('schema-mismatch')
      await expect(opening).rejects.toThrow('raise the version')
    }
    await openAt(place, { ...shape, collections: { notes: { index: ['rank'] } } })
  })

  test('a shape that some store could not keep is refused', async () => {
    const place = await make()
    const bad: Shape[] = [
      { ...shape, version: 0 },
      { ...shape, version: 1.5 },
      { ...shape, collections: { '': { index: [] } } },
      { ...shape, collections: { 'a\0': { index: [] } } },
      { ...shape, collections: { notes: { index: ['a.b'] } } },
      { ...shape, collections: { notes: { index: ['a-b'] } } },
    ]
    for (const asked of bad) expect(await codeOf(openAt(place, asked))).toBe('schema-mismatch')
  })

  test('names that differ in case, or look like ours, are different collections and indexes', async () => {
    const place = await make()
    const names = ['notes', 'Notes', 'NOTES', '^notes', 'queue', '__proto__', "it's", 'a"b', 'ä', 'rows/queue']
    const collections = Object.fromEntries(names.map(name => [name, { index: ['size', 'Size', '$size', '__proto__'] }]))
    const store = await openAt(place, { ...shape, collections })
    const scope = { records: names, rows: [] }
    await store.write(scope, async tx => {
      for (const name of names) await tx.records(name).putMany([record(name, { size: name, Size: 1, $size: 2 })])
    })
    for (const name of names) {
      const found = await store.read({ records: [name], rows: [] }, async tx => [
        await tx.records(name).list({ index: 'size', from: '' }),
        await tx.records(name).count({ index: 'Size', from: 1, to: 1 }),
        await tx.records(name).count({ index: '$size', from: 1, to: 1 }),
        await tx.records(name).count({ index: '__proto__' }),
      ])
      expect(found).toEqual([[record(name, { size: name, Size: 1, $size: 2 })], 1, 0, 0])
    }
    expect(await codeOf(store.read(notes, tx => tx.records('notes').list({ index: 'SIZE' })))).toBe('invalid-value')
  })
}
