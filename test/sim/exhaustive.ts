/**
 * Crashes at every boundary: a small workload runs once to count the steps of a device, then once for each of them with
 * a crash right before it. `node test/sim/exhaustive.ts --workloads 2 --store memory --remote box`
 */
import { parseArgs } from 'node:util'
import { loadEngine } from './engine.ts'
import { noRates } from './faults.ts'
import { optionsOf, type RemoteKind, type StoreKind, strategies } from './plan.ts'
import { runSeed } from './run-seed.ts'

const { values } = parseArgs({
  options: {
    workloads: { type: 'string', default: '2' },
    from: { type: 'string', default: '0' },
    store: { type: 'string', default: 'memory' },
    remote: { type: 'string', default: 'box' },
    ops: { type: 'string', default: '6' },
    every: { type: 'string', default: '1' },
  },
})
const store = values.store as StoreKind
const engine = await loadEngine([store])
const start = process.cpuUsage()
let runs = 0
let failed = 0

for (let n = Number(values.from); n < Number(values.from) + Number(values.workloads); n++) {
  const strategy = strategies[n % strategies.length]!
  const wish = { store, strategy, remote: values.remote as RemoteKind, devices: 2, tabs: 1, ops: Number(values.ops) }
  const options = { ...optionsOf(`crash-${n}`, wish), rates: noRates }
  const { boundaries, failures } = await runSeed(options, engine)
  for (const one of failures) console.log(`workload ${n} without a crash: ${one.invariant}: ${one.message}`)
  for (let at = 1; at <= boundaries; at += Number(values.every)) {
    runs++
    const outcome = await runSeed(options, engine, { crashAt: at })
    if (outcome.failures.length === 0) continue
    failed++
    if (failed <= 8) {
      console.log(`workload ${n} (${strategy}), crash at ${at} of ${boundaries}:`)
      for (const { invariant, message } of outcome.failures.slice(0, 3)) console.log(`  ${invariant}: ${message}`)
    }
  }
}
const { user, system } = process.cpuUsage(start)
const seconds = (user + system) / 1e6
console.log(`${runs} boundaries in ${seconds.toFixed(1)} CPU-s (${(runs / seconds).toFixed(1)} runs per CPU-s)`)
console.log(`${runs - failed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
