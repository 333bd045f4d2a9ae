/**
 * How much slower than doing nothing but the necessary: each measurement is divided by a floor that is taken in the same
 * round, because machines differ and are noisy. Medians of alternating rounds; a ratio above its limit fails.
 *
 *   npm run bench -- --rounds 7
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { parseArgs } from 'node:util'
import {
  collection,
  defineSchema,
  memory,
  open,
  type StoreDriver,
  type Transport,
  type Value,
} from '../../src/index.ts'
import { sqlite } from '../../src/stores/sqlite.ts'

type Page = { readonly id: string; readonly value: Value }[]

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '5' } } })
const rounds = Number(values.rounds)
const folder = mkdtempSync(join(tmpdir(), 'tidemark-bench-'))
let files = 0
const file = () => join(folder, `${files++}.db`)

const noteOf = (n: number): Value => ({ title: `Note ${n}`, text: 'A line of text. '.repeat(8), done: n % 2 === 0, n })
const pagesOf = (count: number, size: number): Page[] =>
  Array.from({ length: count / size }, (_, page) =>
    Array.from({ length: size }, (_, at) => ({ id: `note-${page * size + at}`, value: noteOf(page * size + at) })),
  )

interface Bench {
  readonly name: string
  readonly floor: string
  /** The ratio that is still fine. */
  readonly most: number
  ours(): Promise<number>
  least(): Promise<number>
}

const benches: readonly Bench[] = [
  {
    name: '200 local writes, sqlite',
    floor: 'two puts in a transaction each',
    most: 4,
    ours: () => localWrites(200),
    least: async () => rawWrites(200),
  },
  {
    name: 'landing 10,000 records, sqlite',
    floor: 'inserting them, a transaction per page',
    most: 12,
    ours: () => landing(sqlite(file())),
    least: async () => rawLanding(),
  },
  {
    name: 'landing 10,000 records, memory',
    floor: 'cloning them into a map',
    most: 10,
    ours: () => landing(memory()),
    least: async () => clones(),
  },
  {
    name: '1,000 conflicts judged, sqlite',
    floor: 'landing them without a conflict',
    most: 12,
    ours: () => relanding(true),
    least: () => relanding(false),
  },
]

let failed = 0
for (const { name, floor, most, ours, least } of benches) {
  await ours() // warm
  const taken: { mine: number; floor: number }[] = []
  for (let round = 0; round < rounds; round++) {
    // Whoever goes second finds a warmer machine: take turns.
    if (round % 2 === 0) taken.push({ mine: await ours(), floor: await least() })
    else {
      const first = await least()
      taken.push({ mine: await ours(), floor: first })
    }
  }
  const ratios = taken.map(({ mine, floor }) => mine / floor)
  const ratio = median(ratios)
  const fine = ratio <= most
  if (!fine) failed++
  const spread = `${Math.min(...ratios).toFixed(1)} to ${Math.max(...ratios).toFixed(1)}`
  console.log(
    `${name.padEnd(32)} ${ms(median(taken.map(({ mine }) => mine)))}   ${floor.padEnd(40)} ${ms(median(taken.map(one => one.floor)))}` +
      `   ${ratio.toFixed(1)} times (${spread}), at most ${most}${fine ? '' : '  TOO SLOW'}`,
  )
}
rmSync(folder, { recursive: true })
console.log(`${benches.length - failed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1

async function localWrites(count: number): Promise<number> {
  const schema = defineSchema({ version: 1, collections: { notes: collection({ remote: 'feed' }) } })
  const db = await open({ store: sqlite(file()), schema, remotes: { feed: feed([]).transport } })
  await db.remotes.feed.pause()
  const start = performance.now()
  for (let n = 0; n < count; n++) await db.data.notes.put(`note-${n}`, noteOf(n))
  const taken = performance.now() - start
  await db.close()
  return taken
}

function rawWrites(count: number): number {
  const { sql, insert } = rawTable()
  const start = performance.now()
  for (let n = 0; n < count; n++) {
    const json = JSON.stringify(noteOf(n))
    sql.exec('BEGIN IMMEDIATE')
    insert.run(`note-${n}`, json)
    insert.run(`outbox-${n}`, json)
    sql.exec('COMMIT')
  }
  const taken = performance.now() - start
  sql.close()
  return taken
}

async function landing(store: StoreDriver): Promise<number> {
  const { transport, taken } = feed(pagesOf(10_000, 1_000))
  const schema = defineSchema({ version: 1, collections: { notes: collection({ remote: 'feed' }) } })
  const db = await open({ store, schema, remotes: { feed: transport } })
  const result = await taken()
  await db.close()
  return result
}

function rawLanding(): number {
  const pages = pagesOf(10_000, 1_000)
  const { sql, insert } = rawTable()
  const start = performance.now()
  for (const page of pages) {
    sql.exec('BEGIN IMMEDIATE')
    for (const { id, value } of page) insert.run(id, JSON.stringify(value))
    sql.exec('COMMIT')
  }
  const taken = performance.now() - start
  sql.close()
  return taken
}

function clones(): number {
  const pages = pagesOf(10_000, 1_000)
  const map = new Map<string, Value>()
  const start = performance.now()
  for (const page of pages) for (const { id, value } of page) map.set(id, structuredClone(value))
  return performance.now() - start
}

/** 1,000 records come again with other values; `edited`: all of them were changed here meanwhile. */
async function relanding(edited: boolean): Promise<number> {
  const { transport, taken, next } = feed(pagesOf(1_000, 500))
  const schema = defineSchema({
    version: 1,
    collections: { notes: collection({ remote: 'feed', conflicts: 'SERVER_WINS' }) },
  })
  const db = await open({ store: sqlite(file()), schema, remotes: { feed: transport } })
  await db.remotes.feed.synced()
  await db.remotes.feed.pause()
  if (edited) {
    await db.write(tx => {
      for (let n = 0; n < 1_000; n++) tx.notes.put(`note-${n}`, { ...noteOf(n), text: 'mine' })
    })
  }
  next(pagesOf(1_000, 500).map(page => page.map(({ id, value }) => ({ id, value: { ...value, text: 'theirs' } }))))
  await db.remotes.feed.resume()
  const result = await taken()
  const conflicts = (await db.conflicts.list()).length
  if (conflicts !== (edited ? 1_000 : 0)) throw new Error(`There were ${conflicts} conflicts.`)
  await db.close()
  return result
}

/** A remote that gives its pages once. `taken` is the time from the first page to the last commit, in milliseconds. */
function feed(first: Page[]) {
  let pages = first
  let version = 1
  let start = 0
  let finished = promised()
  const transport: Transport = {
    name: 'feed',
    sources: { notes: {} },
    pull: {
      async *pages(from) {
        const mine = pages
        pages = []
        if (mine.length > 0) start = performance.now()
        for (const [at, page] of mine.entries()) {
          const records = page.map(({ id, value }) => ({ collection: 'notes', id, value, version }))
          const complete = from === undefined && at === mine.length - 1 ? { complete: [{ source: 'notes' }] } : {}
          yield { records, cursor: `${version}.${at}`, ...complete }
        }
      },
      async landed() {
        if (start > 0) finished.resolve(performance.now() - start)
        start = 0
      },
    },
    push: { most: 1_000, guard: 'version', send: () => Promise.reject(new Error('Nothing is sent here.')) },
  }
  return {
    transport,
    taken: () => finished.promise,
    next(more: Page[]) {
      finished = promised()
      version++
      pages = more
    },
  }
}

function promised() {
  let resolve = (_: number) => {}
  const promise = new Promise<number>(done => {
    resolve = done
  })
  return { promise, resolve }
}

function rawTable() {
  const sql = new DatabaseSync(file())
  sql.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL')
  sql.exec('CREATE TABLE t (id TEXT PRIMARY KEY, json TEXT) WITHOUT ROWID')
  return { sql, insert: sql.prepare('INSERT OR REPLACE INTO t VALUES (?, ?)') }
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((one, other) => one - other)[Math.floor(numbers.length / 2)]!
}

function ms(number: number): string {
  return `${number.toFixed(1)} ms`.padStart(10)
}
