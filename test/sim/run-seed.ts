/** A seed from its options to its verdict. */

import { createHash } from 'node:crypto'
import { canaryToken } from './canary.ts'
import { hangsOnCut } from './cdf.ts'
import { hearNudges, observe, watch } from './checks.ts'
import { chooseEverything } from './choices.ts'
import { watchEffects } from './effects.ts'
import { type Dump, dump, evidenceOf, sameEverywhere, withoutGhosts, wrongFlags, wrongWaits } from './evidence.ts'
import { befall, calm, crashAt } from './fate.ts'
import type { Family } from './faults.ts'
import { perform } from './ops.ts'
import { doubts, type Failure, judge } from './oracle.ts'
import { type Op, type Options, patienceOf, planOf, stormOf } from './plan.ts'
import { isPull } from './routes.ts'
import { hearSignals } from './signals.ts'
import { addDevice, type Device, type Engine, type Sim, simOf } from './sim.ts'
import { wrongVerdicts } from './verdicts.ts'
import { judgeWork, tellWork, watchWork, workQuiet } from './work/judge.ts'

export interface Outcome {
  readonly failures: readonly Failure[]
  readonly trace: number
  readonly log: readonly string[]
  readonly steps: number
  readonly elapsed: number
  readonly requests: number
  readonly crashes: number
  /** Steps of the first device while users were at work. */
  readonly boundaries: number
  readonly acked: number
  readonly refused: number
  readonly skipped: number
  readonly conflicts: number
  readonly doubts: number
  readonly faults: { readonly [family in Family]: number }
  /** Milliseconds until everything was quiet after the faults ended. */
  readonly quietAfter: number
  readonly print: string
}

export interface RunOptions {
  readonly trace?: boolean
  readonly plan?: readonly Op[]
  /** Crashes the first device before this step of its own. */
  readonly crashAt?: number
}

export async function runSeed(options: Options, engine: Engine, run: RunOptions = {}): Promise<Outcome> {
  const sim = simOf(options, engine, run.trace ?? false)
  const { world } = sim
  const forgetSignals = hearSignals()
  const unhandled = (error: unknown) =>
    world.fail('unhandled', error instanceof Error ? (error.stack ?? error.message) : String(error))
  process.on('unhandledRejection', unhandled)
  try {
    watch(sim)
    hearNudges(sim)
    watchEffects(sim)
    const works = sim.server.work === undefined ? undefined : watchWork(sim, sim.server.work)
    const end = stormOf(options)
    for (const op of run.plan ?? planOf(options)) world.post(sim.fate, op.at, `plan ${op.n}`, () => perform(sim, op))
    befall(sim, end)
    crashAt(sim, run.crashAt, steps => {
      if (world.elapsed() < end) sim.stats.boundaries = steps
    })
    await world.run(end)
    calm(sim)
    if (sim.options.chooses) chooseEverything(sim)
    const from = world.elapsed()
    await settle(sim)
    const quietAfter = world.elapsed() - from
    if (world.failures.length > 0) {
      if (run.trace) await (works === undefined ? dumpAll(sim).then(dumps => tellAll(sim, dumps)) : tellWork(sim))
      return outcome(sim, world.failures, quietAfter)
    }
    if (world.dice('rebuild') < 0.25) {
      addDevice(sim, `d${sim.devices.length + 1}`, 1)
      await settle(sim)
      if (world.failures.length > 0) return outcome(sim, world.failures, quietAfter)
    }
    if (works === undefined) return await verdict(sim, quietAfter)
    const { failures, print } = await judgeWork(sim, works)
    return { ...outcome(sim, failures, quietAfter), print }
  } finally {
    process.off('unhandledRejection', unhandled)
    for (const device of sim.devices) for (const tab of device.tabs) world.crash(tab.owner)
    forgetSignals()
  }
}

/** I12: with everybody up and nothing failing, all is quiet within the time allowed. */
async function settle(sim: Sim): Promise<void> {
  const { world } = sim
  const limit = world.elapsed() + patienceOf(sim.options)
  const lookEvery = sim.server.work === undefined ? 300 : 1500
  for (const device of sim.devices) for (const tab of device.tabs) observe(sim, tab, lookEvery)
  let looked = -1
  let calm = false
  const isQuiet = () => {
    if (looked !== sim.stats.statuses) calm = sim.devices.every(device => quiet(sim, device))
    looked = sim.stats.statuses
    return calm
  }
  await world.run(limit, isQuiet)
  if (world.failures.length > 0) return
  for (const device of sim.devices) {
    if (quiet(sim, device)) continue
    const seen = device.tabs.map(tab => `${tab.name}: ${tab.db ? JSON.stringify(tab.seen) : 'never opened'}`).join('; ')
    world.fail('I12', `${device.name} is not quiet after ${patienceOf(sim.options) / 1000} s (${seen})`)
  }
}

const settled = new Set(['synced', 'needs-user'])

function quiet(sim: Sim, device: Device): boolean {
  if (sim.server.work !== undefined) return workQuiet(sim, sim.server.work, device)
  const changed = sim.server.changedAt
  const pulled = lastPull(sim, device)
  return device.tabs.every(
    ({ owner, seen }) =>
      !sim.busy.has(owner) &&
      seen !== undefined &&
      // What hangs on a question, such as a file in a folder that is asked about, waits with it.
      (seen.open === 0 || (seen.phase === 'needs-user' && seen.stopped > 0)) &&
      settled.has(seen.phase) &&
      pulled !== undefined &&
      pulled.start > changed &&
      seen.at > pulled.end,
  )
}

function lastPull(sim: Sim, device: Device): { start: number; end: number } | undefined {
  const pull = sim.network.sendings.findLast(
    one => one.machine === device.name && isPull(one) && one.status === 200 && one.ended !== undefined,
  )
  return pull && { start: pull.at, end: pull.ended! }
}

/** Everybody stops where they are, and the disks are read. */
function dumpAll(sim: Sim): Promise<Dump[]> {
  for (const device of sim.devices) {
    device.disk.crash(0)
    for (const tab of device.tabs) sim.world.crash(tab.owner)
  }
  return Promise.all(sim.devices.map(device => dump(sim, device)))
}

async function verdict(sim: Sim, quietAfter: number): Promise<Outcome> {
  const dumps = withoutGhosts(sim, await dumpAll(sim))
  // An inbox is a device's own: what was in it is not there to be asked for when its disk is wiped.
  const old = sim.devices.flatMap(device => device.disk.wiped().map(driver => dump(sim, device, driver)))
  // What leads to a node goes with it, and cannot be put back.
  if (sim.options.plant?.cut !== undefined)
    for (const write of sim.history.writes) if (hangsOnCut(write.cell)) write.excused = 'cut'
  const evidence = evidenceOf(sim, dumps, await Promise.all(old))
  if (sim.world.log) tellAll(sim, dumps)
  const failures = [
    ...judge(evidence),
    ...sameEverywhere(sim, dumps),
    ...wrongVerdicts(dumps),
    ...wrongWaits(dumps),
    ...wrongFlags(sim, dumps),
  ]
  for (const { device, text } of dumps)
    if (text.includes(canaryToken))
      failures.push({ invariant: 'I23', message: `the token is on the disk of ${device.name}` })
  for (const [version, count] of Object.entries(sim.server.sandbox.inspect().effects))
    if (count > 1) failures.push({ invariant: 'I4', message: `${version} had ${count} effects` })
  const print = createHash('sha256')
    .update(dumps.map(one => one.text).join())
    .digest('hex')
    .slice(0, 16)
  return {
    ...outcome(sim, failures, quietAfter),
    conflicts: evidence.inbox.length,
    doubts: doubts(evidence).size,
    print,
  }
}

/** What everybody holds in the end, for whoever reads the log. */
function tellAll(sim: Sim, dumps: readonly Dump[]): void {
  const tell = (text: string) => void sim.world.log?.push(text)
  for (const { n, cell, by, value, over, acked } of sim.history.writes)
    tell(`write ${n} by ${by}: ${cell} ${over ?? '-'} -> ${value ?? '-'}${acked ? '' : ' (not acknowledged)'}`)
  for (const [id, row] of sim.server.notes()) tell(`server ${id} ${JSON.stringify(row)}`)
  for (const node of sim.server.nodes()) tell(`server ${JSON.stringify(node)}`)
  for (const { device, content } of dumps)
    for (const [name, rows] of Object.entries(content)) for (const row of rows) tell(`${device.name} ${name} ${row}`)
}

function outcome(sim: Sim, failures: readonly Failure[], quietAfter: number): Outcome {
  const { world, stats, network, faults } = sim
  return {
    failures,
    trace: world.stats.trace,
    log: world.log ?? [],
    steps: world.stats.steps,
    elapsed: world.elapsed(),
    requests: network.sendings.length,
    crashes: stats.crashes,
    boundaries: stats.boundaries,
    acked: stats.acked,
    refused: stats.refused,
    skipped: stats.skipped,
    conflicts: 0,
    doubts: 0,
    faults: faults.counts,
    quietAfter,
    print: '',
  }
}
