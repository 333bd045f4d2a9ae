/**
 * The simulator's command line.
 *
 *   node test/sim/run.ts --seeds 500 --from 0 --store memory|indexeddb|both --strategy KEEP_BOTH --devices 2 --jobs 2
 *   node test/sim/run.ts --seed 17 --trace          one seed with its log
 *   node test/sim/run.ts --seed 17 --shrink         the smallest failure like it
 */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { plantWith } from './cdf.ts'
import { loadEngine } from './engine.ts'
import { type Family, familyNames } from './faults.ts'
import { breakOnPurpose } from './mutants.ts'
import {
  describe,
  type Op,
  optionsOf,
  type RemoteKind,
  remotes,
  type StoreKind,
  type StrategyName,
  strategies,
  type Wish,
} from './plan.ts'
import { type Line, reportOf } from './report.ts'
import { runSeed } from './run-seed.ts'
import { shrink } from './shrink.ts'
import type { Engine } from './sim.ts'

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '200' },
    from: { type: 'string', default: '0' },
    seed: { type: 'string' },
    store: { type: 'string', default: 'memory' },
    strategy: { type: 'string' },
    remote: { type: 'string' },
    devices: { type: 'string' },
    tabs: { type: 'string' },
    ops: { type: 'string' },
    tree: { type: 'string' },
    settled: { type: 'string' },
    chooses: { type: 'boolean' },
    plant: { type: 'string' },
    without: { type: 'string' },
    stress: { type: 'string' },
    jobs: { type: 'string', default: '1' },
    mutant: { type: 'string' },
    trace: { type: 'boolean', default: false },
    shrink: { type: 'boolean', default: false },
    stop: { type: 'boolean', default: false },
    worker: { type: 'string' },
  },
})
for (const name of Object.keys(process.env))
  if (name.startsWith('SIM_')) throw new Error(`${name} means nothing here: the simulator takes arguments only.`)
if (values.strategy !== undefined && !strategies.includes(values.strategy as StrategyName))
  throw new Error(`There is no strategy ${values.strategy}: use ${strategies.join(', ')}.`)
if (values.remote !== undefined && !remotes.includes(values.remote as RemoteKind))
  throw new Error(`There is no remote ${values.remote}: use ${remotes.join(', ')}.`)
const [without, stressed] = [values.without, values.stress].map(text => (text?.split(',') ?? []) as Family[])
for (const family of [...without!, ...stressed!])
  if (!familyNames.includes(family))
    throw new Error(`There is no fault family ${family}: use ${familyNames.join(', ')}.`)

const wishFor = (store: StoreKind): Wish => ({
  store,
  ...(values.strategy !== undefined && { strategy: values.strategy as StrategyName }),
  ...(values.remote !== undefined && { remote: values.remote as RemoteKind }),
  ...(values.devices !== undefined && { devices: Number(values.devices) }),
  ...(values.tabs !== undefined && { tabs: Number(values.tabs) }),
  ...(values.ops !== undefined && { ops: Number(values.ops) }),
  ...(values.tree !== undefined && { tree: values.tree === 'true' }),
  ...(values.settled === 'server' && { settled: 'server' as const }),
  ...(values.chooses && { chooses: true as const, tree: true }),
  ...(values.plant !== undefined && { plant: plantWith(values.plant.split(',')) }),
  without: without!,
  stressed: stressed!,
})

function replay(seed: string, store: string, more = ''): string {
  const kept = [
    'strategy',
    'remote',
    'devices',
    'tabs',
    'ops',
    'tree',
    'settled',
    'plant',
    'without',
    'stress',
    'mutant',
  ] as const
  const flags = kept.flatMap(name => (values[name] === undefined ? [] : [`--${name} ${values[name]}`]))
  if (values.chooses) flags.push('--chooses')
  return ['node test/sim/run.ts --seed', seed, '--store', store, ...flags, more].filter(Boolean).join(' ')
}

const cpuNow = (): number => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

/** One seed, run again now and then: it must do the very same thing. */
async function runOne(seed: number, store: StoreKind, engine: Engine): Promise<Line> {
  const options = optionsOf(String(seed), wishFor(store))
  const before = cpuNow()
  const { log: _, ...outcome } = await runSeed(options, engine)
  const cpu = cpuNow() - before
  const failures = [...outcome.failures]
  const again = seed % 50 === 0
  if (again) {
    const second = await runSeed(options, engine)
    if (second.trace !== outcome.trace || second.print !== outcome.print)
      failures.push({
        invariant: 'determinism',
        message: `traces ${outcome.trace} and ${second.trace} of one seed differ`,
      })
  }
  const { strategy } = options
  return { ...outcome, failures, seed: String(seed), strategy, store, cpu, again, options: describe(options) }
}

const stores: StoreKind[] = values.store === 'both' ? ['memory', 'indexeddb'] : [values.store as StoreKind]

async function worker(part: number, parts: number, tell: (line: Line) => void): Promise<void> {
  const engine = await loadEngine(stores)
  const first = Number(values.from)
  for (let seed = first + part; seed < first + Number(values.seeds); seed += parts)
    for (const store of stores) {
      const line = await runOne(seed, store, engine)
      tell(line)
      if (values.stop && line.failures.length > 0) return
    }
}

async function many(): Promise<void> {
  const report = reportOf()
  const hear = (line: Line) => {
    report.add(line)
    if (line.failures.length > 0 && report.failed().length <= 12) tellFailure(line)
  }
  const jobs = Number(values.jobs)
  if (jobs === 1) await worker(0, 1, hear)
  else await Promise.all(Array.from({ length: jobs }, (_, part) => child(part, jobs, hear)))
  const everything = values.remote === undefined && values.without === undefined
  const wrong = report.print(everything ? 500 : Number.POSITIVE_INFINITY)
  for (const line of wrong) console.log(`FAILED: ${line}`)
  const failed = report.failed().length
  console.log(`${report.passed()} passed, ${failed + wrong.length} failed`)
  process.exitCode = failed + wrong.length === 0 ? 0 : 1
}

function tellFailure(line: Line): void {
  console.log(`\nFAILED ${line.store} ${line.options}`)
  for (const { invariant, message } of line.failures.slice(0, 4)) console.log(`  ${invariant}: ${message}`)
  console.log(`  replay: ${replay(line.seed, line.store, '--trace')}`)
}

function child(part: number, parts: number, hear: (line: Line) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const args = [...process.execArgv, ...process.argv.slice(1), '--worker', `${part}/${parts}`]
    const run = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    createInterface({ input: run.stdout }).on('line', text => {
      if (text.startsWith('{')) hear(JSON.parse(text) as Line)
      else console.log(text)
    })
    run.on('exit', code => (code === 0 ? resolve() : reject(new Error(`a worker ended with ${code}`))))
  })
}

async function one(seed: string): Promise<void> {
  const engine = await loadEngine(stores)
  for (const store of stores) {
    const options = optionsOf(seed, wishFor(store))
    console.log(describe(options))
    const outcome = await runSeed(options, engine, { trace: values.trace })
    for (const line of outcome.log) console.log(line)
    for (const { invariant, message } of outcome.failures) console.log(`${invariant}: ${message}`)
    const [first] = outcome.failures
    if (first && values.shrink) {
      const small = await shrink(seed, wishFor(store), engine, first.invariant, 30_000)
      console.log(
        `\nsmallest found: ${describe(small.options)}\n${small.plan.map(line).join('\n')}\n${first.invariant}: ${small.message}`,
      )
      if (values.trace) {
        const again = await runSeed(small.options, engine, { plan: small.plan, trace: true })
        for (const text of again.log) console.log(text)
      }
    }
    console.log(
      `${outcome.steps} macrotasks, ${outcome.requests} requests, trace ${outcome.trace}, quiet after ${(outcome.quietAfter / 1000).toFixed(1)} s`,
    )
    console.log(outcome.failures.length === 0 ? '1 passed, 0 failed' : '0 passed, 1 failed')
    if (outcome.failures.length > 0) process.exitCode = 1
  }
}

const line = (op: Op): string =>
  `  ${op.at.toFixed(0).padStart(6)} ms d${op.device + 1}${'ab'[op.tab]} ${op.kind} (op ${op.n}, dice ${op.dice.map(n => n.toFixed(2)).join(' ')})`

if (values.mutant !== undefined) breakOnPurpose(values.mutant)
if (values.seed !== undefined) await one(values.seed)
else if (values.worker !== undefined) {
  const [part, parts] = values.worker.split('/').map(Number)
  await worker(part!, parts!, found => console.log(JSON.stringify(found)))
} else await many()
