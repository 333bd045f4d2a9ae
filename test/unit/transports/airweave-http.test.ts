/** The same over real HTTP and real time: fetch, streams and cancelled bodies are Node's own here. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { open } from '../../../src/client/open.ts'
import { airweaveSandbox } from '../../../src/sandbox/airweave/sandbox.ts'
import { realWorld } from '../../../src/sandbox/real-world.ts'
import { serve } from '../../../src/sandbox/serve.ts'
import { collection, defineSchema } from '../../../src/schema.ts'
import { sqlite } from '../../../src/stores/sqlite.ts'
import { airweave, entities } from '../../../src/transports/airweave/index.ts'

const opened: (() => unknown)[] = []
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close()
})

async function scene(perEntity: number) {
  const sandbox = airweaveSandbox({ world: realWorld, knobs: { startAfter: 50, perEntity, cancelAfter: 50 } })
  const { admin } = sandbox
  const key = admin.addKey()
  const readable = admin.addCollection('Documents', 'documents')
  const some = Array.from({ length: 20 }, (_, n) => ({ id: `e${n}`, name: `Entity ${n}`, text: `text ${n}` }))
  const id = admin.connect(readable, { entities: some })
  const served = await serve({ airweave: sandbox })
  opened.push(() => served.close())
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-'))
  opened.push(() => rmSync(folder, { recursive: true }))
  const schema = defineSchema({
    version: 1,
    collections: { entities: collection({ remote: 'search', ...entities }) },
  })
  const start = async () => {
    const search = airweave({ url: served.urls.airweave, key: () => key, collection: readable })
    const db = await open({ store: sqlite(join(folder, 'x.db')), schema, remotes: { search } })
    opened.push(() => db.close())
    return db
  }
  return { sandbox, admin, id, start }
}

test('a run is asked for, told by the stream, ends, and what it synced is here', async () => {
  const { id, start } = await scene(30)
  const db = await start()
  const job = await db.remotes.search.run({ sourceConnection: id })
  const counted: number[] = []
  job.report.subscribe(({ counters }) => counted.push(counters?.inserted ?? 0))
  expect(await job.done()).toMatchObject({ state: 'done', counters: { inserted: 20 } })
  // The stream told of the work before it was done.
  expect(counted.some(count => count > 0 && count < 20)).toBe(true)
  while ((await db.data.entities.list()).length < 20) await new Promise(resolve => setTimeout(resolve, 20))
}, 60_000)

test('a run survives the end of its process in the middle, is joined by nobody twice, and is cancelled', async () => {
  const { sandbox, admin, id, start } = await scene(200)
  const first = await start()
  sandbox.weather.next({ path: /\/run$/, after: 'lose-answer' })
  const { id: asked } = await first.remotes.search.run({ sourceConnection: id })
  while (sandbox.inspect().jobs.length === 0) await new Promise(resolve => setTimeout(resolve, 10))
  await first.close()
  const second = await start()
  const job = second.remotes.search.jobs.get(asked)
  const other = await second.remotes.search.run({ sourceConnection: id })
  expect(other.id).toBe(asked)
  await job.cancel()
  expect(await job.done()).toMatchObject({ state: 'cancelled', job: sandbox.inspect().jobs[0]!.id })
  expect(sandbox.inspect().jobs).toHaveLength(1)
  const forced = await second.remotes.search.run({ sourceConnection: id, forceFullSync: true })
  admin.setEntities(id, [])
  expect(await forced.done()).toMatchObject({ state: 'done' })
  expect(sandbox.inspect().jobs.map(({ force }) => force)).toEqual([false, true])
}, 60_000)
