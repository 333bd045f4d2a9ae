import { md5 } from '../digest.ts'
import { uuid } from '../uuid.ts'
import { iso } from '../world.ts'
import { ApiError, invalid } from './errors.ts'
import { type Data, type Dataset, dataOf, may, type Run, running, type Server, type User } from './state.ts'

type Body = Readonly<Record<string, unknown>>

export const stamp = (ms: number, server: Server): string =>
  `${iso(ms).slice(0, -1)}000${server.knobs().times === 'zoned' ? '+00:00' : ''}`

export const runningOf = ({ state }: Pick<Server, 'state'>, user: User): Run[] =>
  state.runs.filter(run => run.user === user.id && running(run)).reverse()

/** A run is looked for before anything else is checked: with one under way, even bad ids are answered with that. */
export function start(server: Server, user: User, body: Body): { readonly run: Run; readonly answer: unknown } {
  const asked = ids(body)
  const [busy] = runningOf(server, user)
  if (busy) throw conflict(server, busy)
  if (server.knobs().cloudDown && server.knobs().cloudChecked) {
    throw new ApiError(409, { error: 'Cloud service unavailable.' })
  }
  const datasets = chosen(server, user, asked)
  const most = server.knobs().maxDatasetBytes
  const size = (id: string) => dataOf(server, id).reduce((sum, { bytes }) => sum + bytes.length, 0)
  if (most !== null && datasets.some(({ id }) => size(id) > most)) {
    throw new ApiError(413, { error: 'Dataset too large for current cloud plan.' })
  }
  const run: Run = {
    run_id: uuid(server.world),
    user: user.id,
    datasets: datasets.map(({ id, name }) => ({ id, name })),
    created_at: server.state.time,
    status: 'started',
    progress: 0,
    done: 0,
    next_at: server.state.time + server.knobs().perDataset,
    uploaded: 0,
    downloaded: 0,
  }
  server.state.runs.push(run)
  const answer = {
    run_id: run.run_id,
    status: 'started',
    dataset_ids: run.datasets.map(({ id }) => id),
    dataset_names: run.datasets.map(({ name }) => name),
    message: `Sync operation started in background for ${datasets.length} datasets. Use run_id '${run.run_id}' to track progress.`,
    timestamp: stamp(run.created_at, server),
    user_id: user.id,
  }
  return { run, answer }
}

function ids(body: Body): readonly string[] | undefined {
  const given = body.dataset_ids ?? body.datasetIds
  if (given === undefined || given === null) return undefined
  if (!Array.isArray(given)) throw invalid(['body', 'dataset_ids'], 'Input should be a valid list', 'list_type', body)
  for (const [at, id] of given.entries()) {
    if (typeof id !== 'string' || !/^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i.test(id)) {
      throw invalid(['body', 'dataset_ids', at], 'Input should be a valid UUID', 'uuid_parsing', body)
    }
  }
  return given.length === 0 ? undefined : [...new Set(given as string[])]
}

function chosen(server: Server, user: User, asked: readonly string[] | undefined): Dataset[] {
  const { datasets } = server.state
  const code = server.knobs().refusals === 'code'
  const failed = new ApiError(409, { error: 'Cloud sync operation failed.' })
  const missing = code ? failed : new ApiError(404, { error: 'Dataset not found.' })
  const found = asked
    ? asked.map(id => datasets.get(id.toLowerCase()))
    : [...datasets.values()].filter(one => may(one, user, 'write'))
  if (found.length === 0 || found.some(one => one === undefined)) throw missing
  const all = found as Dataset[]
  if (all.some(one => !may(one, user, 'write'))) {
    throw code ? failed : new ApiError(403, { error: 'Sync permission denied.' })
  }
  return all
}

function conflict(server: Server, run: Run): ApiError {
  return new ApiError(409, {
    error: 'Sync operation already in progress',
    details: {
      run_id: run.run_id,
      status: 'already_running',
      dataset_ids: run.datasets.map(({ id }) => id),
      dataset_names: run.datasets.map(({ name }) => name),
      message: `You have a sync operation already in progress with run_id '${run.run_id}'. Use the status endpoint to monitor it.`,
      timestamp: stamp(run.created_at, server),
      progress_percentage: run.progress,
    },
  })
}

/** The newest run that is under way; what has ended is not told. */
export function overview(server: Server, user: User): unknown {
  const all = runningOf(server, user)
  const [latest] = all
  if (!latest) return { has_running_sync: false, running_sync_count: 0 }
  const names = latest.datasets.map(({ name }) => name)
  const { status } = server.knobs()
  return {
    has_running_sync: true,
    running_sync_count: all.length,
    latest_running_sync: {
      run_id: latest.run_id,
      ...(status !== 'code' && { dataset_name: names[0] }),
      ...(status !== 'documented' && { dataset_ids: latest.datasets.map(({ id }) => id), dataset_names: names }),
      progress_percentage: latest.progress,
      created_at: stamp(latest.created_at, server),
    },
  }
}

/** Lets happen what is due by now, each thing at its time. */
export function advance(server: Server): void {
  const { state, world } = server
  for (;;) {
    const next = state.runs.filter(running).sort((one, other) => one.next_at - other.next_at)[0]
    if (!next || next.next_at > world.now()) break
    state.time = Math.max(state.time, next.next_at)
    step(server, next)
  }
  state.time = Math.max(state.time, world.now())
}

function step(server: Server, run: Run): void {
  const { perDataset } = server.knobs()
  run.status = 'in_progress'
  run.next_at = server.state.time + perDataset
  const dataset = run.datasets[run.done]
  if (dataset !== undefined) {
    // What goes wrong with one dataset is logged and forgotten: the run goes on, and ends well.
    transfer(server, dataset.id, run)
    run.done++
    run.progress = Math.floor((run.done / run.datasets.length) * 80)
  } else if (run.progress < 90) run.progress = 90
  else if (run.progress < 100) run.progress = 100
  else run.status = 'completed'
}

/** A union by content: what one side lacks goes there, and nothing is ever deleted. A dataset that is empty here is skipped. */
function transfer(server: Server, dataset: string, run: Run): void {
  const { state, world } = server
  if (server.knobs().cloudDown || !state.datasets.has(dataset)) return
  const here = dataOf(server, dataset)
  if (here.length === 0) return
  const there = state.cloud.get(dataset) ?? new Map()
  state.cloud.set(dataset, there)
  const hashes = new Set([...there.values()].map(one => one.md5))
  for (const one of here.filter(({ md5 }) => !hashes.has(md5))) {
    if (state.failUploads > 0) {
      state.failUploads--
      return
    }
    there.set(one.id, { md5: one.md5, bytes: one.bytes, name: one.name })
    run.uploaded++
  }
  const known = new Set(here.map(one => one.md5))
  for (const one of [...there.values()].filter(({ md5 }) => !known.has(md5))) {
    const id = uuid(world)
    state.data.set(id, { ...document(one.name, 'txt', 'text/plain', one.bytes), id, dataset, created_at: state.time })
    run.downloaded++
  }
}

export const document = (
  name: string,
  extension: string,
  mime: string,
  bytes: Uint8Array,
): Omit<Data, 'id' | 'dataset' | 'created_at'> => ({ name, extension, mime, bytes, md5: md5(bytes) })
