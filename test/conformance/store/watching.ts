import { expect, onTestFinished, test } from 'vitest'
import type { Store, Touched } from '../../../src/store.ts'
import { both, codeOf, eventually, type MakePlace, openAt, put, record } from './place.ts'

/** Watching: every commit of every context. A message may be lost or merged, and then it says less, never wrong. */
export function watchingTests(make: MakePlace): void {
  function heard(store: Store): Touched[] {
    const all: Touched[] = []
    onTestFinished(store.watch(touched => void all.push(...touched)))
    return all
  }
  const says = (all: readonly Touched[], id: string) =>
    all.some(
      ({ collection, ids, space }) => (collection === 'notes' || !collection) && !space && (ids?.includes(id) ?? true),
    )

  test('one hears one’s own commits and those of another context', async () => {
    const place = await make()
    const [store, other] = [await openAt(place), await openAt(place)]
    const [mine, theirs] = [heard(store), heard(other)]
    await put(store, record('a', {}))
    await eventually(() => says(mine, 'a') && says(theirs, 'a'))
    await put(other, record('b', {}))
    await eventually(() => says(mine, 'b') && says(theirs, 'b'))
  })

  test('a commit of rows is heard, a failed transaction and a read are not', async () => {
    const place = await make()
    const store = await openAt(place)
    const all = heard(store)
    await store.read(both, tx => tx.records('notes').list())
    await store.write(both, async () => 'nothing')
    const failing = store.write(both, async tx => {
      await tx.rows('queue').append([], {})
      throw new Error('no')
    })
    await codeOf(failing)
    await store.write(both, tx => tx.rows('queue').append([], {}))
    await eventually(() => all.length > 0)
    expect(all).toEqual([{ space: 'queue' }])
  })

  test('thousands of ids are told as anything in their collection', async () => {
    const place = await make()
    const store = await openAt(place)
    const all = heard(store)
    await put(store, ...Array.from({ length: 1001 }, (_, n) => record(`n${n}`, {})))
    await eventually(() => all.length > 0)
    expect(all).toEqual([{ collection: 'notes' }])
  })

  test('what else is said on the channel means anything at most, and nothing is missed for it (S21)', async () => {
    const place = await make()
    const store = await openAt(place)
    const all = heard(store)
    const foul = place.platform.channel(`tidemark/store/${place.driver().name}`)
    onTestFinished(() => foul.close())
    const messages = [
      null,
      7,
      'x',
      {},
      [null],
      [7],
      [{ collection: 1 }],
      [{ ids: 'a' }],
      [{ ids: [1] }],
      [{ space: 'x' }],
    ]
    for (const touched of messages) {
      for (const commit of [undefined, 1, 2, 10 ** 15, Number.NaN]) foul.post({ commit, touched })
      foul.post(touched)
    }
    await new Promise(resolve => setTimeout(resolve, 20))
    expect(all.every(one => Object.keys(one).length === 0)).toBe(true)
    const before = all.length
    await put(store, record('b', {}))
    await eventually(() => says(all.slice(before), 'b'))
  })

  test('one hears nothing after the stop or the close', async () => {
    const place = await make()
    const [store, other] = [await openAt(place), await openAt(place)]
    const all: Touched[] = []
    const stop = store.watch(touched => void all.push(...touched))
    const rest = heard(store)
    stop()
    stop()
    await put(other, record('a', {}))
    await eventually(() => rest.length > 0)
    await store.close()
    const before = rest.length
    await put(other, record('b', {}))
    await new Promise(resolve => setTimeout(resolve, 20))
    expect([all, rest.length]).toEqual([[], before])
  })
}
