import { describe, expect, test } from 'vitest'
import { SyncError } from '../../../src/errors.ts'
import type { Page } from '../../../src/transport.ts'
import { deviceOf, mustAgree } from './device.ts'
import { fakeOf } from './kit.ts'

describe('a page', () => {
  test('and its cursor are one commit', async () => {
    const fake = fakeOf()
    fake.put('a', { n: 1 })
    const device = await deviceOf(fake)
    fake.spoil = page => ({ ...page, private: { put: [{ key: ['k'], row: { at: page.cursor } }] } })
    await device.pull()
    const seen = await device.raw(async tx => [
      await tx.rows('private').get(['fake', 'k']),
      (await tx.records('notes').get('a'))?.value,
    ])
    expect([seen, (await device.checkpoint()).cursor]).toEqual([[{ at: 1 }, { n: 1 }], 1])
  })

  test('asked with another cursor than the stored one is void', async () => {
    const fake = fakeOf()
    const device = await deviceOf(fake)
    await device.pull()
    const page: Page = { records: [{ collection: 'notes', id: 'a', value: { n: 1 }, version: 1 }], cursor: 5 }
    await expect(device.land(page, 4)).rejects.toMatchObject({ code: 'busy' })
    expect([await device.values(), (await device.checkpoint()).cursor]).toEqual([{}, 0])
  })

  test('that cannot be landed leaves cursor and records as they were', async () => {
    const fake = fakeOf({ page: 1 })
    fake.put('a', { n: 1 })
    const device = await deviceOf(fake)
    await device.pull()
    fake.put('b', { n: 1 })
    fake.put('c', { n: 1 })
    fake.spoil = page =>
      page.records.some(({ id }) => id === 'c') ? { ...page, records: [{ ...page.records[0]!, id: '' }] } : page
    await expect(device.pull()).rejects.toThrow()
    expect([await device.values(), (await device.checkpoint()).cursor]).toEqual([{ a: { n: 1 }, b: { n: 1 } }, 2])
    fake.spoil = undefined
    await device.pull()
    expect(Object.keys(await device.values())).toEqual(['a', 'b', 'c'])
  })

  test.each([
    ['without a cursor', { records: [] }],
    ['without records', { cursor: 9 }],
  ])('%s is refused', async (_, bad) => {
    const fake = fakeOf()
    const device = await deviceOf(fake)
    await device.pull()
    fake.spoil = () => bad as never
    await expect(device.pull()).rejects.toMatchObject({ code: 'protocol' })
    expect((await device.checkpoint()).cursor).toBe(0)
  })

  test('with nothing on it moves the cursor', async () => {
    const fake = fakeOf()
    const device = await deviceOf(fake)
    await device.land({ records: [], cursor: { any: ['thing', 1n] } })
    expect((await device.checkpoint()).cursor).toEqual({ any: ['thing', 1n] })
    await device.land({ records: [], cursor: 2 }, { any: ['thing', 1n] })
    expect((await device.checkpoint()).cursor).toBe(2)
  })

  test('landed twice changes nothing', async () => {
    const fake = fakeOf()
    const device = await deviceOf(fake, { rule: 'KEEP_BOTH' })
    const records = [
      { collection: 'notes', id: 'a', value: { n: 1 }, version: 1 },
      { collection: 'notes', id: 'b', value: null, version: 2 },
    ]
    await device.land({ records, cursor: 1 })
    await device.put('a', { n: 2 })
    await device.land({ records, cursor: 2 }, 1)
    expect([await device.values(), await device.inbox()]).toEqual([{ a: { n: 2 } }, []])
    expect(await device.rows()).toMatchObject([{ base: { version: 1 } }])
    await mustAgree(device)
  })

  test('of a source that nobody reads is passed', async () => {
    const fake = fakeOf()
    const device = await deviceOf(fake)
    await device.land({ records: [{ collection: 'others', id: 'a', value: {}, version: 1 }], cursor: 1 })
    expect((await device.checkpoint()).cursor).toBe(1)
  })
})

test('the next page is fetched while this one commits, and a peek waits for that', async () => {
  const fake = fakeOf({ page: 1 })
  for (const id of ['a', 'b', 'c']) fake.put(id, { id })
  const device = await deviceOf(fake)
  const peeked: unknown[] = []
  const { pages } = fake.transport.pull!
  await device.store.close()
  const peeking = await deviceOf({
    ...fake,
    transport: {
      ...fake.transport,
      pull: {
        async *pages(from, io) {
          for await (const page of pages(from, io)) {
            yield page
            peeked.push(
              (
                await io.peek(peek =>
                  peek.agreed(
                    'notes',
                    page.records.map(({ id }) => id),
                  ),
                )
              )[0]?.value,
            )
          }
        },
      },
    },
  })
  await peeking.pull()
  expect(peeked).toEqual([{ id: 'a' }, { id: 'b' }, { id: 'c' }, undefined])
})

test('a cursor that a remote mirrors is told after it is stored, never before', async () => {
  const fake = fakeOf()
  fake.put('a', { n: 1 })
  const device = await deviceOf(fake)
  const { landed } = fake.transport.pull!
  const stored: unknown[] = []
  const on = {
    ...device.on,
    transport: {
      ...fake.transport,
      pull: {
        ...fake.transport.pull!,
        async landed(cursor: never, io: never) {
          stored.push([cursor, (await device.checkpoint()).cursor])
          await landed!(cursor, io)
        },
      },
    },
  }
  const { pull } = await import('../../../src/engine/pull.ts')
  await pull(on)
  expect(stored).toEqual([[1, 1]])
})

test('a remote that asks to start over is obeyed twice, then with growing pauses (F76, F78)', async () => {
  const fake = fakeOf()
  fake.put('a', { n: 1 })
  const device = await deviceOf(fake)
  await device.pull()
  await device.put('a', { n: 2 })
  await device.startOver(true)
  await device.startOver(true)
  for (const wait of [30_000, 60_000, 120_000, 240_000, 480_000, 600_000, 600_000]) {
    const next = device.world.now() + wait
    await expect(device.startOver(true)).rejects.toMatchObject({ code: 'server', details: { next } })
    expect(await device.value('a')).toEqual({ n: 2 })
    await device.sync() // a walk that comes through is no reason to begin the next one earlier
  }
  expect(fake.values()).toEqual({ a: { n: 2 } })
  await device.world.pass(3_600_000)
  await device.startOver(true)
})

test('a pull that fails after a page goes on from that page', async () => {
  const fake = fakeOf({ page: 1 })
  for (const id of ['a', 'b', 'c']) fake.put(id, { id })
  const device = await deviceOf(fake)
  await device.pull()
  for (const id of ['d', 'e']) fake.put(id, { id })
  let calls = 0
  fake.whilePulling = () => {
    if (++calls === 2) throw new SyncError('network', 'Gone.')
  }
  await expect(device.pull()).rejects.toMatchObject({ code: 'network' })
  expect([Object.keys(await device.values()), (await device.checkpoint()).cursor]).toEqual([['a', 'b', 'c', 'd'], 4])
  expect((await device.checkpoint()).pulls).toBe(1)
  await device.pull()
  expect(fake.pulled.at(-1)).toBe(4)
  expect(Object.keys(await device.values())).toEqual(['a', 'b', 'c', 'd', 'e'])
})

test('a walk is under way until its pull has ended, whatever its parts say', async () => {
  const fake = fakeOf()
  const device = await deviceOf(fake)
  const walking: boolean[] = []
  fake.put('a', { n: 1 })
  fake.whilePulling = async () => {
    walking.push((await device.checkpoint()).walking)
  }
  await device.pull()
  expect([walking.every(Boolean), (await device.checkpoint()).walking]).toEqual([true, false])
})
