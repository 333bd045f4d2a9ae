/**
 * The judge of jobs. It goes by what the server knows of its runs and by what passed over the wire, and looks at the
 * disks for what users are shown.
 */
import { createHash } from 'node:crypto'
import { canaryToken } from '../canary.ts'
import { contentOf } from '../evidence.ts'
import type { Sending } from '../network.ts'
import type { Failure } from '../oracle.ts'
import type { Device, Sim } from '../sim.ts'
import { unwantedOf, wishesOf } from './ops.ts'
import type { JobSeen, Run, Work } from './work.ts'

/** A run that a request of a device began; a request that the network repeats is not the device's doing. */
interface Start {
  readonly run: Run
  readonly by: string
  readonly at: number
}

export interface Watched {
  readonly work: Work
  readonly starts: readonly Start[]
  /** By device: the runs that it told the server to end. */
  readonly cancels: ReadonlyMap<string, ReadonlySet<string>>
  /** By device and job: the job when it was last put down as ended, and when that was. */
  readonly ends: ReadonlyMap<string, { readonly at: number; readonly job: JobSeen }>
}

const BEAT = 1000
/** Requests of a device in a minute, at most. */
const MOST = 900
const asked = new WeakMap<Sim, { changedAt: number; print: string; look(): void }>()

export function watchWork(sim: Sim, work: Work): Watched {
  const { world, network } = sim
  const starts: Start[] = []
  const cancels = new Map<string, Set<string>>()
  const ends = new Map<string, { readonly at: number; readonly job: JobSeen }>()
  const arrived = new WeakSet<Sending>()
  const look = () => {
    const print = printOf(work)
    if (print !== state.print) Object.assign(state, { print, changedAt: world.elapsed() })
  }
  const state = { changedAt: 0, print: '', look }
  asked.set(sim, state)

  const beat = () => {
    work.tick()
    look()
    world.post(server, BEAT, 'beat', beat)
  }
  const server = world.owner('server')
  world.post(server, 0, 'beat', beat)

  network.onArrival.push(sending => {
    const done = work.arrives(sending)
    const before = work.runs().length
    const first = !arrived.has(sending)
    arrived.add(sending)
    const { machine: by } = sending
    return () => {
      done()
      if (sending.method !== 'GET') look()
      const cancelled = work.cancels(sending)
      if (cancelled !== undefined) cancels.set(by, (cancels.get(by) ?? new Set()).add(cancelled))
      if (!work.starts(sending) || !first) return
      for (const run of work.runs().slice(before)) starts.push({ run, by, at: sending.at })
    }
  })

  sim.deeds.push((device, { put }) => {
    for (const { space, row } of put) {
      const job = row as unknown as JobSeen
      if (space === 'jobs' && job.endedAt !== undefined)
        ends.set(`${device.name} ${job.id}`, { at: world.elapsed(), job })
    }
  })

  storms(sim, work)
  return { work, starts, cancels, ends }
}

const printOf = (work: Work): string =>
  JSON.stringify(Object.entries(work.expected()).map(([name, rows]) => [name, [...rows].sort()]))

/** I14: one request for a run at a time, none before the time that the server said, and never too many in all. */
function storms({ world, network }: Sim, work: Work): void {
  const recent = new Map<string, number[]>()
  let seen = 0
  world.after.push(() => {
    for (; seen < network.sendings.length; seen++) {
      const sending = network.sendings[seen]!
      const { machine, at, owner } = sending
      const times = recent.get(machine) ?? []
      recent.set(machine, times)
      times.push(at)
      while (times[0]! < at - 60_000) times.shift()
      if (times.length > MOST) world.fail('I14', `${machine} made ${times.length} requests in a minute`)
      if (!work.concerns(sending)) continue
      const told = network.sendings.findLast(
        one => one.owner === owner && one.notBefore !== undefined && work.concerns(one),
      )
      if (told !== undefined && at < told.notBefore! - 1)
        world.fail(
          'I14',
          `${owner.name} asks ${sending.url.pathname} at ${at}, and was told to wait until ${told.notBefore}`,
        )
      if (!work.starts(sending)) continue
      const mine = network.inFlight(machine).filter(one => one.owner === owner && work.starts(one))
      if (mine.length > 1) world.fail('I14', `${owner.name} asks for ${mine.length} runs at once`)
    }
  })
}

/** Everything has ended, and the device has looked at the server since something changed there, and found the end. */
export function workQuiet(sim: Sim, work: Work, { name, tabs }: Device): boolean {
  if (work.runs().some(({ endedAt, forgotten }) => endedAt === undefined && !forgotten)) return false
  const state = asked.get(sim)!
  state.look() // a run may have ended since the last beat, as a question made the server see to it
  const { changedAt } = state
  const looks = sim.network.sendings.filter(
    one => one.machine === name && one.at > changedAt && work.looks(one) && one.heard,
  )
  // The second one begins when the first is at its end.
  const from = looks[1]?.ended
  return (
    from !== undefined &&
    tabs.every(
      ({ seen }) =>
        seen !== undefined &&
        seen.works === 0 &&
        (seen.phase === 'synced' ? seen.open === 0 : seen.phase === 'needs-user' && seen.open === 0) &&
        seen.at > from,
    )
  )
}

export async function judgeWork(sim: Sim, watched: Watched): Promise<{ failures: Failure[]; print: string }> {
  if (sim.world.log) await tellWork(sim)
  const failures: Failure[] = []
  const fail = (invariant: string, message: string) => void failures.push({ invariant, message })
  const texts: string[] = []
  const held = new Set<string>()
  for (const device of sim.devices) {
    stop(sim, device)
    const { records, rows } = await contentOf(sim, device.disk.plain())
    const jobs = jobsOf(
      watched,
      device,
      rows.jobs!.map(({ row }) => row as unknown as JobSeen),
    )
    for (const { row } of rows.outbox!) {
      const { value, base } = row as { value?: { sha256?: string } | null; base?: { value?: { sha256?: string } } }
      for (const one of [value?.sha256, base?.value?.sha256]) if (one !== undefined) held.add(one)
    }
    once(sim, watched, device, jobs, fail)
    honest(sim, watched, device, jobs, fail)
    same(watched.work, device, records, held, fail)
    const text = JSON.stringify({ records, rows }, plainly)
    if (text.includes(canaryToken)) fail('I23', `the token is on the disk of ${device.name}`)
    texts.push(text)
  }
  const wipedAt = (name: string) => sim.devices.find(one => one.name === name)?.wipedAt
  const wiped = (device: string, at: number) => (wipedAt(device) ?? -1) >= at
  for (const { invariant, message } of watched.work.misplaced(wiped, held)) fail(invariant, message)
  return { failures, print: createHash('sha256').update(texts.join()).digest('hex').slice(0, 16) }
}

/** With those that ended and are forgotten since: a clock that is set ahead makes them old. */
function jobsOf({ ends }: Watched, { name, wipedAt = -1 }: Device, there: readonly JobSeen[]): readonly JobSeen[] {
  const forgotten = [...ends]
    .filter(([key, { at }]) => key.startsWith(`${name} `) && at > wipedAt)
    .map(([, { job }]) => job)
    .filter(({ id }) => !there.some(one => one.id === id))
  return [...there, ...forgotten]
}

/** I1, I32: what was asked for is here, has ended, and began once. */
function once(
  sim: Sim,
  { work, starts, cancels }: Watched,
  { name, wipedAt = -1 }: Device,
  jobs: readonly JobSeen[],
  fail: (invariant: string, message: string) => void,
): void {
  const wishes = wishesOf(sim).filter(one => one.by === name && one.at > wipedAt)
  const byId = new Map(jobs.map(one => [one.id, one]))
  for (const { id } of wishes) if (!byId.has(id)) fail('I1', `${name}: job ${id} was asked for and is not there`)
  for (const { id, endedAt } of jobs) if (endedAt === undefined) fail('I12', `${name}: job ${id} has not ended`)
  for (const { run, by, at } of starts) {
    if (by !== name || at <= wipedAt) continue
    if (jobs.some(({ job }) => job === run.id) || work.strayed(run, name, jobs)) continue
    fail('I32', `${name} began run ${run.n} (${run.id}), which is no job there`)
  }
  // What was there already may be the answer to many; what was begun for one is not another's.
  for (const one of jobs) {
    if (one.job === undefined || one.joined || one.asked === undefined) continue
    const other = jobs.find(it => it.id > one.id && it.job === one.job && !it.joined)
    if (other !== undefined && !work.strayed(runOf(work, one.job)!, name, jobs))
      fail('I32', `${name}: run ${one.job} is the answer to ${one.id} and to ${other.id}`)
  }
  for (const run of cancels.get(name) ?? []) {
    const meant = jobs.some(({ job, cancel }) => job === run && cancel !== undefined)
    if (!meant && wipedAt < 0) fail('I32', `${name} cancelled run ${run}, which nobody there wanted`)
  }
}

const runOf = (work: Work, id: string): Run | undefined => work.runs().find(run => run.id === id)

const refusals: ReadonlySet<number> = new Set([400, 403, 404, 409, 413, 422])

/** I33: how a job ended is how it really ended; without a run, the server said no. */
function honest(
  sim: Sim,
  { work, ends, cancels }: Watched,
  { name }: Device,
  jobs: readonly JobSeen[],
  fail: (invariant: string, message: string) => void,
): void {
  const refused = sim.network.sendings.some(
    one => one.machine === name && work.concerns(one) && refusals.has(one.told ?? 0),
  )
  for (const one of jobs) {
    if (one.job === undefined && one.report.state === 'failed' && !refused)
      fail('I33', `${name}: job ${one.id} says ${JSON.stringify(one.report)}, and nobody refused it`)
    if (one.cancel === 'sent' && !cancels.get(name)?.has(one.job ?? ''))
      fail('I33', `${name}: job ${one.id} says that the server was told to end it, and it was not`)
    const run = one.job === undefined ? undefined : runOf(work, one.job)
    const ended = ends.get(`${name} ${one.id}`)?.at ?? 0
    const unwanted = unwantedOf(sim).has(one.id)
    const really = work.lie({ ...one, ...(unwanted && { cancel: 'wished' }) }, run, ended)
    if (really !== undefined) fail('I33', `${name}: job ${one.id} says ${JSON.stringify(one.report)}, really ${really}`)
    const good = one.report.state === 'done' || one.report.state === 'partial'
    if (one.request.forceFullSync === true && run !== undefined && !run.force && good)
      fail('I33', `${name}: job ${one.id} forces, and run ${run.id} does not`)
  }
}

/** I3: what is here is what is there. */
function same(
  work: Work,
  { name }: Device,
  records: Awaited<ReturnType<typeof contentOf>>['records'],
  held: ReadonlySet<string>,
  fail: (invariant: string, message: string) => void,
): void {
  for (const [collection, there] of Object.entries(work.expected())) {
    const alive = records[collection]!.filter(({ value }) => value !== null)
    const here = new Map(alive.map(row => [row.id, work.told(collection, row)]))
    for (const [id, text] of there)
      if (here.get(id) !== text && !(collection === 'documents' && held.has(text.split(' ').at(-1)!)))
        fail('I3', `${name}: ${collection} ${id} is ${here.get(id)}, there ${text}`)
    if (work.keeps(collection)) continue
    for (const row of alive)
      if (!there.has(row.id) && !held.has(String(row.value?.sha256)))
        fail('I3', `${name}: ${collection} ${row.id} is ${here.get(row.id)}, and not there`)
  }
}

const plainly = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? `${value}n` : value)

function stop(sim: Sim, device: Device): void {
  device.disk.crash(0)
  for (const tab of device.tabs) sim.world.crash(tab.owner)
}

/** What everybody holds in the end, for whoever reads the log. */
export async function tellWork(sim: Sim): Promise<void> {
  const tell = (text: string) => void sim.world.log?.push(text)
  for (const { id, by, at } of wishesOf(sim)) tell(`wish ${id} of ${by} at ${at.toFixed(0)}`)
  for (const one of [...(sim.server.work?.items ?? []), ...(sim.server.work?.drops ?? [])]) tell(JSON.stringify(one))
  for (const run of sim.server.work?.runs() ?? []) tell(`server ${JSON.stringify(run)}`)
  for (const device of sim.devices) {
    stop(sim, device)
    const { records, rows } = await contentOf(sim, device.disk.plain())
    for (const [name, list] of Object.entries({ ...records, ...rows }))
      for (const row of list) tell(`${device.name} ${name} ${JSON.stringify(row, plainly)}`)
  }
}
