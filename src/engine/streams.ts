/**
 * What a remote tells of jobs by itself, while they run. It comes earlier than a check and says more; none of it is
 * relied on.
 */

import { type JobReport, type Jobs, jobEnds } from '../job.ts'
import type { Json } from '../model.ts'
import { pause } from './backoff.ts'
import type { Ground } from './ground.ts'
import { ioFor } from './io.ts'

const shortestPause = 5_000
const longestPause = 60_000

export interface Streams {
  watch(id: string, job: string, request: Json): void
  /** Stops those of other jobs. */
  keep(open: ReadonlySet<string>): void
  /** The latest report of each job that said something since the last call. */
  heard(): readonly (readonly [id: string, report: JobReport])[]
}

export function streamsOf(on: Ground, jobs: Jobs, tell: { news(): void; ended(id: string): void }): Streams {
  const running = new Map<string, AbortController>()
  let heard = new Map<string, JobReport>()

  async function listen(id: string, job: string, request: Json, signal: AbortSignal): Promise<void> {
    const hear = (report: JobReport) => {
      if (jobEnds.includes(report.state)) return tell.ended(id)
      heard.set(id, report)
      tell.news()
    }
    for (let tries = 1; !signal.aborted; tries++) {
      await jobs.watch?.(job, request, hear, ioFor(on, { signal })).catch(() => {}) // checks go on without it
      const wait = shortestPause + pause(on.platform, tries, longestPause)
      await on.platform.sleep(wait, signal).catch(() => {}) // stopped: the loop sees it
    }
  }

  return {
    watch(id, job, request) {
      if (jobs.watch === undefined || running.has(id)) return
      const stop = new AbortController()
      running.set(id, stop)
      void listen(id, job, request, AbortSignal.any([on.signal, stop.signal]))
    },
    keep(open) {
      for (const [id, stop] of running) {
        if (open.has(id)) continue
        stop.abort()
        running.delete(id)
      }
    },
    heard() {
      const all = [...heard]
      heard = new Map()
      return all
    },
  }
}
