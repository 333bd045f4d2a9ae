import { uuid } from '../uuid.ts'
import { nextRun } from './cron.ts'
import { ApiError, cannotNow, notFound } from './errors.ts'
import { active, type JobStatus, mustFollow } from './machine.ts'
import { planned } from './source.ts'
import { type Connection, type Job, none, type Server } from './state.ts'

const MINUTE = 60_000
const STUCK_IN_BETWEEN = 3 * MINUTE
const STUCK_RUNNING = 15 * MINUTE

export const jobsOf = ({ state }: Pick<Server, 'state'>, connection: string): Job[] =>
  state.jobs.filter(job => job.connection === connection)

export const activeJob = (server: Pick<Server, 'state'>, connection: string): Job | undefined =>
  jobsOf(server, connection).findLast(({ status }) => active(status))

/** A job that somebody asks for: one at a time. */
export function request(server: Server, connection: Connection, force: boolean): Job {
  if (connection.paused) throw new ApiError(409, 'Cannot trigger sync: sync is paused')
  const running = activeJob(server, connection.id)
  if (running) {
    const which = running.status === 'pending' ? 'pending' : 'running'
    throw cannotNow(`Cannot start new sync: a sync job is already ${which}`, server.knobs())
  }
  return start(server, connection, force, 'client')
}

export function start(server: Server, connection: Connection, force: boolean, by: Job['by']): Job {
  const { state, knobs } = server
  const job: Job = {
    id: uuid(server.world),
    connection: connection.id,
    force,
    by,
    created_at: state.time,
    status: 'pending',
    started_at: null,
    completed_at: null,
    touched_at: state.time,
    next_at: connection.stuck === 'pending' ? Number.POSITIVE_INFINITY : state.time + knobs().startAfter,
    steps: [],
    done: 0,
    cursor: null,
    fate: undefined,
    live: none(),
    told: none(),
    error: null,
    error_category: null,
  }
  state.jobs.push(job)
  return job
}

export function cancel(server: Server, id: string): Job {
  const job = server.state.jobs.find(one => one.id === id)
  if (!job) throw notFound('Sync job not found')
  if (job.status !== 'pending' && job.status !== 'running') {
    throw cannotNow(`Cannot cancel job in ${job.status} state`, server.knobs())
  }
  if (job.status === 'pending') become(server, job, 'cancelled')
  else {
    become(server, job, 'cancelling')
    const stuck = server.state.connections.get(job.connection)?.stuck === 'cancelling'
    job.next_at = stuck ? Number.POSITIVE_INFINITY : server.state.time + server.knobs().cancelAfter
  }
  return job
}

/** Lets everything happen that is due by now, each thing at its time. */
export function advance(server: Server): void {
  const { state, world } = server
  for (;;) {
    const due = nextEvent(server)
    if (!due || due.at > world.now()) break
    state.time = Math.max(state.time, due.at)
    due.happen()
  }
  state.time = Math.max(state.time, world.now())
}

type Due = { readonly at: number; readonly happen: () => void }

function nextEvent(server: Server): Due | undefined {
  let first: Due | undefined
  const consider = (at: number, happen: () => void) => {
    if (first === undefined || at < first.at) first = { at, happen }
  }
  for (const job of server.state.jobs) {
    if (!active(job.status)) continue
    consider(job.next_at, () => step(server, job))
    const patience = job.status === 'running' ? STUCK_RUNNING : STUCK_IN_BETWEEN
    consider(job.touched_at + patience + 1, () => sweep(server, job))
  }
  if (server.knobs().schedules) {
    for (const connection of server.state.connections.values()) {
      if (connection.next_run !== null) consider(connection.next_run, () => scheduled(server, connection))
    }
  }
  return first
}

function scheduled(server: Server, connection: Connection): void {
  connection.next_run = nextRun(connection.cron ?? '', server.state.time) ?? null
  if (!connection.paused && !activeJob(server, connection.id)) start(server, connection, false, 'schedule')
}

function step(server: Server, job: Job): void {
  const connection = server.state.connections.get(job.connection)
  const { fate, done, steps } = job
  if (connection === undefined || job.status === 'cancelling') become(server, job, 'cancelled')
  else if (job.status === 'pending') begin(server, job, connection)
  else if (fate && done >= Math.min(fate.after ?? 0, steps.length)) fail(server, job, connection)
  else if (done >= steps.length) complete(server, job, connection)
  else perform(server, job, connection)
}

function begin(server: Server, job: Job, connection: Connection): void {
  become(server, job, 'running')
  job.started_at = server.state.time
  job.steps = planned(connection, job.force)
  job.cursor = connection.source.seq
  job.fate = connection.fates.shift()
  server.publish(job)
  next(server, job, connection)
}

function next(server: Server, job: Job, { stuck }: Connection): void {
  job.touched_at = server.state.time
  job.next_at = stuck === 'running' ? Number.POSITIVE_INFINITY : server.state.time + server.knobs().perEntity
}

/** One entity, stored at once: what a cancelled or failed job has done stays. */
function perform(server: Server, job: Job, connection: Connection): void {
  const { stored } = connection
  const one = job.steps[job.done++]!
  if (one.do === 'skip') job.live.skipped++
  else if (one.do === 'delete') {
    stored.delete(one.id)
    job.live.deleted++
  } else if (one.do === 'keep') job.live.kept++
  else {
    stored.set(one.entity.id, { entity: one.entity, hash: one.hash, job: job.id, at: server.state.time })
    if (one.do === 'insert') job.live.inserted++
    else job.live.updated++
  }
  server.publish(job)
  next(server, job, connection)
}

function complete(server: Server, job: Job, connection: Connection): void {
  connection.cursor = job.cursor
  job.told = { ...job.live }
  become(server, job, 'completed')
}

function fail(server: Server, job: Job, connection: Connection): void {
  const { error, category } = job.fate!
  job.told = { ...job.live }
  job.error = error
  job.error_category = category ?? null
  if (category) connection.paused = true
  become(server, job, 'failed')
}

function sweep(server: Server, job: Job): void {
  job.error =
    job.status === 'running'
      ? 'Timed out by cleanup job (no activity for 15+ minutes)'
      : 'Cancelled by cleanup job (stuck in transitional state)'
  become(server, job, 'cancelled')
}

function become(server: Server, job: Job, status: JobStatus): void {
  mustFollow(job.status, status)
  job.status = status
  job.touched_at = server.state.time
  // A failed one never says when: only its status tells that it is over.
  if (status === 'completed' || status === 'cancelled') job.completed_at = server.state.time
  if (!active(status)) job.next_at = Number.POSITIVE_INFINITY
  server.publish(job)
}
