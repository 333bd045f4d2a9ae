import type { Weather } from '../weather.ts'
import type { World } from '../world.ts'
import { active } from './machine.ts'
import type { Counters, Job } from './state.ts'

/** Frames come after this many operations at least, save the last one. */
const OPERATIONS = 3
const QUIET = 30_000

/**
 * Progress as server-sent events: `data:` lines only, without ids, so nothing can be resumed or replayed. The stream is
 * not closed at the end, an unknown job just stays silent, and a heartbeat comes only with something to say after a
 * pause.
 */
export function streams(world: Pick<World, 'now'>, weather: Weather) {
  const open = new Set<Line>()

  function publish(job: Job): void {
    for (const line of open) {
      if (line.job !== job.id) continue
      const operations = total(job.live) + job.live.kept
      const over = !active(job.status)
      if (!over && (job.status !== 'running' || operations - line.told < OPERATIONS)) continue
      line.told = operations
      if (world.now() - line.at > QUIET) line.say({ type: 'heartbeat' })
      line.at = world.now()
      line.say(line.states ? stateFrame(job, world.now()) : progressFrame(job, world.now()))
    }
  }

  return {
    publish,
    subscribe(id: string, job: Job | undefined, states: boolean): Response {
      let line: Line | undefined
      const body = new ReadableStream<Uint8Array>({
        start(controller) {
          const send = (frame: unknown) => {
            if (line === undefined || !open.has(line)) return
            controller.enqueue(new TextEncoder().encode(`data: ${JSON.stringify(frame)}\n\n`))
          }
          line = {
            job: id,
            states,
            told: 0,
            at: world.now(),
            say: frame => deliver(frame, send),
            end(error) {
              if (line === undefined || !open.delete(line)) return
              if (error) controller.error(new TypeError('terminated'))
              else controller.close()
            },
          }
          open.add(line)
          send({ type: 'connected', job_id: id })
          if (states && job !== undefined) send(stateFrame(job, world.now()))
        },
        cancel() {
          if (line) open.delete(line)
        },
      })
      return new Response(body, { headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' } })
    },
    count: () => open.size,
    sever(error = true) {
      for (const line of [...open]) line.end(error)
    },
  }

  function deliver(frame: unknown, send: (frame: unknown) => void): void {
    const fault = weather.frame()
    if (typeof fault === 'object') weather.later(fault.late, () => send(frame))
    else if (fault !== 'lose') send(frame)
    if (fault === 'twice') send(frame)
  }
}

export type Streams = ReturnType<typeof streams>

type Line = {
  readonly job: string
  readonly states: boolean
  readonly say: (frame: unknown) => void
  readonly end: (error: boolean) => void
  told: number
  at: number
}

const total = ({ inserted, updated, deleted }: Counters): number => inserted + updated + deleted

const zoned = (now: number): string => new Date(now).toISOString().replace('Z', '000+00:00')

function progressFrame({ live, status }: Job, now: number) {
  return {
    ...live,
    skipped: 0,
    entities_encountered: {},
    status: active(status) ? null : status,
    last_update_timestamp: zoned(now),
  }
}

function stateFrame(job: Job, now: number) {
  const counts = { StubEntity: total(job.live) + job.live.kept }
  const common = { job_id: job.id, sync_id: job.connection, total_entities: counts.StubEntity, timestamp: zoned(now) }
  if (active(job.status)) return { type: 'entity_state', ...common, entity_counts: counts, job_status: 'running' }
  return {
    type: 'sync_complete',
    ...common,
    is_complete: job.status === 'completed',
    is_failed: job.status === 'failed',
    final_counts: counts,
    total_operations: total(job.live),
    final_status: job.status,
    error: job.error,
  }
}
