import { afterEach, describe, expect, test } from 'vitest'
import { runs, scene } from './airweave-kit.ts'
import { closeAll } from './served.ts'

afterEach(closeAll)

const second = 1_000
const minute = 60 * second

describe('a run', () => {
  test('asked for on a plane survives a kill, starts once, is watched live, and its entities are read back', async () => {
    const { world, sandbox, device, id } = await scene()
    device.state.offline = true
    const first = await device.start()
    const job = await first.db.remotes.search.run({ sourceConnection: id })
    await world.pass(10 * minute)
    expect(await job.report.get()).toMatchObject({ state: 'queued' })
    device.disk.crash()
    device.state.offline = false
    const { db } = await device.start()
    const again = db.remotes.search.jobs.get(job.id)
    const seen: (number | undefined)[] = []
    again.report.subscribe(({ counters }) => seen.push(counters?.inserted))
    const done = again.done()
    await world.pass(2 * minute)
    expect(await done).toMatchObject({
      state: 'done',
      progress: 1,
      counters: { inserted: 3, updated: 0, deleted: 0, failed: 0 },
      details: { connection: id, status: 'completed' },
    })
    expect(seen.at(-1)).toBe(3)
    expect(sandbox.inspect().jobs).toHaveLength(1)
    expect((await db.data.entities.list()).map(({ value }) => value.text)).toEqual(['first 1', 'first 2', 'first 3'])
    expect((await db.data.jobs.list()).map(({ value }) => value)).toMatchObject([
      { connection: id, status: 'completed', inserted: 3, startedAt: expect.any(Number) },
    ])
  })

  test('tells its progress before REST does', async () => {
    const { world, admin, id, some, run } = await scene({ perEntity: second })
    admin.setEntities(id, some(Array.from({ length: 30 }, (_, n) => n)))
    const job = await run()
    await world.pass(20 * second)
    const { state, counters } = await job.report.get()
    expect(state).toBe('running')
    expect(counters!.inserted).toBeGreaterThan(5)
    await world.pass(minute)
    expect(await job.report.get()).toMatchObject({ state: 'done', counters: { inserted: 30 } })
  })

  test.each(['code', 'spec'] as const)(
    'joins the one under way, whichever status says so: %s (F89)',
    async conflicts => {
      const { world, sandbox, admin, id, run, device } = await scene({ conflicts, perEntity: 5 * second })
      const theirs = admin.startJob(id)
      const job = await run()
      await world.pass(5 * second)
      expect(await job.report.get()).toMatchObject({ job: theirs, joined: true })
      expect([sandbox.inspect().jobs.length, runs(device.requests)]).toEqual([1, 0])
    },
  )

  test.each(['code', 'spec'] as const)('joins one that began just before, too: %s', async conflicts => {
    const { world, sandbox, admin, id, run } = await scene({ conflicts, perEntity: 5 * second })
    sandbox.weather.next({ path: /\/run$/, latency: second })
    const job = await run()
    await world.pass(100)
    const theirs = admin.startJob(id)
    await world.pass(10 * second)
    expect(await job.report.get()).toMatchObject({ job: theirs, joined: true })
    expect(sandbox.inspect().jobs).toHaveLength(1)
  })

  test('that forces a full sync waits for another one, and then really deletes', async () => {
    const { world, sandbox, admin, id, some, run, texts } = await scene({ perEntity: 2 * second })
    admin.startJob(id)
    const job = await run({ forceFullSync: true })
    await world.pass(4 * second)
    expect(await job.report.get()).toMatchObject({ state: 'queued', failure: { code: 'busy' } })
    await world.pass(minute)
    expect(sandbox.inspect().jobs.map(({ force }) => force)).toEqual([false, true])
    await world.pass(minute)
    admin.setEntities(id, some([1, 4]))
    await run({ forceFullSync: true })
    await world.pass(2 * minute)
    expect(await texts()).toEqual(['first 1', 'first 4'])
  })

  test.each([
    ['lost', { after: 'lose-answer' }],
    ['503', { after: 503 }],
    ['504', { after: 504 }],
    ['cut', { spoil: 'cut' }],
    ['answered by something else', { spoil: 'html' }],
  ] as const)('whose answer is %s is found, and one (I32, F88)', async (_, fault) => {
    const { world, sandbox, run } = await scene({ perEntity: 10 * second })
    sandbox.weather.next({ path: /\/run$/, ...fault })
    const job = await run()
    await world.pass(minute)
    expect(await job.report.get()).toMatchObject({ job: sandbox.inspect().jobs[0]!.id })
    expect(sandbox.inspect().jobs).toHaveLength(1)
  })

  test('that had ended before its lost answer was looked into is found all the same', async () => {
    const { world, sandbox, admin, id, run } = await scene({ startAfter: 1, perEntity: 1 })
    admin.startJob(id)
    await world.pass(5 * second)
    sandbox.weather.next({ path: /\/run$/, after: 'lose-answer' })
    const job = await run()
    await world.pass(minute)
    expect(await job.report.get()).toMatchObject({ state: 'done', job: sandbox.inspect().jobs[1]!.id })
    expect(sandbox.inspect().jobs).toHaveLength(2)
  })

  test('whose answer is lost is found although the jobs before it are forgotten, and the clock here is wrong', async () => {
    const { world, sandbox, admin, id, run, device, search } = await scene({ startAfter: 1, perEntity: 1 })
    admin.startJob(id)
    await world.pass(5 * second)
    device.state.ahead = 100 * 24 * 60 * minute
    search.sync()
    await world.pass(minute)
    sandbox.weather.next({ path: /\/run$/, latency: second, after: 'lose-answer' })
    const job = await run()
    await world.pass(500)
    admin.forgetJobs(id)
    await world.pass(minute)
    expect(runs(device.requests)).toBe(1)
    expect(await job.report.get()).toMatchObject({ state: 'done', job: sandbox.inspect().jobs[0]!.id })
  })

  test('that forces a full sync and whose answer is lost is not called done: another may have begun (I33)', async () => {
    const { world, sandbox, run } = await scene()
    sandbox.weather.next({ path: /\/run$/, after: 'lose-answer' })
    const job = await run({ forceFullSync: true })
    await world.pass(minute)
    expect(await job.report.get()).toMatchObject({
      state: 'finished-unverified',
      reason: expect.stringMatching(/Whether it was the full one .* cannot be told/),
      job: sandbox.inspect().jobs[0]!.id,
    })
    expect(sandbox.inspect().jobs).toHaveLength(1)
  })

  test('is cancelled, while it waits there and while it works; what it stored stays and is read back', async () => {
    const { world, admin, id, some, run, texts } = await scene({ perEntity: second })
    admin.setEntities(id, some(Array.from({ length: 30 }, (_, n) => n)))
    const job = await run()
    await world.pass(10 * second)
    await job.cancel()
    await world.pass(minute)
    expect(await job.report.get()).toMatchObject({ state: 'cancelled', cancel: 'sent' })
    const stored = admin.entities(id).length
    expect(stored).toBeGreaterThan(2)
    expect(await texts()).toHaveLength(stored)
  })

  test('cancelled when it has just ended is what it was', async () => {
    const { world, run } = await scene()
    const job = await run()
    await world.pass(900)
    await job.cancel()
    await world.pass(minute)
    expect(['done', 'cancelled']).toContain((await job.report.get()).state)
  })

  test('some of whose entities could not be processed is partial (F91)', async () => {
    const { world, admin, id, run } = await scene()
    admin.giveTwice(id, ['e1'])
    const job = await run()
    await world.pass(minute)
    expect(await job.report.get()).toMatchObject({
      state: 'partial',
      reason: '1 entities could not be processed.',
      counters: { inserted: 3, failed: 1 },
    })
  })

  test('that failed says why, and never when', async () => {
    const { world, admin, id, run, db } = await scene()
    admin.failNext(id, { after: 2, error: 'The source went away.' })
    const job = await run()
    await world.pass(minute)
    expect(await job.report.get()).toMatchObject({ state: 'failed', reason: 'The source went away.' })
    const [row] = await db.data.jobs.list()
    expect(row!.value).toMatchObject({ status: 'failed', inserted: 2 })
    expect(row!.value.completedAt).toBeUndefined()
  })

  test('that failed by its credentials needs the user, says what to do, and so does the next one (F91)', async () => {
    const { world, admin, id, run, db } = await scene()
    admin.failNext(id, { error: 'Token revoked.', category: 'oauth_credentials_expired' })
    const job = await run()
    await world.pass(minute)
    expect(await job.report.get()).toMatchObject({
      state: 'failed',
      needs: 'user',
      reason: 'Token revoked. Sign in to the source again.',
      details: { errorCategory: 'oauth_credentials_expired' },
    })
    expect((await db.data.connections.list())[0]!.value.status).toBe('needs_reauth')
    const next = await run()
    await world.pass(minute)
    expect(await next.report.get()).toMatchObject({
      state: 'failed',
      needs: 'user',
      reason: 'This connection is paused: renew its credentials, then run it again.',
    })
  })

  test.each([
    ['pending', 3],
    ['running', 15],
  ] as const)(
    'stuck %s is never run again by itself, and ends as the server sweeps it (F90)',
    async (stuck, minutes) => {
      const { world, sandbox, admin, id, run } = await scene()
      admin.stick(id, stuck)
      const job = await run()
      await world.pass((minutes + 2) * minute)
      expect(await job.report.get()).toMatchObject({
        state: 'cancelled',
        reason: expect.stringContaining('cleanup job'),
      })
      expect(sandbox.inspect().jobs).toHaveLength(1)
    },
  )

  test('whose status nobody knows is on its way, and told about (F90)', async () => {
    const { world, sandbox, run, search } = await scene({ perEntity: 10 * second })
    const rewrite = (body: string) => body.replaceAll(/"(pending|running)"/g, '"DREAMING"')
    const job = await run()
    await world.pass(second)
    for (let n = 0; n < 40; n++) sandbox.weather.next({ path: /\/jobs$/, spoil: { rewrite } })
    await world.pass(20 * second)
    expect(await job.report.get()).toMatchObject({ state: 'running' })
    expect((await search.status.get()).notices).toContainEqual({
      code: 'unsupported',
      message: 'A job is "dreaming", which nobody here knows.',
    })
  })

  test('says the same where statuses are upper case, times have a zone and no category is told', async () => {
    const { world, run, db } = await scene({ statuses: 'upper', times: 'zoned', errorCategory: false })
    const job = await run()
    await world.pass(minute)
    expect(await job.report.get()).toMatchObject({ state: 'done', counters: { inserted: 3 } })
    expect((await db.data.jobs.list())[0]!.value.status).toBe('completed')
  })

  test('reads times without a zone as UTC', async () => {
    const { world, run, db } = await scene()
    await run()
    const began = world.now()
    await world.pass(minute)
    const { startedAt } = (await db.data.jobs.list())[0]!.value
    expect(Math.abs(startedAt! - began)).toBeLessThan(5 * second)
  })

  test('that the server forgot has vanished', async () => {
    const { world, admin, id, run } = await scene({ perEntity: minute })
    const job = await run()
    await world.pass(10 * second)
    admin.forgetJobs(id)
    await world.pass(minute)
    expect(await job.report.get()).toMatchObject({ state: 'vanished' })
  })

  test('of a connection that is no more has failed, and of one that goes has vanished', async () => {
    const { world, sandbox, key, id, run, search } = await scene({ perEntity: minute })
    const job = await run()
    await world.pass(10 * second)
    const headers = { 'x-api-key': key }
    await sandbox.fetch(`https://airweave.example/source-connections/${id}`, { method: 'DELETE', headers })
    await world.pass(minute)
    expect(await job.report.get()).toMatchObject({ state: 'vanished' })
    const next = await search.run({ sourceConnection: id })
    await world.pass(minute)
    expect(await next.report.get()).toMatchObject({ state: 'failed', reason: 'There is no such source connection.' })
  })

  test('without a connection is refused before anything is stored', async () => {
    const { search } = await scene()
    await expect(search.run({ sourceConnection: '' })).rejects.toMatchObject({ code: 'invalid-value' })
    expect(await search.jobs.list()).toEqual([])
  })
})

describe('an error', () => {
  test('a key that is refused everywhere: the status asks for another, and all goes on with it', async () => {
    const { world, admin, state, run, search } = await scene()
    admin.expireKey(state.key)
    const job = await run()
    search.sync()
    await world.pass(30 * second)
    expect((await search.status.get()).phase).toBe('needs-auth')
    state.key = admin.addKey('another')
    await search.resume()
    await world.pass(minute)
    expect(await job.report.get()).toMatchObject({ state: 'done' })
    expect((await search.status.get()).phase).toBe('synced')
  })

  test('ten requests a minute: the times to come back are kept, and all comes to its end (I14)', async () => {
    const { world, device, run, texts } = await scene({ rateLimit: 10 })
    const job = await run()
    await world.pass(10 * minute)
    expect(await job.report.get()).toMatchObject({ state: 'done' })
    expect(await texts()).toHaveLength(3)
    const times = device.requests.map(({ at }) => at)
    for (const from of times)
      expect(times.filter(at => at >= from && at < from + minute).length).toBeLessThanOrEqual(14)
  })

  test('a server that does not answer for an hour: since when is said, and the job is still one (F95)', async () => {
    const { world, sandbox, run } = await scene({ perEntity: 10 * minute })
    const job = await run()
    await world.pass(10 * second)
    sandbox.weather.set({ refuseWith: 1, refusals: [500] })
    await world.pass(60 * minute)
    expect(await job.report.get()).toMatchObject({ state: 'running', failure: { code: 'server' } })
    sandbox.weather.set({})
    await world.pass(10 * minute)
    expect(await job.report.get()).toMatchObject({ state: 'done' })
    expect(sandbox.inspect().jobs).toHaveLength(1)
  })
})
