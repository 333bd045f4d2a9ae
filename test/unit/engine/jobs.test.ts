import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import { SyncError } from '../../../src/errors.ts'
import type { Store } from '../../../src/store.ts'
import { closeAll, dying, type Fate, placeOf, type WorksOptions } from './works.ts'

afterEach(closeAll)

const minute = 60_000
const lost = () => new SyncError('network', 'No network.')

async function ready(options: WorksOptions = {}) {
  const place = placeOf(options)
  const here = await place.tab()
  return { world: place.world, disk: place.disk, remote: place.works, open: place.tab, ...here }
}

const states = (statuses: readonly { readonly state: string }[]) => statuses.map(({ state }) => state)

describe('a job', () => {
  test('asked for offline is queued, survives a kill, and is started once when the network is back', async () => {
    const { world, disk, works: handle, remote, open } = await ready()
    remote.offline = true
    const job = await handle.run({ task: 'a' })
    await world.pass(10 * minute)
    expect(await job.report.get()).toMatchObject({
      state: 'queued',
      request: { task: 'a' },
      failure: { code: 'network' },
    })
    disk.crash()
    const next = await open()
    await world.pass(minute)
    remote.offline = false
    await world.pass(2 * minute)
    remote.report({ state: 'done', counters: { inserted: 3 } })
    await world.pass(minute)
    const found = next.works.jobs.get(job.id)
    expect(await found.report.get()).toMatchObject({ state: 'done', counters: { inserted: 3 }, job: 'job-1' })
    expect(remote.all).toHaveLength(1)
  })

  test('whose answer was lost is looked for, and not asked for again (F88)', async () => {
    const { world, works: handle, remote } = await ready()
    remote.fates.start!.push('lost')
    const job = await handle.run({ task: 'a' })
    await world.pass(minute)
    expect(await job.report.get()).toMatchObject({ state: 'running', job: 'job-1' })
    expect([remote.all.length, remote.count('start')]).toEqual([1, 1])
  })

  test('whose request arrives late is waited for before it is asked for again', async () => {
    const { world, works: handle, remote } = await ready()
    remote.fates.start!.push({ late: 10_000 })
    const job = await handle.run({ task: 'a' })
    await world.pass(2 * minute)
    expect(await job.report.get()).toMatchObject({ state: 'running', job: 'job-1' })
    expect([remote.all.length, remote.count('start')]).toEqual([1, 1])
  })

  test('whose request never arrived is asked for again, after it was looked for', async () => {
    const { world, works: handle, remote } = await ready()
    remote.fates.start!.push(lost())
    await handle.run({ task: 'a' })
    await world.pass(minute)
    expect([remote.all.length, remote.count('start')]).toEqual([1, 2])
    const [first, second] = remote.calls.filter(({ verb }) => verb === 'start')
    expect(second!.at - first!.at).toBeGreaterThanOrEqual(15_000)
  })

  test('that somebody else runs already is joined, without a request of our own (F89)', async () => {
    const { world, works: handle, remote } = await ready()
    remote.othersStart('a')
    const job = await handle.run({ task: 'a' })
    await world.pass(minute)
    expect(await job.report.get()).toMatchObject({ state: 'running', job: 'job-1', joined: true })
    expect(remote.count('start')).toBe(0)
  })

  test('that begins elsewhere between our question and our request is joined, too', async () => {
    const { world, works: handle, remote } = await ready()
    remote.fates.start!.push(new SyncError('busy', 'Another job is under way.'))
    const asked = handle.run({ task: 'a' })
    remote.fates.find!.push('lost')
    const job = await asked
    remote.othersStart('a')
    await world.pass(minute)
    expect(await job.report.get()).toMatchObject({ joined: true, job: 'job-1' })
    expect(remote.all).toHaveLength(1)
  })

  test('waits while another one is in its way, and is started after it (F94)', async () => {
    const { world, works: handle, remote } = await ready()
    remote.othersStart('b')
    const job = await handle.run({ task: 'a' })
    await world.pass(5 * minute)
    expect(await job.report.get()).toMatchObject({ state: 'queued', failure: { code: 'busy' } })
    remote.report({ state: 'done' })
    await world.pass(2 * minute)
    expect(remote.all.map(({ task, by }) => [task, by])).toEqual([
      ['b', 'others'],
      ['a', 'us'],
    ])
    expect(await job.report.get()).toMatchObject({ state: 'running', job: 'job-2' })
  })

  test('asked for twice is one job, and again one when the first has ended', async () => {
    const { world, works: handle, remote } = await ready()
    const [one, other] = [await handle.run({ task: 'a' }), await handle.run({ task: 'a' })]
    expect(other.id).toBe(one.id)
    await world.pass(1_000)
    remote.report({ state: 'done' })
    await world.pass(minute)
    expect((await handle.run({ task: 'a' })).id).not.toBe(one.id)
    await world.pass(minute)
    expect(states(await handle.jobs.list())).toEqual(['running', 'done'])
  })

  test('is checked at growing pauses while it says nothing new, and at short ones when it does', async () => {
    const { world, works: handle, remote } = await ready()
    await handle.run({ task: 'a' })
    await world.pass(5 * minute)
    const times = remote.calls.filter(({ verb }) => verb === 'check').map(({ at }) => at)
    const pauses = times.slice(1).map((at, index) => at - times[index]!)
    expect(pauses.slice(0, 3)).toEqual([1_000, 1_500, 2_250])
    expect(pauses.at(-1)).toBe(15_000)
    remote.report({ state: 'running', progress: 0.5 })
    await world.pass(30_000)
    expect(remote.count('check')).toBeGreaterThan(times.length + 4)
  })

  test.each(['done', 'partial', 'failed', 'cancelled', 'vanished', 'finished-unverified'] as const)(
    'that ended as %s is told as that, and not looked at any more (F91, F93)',
    async state => {
      const { world, works: handle, remote } = await ready()
      const job = await handle.run({ task: 'a' })
      const done = job.done()
      await world.pass(1_000)
      remote.report({ state, reason: 'So it was.' })
      await world.pass(minute)
      expect(await done).toMatchObject({ state, reason: 'So it was.', endedAt: expect.any(Number) })
      const checks = remote.count('check')
      await world.pass(10 * minute)
      expect([remote.count('check'), remote.all.length]).toEqual([checks, 1])
    },
  )

  test('that is stuck says since when, and is never asked for again by itself (F90)', async () => {
    const { world, works: handle, remote } = await ready()
    const job = await handle.run({ task: 'a' })
    await world.pass(1_000)
    remote.report({ state: 'queued' })
    await world.pass(1_000)
    const { changedAt } = await job.report.get()
    await world.pass(30 * minute)
    expect(await job.report.get()).toMatchObject({ state: 'queued', changedAt })
    expect(remote.all).toHaveLength(1)
  })

  test('that cannot be asked about says since when nothing is known, at pauses of at most a minute (F95)', async () => {
    const { world, works: handle, remote } = await ready()
    const job = await handle.run({ task: 'a' })
    await world.pass(5_000)
    remote.fates.check = Array.from({ length: 200 }, () => new SyncError('server', 'Down.'))
    const began = world.now()
    await world.pass(60 * minute)
    const status = await job.report.get()
    expect(status).toMatchObject({ state: 'running', failure: { code: 'server' } })
    expect(status.unknownSince! - began).toBeLessThan(5_000)
    const checks = remote.calls.filter(({ verb, at }) => verb === 'check' && at > began).length
    expect(checks).toBeGreaterThanOrEqual(60)
    expect(checks).toBeLessThan(200)
    remote.fates.check = []
    remote.report({ state: 'done' })
    await world.pass(2 * minute)
    expect(await job.report.get()).toMatchObject({ state: 'done' })
    expect((await job.report.get()).unknownSince).toBeUndefined()
    expect(remote.all).toHaveLength(1)
  })

  test('is not asked about before the time that the remote said, whoever calls (I14)', async () => {
    const { world, works: handle, remote } = await ready()
    const job = await handle.run({ task: 'a' })
    await world.pass(1_000)
    const began = world.now()
    remote.fates.check!.push(new SyncError('throttled', 'Slowly.', { notBefore: began + 5_000 + 120_000 }))
    await world.pass(5_000)
    const before = remote.calls.length
    handle.sync()
    await job.cancel()
    await world.pass(100_000)
    expect(remote.calls.length).toBe(before)
    await world.pass(minute)
    expect(remote.calls.length).toBeGreaterThan(before)
  })

  test('keeps the others from asking early too, where the store cannot take what the remote said (I14)', async () => {
    const place = placeOf({ place: ({ task }) => task })
    const { world, works: remote } = place
    let full = true
    const { works: handle } = await place.tab(driver => ({
      ...driver,
      async open(shape, platform) {
        const store = await driver.open(shape, platform)
        const write: Store['write'] = (scope, work, options) =>
          full && remote.count('start') === 2
            ? Promise.reject(new SyncError('storage-full', 'No room.'))
            : store.write(scope, work, options)
        return { ...store, write }
      },
    }))
    const slowly = new SyncError('throttled', 'Slowly.', { notBefore: world.now() + 2 * minute })
    remote.fates.start!.push(lost(), slowly)
    for (const task of ['a', 'b']) await handle.run({ task })
    await world.pass(500)
    full = false
    const before = remote.calls.length
    await world.pass(minute)
    expect([remote.count('start'), remote.calls.length]).toEqual([2, before])
  })

  test('is asked about in time although the clock was set back while the remote said when (I12)', async () => {
    const { world, works: handle, remote } = await ready()
    const job = await handle.run({ task: 'a' })
    await world.pass(1_000)
    remote.fates.check!.push(new SyncError('throttled', 'Slowly.', { notBefore: world.now() + minute }))
    world.jump(-30 * 24 * 60 * minute)
    await world.pass(5_000)
    const before = remote.calls.length
    await world.pass(6 * minute)
    expect(remote.calls.length).toBeGreaterThan(before)
    expect((await job.report.get()).failure).toBeUndefined()
  })

  test.each(['forbidden', 'missing', 'rejected', 'too-large'] as const)(
    'that the remote refuses as %s has failed, and needs the user',
    async code => {
      const { world, works: handle, remote } = await ready()
      remote.fates.start!.push(new SyncError(code, 'No.'))
      const job = await handle.run({ task: 'a' })
      await world.pass(minute)
      expect(await job.report.get()).toMatchObject({ state: 'failed', reason: 'No.', needs: 'user' })
      expect(remote.count('start')).toBe(1)
    },
  )

  test('refused while it is not known whether an earlier request arrived is looked for first', async () => {
    const { world, works: handle, remote } = await ready()
    remote.fates.start!.push('lost', new SyncError('missing', 'No.'))
    remote.fates.find = [undefined as never, new SyncError('missing', 'No.')]
    const job = await handle.run({ task: 'a' })
    await world.pass(2 * minute)
    expect(await job.report.get()).toMatchObject({ state: 'running', job: 'job-1' })
    expect(remote.all).toHaveLength(1)
  })

  test('whose second request was refused is still looked for by what was there before the first', async () => {
    const { world, works: handle, remote } = await ready()
    const slowly = new SyncError('throttled', 'Slowly.', { notBefore: world.now() + 80_000 })
    remote.fates.start!.push({ late: 22_000 }, slowly)
    const job = await handle.run({ task: 'a' })
    await world.pass(30_000)
    expect([remote.all.length, remote.count('start')]).toEqual([1, 2])
    remote.report({ state: 'done' })
    await world.pass(2 * minute)
    expect(await job.report.get()).toMatchObject({ state: 'done', job: 'job-1' })
    expect(remote.all).toHaveLength(1)
  })

  test('refused for good after it was looked for in vain has ended', async () => {
    const { world, works: handle, remote } = await ready()
    remote.fates.start!.push(lost(), new SyncError('rejected', 'Paused.'))
    const job = await handle.run({ task: 'a' })
    await world.pass(2 * minute)
    expect(await job.report.get()).toMatchObject({ state: 'vanished', reason: 'Paused.', needs: 'user' })
    expect([remote.all.length, remote.count('start')]).toEqual([0, 2])
  })

  test('begins only when it is known which of two a new job answers (I33)', async () => {
    const { world, works: handle, remote } = await ready({ blind: true })
    remote.fates.start!.push(lost())
    const first = await handle.run({ task: 'a' })
    await world.pass(100)
    const second = await handle.run({ task: 'b' })
    await world.pass(minute)
    remote.report({ state: 'done' })
    await world.pass(minute)
    expect(remote.all.map(({ task }) => task)).toEqual(['a', 'b'])
    expect([(await first.report.get()).job, (await second.report.get()).job]).toEqual(['job-1', 'job-2'])
  })

  test('does not wait for one that works on something else', async () => {
    const { world, works: handle, remote } = await ready({ place: ({ task }) => task })
    remote.fates.start!.push(lost())
    await handle.run({ task: 'a' })
    await world.pass(100)
    const second = await handle.run({ task: 'b' })
    await world.pass(1_000)
    expect(await second.report.get()).toMatchObject({ job: 'job-1' })
  })

  test('found after a doubt that may be less than was asked for is not called done (I33)', async () => {
    const { world, works: handle, remote } = await ready({ unsure: 'It may be another.' })
    for (const [fate, state] of [
      ['lost', 'finished-unverified'],
      [undefined as unknown as Fate, 'done'],
    ] as const) {
      remote.fates.start!.push(fate)
      const job = await handle.run({ task: 'a' })
      await world.pass(minute)
      remote.report({ state: 'done' })
      await world.pass(minute)
      const reason = state === 'done' ? {} : { reason: 'It may be another.' }
      expect(await job.report.get()).toMatchObject({ state, ...reason })
    }
  })

  test('that nothing is left to do for after a doubt has ended, without another request', async () => {
    const { world, works: handle, remote } = await ready({ ended: { state: 'done', counters: { documents: 3 } } })
    remote.fates.start!.push(lost())
    const job = await handle.run({ task: 'a' })
    await world.pass(minute)
    expect(await job.report.get()).toMatchObject({ state: 'done', counters: { documents: 3 } })
    expect(remote.count('start')).toBe(1)
  })

  test('is looked for at once after a doubt, and asked for again at growing distances (I14)', async () => {
    const { world, works: handle, remote } = await ready()
    remote.fates.start!.push(lost(), lost(), lost(), lost())
    await handle.run({ task: 'a' })
    await world.pass(5 * minute)
    const starts = remote.calls.filter(({ verb }) => verb === 'start').map(({ at }) => at)
    for (const [n, at] of starts.slice(1).entries()) expect(at - starts[n]!).toBeGreaterThanOrEqual(15_000 * (n + 1))
    expect(starts).toHaveLength(5)
    const looked = remote.calls.find(({ verb, at }) => verb === 'find' && at > starts[0]!)!
    expect(looked.at - starts[0]!).toBeLessThan(2_000)
  })

  test('waits for a token, and goes on when the app says so', async () => {
    const { world, works: handle, remote } = await ready()
    remote.fates.find!.push(new SyncError('needs-auth', 'Sign in.'))
    const job = await handle.run({ task: 'a' })
    await world.pass(100)
    expect(await job.report.get()).toMatchObject({ state: 'queued', failure: { code: 'needs-auth' } })
    await handle.resume()
    await world.pass(1_000)
    expect(await job.report.get()).toMatchObject({ state: 'running', job: 'job-1' })
  })

  test('that could never be done is refused before anything is stored (F92)', async () => {
    const refuses = ({ task }: { task: string }) => (task === '' ? 'Say which task.' : undefined)
    const { works: handle, remote } = await ready({ refuses })
    await expect(handle.run({ task: '' })).rejects.toMatchObject({ code: 'invalid-value', message: 'Say which task.' })
    await expect(handle.run({ task: new Date() as never })).rejects.toMatchObject({ code: 'invalid-value' })
    expect([await handle.jobs.list(), remote.calls]).toEqual([[], []])
  })

  test('is not touched while the remote is paused', async () => {
    const { world, works: handle, remote } = await ready()
    await handle.pause()
    await world.pass(1_000)
    await handle.run({ task: 'a' })
    await world.pass(5 * minute)
    expect(remote.calls).toEqual([])
    await handle.resume()
    await world.pass(minute)
    expect(remote.all).toHaveLength(1)
  })
})

describe('cancel', () => {
  test('of what was not asked for ends it at once, and nothing is sent', async () => {
    const { world, works: handle, remote } = await ready()
    remote.offline = true
    const job = await handle.run({ task: 'a' })
    await world.pass(minute)
    const done = job.done()
    await job.cancel()
    await world.pass(10)
    expect(await done).toMatchObject({ state: 'cancelled' })
    remote.offline = false
    await world.pass(5 * minute)
    expect(remote.all).toEqual([])
  })

  test('of what runs is told at once, and the end is what the remote says', async () => {
    const { world, works: handle, remote } = await ready()
    const job = await handle.run({ task: 'a' })
    await world.pass(5 * minute)
    await job.cancel()
    await world.pass(100)
    expect(await job.report.get()).toMatchObject({ state: 'cancelling', cancel: 'sent' })
    await job.cancel()
    remote.report({ state: 'done' })
    await world.pass(minute)
    expect(await job.report.get()).toMatchObject({ state: 'done' })
    expect(remote.count('cancel')).toBe(1)
  })

  test('that fails is tried again', async () => {
    const { world, works: handle, remote } = await ready()
    const job = await handle.run({ task: 'a' })
    await world.pass(5_000)
    remote.fates.cancel!.push(lost(), lost())
    await job.cancel()
    await world.pass(minute)
    expect(await job.report.get()).toMatchObject({ state: 'cancelling', cancel: 'sent' })
    expect(remote.count('cancel')).toBe(3)
  })

  test('where the remote cannot says so, and the job goes on', async () => {
    const { world, works: handle } = await ready({ cancel: false })
    const job = await handle.run({ task: 'a' })
    await world.pass(1_000)
    await job.cancel()
    await world.pass(1_000)
    expect(await job.report.get()).toMatchObject({ state: 'running', cancel: 'impossible' })
  })

  test('in doubt waits for what is found: a job is told, and what never arrived is not asked for again', async () => {
    for (const fate of ['lost', lost()] as const) {
      const { world, works: handle, remote } = await ready()
      remote.fates.start!.push(fate)
      remote.fates.find!.push(undefined as never, lost(), lost())
      const job = await handle.run({ task: 'a' })
      await world.pass(100)
      await job.cancel()
      await world.pass(2 * minute)
      const found = fate === 'lost'
      expect(await job.report.get()).toMatchObject({ state: found ? 'cancelling' : 'cancelled' })
      expect([remote.all.length, remote.count('start')]).toEqual([found ? 1 : 0, 1])
    }
  })
})

describe('a stream', () => {
  test('says more than checks do, which go on beside it and alone tell the end', async () => {
    const { world, works: handle, remote } = await ready({ watch: true })
    const job = await handle.run({ task: 'a' })
    await world.pass(5_000)
    remote.say({ state: 'running', counters: { inserted: 7 }, progress: 0.7 })
    await world.pass(1_000)
    expect(await job.report.get()).toMatchObject({ state: 'running', counters: { inserted: 7 }, progress: 0.7 })
    await world.pass(minute)
    const checks = remote.count('check')
    remote.say({ state: 'done' })
    await world.pass(100)
    expect(remote.count('check')).toBe(checks + 1)
    expect(await job.report.get()).toMatchObject({ state: 'running', counters: { inserted: 7 } })
    remote.report({ state: 'done' })
    remote.say({ state: 'done' })
    await world.pass(100)
    expect(await job.report.get()).toMatchObject({ state: 'done', counters: { inserted: 7 } })
  })

  test('that says much is stored twice a second at most', async () => {
    const { world, works: handle, remote, db } = await ready({ watch: true })
    await handle.run({ task: 'a' })
    await world.pass(20_000)
    const told: number[] = []
    db.remotes.works.jobs.live().subscribe(([one]) => told.push(one?.counters?.n ?? 0))
    for (let n = 1; n <= 100; n++) {
      remote.say({ state: 'running', counters: { n } })
      await world.pass(20)
    }
    await world.pass(1_000)
    expect(told.at(-1)).toBe(100)
    expect(told.length).toBeLessThan(9)
  })

  test('that ends or fails is opened again, and ends with its job', async () => {
    const { world, works: handle, remote } = await ready({ watch: true })
    remote.fates.watch!.push(lost(), lost())
    await handle.run({ task: 'a' })
    await world.pass(minute)
    expect(remote.count('watch')).toBe(3)
    remote.report({ state: 'done' })
    await world.pass(10 * minute)
    expect(remote.count('watch')).toBe(3)
  })
})

describe('two tabs', () => {
  test('start one job, and both see it', async () => {
    const { world, works: one, remote, open } = await ready()
    const other = await open()
    const job = await other.works.run({ task: 'a' })
    await world.pass(1_000)
    remote.report({ state: 'running', progress: 0.5 })
    await world.pass(minute)
    expect(await one.jobs.get(job.id).report.get()).toMatchObject({ progress: 0.5, job: 'job-1' })
    expect(await other.works.jobs.list()).toHaveLength(1)
    expect(remote.all).toHaveLength(1)
  })

  test('a leader that was frozen and robbed asks for nothing when it thaws (I17)', async () => {
    const { world, remote, open, tab, works: one } = await ready()
    const other = await open()
    remote.offline = true
    const job = await one.run({ task: 'a' })
    await world.pass(1_000)
    tab.frozen = true
    remote.offline = false
    await world.pass(2 * minute)
    remote.report({ state: 'done' })
    await world.pass(minute)
    tab.frozen = false
    await world.pass(2 * minute)
    expect(remote.all).toHaveLength(1)
    expect(await other.works.jobs.get(job.id).report.get()).toMatchObject({ state: 'done', job: 'job-1' })
  })
})

describe('a crash', () => {
  const fates: readonly (readonly [string, readonly Fate[]])[] = [
    ['an answer', []],
    ['a lost answer', ['lost']],
    ['a lost request', [lost()]],
    ['a late request', [{ late: 12_000 }]],
  ]
  test.each(fates)('around any commit, with %s, makes no second job and loses none (I6, I32)', async (_, start) => {
    for (const side of ['before', 'after'] as const) {
      for (let at = 1; ; at++) {
        const place = placeOf()
        const { world, works: remote, disk } = place
        const { state, wrap } = dying(disk, at, side)
        const first = await place.tab(wrap)
        remote.fates.start!.push(...start)
        const { id } = await first.works.run({ task: 'a' })
        state.arm()
        await world.pass(3_000)
        remote.all[0] && remote.report({ state: 'done' }, remote.all[0])
        await world.pass(30_000)
        if (!state.dead) {
          expect(at).toBeGreaterThan(4)
          break
        }
        const next = await place.tab()
        await world.pass(2 * minute)
        if (remote.all[0]?.report.state !== 'done') remote.report({ state: 'done' })
        await world.pass(2 * minute)
        expect([side, at, remote.all.length]).toEqual([side, at, 1])
        expect(await next.works.jobs.get(id).report.get()).toMatchObject({ state: 'done', job: 'job-1' })
        await closeAll()
      }
    }
  })
})

test('whatever is lost, refused and killed on the way, one wish is one job (I32)', { timeout: 240_000 }, async () => {
  const fate = fc.oneof(
    fc.constant<Fate>('lost'),
    fc
      .constantFrom('network', 'server', 'timeout', 'throttled', 'busy', 'truncated')
      .map((code): Fate => new SyncError(code as 'network', code)),
    fc.integer({ min: 1, max: 12_000 }).map((late): Fate => ({ late })),
    fc.constant(undefined as unknown as Fate),
  )
  const some = fc.array(fate, { maxLength: 5 })
  const plan = fc.record({
    start: some,
    find: fc.array(
      fate.filter(one => typeof one !== 'object' || one instanceof Error),
      { maxLength: 5 },
    ),
    check: some,
    crashes: fc.array(
      fc.record({ at: fc.integer({ min: 1, max: 30 }), side: fc.constantFrom('before' as const, 'after' as const) }),
      { maxLength: 3 },
    ),
  })
  await fc.assert(
    fc.asyncProperty(plan, async ({ start, find, check, crashes }) => {
      const place = placeOf()
      const { world, works: remote, disk } = place
      remote.fates = { start: [...start], find: [...find], check: [...check], cancel: [], watch: [] }
      let id: string | undefined
      for (const crash of crashes) {
        const { state, wrap } = dying(disk, crash.at, crash.side)
        const here = await place.tab(wrap)
        await world.pass(11_000)
        id ??= (await here.works.run({ task: 'a' })).id
        if (!state.dead) state.arm()
        await world.pass(20_000)
        if (!state.dead) {
          await here.db.close()
        }
      }
      const here = await place.tab()
      id ??= (await here.works.run({ task: 'a' })).id
      await world.pass(5 * minute)
      expect(remote.all).toHaveLength(1)
      remote.report({ state: 'done' })
      await world.pass(3 * minute)
      expect(await here.works.jobs.get(id).report.get()).toMatchObject({ state: 'done', job: 'job-1' })
      await closeAll()
    }),
    { numRuns: Number(process.env.RUNS ?? 40) },
  )
})
