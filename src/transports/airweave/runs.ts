/** Sync jobs: asked for, found again, watched (sections 2 to 5 and 8). */
import { SyncError } from '../../errors.ts'
import type { Jobs } from '../../job.ts'
import { safeId } from '../shared/url.ts'
import type { Api } from './api.ts'
import { isKnown, isOver, type Job } from './wire.ts'

/** What can be asked for. `forceFullSync` reads everything anew, whatever the source remembers. */
export type AirweaveRun = {
  readonly sourceConnection: string
  readonly forceFullSync?: boolean
}

const UNSURE = 'A sync has ended. Whether it was the full one that was asked for cannot be told: its answer was lost.'
const LOOKED_AT = 100
const MOST = 1000
/** Without its mark, a job is taken for ours only if it began about then. */
const SKEW = 60 * 60_000

export function runs(api: Api): Jobs<AirweaveRun> {
  return {
    refuses: ({ sourceConnection }) =>
      typeof sourceConnection === 'string' && safeId(sourceConnection)
        ? undefined
        : 'Say which source connection to run: `sourceConnection` is its id.',

    place: ({ sourceConnection }) => sourceConnection,

    async start({ sourceConnection, forceFullSync = false }, io) {
      const { id, report } = await api.run(sourceConnection, forceFullSync, io)
      return { id, report }
    },

    async find({ sourceConnection, forceFullSync = false }, asked, io) {
      const jobs = await api.jobs(sourceConnection, LOOKED_AT, io)
      if (jobs === undefined) throw new SyncError('missing', 'There is no such source connection.')
      const [newest] = jobs
      if (asked === undefined) {
        const running = jobs.find(job => !isOver(job))
        if (running === undefined) return { mark: newest?.id ?? null }
        if (!forceFullSync) return { id: running.id }
        // Whether it is a full one does not show: ours comes after it.
        throw new SyncError('busy', 'Another sync of this connection is under way. The full one follows it.')
      }
      const ours = newerThan(jobs, asked).at(-1)
      if (ours === undefined) return {}
      return { id: ours.id, ...(forceFullSync && { unsure: UNSURE }) }
    },

    async check(id, { sourceConnection }, io) {
      const job = await found(api, sourceConnection, id, io)
      if (job === undefined) return { state: 'vanished', reason: 'Airweave does not list this job any more.' }
      if (!isKnown(job)) {
        io.notice({ code: 'unsupported', message: `A job is "${job.status}", which nobody here knows.` })
      }
      return job.report
    },

    watch: (id, _, hear, io) => api.watch(id, hear, io),

    async cancel(id, { sourceConnection }, io) {
      await api.cancel(sourceConnection, id, io)
    },

    // Polls count against the limit of a plan, which may be ten requests a minute.
    pauses: [3_000, 20_000],
  }
}

async function found(api: Api, connection: string, id: string, io: Parameters<Api['jobs']>[2]) {
  const recent = await api.jobs(connection, LOOKED_AT, io)
  const job = recent?.find(one => one.id === id)
  if (job !== undefined || (recent?.length ?? 0) < LOOKED_AT) return job
  return (await api.jobs(connection, MOST, io))?.find(one => one.id === id)
}

function newerThan(jobs: readonly Job[], asked: { readonly at: number; readonly mark?: unknown }): readonly Job[] {
  if (asked.mark === null) return jobs
  const at = jobs.findIndex(({ id }) => id === asked.mark)
  if (at >= 0) return jobs.slice(0, at)
  return jobs.filter(job => !isOver(job) || (job.startedAt ?? 0) >= asked.at - SKEW)
}
