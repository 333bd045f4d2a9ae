/** The Airweave sandbox in the simulated world: connections whose sources change, and others that start jobs of them. */
import type { Knobs } from '../../../src/sandbox/airweave/knobs.ts'
import { airweaveSandbox } from '../../../src/sandbox/airweave/sandbox.ts'
import type { Entity, Job } from '../../../src/sandbox/airweave/state.ts'
import type { Stored } from '../../../src/store.ts'
import { between, pick, randomOf } from '../random.ts'
import type { World } from '../world.ts'
import type { Dice, JobSeen, Run, Work } from './work.ts'

const COLLECTION = 'documents'
const START = /^\/source-connections\/([^/]+)\/run$/
const CANCEL = /^\/source-connections\/[^/]+\/jobs\/([^/]+)\/cancel$/

interface Known extends Run {
  last: Job
}

function knobsOf(seed: string): Partial<Knobs> {
  const random = randomOf(`${seed}/airweave`)
  return {
    conflicts: pick(random, ['code', 'code', 'spec'] as const),
    validation: pick(random, ['code', 'spec'] as const),
    statuses: pick(random, ['lower', 'upper'] as const),
    times: pick(random, ['naive', 'zoned'] as const),
    errorCategory: random() < 0.8,
    rateLimit: pick(random, [null, null, 120, 40]),
    startAfter: between(random, 1, 4000),
    perEntity: between(random, 1, random() < 0.5 ? 50 : 3000),
    cancelAfter: between(random, 1, 4000),
    chunk: pick(random, [200, 4]),
  }
}

/** How often devices look, and at how many jobs. */
export function airweaveOptions(seed: string): { readonly every: number; readonly jobs: number } {
  const random = randomOf(`${seed}/airweave/options`)
  return { every: pick(random, [5_000, 30_000]), jobs: pick(random, [20, 20, 3]) }
}

export function airweaveWork(world: World, seed: string, token: string): Work {
  const draw = randomOf(`${seed}/airweave/source`)
  const { jobs: shown } = airweaveOptions(seed)
  const sandbox = airweaveSandbox({
    world: { now: world.now, random: world.stream('airweave'), sleep: () => new Promise(() => undefined) },
    knobs: knobsOf(seed),
  })
  const { admin } = sandbox
  let made = 0
  const entities = (count: number): Entity[] =>
    Array.from({ length: count }, (_, n) => ({ id: `e${n}`, name: `Entity ${n}`, text: `text ${++made}` }))
  admin.addKey(token)
  admin.addCollection('Documents', COLLECTION)
  const connections = Array.from({ length: between(draw, 1, 2) }, () => {
    const short_name = pick(draw, ['stub', 'incremental_stub'] as const)
    const cron = short_name === 'incremental_stub' && draw() < 0.4 ? '* * * * *' : null
    return admin.connect(COLLECTION, { short_name, schedule: { cron }, entities: entities(between(draw, 0, 4)) })
  })
  const runs = new Map<string, Known>()

  /** What happened since the last look, in the order in which it did. */
  function note(): void {
    const { jobs } = sandbox.inspect()
    const now = world.elapsed()
    for (const job of jobs) {
      const over = job.status === 'completed' || job.status === 'failed' || job.status === 'cancelled'
      const { id, connection: place, force } = job
      const run = runs.get(id) ?? {
        ...{ id, n: runs.size, place, force, startedAt: now, endedAt: undefined, forgotten: false, last: job },
      }
      run.last = job
      if (over) run.endedAt ??= now
      runs.set(id, run)
    }
    const there = new Set(jobs.map(({ id }) => id))
    for (const run of runs.values()) run.forgotten ||= !there.has(run.id)
  }

  const tick = () => {
    sandbox.tick()
    note()
  }

  function happen([what, which, how]: Dice, n: number): void {
    const id = connections[Math.floor(which * connections.length)]!
    const events: readonly (readonly [share: number, work: () => void])[] = [
      [0.35, () => admin.setEntities(id, entities(Math.floor(how * 5)))],
      [0.25, () => admin.startJob(id, { force: how < 0.3 })],
      [0.12, () => admin.failNext(id, { after: Math.floor(how * 4), error: `broken ${n}` })],
      [0.05, () => admin.failNext(id, { error: `locked out ${n}`, category: 'api_key_invalid' })],
      [
        0.06,
        () =>
          admin.stick(
            id,
            pick(() => how, ['pending', 'running', 'cancelling'] as const),
          ),
      ],
      [0.05, () => admin.pause(id, false)],
      [0.05, () => admin.giveTwice(id, ['e1'])],
      [0.04, () => admin.reportDeletions(id, how < 0.8)],
      [0.03, () => admin.forgetJobs(id)],
    ]
    let left = what
    for (const [share, work] of events) {
      left -= share
      if (left > 0) continue
      tick()
      work()
      note()
      return
    }
  }

  function lie({ report, job, cancel, unsure }: JobSeen, run: Run | undefined): string | undefined {
    const last = run === undefined ? undefined : runs.get(run.id)!.last
    const { state } = report
    const really = last === undefined ? 'nothing' : last.status
    const lacking = last !== undefined && (last.told.skipped > 0 || last.error !== null)
    if (state === 'done') return really === 'completed' && !lacking ? undefined : really
    if (state === 'partial') return really === 'completed' && lacking ? undefined : really
    if (state === 'failed') return job === undefined || really === 'failed' ? undefined : really
    if (state === 'cancelled') return really === 'cancelled' || (job === undefined && cancel) ? undefined : really
    if (state === 'finished-unverified') return unsure && really === 'completed' ? undefined : really
    if (state === 'vanished') return job === undefined || run?.forgotten ? undefined : really
    return really
  }

  return {
    kind: 'airweave',
    content: n => `from here ${n}`,
    items: [],
    drops: [],
    places: () => connections,
    fetch: request => sandbox.fetch(request),
    renewToken(old, next) {
      admin.revokeKey(old)
      admin.addKey(next)
    },
    tick,
    calm() {
      sandbox.set({ rateLimit: null, schedules: false })
      for (const id of connections) admin.stick(id, undefined)
    },
    happen,
    request([which, how, odd]) {
      const sourceConnection =
        odd < 0.04 ? '00000000-0000-4000-8000-000000000000' : connections[Math.floor(which * connections.length)]!
      return how < 0.3 ? { sourceConnection, forceFullSync: true } : { sourceConnection }
    },
    runs: () => [...runs.values()],
    placeOf: ({ sourceConnection }) => String(sourceConnection),
    starts: ({ method, url }) => method === 'POST' && START.test(url.pathname),
    cancels: ({ url }) => CANCEL.exec(url.pathname)?.[1],
    looks: ({ method, url }) => method === 'GET' && url.pathname === '/source-connections',
    concerns: ({ url }) =>
      START.test(url.pathname) ||
      CANCEL.test(url.pathname) ||
      (url.pathname.endsWith('/jobs') && url.searchParams.get('limit') === '100'),
    arrives({ method }) {
      tick()
      // Reading changes nothing beyond what time alone brings about.
      return method === 'GET' ? () => undefined : note
    },
    lie,
    /** Ours may be taken to be another that is newer than the mark, and came before it. */
    strayed: (run, _, jobs) =>
      run.forgotten ||
      jobs.some(({ job, asked, joined }) => {
        const taken = runs.get(job ?? '')
        if (taken === undefined || joined || taken.place !== run.place || taken.n >= run.n) return false
        return taken.n > (runs.get(String(asked?.mark))?.n ?? -1)
      }),
    expected() {
      const jobs = connections.flatMap(id =>
        [...runs.values()].filter(one => one.place === id && !one.forgotten).slice(-shown),
      )
      const entities = connections.flatMap(id => admin.entities(id).map(one => [`${id}/${one.id}`, one.text] as const))
      return {
        connections: new Map(connections.map(id => [id, 'A connection'])),
        jobs: new Map(jobs.map(({ id, last }) => [id, last.status])),
        entities: new Map(entities),
      }
    },
    told: (collection, { value }: Stored) =>
      String(collection === 'entities' ? value?.text : collection === 'jobs' ? value?.status : value?.name),
    keeps: collection => collection === 'jobs',
    misplaced: () => [],
  }
}
