import { expect, test } from 'vitest'
import { memory, memoryDisk } from '../../../src/stores/memory.ts'
import { allNotes, both, notes, put, record, shape } from '../../conformance/store/place.ts'
import { storePlatform } from '../../conformance/store/platform.ts'

const platform = storePlatform()

test('a crash takes what was not committed, and the dead context never goes on', async () => {
  const disk = memoryDisk('disk')
  const store = await memory('m', { disk }).open(shape, platform)
  await put(store, record('a', { rank: 1 }))
  const wentOn: string[] = []
  const dying = store.write(both, async tx => {
    await tx.records('notes').putMany([record('a', { rank: 2 }), record('b', {})])
    await tx.rows('queue').append([], {})
    disk.crash()
    wentOn.push('until here')
    await tx.records('notes').putMany([record('c', {})])
    wentOn.push('never here')
  })
  void dying.then(() => wentOn.push('nor here'))
  await expect.poll(() => wentOn).toEqual(['until here'])
  const again = await memory('m', { disk }).open(shape, platform)
  expect(await allNotes(again)).toEqual([record('a', { rank: 1 })])
  expect(await again.write(both, tx => tx.rows('queue').append([], {}))).toBe(1)
  void allNotes(store).then(() => wentOn.push('nor there'))
  await new Promise(resolve => setTimeout(resolve, 5))
  expect(wentOn).toEqual(['until here'])
})

test('a power cut takes the newest relaxed commits, and none that a strict one followed', async () => {
  const disk = memoryDisk()
  const open = () => memory('m', { disk }).open(shape, platform)
  const relaxed = async (id: string) => {
    const store = await open()
    await store.write(notes, tx => tx.records('notes').putMany([record(id, {})]), { durability: 'relaxed' })
  }
  await relaxed('a')
  await put(await open(), record('b', {}))
  for (const id of ['c', 'd', 'e']) await relaxed(id)
  disk.crash(2)
  expect((await allNotes(await open())).map(({ id }) => id)).toEqual(['a', 'b', 'c'])
  await relaxed('f')
  await put(await open(), record('g', {}))
  disk.crash(9)
  expect((await allNotes(await open())).map(({ id }) => id)).toEqual(['a', 'b', 'c', 'f', 'g'])
})

test('a store without a disk is alone, and its name says so', async () => {
  const [one, other] = [memory(), memory()]
  expect(one.name).not.toBe(other.name)
  await put(await one.open(shape, platform), record('a', {}))
  expect(await allNotes(await other.open(shape, platform))).toEqual([])
  expect(await allNotes(await one.open(shape, platform))).toEqual([record('a', {})])
})

test('everything settles in microtasks', async () => {
  let turned = false
  setImmediate(() => {
    turned = true
  })
  const store = await memory().open(shape, platform)
  await Promise.all([put(store, record('a', {})), put(store, record('b', {})), allNotes(store)])
  await store.close()
  expect(turned).toBe(false)
})
