/**
 * Work that a remote does for us, from the rows that the app wrote: asked for once, joined where it is under way,
 * watched to its end, also after a crash. What is not known is looked for before it is asked for again (I32).
 */

import { sameData } from '../equal.ts'
import { asSyncError, reactionTo, type SyncError } from '../errors.ts'
import { type Asked, type JobReport, type Jobs, jobEnds } from '../job.ts'
import { changeJob, ended, type JobRow, merged, openJobs } from '../ledger/jobs.ts'
import { checkpointOf } from '../ledger/rows.ts'
import { askedWait, pause } from './backoff.ts'
import type { Ground } from './ground.ts'
import { mustLead } from './ground.ts'
import { ioFor } from './io.ts'
import { streamsOf } from './streams.ts'

/** Watch messages of the store may be lost, so the rows are looked at anyway (rule 11). */
const lookEvery = 5_000
/** A request that was not answered may still arrive: not found before this time has passed means nothing. */
const settling = 15_000
/** A request for a job leaves within this time, or not at all. */
const leaveWithin = 10_000
/** A remote that cannot be asked how a job is, is asked once a minute in the end (F95). */
const longestPause = 60_000
const slow = 5_000
/** What streams say is stored this often. */
const storeEvery = 500

export interface JobLoop {
  /** Rows may have changed; `now`: do not wait for pauses to end. */
  ring(now: boolean): void
  readonly done: Promise<void>
}

export function runJobs(on: Ground, jobs: Jobs, known: Promise<void>, hadEnded: () => void): JobLoop {
  const { platform } = on
  const [firstPause, longest] = jobs.pauses ?? [1_000, 15_000]
  const steady = platform.monotonic
  /** By job: when it is looked at again, and how often it was without news. In steady time: gone with this context. */
  const due = new Map<string, number>()
  const quiet = new Map<string, number>()
  const failing = new Set<string>()
  /** Since when it is not known whether the request arrived. */
  const doubted = new Map<string, number>()
  const streams = streamsOf(on, jobs, {
    news: wake,
    ended(id) {
      due.set(id, 0)
      wake()
    },
  })
  let storedAt = Number.NEGATIVE_INFINITY
  let allowed = Number.NEGATIVE_INFINITY
  let rung: (() => void) | undefined
  let dirty = false

  function wake(): void {
    dirty = true
    rung?.()
  }

  /** Until something rings, or `ms` have passed. */
  async function wait(ms: number): Promise<void> {
    if (!dirty) {
      const end = new AbortController()
      rung = () => end.abort()
      await platform.sleep(ms, AbortSignal.any([on.signal, end.signal])).catch(() => {}) // rung or stopped: seen next
      rung = undefined
    }
    dirty = false
  }

  async function run(): Promise<void> {
    await known
    while (!on.signal.aborted) {
      try {
        await wait(await round())
      } catch (thrown) {
        if (over(thrown)) break
        await wait(lookEvery) // the store failed: look again soon
      }
    }
  }

  /** One thing that is due, if any. How long nothing else is, in milliseconds. */
  async function round(): Promise<number> {
    const { rows, paused } = await on.store.read({ records: [], rows: ['jobs', 'meta', 'checkpoints'] }, async tx => {
      await mustLead(on, tx)
      return { rows: await openJobs(tx, on.remote), paused: (await checkpointOf(tx, on.remote)).paused === true }
    })
    forget(new Set(rows.map(({ id }) => id)))
    if (paused) return lookEvery
    const stored = await storeHeard()
    const next = rows.filter(row => !waits(row, rows)).toSorted((one, other) => dueAt(one) - dueAt(other))[0]
    if (next === undefined) return lookEvery
    const left = Math.max(dueAt(next), allowed) - steady()
    if (left > 0) return Math.min(left, stored, lookEvery)
    await step(next).catch(thrown => blame(next, thrown))
    return 0
  }

  /** Which of two requests a new job answers cannot be told: the second one waits until nothing is in doubt. */
  function waits({ job, asked, cancel, request }: JobRow, rows: readonly JobRow[]): boolean {
    if (job !== undefined || asked !== undefined || cancel !== undefined) return false
    const place = jobs.place?.(request)
    return rows.some(one => one.job === undefined && one.asked !== undefined && jobs.place?.(one.request) === place)
  }

  /** A wish to end it is told at once, if that did not fail just now. */
  function dueAt({ id, job, cancel }: JobRow): number {
    return cancel === 'wished' && job !== undefined && !failing.has(id) ? 0 : (due.get(id) ?? 0)
  }

  function forget(open: ReadonlySet<string>): void {
    for (const times of [due, quiet, doubted]) for (const id of times.keys()) if (!open.has(id)) times.delete(id)
    for (const id of failing) if (!open.has(id)) failing.delete(id)
    streams.keep(open)
  }

  async function step(row: JobRow): Promise<void> {
    if (row.job !== undefined) {
      if (row.cancel === 'wished') await cancel(row, row.job)
      await check(row, row.job)
    } else if (row.asked !== undefined) {
      await lookFor(row, row.asked)
    } else if (row.cancel !== undefined) {
      await end(row, { state: 'cancelled' })
    } else {
      await begin(row)
    }
    failing.delete(row.id)
  }

  async function begin(row: JobRow): Promise<void> {
    const refused = jobs.refuses?.(row.request)
    if (refused !== undefined) return end(row, { state: 'failed', reason: refused, needs: 'user' })
    const found = await jobs.find(row.request, undefined, io())
    if (found.id !== undefined) return take(row, found.id, { joined: true })
    await ask(row, { at: on.clock.now(), ...(found.mark !== undefined && { mark: found.mark }), times: 0 })
  }

  /** Whether our request arrived is not known: only where it surely did not, it is sent again. */
  async function lookFor(row: JobRow, asked: Asked): Promise<void> {
    const since = doubted.get(row.id) ?? steady()
    doubted.set(row.id, since)
    const lookedAt = steady()
    const { id, unsure, ended } = await jobs.find(row.request, asked, io())
    if (id !== undefined) return take(row, id, { ...(unsure !== undefined && { unsure }) })
    if (ended !== undefined) return end(row, ended)
    const left = settling * Math.min(asked.times, 4) - (lookedAt - since)
    if (left > 0) return later(row, Math.min(left, lookEvery))
    if (row.cancel !== undefined) return end(row, { state: 'cancelled' })
    await ask(row, asked)
  }

  async function ask(row: JobRow, before: Asked): Promise<void> {
    const asked = { ...before, times: before.times + 1 }
    const marked = await change(row, now => (now.cancel === undefined ? { ...now, asked } : undefined))
    if (marked === undefined) return
    const since = doubted.get(row.id)
    doubted.delete(row.id)
    let started: Awaited<ReturnType<Jobs['start']>>
    try {
      started = await jobs.start(row.request, io(platform.now() + leaveWithin))
    } catch (thrown) {
      const error = asSyncError(thrown)
      if (over(error)) throw error
      obey(error)
      const maybe = reactionTo(error).effect === 'maybe'
      doubted.set(row.id, (maybe ? undefined : since) ?? steady())
      if (maybe) throw error
      // This one had no effect; one before it, whose answer was lost, may have had.
      if (row.asked === undefined) await change(row, ({ asked: _, ...now }) => now)
      if (error.code !== 'busy') throw error
      return join(row, row.asked, error)
    }
    await take(row, started.id, {}, started.report)
  }

  /** Somebody's job is in the way: it is ours to watch if it does the same, and to wait for if it does not. */
  async function join(row: JobRow, asked: Asked | undefined, why: SyncError): Promise<void> {
    const { id } = await jobs.find(row.request, asked, io())
    if (id === undefined) throw why
    await take(row, id, { joined: true })
  }

  async function take(
    row: JobRow,
    job: string,
    how: Pick<JobRow, 'joined' | 'unsure'>,
    report?: JobReport,
  ): Promise<void> {
    await change(row, ({ failure: _, ...now }) => ({
      ...now,
      job,
      ...how,
      ...(report && { report: merged(now.report, report) }),
      changedAt: platform.now(),
    }))
    doubted.delete(row.id)
    streams.watch(row.id, job, row.request)
    if (report !== undefined) later(row, firstPause)
  }

  async function cancel(row: JobRow, job: string): Promise<void> {
    await jobs.cancel?.(job, row.request, io())
    const told = jobs.cancel === undefined ? ('impossible' as const) : ('sent' as const)
    await change(row, now => ({ ...now, cancel: told }))
    quiet.delete(row.id)
  }

  async function check(row: JobRow, job: string): Promise<void> {
    const report = await jobs.check(job, row.request, io())
    if (jobEnds.includes(report.state)) return end(row, report)
    let news = false
    await change(
      row,
      ({ failure, ...now }) => {
        const next = merged(now.report, report)
        news = !sameData(next, now.report)
        if (!news && failure === undefined) return undefined
        return { ...now, report: next, ...(news && { changedAt: platform.now() }) }
      },
      'relaxed',
    )
    const times = news ? 0 : (quiet.get(row.id) ?? 0) + 1
    quiet.set(row.id, times)
    later(row, Math.min(longest, firstPause * 1.5 ** times))
    streams.watch(row.id, job, row.request)
  }

  async function end(row: JobRow, report: JobReport): Promise<void> {
    const { unsure } = row
    const good = report.state === 'done' || report.state === 'partial'
    const honest: JobReport =
      good && unsure !== undefined ? { ...report, state: 'finished-unverified', reason: unsure } : report
    await change(row, now => ended(now, merged(now.report, honest), platform.now()))
    hadEnded()
  }

  /** What streams said since, not more often than is worth a commit. */
  async function storeHeard(): Promise<number> {
    const left = storedAt + storeEvery - steady()
    if (left > 0) return left
    const heard = streams.heard()
    if (heard.length > 0) storedAt = steady()
    for (const [id, report] of heard) {
      await change(
        { id },
        now => {
          const next = merged(now.report, report)
          return sameData(next, now.report) ? undefined : { ...now, report: next, changedAt: platform.now() }
        },
        'relaxed',
      )
    }
    return lookEvery
  }

  const io = (deadline?: number) => ioFor(on, { signal: on.signal, ...(deadline !== undefined && { deadline }) })
  const later = (row: JobRow, ms: number): void => void due.set(row.id, steady() + ms)

  /** Writes what `work` makes of the row as it is now, if it is open and `work` makes anything of it. */
  function change(
    { id }: Pick<JobRow, 'id'>,
    work: (row: JobRow) => JobRow | undefined,
    durability: 'strict' | 'relaxed' = 'strict',
  ): Promise<JobRow | undefined> {
    return on.store.write(
      { records: [], rows: ['jobs', 'meta'] },
      async tx => {
        await mustLead(on, tx)
        return changeJob(tx, on.remote, id, work)
      },
      { durability },
    )
  }

  /** Whether or not the store can take the reason, a remote that said when to come back is not asked earlier (I14). */
  function obey({ notBefore }: SyncError): void {
    if (notBefore !== undefined) allowed = Math.max(allowed, steady() + askedWait(notBefore, platform.now()))
  }

  async function blame(row: JobRow, thrown: unknown): Promise<void> {
    const error = asSyncError(thrown)
    if (over(error)) throw error
    const { next: reaction } = reactionTo(error)
    const now = platform.now()
    obey(error)
    // A short job may be over before the second look: the first one comes at once.
    const fresh = steady() - (doubted.get(row.id) ?? Number.NEGATIVE_INFINITY) < firstPause
    const isOpen = await change(row, before => {
      if (before.job === undefined && refusals.has(error.code) && !inDoubt(before)) {
        const state = before.asked === undefined ? 'failed' : 'vanished'
        return ended(before, { ...before.report, state, reason: error.message, needs: 'user' }, now)
      }
      const { at = now, tries = 0 } = before.failure ?? {}
      const wait = fresh ? firstPause : (reaction === 'retry' ? 0 : slow) + pause(platform, tries + 1, longestPause)
      const next = now + Math.max(wait, askedWait(error.notBefore, now))
      return { ...before, failure: { code: error.code, message: error.message, at, tries: tries + 1, next } }
    })
    if (isOpen?.failure === undefined) return hadEnded()
    failing.add(row.id)
    later(row, Math.max(0, (isOpen.failure.next ?? now) - now))
  }

  const inDoubt = ({ id, asked }: JobRow): boolean =>
    asked !== undefined && steady() - (doubted.get(id) ?? steady()) < settling

  const over = (thrown: unknown): boolean => {
    const { code } = asSyncError(thrown)
    return on.signal.aborted || code === 'stale-leader' || code === 'aborted'
  }

  return {
    ring(now) {
      if (now) {
        due.clear()
        failing.clear()
      }
      wake()
    },
    done: run(),
  }
}

/** A remote that says no to a request says so again: the app has to ask for something else. */
const refusals: ReadonlySet<SyncError['code']> = new Set([
  'forbidden',
  'missing',
  'rejected',
  'too-large',
  'unsupported',
  'invalid-value',
])
