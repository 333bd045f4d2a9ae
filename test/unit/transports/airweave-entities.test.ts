import { afterEach, describe, expect, test } from 'vitest'
import { scene } from './airweave-kit.ts'
import { closeAll } from './served.ts'

afterEach(closeAll)

const second = 1_000
const minute = 60 * second

/** From now on, and for a while: as a server that is restored from a backup of before that job. */
function forgets({ weather }: Awaited<ReturnType<typeof scene>>['sandbox'], job: string): void {
  let listed: { id: string }[] = []
  const rewrite = (body: string) => {
    const others = (JSON.parse(body) as typeof listed).filter(({ id }) => id !== job)
    if (others.length > 0) listed = others
    return JSON.stringify(listed)
  }
  for (let n = 0; n < 20; n++) weather.next({ path: /\/jobs$/, spoil: { rewrite } })
}

describe('what was synced', () => {
  test('is read back by job: what is new, what changed, what is gone, and nothing else is asked', async () => {
    const { world, admin, id, some, run, texts, device } = await scene({ chunk: 5 })
    await run()
    await world.pass(minute)
    expect(await texts()).toEqual(['first 1', 'first 2', 'first 3'])
    admin.setEntities(id, [...some([2], 'second and longer'), ...some([1, 4])])
    await run()
    await world.pass(minute)
    expect(await texts()).toEqual(['first 1', 'first 4', 'second and longer 2'])
    const before = device.requests.filter(({ path }) => path.endsWith('/instant')).length
    await world.pass(20 * minute)
    expect(device.requests.filter(({ path }) => path.endsWith('/instant')).length).toBe(before)
  })

  test('goes with its connection', async () => {
    const { world, sandbox, key, id, run, texts, db } = await scene()
    await run()
    await world.pass(minute)
    const headers = { 'x-api-key': key }
    await sandbox.fetch(`https://airweave.example/source-connections/${id}`, { method: 'DELETE', headers })
    db.remotes.search.sync()
    await world.pass(minute)
    expect([await texts(), await db.data.jobs.list(), await db.data.connections.list()]).toEqual([[], [], []])
  })

  test('by schedules comes too, without anybody asking', async () => {
    const { world, admin, readable, db } = await scene()
    admin.connect(readable, {
      short_name: 'incremental_stub',
      schedule: { cron: '*/5 * * * *' },
      config: { entity_count: 4 },
    })
    await world.pass(16 * minute)
    expect((await db.data.entities.list()).length).toBe(5)
    expect((await db.data.jobs.list()).length).toBeGreaterThanOrEqual(2)
  })

  test('by jobs that the server has forgotten is read all the same', async () => {
    const { world, admin, id, texts, db, some } = await scene()
    admin.startJob(id)
    await world.pass(10 * second)
    admin.forgetJobs(id)
    db.remotes.search.sync()
    await world.pass(minute)
    expect(await texts()).toEqual(['first 1', 'first 2', 'first 3'])
    admin.setEntities(id, some([1, 9]))
    admin.startJob(id)
    db.remotes.search.sync()
    await world.pass(2 * minute)
    expect(await texts()).toEqual(['first 1', 'first 9'])
  })

  test('by a job that was seen at work, and forgotten before it was seen again, is read too', async () => {
    const { world, admin, id, texts, db, some } = await scene({ perEntity: 5 * second })
    admin.startJob(id)
    await world.pass(minute)
    admin.forgetJobs(id)
    db.remotes.search.sync()
    await world.pass(minute)
    admin.setEntities(id, some([1, 9]))
    admin.startJob(id)
    await world.pass(2 * second)
    db.remotes.search.sync()
    await world.pass(2 * second)
    await db.remotes.search.pause()
    await world.pass(2 * minute)
    admin.forgetJobs(id)
    await db.remotes.search.resume()
    await world.pass(2 * minute)
    expect(await texts()).toEqual(['first 1', 'first 9'])
  })

  test('by a job that was seen at work is read, too, where only the ones before it are remembered', async () => {
    const { world, sandbox, admin, id, texts, db, some } = await scene({ perEntity: 5 * second })
    admin.startJob(id)
    await world.pass(minute)
    db.remotes.search.sync()
    await world.pass(minute)
    admin.setEntities(id, some([1, 9]))
    const theirs = admin.startJob(id)
    await world.pass(2 * second)
    db.remotes.search.sync()
    await world.pass(2 * second)
    await db.remotes.search.pause()
    await world.pass(2 * minute)
    forgets(sandbox, theirs)
    await db.remotes.search.resume()
    await world.pass(30 * second)
    expect(await texts()).toEqual(['first 1', 'first 9'])
  })

  test.each([
    ['after the first try to read it failed', { before: 'refuse' }],
    ['while it was read', { latency: second }],
  ] as const)('by a job that was seen at its end, and forgotten %s, is read too (I3)', async (_, fault) => {
    const { world, sandbox, admin, id, texts, db, some } = await scene()
    admin.startJob(id)
    await world.pass(10 * second)
    db.remotes.search.sync()
    await world.pass(minute)
    admin.setEntities(id, some([1, 2, 3], 'second'))
    const theirs = admin.startJob(id)
    await world.pass(10 * second)
    sandbox.weather.next({ path: /\/instant$/, ...fault })
    db.remotes.search.sync()
    await world.pass(200)
    forgets(sandbox, theirs)
    await world.pass(10 * minute)
    expect(await texts()).toEqual(['second 1', 'second 2', 'second 3'])
  })

  test('by a job that was seen only as it disturbed a read, and forgotten, is read too (I3)', async () => {
    const { world, sandbox, admin, id, texts, db, some } = await scene()
    admin.startJob(id)
    await world.pass(10 * second)
    db.remotes.search.sync()
    await world.pass(minute)
    admin.startJob(id)
    await world.pass(10 * second)
    admin.setEntities(id, some([1, 2, 3], 'second'))
    sandbox.weather.next({ path: /\/instant$/, latency: second })
    db.remotes.search.sync()
    await world.pass(200)
    const theirs = admin.startJob(id)
    await world.pass(10 * second)
    forgets(sandbox, theirs)
    await world.pass(10 * minute)
    expect(await texts()).toEqual(['second 1', 'second 2', 'second 3'])
  })

  test('by a job that nobody saw is read too, where the server remembers none before and after it (I3)', async () => {
    const { world, sandbox, admin, id, texts, db, some } = await scene()
    const forgottenJob = async () => {
      admin.startJob(id)
      await world.pass(10 * second)
      admin.forgetJobs(id)
    }
    await forgottenJob()
    db.remotes.search.sync()
    await world.pass(minute)
    admin.setEntities(id, some([1, 9], 'second'))
    await forgottenJob()
    await world.pass(20 * minute)
    expect(await texts()).toEqual(['second 1', 'second 9'])
    admin.setEntities(id, [])
    await forgottenJob()
    await world.pass(20 * minute)
    expect(await texts()).toEqual([])
    expect(sandbox.inspect().jobs).toEqual([])
  })

  test('cannot be changed here', async () => {
    const { db, run, world } = await scene()
    await run()
    await world.pass(minute)
    const [one] = await db.data.entities.list()
    await expect(db.data.entities.patch(one!.id, { text: 'mine' })).rejects.toMatchObject({ code: 'unsupported' })
  })
})
