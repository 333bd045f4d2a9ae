/** Jobs as rows: what the app wants done, what was asked of the remote, and how far it is. */

import type { Asked, JobReport } from '../job.ts'
import type { Json } from '../model.ts'
import type { Reader, RowKey, Writer } from '../store.ts'
import type { Failure } from './rows.ts'
import { getRow } from './rows.ts'

export interface JobRow {
  /** Ours, from the moment the app asked. */
  readonly id: string
  readonly remote: string
  readonly request: Json
  readonly createdAt: number
  /** It may have been asked for: committed before the request leaves, taken back only when it surely had no effect. */
  readonly asked?: Asked
  /** The remote's id, once that is known. */
  readonly job?: string
  /** It was under way already when we came. */
  readonly joined?: true
  /** Why it may not be the one that was asked for. */
  readonly unsure?: string
  readonly report: JobReport
  /** When the report last said something new. */
  readonly changedAt: number
  /** Why nothing was heard since `at`, and when the next try is. */
  readonly failure?: Failure
  /** The app wants it to end: not told yet, told, or the remote cannot. */
  readonly cancel?: 'wished' | 'sent' | 'impossible'
  readonly endedAt?: number
  /** When it may be forgotten. */
  readonly until?: number
}

/** How long an ended job stays in the history, in milliseconds. */
export const jobsKept = 30 * 24 * 3_600_000

const keyOf = ({ remote, id }: Pick<JobRow, 'remote' | 'id'>): RowKey => [remote, id]

export const jobOf = (tx: Reader, remote: string, id: string): Promise<JobRow | undefined> =>
  getRow<JobRow>(tx, 'jobs', keyOf({ remote, id }))

/** Oldest first. */
export async function jobsOf(tx: Reader, remote: string): Promise<JobRow[]> {
  const rows = await tx.rows('jobs').list({ prefix: [remote] })
  const jobs = rows.map(({ row }) => row as JobRow)
  return jobs.sort((one, other) => one.createdAt - other.createdAt || (one.id < other.id ? -1 : 1))
}

export const openJobs = async (tx: Reader, remote: string): Promise<JobRow[]> =>
  (await jobsOf(tx, remote)).filter(({ endedAt }) => endedAt === undefined)

/** Puts what `work` makes of the job as it is now, if it is open and `work` makes anything of it. */
export async function changeJob(
  tx: Writer,
  remote: string,
  id: string,
  work: (row: JobRow) => JobRow | undefined,
): Promise<JobRow | undefined> {
  const row = await jobOf(tx, remote, id)
  const next = row === undefined || row.endedAt !== undefined ? undefined : work(row)
  if (next !== undefined) await putJob(tx, next)
  return next
}

export const putJob = (tx: Writer, row: JobRow): Promise<void> => tx.rows('jobs').putMany([{ key: keyOf(row), row }])

export function ended(row: JobRow, report: JobReport, now: number): JobRow {
  const { failure: _, ...rest } = row
  return { ...rest, report, changedAt: now, endedAt: now, until: now + jobsKept }
}

/** What the newer report does not speak of stays as it was; its reason is its own. */
export function merged(before: JobReport, now: JobReport): JobReport {
  const { counters = before.counters, progress = before.progress, details = before.details } = now
  return {
    ...now,
    ...(counters !== undefined && { counters }),
    ...(progress !== undefined && { progress }),
    ...(details !== undefined && { details }),
  }
}
