/** The vendor's own client drives the sandbox, beside our transport, over real HTTP. */
import * as module from '@airweave/sdk'
import { afterEach, expect, test } from 'vitest'
import { open } from '../../src/client/open.ts'
import type { Knobs } from '../../src/sandbox/airweave/knobs.ts'
import { airweaveSandbox } from '../../src/sandbox/airweave/sandbox.ts'
import { realWorld } from '../../src/sandbox/real-world.ts'
import { serve } from '../../src/sandbox/serve.ts'
import { collection, defineSchema } from '../../src/schema.ts'
import { memory } from '../../src/stores/memory.ts'
import { airweave, connections, entities, jobs } from '../../src/transports/airweave/index.ts'

/** As much of the client as is used: its declarations do not resolve for modules of Node. */
interface Sdk {
  readonly sources: { list(): Promise<{ short_name: string }[]> }
  readonly collections: {
    list(): Promise<{ readable_id: string }[]>
    create(body: object): Promise<{ readable_id: string }>
    get(id: string): Promise<{ status: string }>
    delete(id: string): Promise<{ readable_id: string }>
  }
  readonly sourceConnections: {
    list(query?: object): Promise<{ id: string; status: string }[]>
    create(body: object): Promise<{ id: string; status: string }>
    get(id: string): Promise<{ id: string; name: string; entities: { total_entities: number } }>
    update(id: string, body: object): Promise<{ name: string }>
    delete(id: string): Promise<{ id: string }>
    run(id: string, query?: object): Promise<SdkJob>
    getSourceConnectionJobs(id: string, query?: object): Promise<SdkJob[]>
    cancelJob(id: string, job: string): Promise<SdkJob>
  }
}
interface SdkJob {
  readonly id: string
  readonly status: string
  readonly entities_inserted: number
}
const { AirweaveSDKClient } = module as unknown as { AirweaveSDKClient: new (options: object) => Sdk }

const opened: (() => unknown)[] = []
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close()
})

async function scene(knobs: Partial<Knobs> = {}) {
  const sandbox = airweaveSandbox({
    world: realWorld,
    knobs: { startAfter: 20, perEntity: 10, cancelAfter: 20, ...knobs },
  })
  const key = sandbox.admin.addKey()
  const served = await serve({ airweave: sandbox })
  opened.push(() => served.close())
  const url = served.urls.airweave
  return { sandbox, key, url, sdk: new AirweaveSDKClient({ apiKey: key, baseUrl: url }) }
}

async function until<T>(ask: () => Promise<T>, good: (answer: T) => boolean): Promise<T> {
  for (;;) {
    const answer = await ask()
    if (good(answer)) return answer
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}

const stub = (readable_collection_id: string, entity_count: number) => ({
  short_name: 'stub',
  name: 'From the SDK',
  readable_collection_id,
  config: { entity_count },
  sync_immediately: false,
})

test('the client creates, lists, runs, cancels and deletes', async () => {
  const { sdk } = await scene({ perEntity: 100 })
  expect((await sdk.sources.list()).map(({ short_name }) => short_name)).toContain('stub')
  const { readable_id } = await sdk.collections.create({ name: 'From outside' })
  expect((await sdk.collections.list()).map(one => one.readable_id)).toEqual([readable_id])
  const { id } = await sdk.sourceConnections.create(stub(readable_id, 4))
  expect((await sdk.collections.get(readable_id)).status).toBe('ACTIVE')
  expect((await sdk.sourceConnections.list({ collection: readable_id })).map(one => one.id)).toEqual([id])

  const job = await sdk.sourceConnections.run(id, { force_full_sync: true })
  expect(job.status).toBe('pending')
  const cancelled = await sdk.sourceConnections.cancelJob(id, job.id)
  expect(['cancelling', 'cancelled']).toContain(cancelled.status)
  await until(
    () => sdk.sourceConnections.getSourceConnectionJobs(id),
    ([one]) => one?.status === 'cancelled',
  )

  await sdk.sourceConnections.run(id)
  const [done] = await until(
    () => sdk.sourceConnections.getSourceConnectionJobs(id, { limit: 1 }),
    ([one]) => one?.status === 'completed',
  )
  expect(done!.entities_inserted).toBe(5)
  expect((await sdk.sourceConnections.get(id)).entities.total_entities).toBe(5)
  expect((await sdk.sourceConnections.update(id, { name: 'Renamed by it' })).name).toBe('Renamed by it')
  expect((await sdk.sourceConnections.delete(id)).id).toBe(id)
  expect((await sdk.collections.delete(readable_id)).readable_id).toBe(readable_id)
}, 60_000)

test('what the client makes comes to our transport, which joins the run that the client started', async () => {
  const { sdk, url, key, sandbox } = await scene({ perEntity: 300 })
  const { readable_id } = await sdk.collections.create({ name: 'From outside' })
  const { id } = await sdk.sourceConnections.create(stub(readable_id, 8))
  const theirs = await sdk.sourceConnections.run(id)
  const remote = { remote: 'search' } as const
  const db = await open({
    store: memory(),
    schema: defineSchema({
      version: 1,
      collections: {
        connections: collection({ ...remote, ...connections }),
        jobs: collection({ ...remote, ...jobs }),
        entities: collection({ ...remote, ...entities }),
      },
    }),
    remotes: { search: airweave({ url, key: () => key, collection: readable_id }) },
  })
  opened.push(() => db.close())
  const job = await db.remotes.search.run({ sourceConnection: id })
  expect(await job.done()).toMatchObject({ state: 'done', joined: true, job: theirs.id, counters: { inserted: 9 } })
  expect(sandbox.inspect().jobs).toHaveLength(1)
  await until(
    () => db.data.entities.list(),
    list => list.length === 9,
  )
  expect((await db.data.connections.list()).map(({ value }) => value.name)).toEqual(['From the SDK'])
  // What we start, the client sees.
  const ours = await db.remotes.search.run({ sourceConnection: id })
  await ours.done()
  const listed = await sdk.sourceConnections.getSourceConnectionJobs(id)
  expect(listed.map(({ status }) => status)).toEqual(['completed', 'completed'])
}, 60_000)

test('the client asks again after a lost 503, and meets its own run', async () => {
  const { sdk, sandbox } = await scene({ perEntity: 2_000 })
  const { readable_id } = await sdk.collections.create({ name: 'From outside' })
  const { id } = await sdk.sourceConnections.create(stub(readable_id, 8))
  sandbox.weather.next({ path: /\/run$/, after: 503 })
  await expect(sdk.sourceConnections.run(id)).rejects.toMatchObject({ statusCode: 400 })
  expect(sandbox.inspect().jobs).toHaveLength(1)
}, 60_000)
