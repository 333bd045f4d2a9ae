/** The same over real HTTP: multipart bodies, ranges and login are Node's own here. */
import { afterEach, expect, test } from 'vitest'
import { open } from '../../../src/client/open.ts'
import { cogneeSandbox } from '../../../src/sandbox/cognee/sandbox.ts'
import { realWorld } from '../../../src/sandbox/real-world.ts'
import { serve } from '../../../src/sandbox/serve.ts'
import { collection, defineSchema } from '../../../src/schema.ts'
import { memory } from '../../../src/stores/memory.ts'
import { cognee, documents } from '../../../src/transports/cognee/index.ts'

const opened: (() => unknown)[] = []
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close()
})

test('a document is added with a token from a login, synced, and is in the cloud', async () => {
  const sandbox = cogneeSandbox({ world: realWorld, knobs: { perDataset: 200 } })
  const { user_id } = sandbox.admin.addUser('ada@example.com')
  const notes = sandbox.admin.addDataset(user_id, 'notes')
  const served = await serve({ cognee: sandbox })
  opened.push(() => served.close())
  const url = served.urls.cognee
  const login = async () => {
    const body = new URLSearchParams({ username: 'ada@example.com', password: 'secret' })
    const answer = await fetch(`${url}/api/v1/auth/login`, { method: 'POST', body })
    return ((await answer.json()) as { access_token: string }).access_token
  }
  const cloud = cognee({ url, token: login, cloud: { url: `${url}/cloud`, key: () => sandbox.inspect().cloudKey } })
  const db = await open({
    store: memory(),
    schema: defineSchema({ version: 1, collections: { documents: collection({ remote: 'cloud', ...documents }) } }),
    remotes: { cloud },
  })
  opened.push(() => db.close())
  const bytes = new Uint8Array(300_000).map((_, at) => at % 251)
  const row = { dataset: notes, name: 'bytes "1"\r\n', extension: 'bin', mime: 'application/octet-stream' }
  const write = await db.data.documents.write('d1', bytes, row)
  expect(await write.settled()).toBe('accepted')
  expect(await db.data.documents.read('d1')).toEqual(bytes)

  const job = await db.remotes.cloud.run({ datasets: [notes] })
  expect(await job.done()).toMatchObject({ state: 'done', counters: { documents: 1 } })
  expect(sandbox.admin.cloud(notes)).toHaveLength(1)
}, 60_000)
