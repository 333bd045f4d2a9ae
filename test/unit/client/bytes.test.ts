/** Bytes beside the records: uploads before the change, downloads that go on, and nobody waits who need not. */
import { createHash } from 'node:crypto'
import { afterEach, describe, expect, test } from 'vitest'
import { SyncError } from '../../../src/errors.ts'
import { dropBody, pieceSize } from '../../../src/ledger/bodies.ts'
import { memory, memoryDisk } from '../../../src/stores/memory.ts'
import type { Bodies, Transport } from '../../../src/transport.ts'
import { fakeOf, type World, worldOf } from '../engine/kit.ts'
import { appOf, closeAll, heard } from './app.ts'

afterEach(closeAll)

const source = { body: 'sha', describe: (size: number) => ({ size }) }
/** Also how bytes are compared here: a matcher would walk megabytes one by one. */
const sha = (bytes: Uint8Array | undefined) =>
  createHash('sha256')
    .update(bytes ?? 'none')
    .digest('hex')
const bytesOf = (length: number, seed = 1) => new Uint8Array(length).map((_, at) => (at * seed) % 251)
const text = (words: string) => new TextEncoder().encode(words)

/** A remote that keeps bytes, and says what was asked of it. */
function keeper(world: World) {
  const fake = fakeOf({ source })
  const held = new Map<string, Uint8Array>()
  const asked: string[] = []
  /** The changes that bytes came for. */
  const uploads: string[] = []
  const remote = {
    fake,
    held,
    asked,
    uploads,
    /** Thrown before the next transfers. */
    fails: [] as Error[],
    /** A download breaks after so many bytes. */
    breaks: [] as number[],
    /** What one piece of a transfer takes, in milliseconds. */
    slow: 0,
    ranges: true,
    keep(bytes: Uint8Array): string {
      held.set(sha(bytes), bytes)
      return sha(bytes)
    },
  }

  const bodies: Bodies = {
    async download({ id }, { value }, from, io) {
      asked.push(`down ${id} from ${from}`)
      const failure = remote.fails.shift()
      if (failure !== undefined) throw failure
      const bytes = held.get(String(value?.sha))
      if (bytes === undefined) throw new SyncError('missing', 'It is gone.')
      const at = remote.ranges ? from : 0
      const end = remote.breaks.shift()
      return {
        at,
        size: bytes.length,
        pieces: (async function* () {
          for (let here = at; here < bytes.length; here += 100_000) {
            if (remote.slow > 0) await io.sleep(remote.slow)
            if (end !== undefined && here >= end) throw new SyncError('network', 'Cut.')
            yield bytes.subarray(here, here + 100_000)
          }
        })(),
      }
    },
    async upload({ id, change }, body, io) {
      asked.push(`up ${id}`)
      uploads.push(change)
      const failure = remote.fails.shift()
      if (failure !== undefined) throw failure
      const pieces: Uint8Array[] = []
      for (let at = 0; at < body.size; at += pieceSize) {
        if (remote.slow > 0) await io.sleep(remote.slow)
        pieces.push(await body.read(at, Math.min(at + pieceSize, body.size)))
      }
      held.set(body.sha256, new Uint8Array(Buffer.concat(pieces)))
    },
  }
  fake.transport = { ...fake.transport, bodies } as Transport
  fake.answer = ({ change, value }) =>
    typeof value?.sha === 'string' && !held.has(value.sha)
      ? { change, state: 'rejected', code: 'content-missing', reason: 'No bytes.' }
      : undefined
  const app = (disk = memoryDisk('d')) => appOf({ source, world, fake, store: memory('m', { disk }) })
  return { ...remote, remote, app }
}

const transfers = (app: Awaited<ReturnType<typeof appOf>>) => app.db.remotes.fake.transfers.get()

describe('up', () => {
  test('bytes go before the change that names them', async () => {
    const world = worldOf()
    const { fake, held, app } = keeper(world)
    const { rows, sync, status } = await app()
    const bytes = bytesOf(2 * pieceSize + 5)
    await rows.write('a', bytes, { name: 'a' })
    await sync()
    expect(sha(held.get(sha(bytes)))).toBe(sha(bytes))
    expect(fake.values().a).toMatchObject({ name: 'a', sha: sha(bytes), size: bytes.length })
    expect((await status()).phase).toBe('synced')
  })

  test('a change goes at once when its bytes are there, not at the next look', async () => {
    const world = worldOf()
    const { fake, remote, app } = keeper(world)
    const { rows } = await app()
    await world.pass(30_000)
    remote.slow = 700
    await rows.write('a', text('abc'))
    await world.pass(1_500)
    expect(Object.keys(fake.values())).toEqual(['a'])
  })

  test('records do not wait for bytes, and nothing is called synced before both are there', async () => {
    const world = worldOf()
    const { fake, remote, app } = keeper(world)
    const opened = await app()
    remote.slow = 20_000
    await opened.rows.write('big', bytesOf(4 * pieceSize))
    await opened.rows.put('small', { n: 1 })
    await world.pass(15_000)
    expect(Object.keys(fake.values())).toEqual(['small'])
    expect((await opened.status()).phase).toBe('syncing')
    await world.pass(30_000)
    expect(await transfers(opened)).toMatchObject([
      { direction: 'up', id: 'big', size: 4 * pieceSize, done: pieceSize },
    ])
    // Longer than any sent mark lasts.
    await world.pass(90_000)
    expect(Object.keys(fake.values())).toEqual(['small', 'big'])
    expect((await opened.status()).phase).toBe('synced')
  })

  test('what was written over meanwhile goes instead', async () => {
    const world = worldOf()
    const { fake, remote, uploads, app } = keeper(world)
    const { rows } = await app()
    remote.slow = 5_000
    const first = await rows.write('a', bytesOf(2 * pieceSize))
    await world.pass(2_000)
    const second = text('second')
    await rows.write('a', second)
    await world.pass(60_000)
    expect(fake.values().a).toMatchObject({ sha: sha(second) })
    expect(fake.sent.flat().map(({ value }) => value?.sha)).toEqual([sha(second)])
    // A change is bound to the bytes that went up under its id (I4k), and the first write ended with the second.
    expect(new Set(uploads).size).toBe(2)
    expect(await first.settled()).toBe('accepted')
  })

  test('too much for the remote holds back its own change only (F64)', async () => {
    const world = worldOf()
    const { fake, remote, app } = keeper(world)
    const { rows, db, sync } = await app()
    remote.fails.push(new SyncError('too-large', 'Too much.'))
    await rows.write('a', text('one'))
    await sync()
    await rows.write('b', text('two'))
    await sync()
    expect(Object.keys(fake.values())).toEqual(['b'])
    expect(await db.outbox.list()).toMatchObject([{ id: 'a', state: 'held', reason: { code: 'too-large' } }])
  })

  test('a full remote is asked again, and the status says so', async () => {
    const world = worldOf()
    const { fake, remote, app } = keeper(world)
    const { rows, status, db } = await app()
    remote.fails.push(new SyncError('remote-full', 'No room.', { notBefore: world.now() + 40_000 }))
    await rows.write('a', text('one'))
    await world.pass(10_000)
    expect(await status()).toMatchObject({ phase: 'waiting', pending: 1, reason: { code: 'remote-full' } })
    expect((await db.explain('notes', 'a')).message).toContain('No room.')
    await world.pass(60_000)
    expect(Object.keys(fake.values())).toEqual(['a'])
    expect((await status()).phase).toBe('synced')
  })

  test('a clock that is set back does not make the pause after a failure longer', async () => {
    const world = worldOf()
    const { fake, remote, app } = keeper(world)
    const { rows, status } = await app()
    remote.fails.push(new SyncError('remote-full', 'No room.', { notBefore: world.now() + 40_000 }))
    await rows.write('a', text('one'))
    await world.pass(10_000)
    world.jump(-30 * 24 * 3_600_000)
    await world.pass(60_000)
    expect(Object.keys(fake.values())).toEqual(['a'])
    expect((await status()).phase).toBe('synced')
  })

  test('nor does one that was set back while the refusal was on its way (I12)', async () => {
    const world = worldOf()
    const { fake, remote, app } = keeper(world)
    const { rows } = await app()
    remote.fails.push(new SyncError('throttled', 'Slowly.', { notBefore: world.now() + 40_000 }))
    world.jump(-30 * 24 * 3_600_000)
    await rows.write('a', text('one'))
    await world.pass(6 * 60_000)
    expect(Object.keys(fake.values())).toEqual(['a'])
  })

  test('a remote that lost them gets them again; one that never had them holds the change', async () => {
    const world = worldOf()
    const { fake, remote, held, asked, app } = keeper(world)
    const { rows, db } = await app()
    const bytes = text('one')
    fake.failSends.push(new SyncError('network', 'Away.'))
    await rows.write('a', bytes)
    await world.pass(200)
    expect(held.has(sha(bytes))).toBe(true)
    held.clear()
    await world.pass(60_000)
    expect(asked).toEqual(['up a', 'up a'])
    expect(Object.keys(fake.values())).toEqual(['a'])
    await rows.put('b', { sha: sha(text('nobody has these')) })
    await world.pass(60_000)
    expect(await db.outbox.list()).toMatchObject([{ id: 'b', state: 'held', reason: { code: 'content-missing' } }])
    expect(remote.asked.length).toBe(2)
  })

  test('bytes that the remote got lately are not sent again for another record', async () => {
    const world = worldOf()
    const { fake, asked, app } = keeper(world)
    const { rows, sync } = await app()
    await rows.write('a', text('one'))
    await sync()
    await rows.write('b', text('one'))
    await sync()
    expect(Object.keys(fake.values())).toEqual(['a', 'b'])
    expect(asked).toEqual(['up a'])
  })

  test('a stream is written a piece at a time, and read back the same', async () => {
    const world = worldOf()
    const { held, app } = keeper(world)
    const { rows, sync } = await app()
    const bytes = bytesOf(2 * pieceSize + 77, 7)
    await rows.write('blob', new Blob([bytes]))
    await rows.write(
      'chunks',
      (async function* () {
        for (let at = 0; at < bytes.length; at += 12_345) yield bytes.subarray(at, at + 12_345)
      })(),
    )
    await rows.write('none', new Blob([]))
    for (const id of ['blob', 'chunks']) {
      expect(await rows.get(id)).toMatchObject({ sha: sha(bytes), size: bytes.length })
      expect(sha(await rows.read(id))).toBe(sha(bytes))
    }
    expect(await rows.read('none')).toEqual(new Uint8Array())
    await sync()
    expect(sha(held.get(sha(bytes)))).toBe(sha(bytes))
  })

  test('paused in the middle of a body, no more of it goes until the app resumes', async () => {
    const world = worldOf()
    const { fake, remote, held, app } = keeper(world)
    const { rows, db } = await app()
    remote.slow = 5_000
    const bytes = bytesOf(3 * pieceSize)
    await rows.write('a', bytes)
    await world.pass(7_000)
    await db.remotes.fake.pause()
    await world.pass(60_000)
    expect((await db.remotes.fake.transfers.get())[0]).toMatchObject({ done: 0, size: bytes.length })
    expect([...held.keys()]).toEqual([])
    await db.remotes.fake.resume()
    await world.pass(60_000)
    expect(sha(held.get(sha(bytes)))).toBe(sha(bytes))
    expect(Object.keys(fake.values())).toEqual(['a'])
  })
})

describe('what a remote said', () => {
  test('too much for it, of a change behind one without an answer, is not asked again and again (I14)', async () => {
    const world = worldOf()
    const { fake, remote, asked, app } = keeper(world)
    const { rows, db } = await app()
    // The first change has no answer, and no pull shows what became of it.
    fake.failSends.push(new SyncError('network', 'Away.'))
    await rows.put('a', { n: 1 })
    await world.pass(1)
    for (let time = 0; time < 100; time++) {
      remote.fails.push(new SyncError('too-large', 'Too much.'))
      fake.failPulls.push(new SyncError('network', 'Away.'))
      fake.failSends.push(new SyncError('network', 'Away.'))
    }
    await rows.write('a', text('too long'))
    await world.pass(20_000)
    expect((await db.outbox.list()).map(({ state }) => state)).toEqual(['sent', 'waiting'])
    expect(asked.length).toBeLessThan(12)
  })

  test('when to come back holds for whoever rings and reads (I14)', async () => {
    const world = worldOf()
    const { fake, remote, keep, asked, app } = keeper(world)
    fake.put('a', { sha: keep(text('one')) })
    const { rows, db } = await app()
    const refused = () => new SyncError('throttled', 'Slowly.', { notBefore: world.now() + 40_000 })
    remote.fails.push(refused(), refused())
    await rows.write('b', text('two'))
    await world.pass(100)
    const failed = expect(rows.read('a')).rejects.toMatchObject({ code: 'throttled' })
    await world.pass(1_000)
    await failed
    for (let time = 0; time < 3; time++) {
      db.remotes.fake.sync()
      await rows.fetch('a')
      await world.pass(5_000)
    }
    expect(asked).toEqual(['up b', 'down a from 0'])
    await world.pass(60_000)
    expect(asked.length).toBe(4)
    expect(await rows.read('a')).toEqual(text('one'))
  })
})

test('bytes behind a thousand changes that wait for the user go all the same (law 7)', async () => {
  const world = worldOf()
  const { fake, app } = keeper(world)
  const { rows, db } = await app()
  await db.remotes.fake.pause()
  fake.failSends.push(...Array.from({ length: 50 }, () => new SyncError('network', 'Away.')))
  await db.write(async tx => {
    for (let n = 0; n < 1_001; n++) await tx.notes!.put(`n${String(n).padStart(4, '0')}`, { n })
  })
  await rows.write('z', text('last'))
  await db.remotes.fake.resume()
  await world.pass(20_000)
  expect((await db.remotes.fake.transfers.get()).map(({ id, done }) => [id, done])).toEqual([['z', 4]])
})

describe('down', () => {
  test('what fails without a network fails once, not once for each that waits (I14)', async () => {
    const world = worldOf()
    const { fake, remote, keep, asked, app } = keeper(world)
    for (let n = 0; n < 50; n++) fake.put(`n${n}`, { sha: keep(text(`body ${n}`)) })
    const { rows } = await app()
    remote.fails.push(...Array.from({ length: 5 }, () => new SyncError('network', 'Away.')))
    for (let n = 0; n < 50; n++) await rows.fetch(`n${n}`)
    await world.pass(400)
    expect(asked.length).toBe(1)
    await world.pass(120_000)
    for (let n = 0; n < 50; n++) expect(await rows.read(`n${n}`)).toEqual(text(`body ${n}`))
  })

  test('bytes come when somebody reads, and are here from then on', async () => {
    const world = worldOf()
    const { fake, asked, keep, app } = keeper(world)
    const bytes = bytesOf(3 * pieceSize)
    fake.put('a', { sha: keep(bytes), size: bytes.length })
    const opened = await app()
    const reading = opened.rows.read('a')
    await world.pass(1_000)
    expect(sha(await reading)).toBe(sha(bytes))
    expect(await transfers(opened)).toEqual([])
    expect(sha(await opened.rows.read('a'))).toBe(sha(bytes))
    expect(asked).toEqual(['down a from 0'])
  })

  test('a cut download goes on where it was, after a reload too', async () => {
    const world = worldOf()
    const { fake, remote, asked, keep, app } = keeper(world)
    const bytes = bytesOf(3 * pieceSize + 9)
    fake.put('a', { sha: keep(bytes), size: bytes.length })
    const disk = memoryDisk('d')
    const first = await app(disk)
    remote.breaks.push(2 * pieceSize + 300_000)
    const failed = expect(first.rows.read('a')).rejects.toMatchObject({ code: 'network' })
    await world.pass(100)
    await failed
    await first.db.close()
    const second = await app(disk)
    await world.pass(60_000)
    expect(asked).toEqual(['down a from 0', `down a from ${2 * pieceSize}`])
    expect(sha(await second.rows.read('a'))).toBe(sha(bytes))
  })

  test('a remote that cannot go on from the middle sends all of it again', async () => {
    const world = worldOf()
    const { fake, remote, keep, app } = keeper(world)
    const bytes = bytesOf(3 * pieceSize)
    fake.put('a', { sha: keep(bytes), size: bytes.length })
    const { rows } = await app()
    remote.ranges = false
    remote.breaks.push(2 * pieceSize + 300_000)
    await rows.fetch('a')
    await world.pass(60_000)
    const reading = rows.read('a')
    await world.pass(10)
    expect(sha(await reading)).toBe(sha(bytes))
  })

  test('bytes with another hash are shown to nobody (I28)', async () => {
    const world = worldOf()
    const { fake, held, app } = keeper(world)
    const bytes = text('right')
    fake.put('a', { sha: sha(bytes) })
    held.set(sha(bytes), text('wrong'))
    const { rows } = await app()
    const failed = expect(rows.read('a')).rejects.toMatchObject({ code: 'truncated' })
    await world.pass(100)
    await failed
    held.set(sha(bytes), bytes)
    await world.pass(60_000)
    expect(sha(await rows.read('a'))).toBe(sha(bytes))
  })

  test('what is gone says so, and asking again asks again', async () => {
    const world = worldOf()
    const { fake, keep, asked, app } = keeper(world)
    fake.put('a', { sha: sha(text('gone')) })
    const opened = await app()
    for (let time = 0; time < 2; time++) {
      const failed = expect(opened.rows.read('a')).rejects.toMatchObject({ code: 'missing' })
      await world.pass(100)
      await failed
    }
    expect(asked.length).toBe(2)
    expect(await transfers(opened)).toEqual([])
    keep(text('gone'))
    const reading = opened.rows.read('a')
    await world.pass(100)
    expect(await reading).toEqual(text('gone'))
  })

  test('whoever waits goes first, and progress shows', async () => {
    const world = worldOf()
    const { fake, remote, keep, asked, app } = keeper(world)
    for (const id of ['a', 'b', 'c']) fake.put(id, { sha: keep(bytesOf(2 * pieceSize, id.charCodeAt(0))) })
    const opened = await app()
    remote.slow = 100
    const { answers } = heard(opened.db.remotes.fake.transfers)
    await opened.rows.fetch('a')
    await opened.rows.fetch('b')
    await world.pass(50)
    const reading = opened.rows.read('c')
    await world.pass(20_000)
    expect(sha(await reading)).toBe(sha(bytesOf(2 * pieceSize, 'c'.charCodeAt(0))))
    expect(asked).toEqual(['down a from 0', 'down c from 0', 'down b from 0'])
    const ofA = answers.flatMap(all => all.filter(({ id }) => id === 'a'))
    expect(ofA.some(({ done, size }) => done === pieceSize && size === 2 * pieceSize)).toBe(true)
  })

  test('another tab asks, and the leading one fetches', async () => {
    const world = worldOf()
    const { fake, keep, app } = keeper(world)
    const bytes = text('one')
    fake.put('a', { sha: keep(bytes) })
    const disk = memoryDisk('d')
    await app(disk)
    const follower = await app(disk)
    const reading = follower.rows.read('a')
    await world.pass(6_000)
    expect(sha(await reading)).toBe(sha(bytes))
  })

  test.each([
    ['at once', (bytes: Uint8Array) => bytes],
    ['as a stream', (bytes: Uint8Array) => new Blob([bytes as Uint8Array<ArrayBuffer>])],
  ])('what is written here %s while the same bytes come stays here, whatever comes (I1)', async (_, as) => {
    const world = worldOf()
    const { fake, remote, held, keep, app } = keeper(world)
    const bytes = bytesOf(3 * pieceSize)
    fake.put('a', { sha: keep(bytes), size: bytes.length })
    const { rows, db } = await app()
    remote.slow = 1_000
    await rows.fetch('a')
    await world.pass(13_000)
    await db.remotes.fake.pause() // what is written now is here only
    await rows.write('mine', as(bytes))
    const wrong = bytes.slice()
    wrong[wrong.length - 1]! ^= 1
    held.get(sha(bytes))!.set(wrong) // what comes now has another hash
    await world.pass(60_000)
    expect(sha(await rows.read('mine'))).toBe(sha(bytesOf(3 * pieceSize)))
  })

  test('what was dropped to make room while the rest came is fetched again, and never half of it shown (I28)', async () => {
    const world = worldOf()
    const { fake, remote, keep, app } = keeper(world)
    const bytes = bytesOf(3 * pieceSize)
    fake.put('a', { sha: keep(bytes), size: bytes.length })
    const disk = memoryDisk('d')
    const { rows } = await app(disk)
    remote.slow = 1_000
    await rows.fetch('a')
    await world.pass(14_000)
    const shape = { version: 1, collections: { notes: { index: [] } }, migrations: {} }
    const beside = await memory('m', { disk }).open(shape, world.tab().platform)
    await beside.write({ records: [], rows: ['meta', 'bodies'] }, tx => dropBody(tx, sha(bytes)))
    await world.pass(120_000)
    expect(sha(await rows.read('a'))).toBe(sha(bytes))
  })
})
