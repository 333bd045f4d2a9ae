import { afterEach, describe, expect, test } from 'vitest'
import { cogneeSandbox } from '../../../src/sandbox/cognee/sandbox.ts'
import { type CogneeSync, cognee } from '../../../src/transports/cognee/index.ts'
import { client } from '../../conformance/transport-io.ts'
import { scene } from './cognee-kit.ts'
import { closeAll } from './served.ts'

afterEach(closeAll)

const second = 1_000
const minute = 60 * second

describe('a sync', () => {
  test('asked for on a plane survives a kill, starts once, and is done when the cloud has it all (I33)', async () => {
    const { world, sandbox, admin, notes, device, ada } = await scene()
    device.state.offline = true
    const first = await device.start()
    const job = await first.db.remotes.cloud.run({ datasets: [notes, notes] })
    await world.pass(5 * minute)
    device.disk.crash()
    device.state.offline = false
    const { db } = await device.start()
    await world.pass(2 * minute)
    expect(await db.remotes.cloud.jobs.get(job.id).report.get()).toMatchObject({
      state: 'done',
      progress: 1,
      counters: { documents: 2, lacking: 0, more: 0 },
      details: {
        run_id: sandbox.inspect().runs[0]!.run_id,
        status: 'started',
        dataset_ids: [notes],
        dataset_names: ['notes'],
        message: expect.any(String),
        timestamp: expect.any(String),
        user_id: ada.user_id,
      },
    })
    expect([sandbox.inspect().runs.length, admin.cloud(notes).length]).toEqual([1, 2])
  })

  test('tells its progress, which may go back', async () => {
    const { world, admin, sync } = await scene({ perDataset: 10 * second })
    const job = await sync()
    await world.pass(3 * second)
    admin.setProgress(50)
    await world.pass(4 * second)
    expect(await job.report.get()).toMatchObject({ state: 'running', progress: 0.5 })
    admin.setProgress(20)
    await world.pass(2_500)
    expect(await job.report.get()).toMatchObject({ progress: 0.2 })
    await world.pass(2 * minute)
    expect(await job.report.get()).toMatchObject({ state: 'done' })
  })

  test.each([
    [{ datasets: [] }],
    [{}],
    [{ scope: 'some' }],
    [{ scope: 'all', datasets: ['x'] }],
    [{ datasets: ['..'] }],
  ])('of %j is refused, and nothing is sent (I33, F92)', async request => {
    const { sync, posts, cloud, world } = await scene()
    await expect(sync(request as unknown as CogneeSync)).rejects.toMatchObject({ code: 'invalid-value' })
    await world.pass(minute)
    expect([posts(), await cloud.jobs.list()]).toEqual([0, []])
  })

  test('of everything must be said aloud, and then is everything', async () => {
    const { world, sandbox, sync, notes, plans } = await scene()
    const job = await sync({ scope: 'all' })
    await world.pass(minute)
    expect(await job.report.get()).toMatchObject({ state: 'done', counters: { documents: 3 } })
    expect(
      sandbox
        .inspect()
        .runs[0]!.datasets.map(({ id }) => id)
        .sort(),
    ).toEqual([notes, plans].sort())
  })

  test.each(['flat', 'map', 'broken'] as const)('is one, whatever its answer looks like: %s', async shape => {
    const { world, sandbox, sync } = await scene({ shape, perDataset: 5 * second })
    const job = await sync()
    await world.pass(10 * second)
    expect(await job.report.get()).toMatchObject({ job: sandbox.inspect().runs[0]!.run_id })
    await world.pass(2 * minute)
    expect(await job.report.get()).toMatchObject({ state: 'done' })
    expect(sandbox.inspect().runs).toHaveLength(1)
  })

  test('that is over before its 500 is looked into is done when the cloud has it all, and asked for once', async () => {
    const { world, sandbox, sync, posts } = await scene({ shape: 'broken', perDataset: 1 })
    const job = await sync()
    await world.pass(minute)
    expect(await job.report.get()).toMatchObject({ state: 'done', counters: { documents: 2, lacking: 0 } })
    expect([posts(), sandbox.inspect().runs.length]).toEqual([1, 1])
  })

  test('of which nothing is ever seen ends, and is not called done', async () => {
    const { world, sync, posts } = await scene({ shape: 'broken', perDataset: 1 }, { alone: true })
    const job = await sync()
    await world.pass(10 * minute)
    expect(await job.report.get()).toMatchObject({
      state: 'finished-unverified',
      reason: expect.stringMatching(/never said that one began/),
    })
    expect(posts()).toBe(5)
  })

  test('of several whose answer is lost is known by the first name, where no more is told', async () => {
    const { world, sandbox, sync, notes, plans } = await scene({ status: 'documented', perDataset: 10 * second })
    sandbox.weather.next({ method: 'POST', path: /\/sync$/, after: 'lose-answer' })
    const job = await sync({ datasets: [notes, plans] })
    await world.pass(2 * minute)
    expect(await job.report.get()).toMatchObject({ state: 'done', job: sandbox.inspect().runs[0]!.run_id })
    expect(sandbox.inspect().runs).toHaveLength(1)
  })

  test.each([
    ['lost', { after: 'lose-answer' }],
    ['504', { after: 504 }],
    ['cut', { spoil: 'cut' }],
  ] as const)('whose answer is %s is found in the status, and one', async (_, fault) => {
    const { world, sandbox, sync } = await scene({ perDataset: 10 * second })
    sandbox.weather.next({ method: 'POST', path: /\/sync$/, ...fault })
    const job = await sync()
    await world.pass(2 * minute)
    expect(await job.report.get()).toMatchObject({ state: 'done', job: sandbox.inspect().runs[0]!.run_id })
    expect(sandbox.inspect().runs).toHaveLength(1)
  })

  test.each(['both', 'documented', 'code'] as const)(
    'under way for the same datasets is joined, for others waited for; status: %s (F94)',
    async status => {
      const { world, sandbox, admin, ada, sync, notes, plans, posts } = await scene({ perDataset: 10 * second, status })
      const theirs = admin.startRun(ada.user_id, [notes])
      const [same, other] = [await sync(), await sync({ datasets: [plans] })]
      await world.pass(5 * second)
      expect(await same.report.get()).toMatchObject({ state: 'running', job: theirs, joined: true })
      expect(await other.report.get()).toMatchObject({ state: 'queued', failure: { code: 'busy' } })
      expect(posts()).toBe(0)
      await world.pass(5 * minute)
      expect([(await same.report.get()).state, (await other.report.get()).state]).toEqual(['done', 'done'])
      expect(sandbox.inspect().runs).toHaveLength(2)
    },
  )

  test('under way for more than was asked, or for less, is waited for, too (F94)', async () => {
    const { world, sandbox, admin, ada, sync, notes, plans } = await scene({ perDataset: 10 * second })
    for (const [theirs, ours] of [
      [[notes, plans], { datasets: [notes] }],
      [[notes], { scope: 'all' }],
    ] as const) {
      admin.startRun(ada.user_id, theirs)
      const job = await sync(ours)
      await world.pass(5 * second)
      expect(await job.report.get()).toMatchObject({ state: 'queued', failure: { code: 'busy' } })
      await world.pass(5 * minute)
      expect(await job.report.get()).toMatchObject({ state: 'done' })
    }
    expect(sandbox.inspect().runs).toHaveLength(4)
  })

  test('that begins elsewhere just before is a 409 with its id, and joined', async () => {
    const { world, sandbox, admin, ada, sync, notes } = await scene({ perDataset: 20 * second })
    sandbox.weather.next({ method: 'POST', path: /\/sync$/, latency: second })
    const job = await sync()
    await world.pass(200)
    const theirs = admin.startRun(ada.user_id, [notes])
    await world.pass(10 * second)
    expect(await job.report.get()).toMatchObject({ job: theirs, joined: true })
    expect(sandbox.inspect().runs).toHaveLength(1)
  })

  test('without access to the cloud is over, and nothing more is said (F93)', async () => {
    const { world, sync } = await scene({}, { alone: true })
    const job = await sync()
    await world.pass(minute)
    expect(await job.report.get()).toMatchObject({
      state: 'finished-unverified',
      reason: expect.stringMatching(/cannot be told/),
    })
  })

  test('that lost documents on the way is partial, although the server calls it completed', async () => {
    const { world, sandbox, admin, sync } = await scene()
    admin.failUploads(1)
    const job = await sync()
    await world.pass(minute)
    expect(await job.report.get()).toMatchObject({
      state: 'partial',
      reason: 'The sync is over, but 2 documents are not in the cloud. Run it again.',
      counters: { lacking: 2 },
    })
    expect(sandbox.inspect().runs[0]!.status).toBe('completed')
    const again = await sync()
    await world.pass(minute)
    expect(await again.report.get()).toMatchObject({ state: 'done' })
  })

  test('of datasets that go, or are hidden, while it runs is not called done', async () => {
    const { world, sandbox, admin, ada, sync, notes, plans } = await scene({ perDataset: 10 * second })
    const bob = admin.addUser('bob@example.com')
    const theirs = admin.addDataset(bob.user_id, 'theirs')
    admin.share(theirs, ada.user_id, 'write')
    const job = await sync({ datasets: [notes, plans, theirs] })
    await world.pass(5 * second)
    const headers = { authorization: `Bearer ${bob.token}` }
    await sandbox.fetch(`https://cognee.example/api/v1/datasets/${theirs}`, { method: 'DELETE', headers })
    await world.pass(2 * minute)
    expect(await job.report.get()).toMatchObject({
      state: 'finished-unverified',
      reason: 'The sync is over. One of the datasets is gone, so whether everything arrived cannot be told.',
    })
  })

  test('with a cloud that is down says so where it is noticed, and is verified when it is back', async () => {
    const { world, sandbox, sync } = await scene({ cloudDown: true, cloudChecked: true })
    const job = await sync()
    await world.pass(minute)
    expect(await job.report.get()).toMatchObject({
      state: 'queued',
      failure: { message: expect.stringMatching(/cannot reach its cloud/) },
    })
    sandbox.set({ cloudChecked: false })
    await world.pass(3 * minute)
    expect(await job.report.get()).toMatchObject({ state: 'running', failure: { code: 'server' } })
    sandbox.set({ cloudDown: false })
    await world.pass(3 * minute)
    expect(await job.report.get()).toMatchObject({ state: 'partial' })
  })

  test('whose process died there is told as standing still, without a storm and without another', async () => {
    const { world, sandbox, admin, sync, device } = await scene({ perDataset: 10 * second })
    const job = await sync()
    await world.pass(3 * second)
    admin.crashRun()
    await world.pass(minute)
    const { changedAt } = await job.report.get()
    const before = device.requests.length
    await world.pass(60 * minute)
    expect(await job.report.get()).toMatchObject({ state: 'running', changedAt })
    expect(sandbox.inspect().runs).toHaveLength(1)
    expect(device.requests.length - before).toBeLessThan(1_000)
  })

  test('cannot be cancelled once it runs, and says so', async () => {
    const { world, sync } = await scene({ perDataset: 10 * second })
    const job = await sync()
    await world.pass(2 * second)
    await job.cancel()
    await world.pass(second)
    expect(await job.report.get()).toMatchObject({ state: 'running', cancel: 'impossible' })
  })
})

describe('what the user sees of an error', () => {
  const unknown = '00000000-0000-4000-8000-000000000000'
  test('really unknown, forbidden and too large datasets, from the server itself', async () => {
    const { world, sandbox, admin, ada, sync, notes } = await scene({ maxDatasetBytes: 3 })
    const theirs = admin.addDataset(admin.addUser('bob@example.com').user_id, 'theirs')
    admin.share(theirs, ada.user_id, 'read')
    for (const [id, reason] of [
      [unknown, /does not exist/],
      [theirs, /may not sync/],
      [notes, /too large/],
    ] as const) {
      const job = await sync({ datasets: [id] })
      await world.pass(minute)
      expect(await job.report.get()).toMatchObject({ state: 'failed', reason: expect.stringMatching(reason) })
    }
    expect(sandbox.inspect().runs).toEqual([])
  })

  test('429: asked again at the time that was said', async () => {
    const { world, sandbox, sync } = await scene()
    sandbox.weather.next({ method: 'POST', path: /\/sync$/, before: { status: 429, retryAfter: 30 } })
    const job = await sync()
    await world.pass(25 * second)
    expect(await job.report.get()).toMatchObject({ state: 'queued', failure: { code: 'throttled' } })
    await world.pass(minute)
    expect(await job.report.get()).toMatchObject({ state: 'done' })
  })

  test('401: the status asks for a token, and all goes on with it', async () => {
    const { world, admin, ada, state, sync, cloud } = await scene()
    admin.revoke(ada.token)
    const job = await sync()
    cloud.sync()
    await world.pass(20 * second)
    expect((await cloud.status.get()).phase).toBe('needs-auth')
    const other = admin.addUser('eve@example.com')
    expect(other.token).not.toBe(ada.token)
    state.token = ada.key
    await cloud.resume()
    await world.pass(5 * second)
    expect((await job.report.get()).failure?.code).toBe('needs-auth')
  })

  test.each([['key'], ['bearer'], ['cookie']] as const)('access by %s works', async as => {
    const { world, ada, sync, state, cloud } = await scene({}, { as })
    state.token = as === 'key' ? ada.key : ada.token
    await cloud.resume()
    const job = await sync()
    await world.pass(minute)
    expect(await job.report.get()).toMatchObject({ state: 'done' })
  })
})

test.each([
  ['key', 'omit', 'x-api-key'],
  ['bearer', 'omit', 'authorization'],
  ['cookie', 'include', 'cookie'],
] as const)('as %s a request carries cookies of the browser: %s (S4)', async (as, credentials, header) => {
  const world = { now: () => 1, sleep: async () => {}, random: () => 0.5 }
  const transport = cognee({ url: 'https://cognee.example', token: () => 'secret', as })
  const one = client({ transport, fetch: cogneeSandbox({ world }).fetch, now: () => 1 })
  await expect(one.pull()).rejects.toMatchObject({ code: 'needs-auth' })
  const [request] = one.requests
  expect([request!.credentials, request!.redirect]).toEqual([credentials, 'error'])
  expect(request!.headers.get(header)).toContain('secret')
})
