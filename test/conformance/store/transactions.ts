import { expect, test } from 'vitest'
import type { RecordWriter, Space, Writer } from '../../../src/store.ts'
import { allNotes, allRows, both, codeOf, type MakePlace, notes, openAt, openNew, put, queue, record } from './place.ts'

/** Transactions: whole or not at all, one after the other, and inside their scope. */
export function transactionTests(make: MakePlace): void {
  test('a throw in work leaves no trace and comes out as it is', async () => {
    const store = await openNew(make)
    await put(store, record('a', { rank: 1 }), record('b', { rank: 2 }))
    const thrown = new Error('no, gather again')
    const failing = store.write(both, async tx => {
      await tx.records('notes').putMany([record('a', { rank: 9 }), record('c', { rank: 3 })])
      await tx.records('notes').deleteMany(['b'])
      await tx.rows('queue').append(['x'], {})
      expect(await tx.records('notes').count({ index: 'rank' })).toBe(2)
      throw thrown
    })
    await expect(failing).rejects.toBe(thrown)
    expect([await allNotes(store), await allRows(store)]).toEqual([
      [record('a', { rank: 1 }), record('b', { rank: 2 })],
      [],
    ])
    const ranked = await store.read(notes, tx => tx.records('notes').list({ index: 'rank' }))
    expect(ranked.map(({ id }) => id)).toEqual(['a', 'b'])
  })

  test('a throw before the first await is a rejection too, and the store goes on', async () => {
    const store = await openNew(make)
    const thrown = new Error('at once')
    const failing = store.write(notes, () => {
      throw thrown
    })
    await expect(failing).rejects.toBe(thrown)
    await put(store, record('a', {}))
    expect(await allNotes(store)).toEqual([record('a', {})])
  })

  test('a transaction reads its own writes, and nobody else does before it is done', async () => {
    const place = await make()
    const [store, other] = [await openAt(place), await openAt(place)]
    await put(store, record('a', { rank: 1 }))
    const seen = await store.write(both, async tx => {
      await tx.records('notes').putMany([record('a', { rank: 2 }), record('b', { rank: 0 })])
      const elsewhere = allNotes(other)
      const own = await tx.records('notes').list({ index: 'rank' })
      await tx.records('notes').deleteMany(['b'])
      return { own, count: await tx.records('notes').count(), elsewhere: { promised: elsewhere } }
    })
    expect(seen.own).toEqual([record('b', { rank: 0 }), record('a', { rank: 2 })])
    expect(seen.count).toBe(1)
    expect([[record('a', { rank: 1 })], [record('a', { rank: 2 })]]).toContainEqual(await seen.elsewhere.promised)
  })

  test('a hundred increments from two contexts count to a hundred', async () => {
    const place = await make()
    const stores = [await openAt(place), await openAt(place)]
    await put(stores[0]!, record('n', { rank: 0 }))
    await Promise.all(
      Array.from({ length: 100 }, (_, n) =>
        stores[n % 2]!.write(notes, async tx => {
          const found = await tx.records('notes').get('n')
          await tx.records('notes').putMany([record('n', { rank: (found!.value!.rank as number) + 1 })])
        }),
      ),
    )
    expect(await allNotes(stores[1]!)).toEqual([record('n', { rank: 100 })])
  })

  test('a reader never sees half of a move between two collections', async () => {
    const place = await make()
    const [store, other] = [await openAt(place), await openAt(place)]
    const scope = { records: ['notes', 'files'], rows: [] }
    await store.write(scope, async tx => {
      await tx.records('notes').putMany([record('sum', { n: 100 })])
      await tx.records('files').putMany([record('sum', { n: 0 })])
    })
    const amount = async (records: Pick<RecordWriter, 'get'>) => (await records.get('sum'))!.value!.n as number
    const move = () =>
      store.write(scope, async tx => {
        const [from, to] = [tx.records('notes'), tx.records('files')]
        await from.putMany([record('sum', { n: (await amount(from)) - 1 })])
        await to.putMany([record('sum', { n: (await amount(to)) + 1 })])
      })
    const look = () =>
      other.read(
        scope,
        async tx =>
          (await amount(tx.records('notes') as RecordWriter)) + (await amount(tx.records('files') as RecordWriter)),
      )
    const looks: number[] = []
    for (let round = 0; round < 10; round++) {
      const seen = await Promise.all([look(), move(), look(), move(), look()])
      looks.push(...seen.filter(sum => sum !== undefined))
    }
    expect(looks).toEqual(Array.from({ length: 30 }, () => 100))
  })

  test('what was acknowledged is seen by whoever begins after, in every context', async () => {
    const place = await make()
    const [store, other] = [await openAt(place), await openAt(place)]
    for (let n = 0; n < 20; n++) {
      await put(store, record('a', { n }))
      expect(await allNotes(other)).toEqual([record('a', { n })])
    }
  })

  test('many operations may be under way at once inside one transaction', async () => {
    const store = await openNew(make)
    const found = await store.write(both, async tx => {
      await Promise.all(
        Array.from({ length: 50 }, (_, n) => tx.records('notes').putMany([record(`n${n}`, { rank: n })])),
      )
      return Promise.all([tx.records('notes').count(), tx.records('notes').get('n7'), tx.rows('queue').list()])
    })
    expect(found).toEqual([50, record('n7', { rank: 7 }), []])
  })

  test('touching what the scope does not name is a bug, and nothing is written', async () => {
    const store = await openNew(make)
    const outside: ((tx: Writer) => Promise<unknown>)[] = [
      tx => tx.records('files').get('a'),
      tx => tx.rows('queue').list(),
      tx => tx.records('toString').get('a'),
      tx => tx.rows('nowhere' as Space).list(),
    ]
    for (const touch of outside) {
      const work = async (tx: Writer) => {
        await tx.records('notes').putMany([record('a', {})])
        return touch(tx)
      }
      expect(await codeOf(store.write(notes, work))).toBe('bug')
    }
    expect(await codeOf(store.read({ records: ['unheard'], rows: [] }, async () => 1))).toBe('bug')
    expect(await codeOf(store.read({ records: ['constructor'], rows: [] }, async () => 1))).toBe('bug')
    expect(await allNotes(store)).toEqual([])
  })

  test('an empty scope is allowed and touches nothing', async () => {
    const store = await openNew(make)
    const empty = { records: [], rows: [] }
    expect([await store.read(empty, async () => 1), await store.write(empty, async () => 2)]).toEqual([1, 2])
  })

  test('a reader or writer that outlived its transaction is a bug', async () => {
    const store = await openNew(make)
    const kept = await store.write(notes, async tx => ({ records: tx.records('notes'), tx }))
    expect(await codeOf(() => kept.records.get('a'))).toBe('bug')
    expect(await codeOf(() => kept.records.putMany([record('a', {})]))).toBe('bug')
    expect(await codeOf(async () => kept.tx.records('notes').list())).toBe('bug')
    expect(await allNotes(store)).toEqual([])
  })

  test('both durabilities are accepted', async () => {
    const store = await openNew(make)
    for (const durability of ['strict', 'relaxed', 'strict'] as const) {
      await store.write(queue, tx => tx.rows('queue').append(['d'], { durability }), { durability })
    }
    expect(await allRows(store)).toHaveLength(3)
  })
}
