import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, fstatSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, expect, onTestFinished, test } from 'vitest'
import type { Platform } from '../../src/platform.ts'
import type { Touched } from '../../src/store.ts'
import { sqliteError } from '../../src/stores/shared/sql.ts'
import { sqlite } from '../../src/stores/sqlite.ts'
import { allNotes, allRows, codeOf, eventually, notes, openAt, type Place, put, record, shape } from './store/place.ts'
import { sleepInTurns, storePlatform } from './store/platform.ts'

const folder = mkdtempSync(join(tmpdir(), 'tidemark-sqlite-'))
const child = new URL('./store/sqlite-child.ts', import.meta.url).pathname
let files = 0
afterAll(() => rmSync(folder, { recursive: true }))

function newPlace(sleep?: Platform['sleep']): Place & { readonly file: string } {
  const file = join(folder, `${files++}.sqlite`)
  return { file, driver: () => sqlite(file), platform: storePlatform(new Map(), sleep) }
}

/** The lines that a child printed, until it ended. */
async function linesOf(process: ReturnType<typeof spawn>): Promise<string[]> {
  let text = ''
  process.stdout!.on('data', (data: Buffer) => {
    text += data.toString()
  })
  await once(process, 'close')
  return text.split('\n').slice(0, -1)
}

test('work that awaits anything foreign is a bug, leaves no trace and holds up nobody', async () => {
  const place = newPlace()
  const [store, other] = [await openAt(place), await openAt(place)]
  const slow = store.write(notes, async tx => {
    await tx.records('notes').putMany([record('a', {})])
    await sleepInTurns(3_000)
    await tx.records('notes').putMany([record('b', {})])
  })
  const next = put(other, record('c', {}))
  expect(await codeOf(slow)).toBe('bug')
  await next
  await sleepInTurns(4_000)
  expect(await allNotes(store)).toEqual([record('c', {})])
})

test('a commit of another process is heard', async () => {
  const place = newPlace()
  const store = await openAt(place)
  const heard: Touched[] = []
  const stop = store.watch(touched => void heard.push(...touched))
  await linesOf(spawn(process.execPath, [child, 'once', place.file]))
  await eventually(() => heard.length > 0)
  expect(heard).toEqual([{}])
  expect(await allRows(store)).toHaveLength(1)
  stop()
})

test('a commit that nobody told is told as anything with the next one, and each commit once', async () => {
  // It looks when it is told to.
  const looks: (() => void)[] = []
  const place = newPlace(
    (_, end) =>
      new Promise((look, stop) => {
        looks.push(look)
        end?.addEventListener('abort', stop)
      }),
  )
  const store = await openAt(place)
  const untold = await openAt({ ...place, platform: storePlatform() })
  const heard: Touched[] = []
  onTestFinished(store.watch(touched => void heard.push(...touched)))
  await put(untold, record('a', {}))
  await put(store, record('b', {}))
  expect(heard).toEqual([{}])
  await put(store, record('c', {}))
  looks[0]!()
  await eventually(() => looks.length === 2)
  expect(heard).toEqual([{}, { collection: 'notes', ids: ['c'] }])
  await put(untold, record('d', {}))
  looks[1]!()
  await eventually(() => looks.length === 3)
  expect(heard.slice(2)).toEqual([{}])
})

test('two processes that write at once both get their turn', async () => {
  const place = newPlace()
  const store = await openAt(place)
  const writer = spawn(process.execPath, [child, 'write', place.file])
  const lines = linesOf(writer)
  for (let n = 0; n < 100; n++) {
    await put(store, record(`mine${n}`, {}))
    await new Promise(resolve => setTimeout(resolve, 3))
  }
  await eventually(async () => (await allRows(store)).length > 10)
  writer.kill('SIGKILL')
  const acknowledged = (await lines).length
  expect(await store.read(notes, tx => tx.records('notes').count({ from: 'mine', to: 'mine~' }))).toBe(100)
  expect((await allRows(store)).length).toBeGreaterThanOrEqual(acknowledged)
}, 120_000)

test('a process killed in mid-write loses nothing acknowledged and leaves nothing half, 20 times over', async () => {
  const place = newPlace()
  let acknowledged = -1
  for (let round = 0; round < 20 || acknowledged <= 20; round++) {
    const writer = spawn(process.execPath, [child, 'write', place.file])
    const lines = linesOf(writer)
    await once(writer.stdout!, 'data')
    await new Promise(resolve => setTimeout(resolve, Math.random() * 60))
    writer.kill('SIGKILL')
    acknowledged = Number((await lines).at(-1))
    const store = await place.driver().open(shape, place.platform)
    const [records, rows] = [await allNotes(store), await allRows(store)]
    await store.close()
    expect(records.length).toBe(rows.length)
    const ranks = records.map(({ value }) => value!.rank as number).sort((one, other) => one - other)
    expect(ranks).toEqual(rows.map((_, n) => n))
    expect(rows.length, `acknowledged ${acknowledged} in round ${round}`).toBeGreaterThan(acknowledged)
  }
}, 120_000)

test('a process killed in the middle of a migration leaves the old version whole, and the next one migrates (F16)', async () => {
  const place = newPlace()
  const old = await openAt(place)
  const ids = Array.from({ length: 60 }, (_, n) => `n${n}`)
  await put(old, ...ids.map((id, n) => record(id, { rank: n })))
  await old.close()
  for (const last of [1, 2, 30, 59, 60]) {
    expect(await linesOf(spawn(process.execPath, [child, 'migrate', place.file, `${last}`]))).toHaveLength(last)
    const store = await place.driver().open(shape, place.platform)
    expect(store.newer()).toBe(false)
    expect((await allNotes(store)).map(({ value }) => value!.rank as number).toSorted((a, b) => a - b)).toEqual(
      ids.map((_, n) => n),
    )
    await store.close()
  }
  await linesOf(spawn(process.execPath, [child, 'migrate', place.file]))
  const store = await openAt(place)
  expect(store.newer()).toBe(true)
  expect((await allNotes(store)).every(({ value }) => (value!.rank as number) >= 1000)).toBe(true)
}, 120_000)

test('a disk that takes no more is a typed failure, and the store stays whole', async () => {
  const place = newPlace()
  // A limit on the size of files, in kilobytes; the signal is ignored so that the write itself fails.
  const script = `trap '' XFSZ; ulimit -f 4000; exec "$0" "$@"`
  const lines = await linesOf(spawn('sh', ['-c', script, process.execPath, child, 'fill', place.file]))
  expect(lines.at(-1)).toMatch(/^failed storage-(full|unavailable)$/)
  const store = await openAt(place)
  expect(lines.length).toBeGreaterThan(5)
  expect([(await allNotes(store)).length, (await allRows(store)).length]).toEqual([lines.length - 1, lines.length - 1])
}, 30_000)

test('SQLite’s own word for a full disk is storage-full', () => {
  const database = new DatabaseSync(':memory:')
  database.exec('PRAGMA max_page_count = 3; CREATE TABLE t (x)')
  const fill = () => database.exec(`INSERT INTO t VALUES ('${'x'.repeat(50_000)}')`)
  expect(fill).toThrow()
  try {
    fill()
  } catch (error) {
    expect(sqliteError(error)).toMatchObject({ code: 'storage-full', cause: error })
  }
})

test('a lock that is let go is waited for, and one that is kept is a typed failure', async () => {
  const place = newPlace(sleepInTurns)
  const store = await openAt(place)
  const foreign = new DatabaseSync(place.file)
  foreign.exec('BEGIN IMMEDIATE')
  const waiting = put(store, record('a', {}))
  void sleepInTurns(2_000).then(() => foreign.exec('COMMIT'))
  await waiting
  foreign.exec('BEGIN IMMEDIATE')
  const failing = put(store, record('b', {}))
  expect(await codeOf(failing)).toBe('storage-unavailable')
  expect(await allNotes(store)).toEqual([record('a', {})])
  foreign.exec('ROLLBACK')
  foreign.close()
  await put(store, record('c', {}))
})

test('a file that is no database, is damaged, or cannot be made is storage-unavailable, and is left alone', async () => {
  const [place, damaged] = [newPlace(), newPlace()]
  writeFileSync(place.file, 'this is a diary, not a database '.repeat(100))
  expect(await codeOf(openAt(place))).toBe('storage-unavailable')
  const nowhere = { ...place, driver: () => sqlite(join(folder, 'no', 'such', 'folder')) }
  expect(await codeOf(openAt(nowhere))).toBe('storage-unavailable')
  const store = await openAt(damaged)
  for (let n = 0; n < 50; n++) await put(store, record(`n${n}`, { text: 'x'.repeat(2000) }))
  await store.close()
  const raw = new DatabaseSync(damaged.file)
  const { page_size: size } = raw.prepare('PRAGMA page_size').get() as { page_size: number }
  raw.close()
  const handle = openSync(damaged.file, 'r+')
  for (let at = size * 2; at < fstatSync(handle).size; at += size)
    writeSync(handle, Buffer.alloc(size, 0xa5), 0, size, at)
  closeSync(handle)
  const again = damaged.driver().open(shape, damaged.platform)
  expect(await codeOf(async () => allNotes(await again))).toBe('storage-unavailable')
  await again.then(store => store.close()).catch(() => {})
})

test('a format from the future is storage-newer', async () => {
  const place = newPlace()
  const raw = new DatabaseSync(place.file)
  raw.exec('PRAGMA user_version = 2000001')
  raw.close()
  expect(await codeOf(openAt(place))).toBe('storage-newer')
})
