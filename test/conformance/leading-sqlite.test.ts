/** Who leads a store in a file, with real processes that are killed, stopped and continued (I17, F29, F30). */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Worker } from 'node:worker_threads'
import { afterAll, afterEach, expect, test } from 'vitest'
import { sqlite } from '../../src/stores/sqlite.ts'
import type { Word } from './store/leading-child.ts'
import { storePlatform } from './store/platform.ts'
import { shape } from './store/shape.ts'

const folder = mkdtempSync(join(tmpdir(), 'tidemark-leading-'))
const script = new URL('./store/leading-child.ts', import.meta.url)
afterAll(() => rmSync(folder, { recursive: true }))

const children = new Set<ChildProcess>()
afterEach(async () => {
  for (const child of children) {
    if (child.exitCode !== null || child.signalCode !== null) continue
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  children.clear()
})

/** Another process that wants to lead, and what it said so far. */
function candidate(file: string) {
  const child = spawn(process.execPath, [script.pathname, file], { stdio: ['ignore', 'pipe', 'inherit'] })
  children.add(child)
  const words: Word[] = []
  createInterface(child.stdout!).on('line', line => words.push(JSON.parse(line) as Word))
  return {
    words,
    leads: () => words.at(-1)?.what === 'leads',
    kill: (signal: NodeJS.Signals) => child.kill(signal),
  }
}

const until = (check: () => boolean | Promise<boolean>, timeout = 60_000) =>
  expect.poll(check, { timeout, interval: 20 }).toBe(true)

/** A thief makes a new file, and a lock that its holder let go of is taken in the one that is there. */
const lockOf = (file: string) => statSync(`${file}-lead`).ino

/** The epochs that were committed, in the order of the commits. */
async function committed(file: string): Promise<number[]> {
  const store = await sqlite(file).open(shape, storePlatform())
  const rows = await store.read({ records: [], rows: ['queue'] }, tx => tx.rows('queue').list({ prefix: ['log'] }))
  await store.close()
  return rows.map(({ row }) => (row as { epoch: number }).epoch)
}

async function expectFenced(file: string, epochs: number): Promise<void> {
  await until(async () => (await committed(file)).includes(epochs))
  const log = await committed(file)
  expect(log).toEqual(log.toSorted((one, other) => one - other))
  expect(new Set(log).size).toBe(epochs)
}

test('a leader that is killed is followed at once, however often, and nobody leads beside another (F29)', async () => {
  const file = join(folder, 'killed.sqlite')
  const took: number[] = []
  const waiting = [candidate(file), candidate(file)]
  await until(() => waiting.some(one => one.leads()))
  const lock = lockOf(file)
  for (let round = 0; round < 8; round++) {
    const leader = waiting.find(one => one.leads())!
    await until(async () => (await committed(file)).includes(round + 1))
    const at = Date.now()
    leader.kill('SIGKILL')
    waiting.splice(waiting.indexOf(leader), 1)
    await until(() => waiting.some(one => one.leads()))
    took.push(waiting.find(one => one.leads())!.words.at(-1)!.at - at)
    expect(waiting.filter(one => one.leads())).toHaveLength(1)
    waiting.push(candidate(file))
  }
  console.log(`takeover after SIGKILL, in milliseconds: ${took.join(' ')}`)
  expect(lockOf(file)).toBe(lock)
  await expectFenced(file, 9)
}, 240_000)

test('a leader that is stopped is robbed after ten seconds; continued, its commits are refused (F30)', async () => {
  const file = join(folder, 'stopped.sqlite')
  const one = candidate(file)
  await until(() => one.leads())
  const other = candidate(file)
  await new Promise(resolve => setTimeout(resolve, 1_000))
  const [at, lock] = [Date.now(), lockOf(file)]
  one.kill('SIGUSR2') // it stops itself, between two writes
  await until(() => other.leads(), 120_000)
  console.log(`takeover after SIGSTOP, in milliseconds: ${other.words.at(-1)!.at - at}`)
  expect(other.words.at(-1)!.at - at).toBeGreaterThan(5_000)
  expect(lockOf(file)).not.toBe(lock)
  expect(one.words).toHaveLength(1)
  one.kill('SIGCONT')
  await until(() => one.words.some(({ what }) => what === 'lost'))
  await until(() => one.words.at(-1)!.what === 'refused')
  // Whoever was robbed waits like any other: the thief is safe, and is followed at once when it dies.
  await new Promise(resolve => setTimeout(resolve, 2_000))
  expect([other.words.at(-1), one.leads()]).toEqual([expect.objectContaining({ what: 'leads', epoch: 2 }), false])
  other.kill('SIGKILL')
  await until(() => one.leads())
  expect(one.words.at(-1)).toMatchObject({ what: 'leads', epoch: 3 })
  await expectFenced(file, 3)
}, 240_000)

test('a thread that ends lets go of the lock, and a thread of the same process waits for it', async () => {
  const file = join(folder, 'threads.sqlite')
  const start = () => {
    const words: Word[] = []
    const worker = new Worker(script, { workerData: file })
    worker.on('message', (word: Word) => words.push(word))
    const end = async () => {
      worker.postMessage('end')
      await once(worker, 'exit')
    }
    return { end, words }
  }
  const one = start()
  await until(() => one.words.length > 0)
  const lock = lockOf(file)
  const other = start()
  await new Promise(resolve => setTimeout(resolve, 1_500))
  expect(other.words).toEqual([])
  const at = Date.now()
  await one.end()
  await until(() => other.words.length > 0)
  console.log(`takeover after the end of a thread, in milliseconds: ${other.words[0]!.at - at}`)
  expect(lockOf(file)).toBe(lock)
  await expectFenced(file, 2)
  await other.end()
}, 120_000)
