/** What a remote does for us, as the app sees it: asked for here and now, done when there is a network. */
import { sameData } from '../equal.ts'
import { SyncError } from '../errors.ts'
import type { JobReport } from '../job.ts'
import { ended, type JobRow, jobOf, jobsOf, openJobs, putJob } from '../ledger/jobs.ts'
import type { Json } from '../model.ts'
import { plain } from '../plain.ts'
import type { Base } from './db.ts'
import type { Frame } from './frames.ts'
import type { Live } from './live.ts'
import { live } from './live.ts'

/** A report, and what only we know of the job. */
export interface JobStatus extends JobReport {
  readonly id: string
  readonly request: Json
  /** When the app asked for it, in milliseconds since 1970 by the local clock; the other times are the same. */
  readonly createdAt: number
  /** The remote's own id, once it has been started or found. */
  readonly job?: string
  /** Somebody else had started it, and it does what was asked for. */
  readonly joined?: true
  /** When the report last said something new: long ago means that it is stuck, which nothing is done about unasked. */
  readonly changedAt: number
  /** Nothing could be learnt since then, and why. */
  readonly unknownSince?: number
  readonly failure?: { readonly code: string; readonly message: string }
  readonly nextTry?: number
  /** The app wants it to end: the remote was not told yet, was told, or cannot. */
  readonly cancel?: 'wished' | 'sent' | 'impossible'
  readonly endedAt?: number
}

export interface Job {
  /** Finds it again after a reload: `db.remotes.x.jobs.get(id)`. */
  readonly id: string
  readonly report: Live<JobStatus>
  /** Resolves with its last report when it has ended, however that was; `state` says how. */
  done(): Promise<JobStatus>
  /** Resolves when the wish is durable. What was not asked for yet ends at once, and is never sent. */
  cancel(): Promise<void>
}

export interface Runs<Request = Json> {
  /**
   * Resolves when the wish is durable; it is carried out once, when there is a network. A wish that is the same as one
   * not ended yet joins that. Rejects with `invalid-value` for what the remote could never do.
   */
  run(request: Request): Promise<Job>
  readonly jobs: {
    get(id: string): Job
    /** Newest first, those that ended in the last 30 days too. */
    list(): Promise<JobStatus[]>
    live(): Live<JobStatus[]>
  }
}

const scope = { records: [], rows: ['jobs'] as const }

export function runs(on: Base, remote: string): Runs {
  const concerns = (frame: Frame) => frame.holds('jobs')

  async function read(id: string): Promise<JobStatus> {
    const row = await on.store.read(scope, tx => jobOf(tx, remote, id))
    if (row === undefined) throw new SyncError('not-found', `There is no job "${id}" of ${remote} here any more.`)
    return statusOf(row)
  }

  const list = async (): Promise<JobStatus[]> =>
    (await on.store.read(scope, tx => jobsOf(tx, remote))).reverse().map(statusOf)

  function jobFor(id: string): Job {
    const report = live(on, { ask: () => read(id), concerns })
    return {
      id,
      report,
      done() {
        return new Promise((resolve, reject) => {
          const stop = report.subscribe(one => {
            if (one.endedAt === undefined) return
            stop() // `subscribe` answers later, never while it is being called
            resolve(one)
          }, reject)
        })
      },
      async cancel() {
        await on.store.write(scope, async tx => {
          const row = await jobOf(tx, remote, id)
          if (row === undefined) throw new SyncError('not-found', `There is no job "${id}" of ${remote} here any more.`)
          if (row.endedAt !== undefined || row.cancel !== undefined) return
          const untouched = row.asked === undefined && row.job === undefined
          const now = on.platform.now()
          await putJob(tx, untouched ? ended(row, { state: 'cancelled' }, now) : { ...row, cancel: 'wished' })
        })
      },
    }
  }

  return {
    async run(asked) {
      const request = plain(asked, 'the request')
      const refused = await on.host()?.refuses?.(remote, request)
      if (refused !== undefined) throw new SyncError('invalid-value', refused)
      const id = await on.store.write(scope, async tx => {
        const same = (await openJobs(tx, remote)).find(
          row => row.cancel === undefined && sameData(row.request, request),
        )
        if (same !== undefined) return same.id
        const now = on.platform.now()
        const row: JobRow = {
          id: on.platform.uuid(),
          remote,
          request,
          createdAt: now,
          report: { state: 'queued' },
          changedAt: now,
        }
        await putJob(tx, row)
        return row.id
      })
      return jobFor(id)
    },
    jobs: { get: jobFor, list, live: () => live(on, { ask: list, concerns }) },
  }
}

function statusOf({
  id,
  request,
  createdAt,
  job,
  joined,
  report,
  changedAt,
  failure,
  cancel,
  endedAt,
}: JobRow): JobStatus {
  return {
    ...report,
    id,
    request,
    createdAt,
    changedAt,
    ...(job !== undefined && { job }),
    ...(joined && { joined }),
    ...(failure && {
      unknownSince: failure.at,
      failure: { code: failure.code, message: failure.message },
      ...(failure.next !== undefined && { nextTry: failure.next }),
    }),
    ...(cancel && { cancel }),
    ...(endedAt !== undefined && { endedAt }),
  }
}
