/** A small remote that works on jobs, one at a time, and a place to run them: a world, a disk, and tabs on it. */
import { open } from '../../../src/client/open.ts'
import type { Db } from '../../../src/client/types.ts'
import { SyncError } from '../../../src/errors.ts'
import type { JobReport, Jobs } from '../../../src/job.ts'
import { defineSchema } from '../../../src/schema.ts'
import type { Store, StoreDriver } from '../../../src/store.ts'
import { memory, memoryDisk } from '../../../src/stores/memory.ts'
import type { Io, Transport } from '../../../src/transport.ts'
import { type Tab, type World, worldOf } from './kit.ts'

/** A type, not an interface: only so it is known to be JSON. */
export type Work = { readonly task: string }

interface Working extends Transport {
  readonly jobs: Jobs<Work>
}

interface Done {
  readonly id: string
  readonly task: string
  readonly by: 'us' | 'others'
  report: JobReport
}

export interface WorksOptions {
  readonly cancel?: boolean
  readonly watch?: boolean
  readonly refuses?: Jobs<Work>['refuses']
  readonly place?: Jobs<Work>['place']
  /** After a doubt any newer job is taken for the one that was asked for. */
  readonly blind?: boolean
  /** Said of each job that is found after a doubt. */
  readonly unsure?: string
  /** What is told after a doubt where nothing is under way. */
  readonly ended?: JobReport
}

export type Works = ReturnType<typeof worksOf>

/** What becomes of one request: an error instead of it, its answer lost, or it arrives so much later. */
export type Fate = Error | 'lost' | { readonly late: number }

export function worksOf(world: World, options: WorksOptions = {}) {
  const { cancel = true, watch = false, refuses, place, blind = false, unsure, ended } = options
  const far = world.tab().platform
  const all: Done[] = []
  const ends: JobReport['state'][] = ['done', 'partial', 'failed', 'cancelled', 'vanished', 'finished-unverified']
  const active = () => all.findLast(({ report }) => !ends.includes(report.state))
  const hearers: ((report: JobReport) => void)[] = []

  const remote = {
    all,
    /** When each verb was called, by the world's clock. */
    calls: [] as { readonly verb: 'start' | 'find' | 'check' | 'cancel' | 'watch'; readonly at: number }[],
    count: (verb: string) => remote.calls.filter(call => call.verb === verb).length,
    /** What becomes of the next requests of a kind; gone with use. */
    fates: { start: [], find: [], check: [], cancel: [], watch: [] } as { [verb: string]: Fate[] },
    /** Every request fails. */
    offline: false,
    /** The next job that is started by somebody. */
    othersStart(task: string): Done {
      return begin(task, 'others')
    },
    report(report: JobReport, job = active()): void {
      if (job === undefined) throw new Error('No job is under way.')
      job.report = report
    },
    say(report: JobReport): void {
      for (const hear of hearers) hear(report)
    },
    transport: undefined as unknown as Working,
  }

  function begin(task: string, by: Done['by']): Done {
    const job: Done = { id: `job-${all.length + 1}`, task, by, report: { state: 'running' } }
    all.push(job)
    return job
  }

  async function request<T>(verb: 'start' | 'find' | 'check' | 'cancel' | 'watch', io: Io, work: () => T): Promise<T> {
    await io.fetch(`https://works.test/${verb}`, { method: verb === 'start' || verb === 'cancel' ? 'POST' : 'GET' })
    remote.calls.push({ verb, at: world.now() })
    if (remote.offline) throw new SyncError('network', 'No network.')
    const fate = remote.fates[verb]!.shift()
    if (fate instanceof Error) throw fate
    if (typeof fate === 'object') {
      void far.sleep(fate.late).then(() => {
        if (active() === undefined) work()
      })
      throw new SyncError('timeout', 'No answer.')
    }
    const result = work()
    if (fate === 'lost') throw new SyncError('network', 'The answer was lost.')
    return result
  }

  const jobs: Jobs<Work> = {
    ...(refuses && { refuses }),
    ...(place && { place }),
    start: ({ task }, io) =>
      request('start', io, () => {
        if (active() !== undefined) throw new SyncError('busy', 'Another job is under way.')
        return { id: begin(task, 'us').id, report: { state: 'queued' } }
      }),
    find: ({ task }, asked, io) =>
      request('find', io, () => {
        if (asked !== undefined) {
          const newer = all.slice(Number(asked.mark)).find(job => blind || job.task === task)
          if (newer === undefined) return { ...(ended && { ended }) }
          return { id: newer.id, ...(unsure !== undefined && { unsure }) }
        }
        const running = active()
        return running?.task === task ? { id: running.id } : { mark: all.length }
      }),
    check: (id, _, io) =>
      request('check', io, () => all.find(job => job.id === id)?.report ?? { state: 'vanished' as const }),
    ...(cancel && {
      cancel: (id: string, _: Work, io: Io) =>
        request('cancel', io, () => {
          const job = all.find(one => one.id === id)
          if (job !== undefined && !ends.includes(job.report.state)) job.report = { state: 'cancelling' }
        }),
    }),
    ...(watch && {
      watch: async (_: string, _1: Work, hear: (report: JobReport) => void, io: Io) => {
        await request('watch', io, () => hearers.push(hear))
        await new Promise<void>(resolve => io.signal.addEventListener('abort', () => resolve(), { once: true }))
      },
    }),
  }
  remote.transport = { name: 'works', sources: {}, jobs, every: 1e9 }
  return remote
}

const schema = defineSchema({ version: 1, collections: {} })
const opened = new Set<() => Promise<void>>()

export async function closeAll(): Promise<void> {
  for (const close of opened) await close()
  opened.clear()
}

export function placeOf(options: WorksOptions = {}) {
  const world = worldOf()
  const disk = memoryDisk(world.uuid())
  const works = worksOf(world, options)

  async function tab(change: (driver: StoreDriver, tab: Tab) => StoreDriver = driver => driver) {
    const tab = world.tab()
    const store = change(memory('m', { disk }), tab)
    const db = await open({ store, schema, remotes: { works: works.transport }, platform: tab.platform })
    // A dead one never closes.
    const { life } = disk.contents
    opened.add(async () => {
      if (!life.over) await db.close()
    })
    await world.pass(100)
    return { tab, db: db as Db<Record<never, never>, { works: typeof works.transport }>, works: db.remotes.works }
  }
  return { world, disk, works, tab }
}

/** A store whose process dies around its nth commit about jobs, counted from `arm`. */
export function dying(disk: { crash(): void }, at: number, side: 'before' | 'after') {
  let left = Number.POSITIVE_INFINITY
  const state = {
    dead: false,
    arm() {
      left = at
    },
  }
  const never = new Promise<never>(() => {})
  const wrap = (driver: StoreDriver, tab: Tab): StoreDriver => ({
    ...driver,
    async open(shape, platform) {
      const store = await driver.open(shape, platform)
      const dead = async () => {
        state.dead = true
        tab.frozen = true
        disk.crash()
        return never
      }
      const write: Store['write'] = async (scope, work, options) => {
        if (state.dead) return never
        const dies = scope.rows.includes('jobs') && --left === 0
        if (dies && side === 'before') return dead()
        const result = await store.write(scope, work, options)
        return dies ? dead() : result
      }
      return { ...store, write, read: (scope, work) => (state.dead ? never : store.read(scope, work)) }
    },
  })
  return { state, wrap }
}
