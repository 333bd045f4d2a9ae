/**
 * Another process on the same file: `sqlite-child.ts <what> <file>`. It prints each write once it is acknowledged.
 * `migrate <file> <last>` kills itself when it has raised so many.
 */
import { writeSync } from 'node:fs'
import type { SyncError } from '../../../src/errors.ts'
import type { Shape, Store, Writer } from '../../../src/store.ts'
import { sqlite } from '../../../src/stores/sqlite.ts'
import { storePlatform } from './platform.ts'
import { both, shape } from './shape.ts'

const [what, file, last] = process.argv.slice(2)
const wanted: Shape = what === 'migrate' ? { ...shape, version: 2, migrations: { 2: raise } } : shape
const store = await sqlite(file!).open(wanted, storePlatform())

/** Raises every rank, and tells each one that it has raised. */
async function raise(tx: Writer): Promise<void> {
  for (const [at, { id, value }] of (await tx.records('notes').list()).entries()) {
    await tx.records('notes').putMany([{ id, value: { ...value, rank: (value!.rank as number) + 1000 }, meta: {} }])
    writeSync(1, `${id}\n`)
    if (at + 1 === Number(last)) process.kill(process.pid, 'SIGKILL')
  }
}

/** Record and row in one transaction; the store is whole when there are as many of each. */
async function putBoth(on: Store, n: number, text = ''): Promise<void> {
  await on.write(both, async tx => {
    await tx.records('notes').putMany([{ id: `n${n}`, value: { rank: n, text }, meta: {} }])
    await tx.rows('queue').putMany([{ key: [n], row: { n, text } }])
  })
}

try {
  let n = await store.read(both, tx => tx.rows('queue').count())
  if (what === 'once') await putBoth(store, n)
  else if (what !== 'migrate')
    for (;;) {
      await putBoth(store, n, 'x'.repeat(what === 'fill' ? 50_000 : 200))
      writeSync(1, `${n++}\n`)
    }
} catch (error) {
  writeSync(1, `failed ${(error as SyncError).code}\n`)
}
await store.close()
