/** What many seeds amount to. */
import { canHappen, type Family, familyNames } from './faults.ts'
import type { StoreKind } from './plan.ts'
import type { Outcome } from './run-seed.ts'

export interface Line extends Omit<Outcome, 'log'> {
  readonly seed: string
  readonly strategy: string
  readonly store: StoreKind
  readonly cpu: number
  readonly again: boolean
  readonly options: string
}

export interface Report {
  readonly add: (line: Line) => void
  readonly failed: () => readonly Line[]
  readonly passed: () => number
  /** The words, and what the run itself did wrong. */
  readonly print: (enough: number) => readonly string[]
}

export function reportOf(): Report {
  const lines: Line[] = []
  const sum = (of: (line: Line) => number) => lines.reduce((total, line) => total + of(line), 0)
  return {
    add: line => void lines.push(line),
    failed: () => lines.filter(line => line.failures.length > 0),
    passed: () => lines.filter(line => line.failures.length === 0).length,
    print(enough) {
      const cpu = sum(line => line.cpu) / 1000
      const slowest = lines.reduce((most, line) => (line.cpu > most.cpu ? line : most), lines[0]!)
      const longest = lines.reduce((most, line) => (line.quietAfter > most.quietAfter ? line : most), lines[0]!)
      const strategies = [...new Set(lines.map(line => line.strategy))].sort()
      const faults = familyNames.map(name => [name, sum(line => line.faults[name])] as const)
      console.log(
        [
          `${lines.length} seeds, ${(sum(line => line.elapsed) / 3_600_000).toFixed(1)} virtual hours, ${sum(line => line.steps)} macrotasks`,
          `${sum(line => line.requests)} requests, ${sum(line => line.crashes)} crashes, ${sum(line => line.acked)} acknowledged writes, ${sum(line => line.refused)} refused, ${sum(line => line.skipped)} skipped (nobody there)`,
          `faults: ${faults.map(([name, count]) => `${name} ${count}`).join(', ')}`,
          `inbox entries: ${strategies.map(name => `${name} ${sum(line => (line.strategy === name ? line.conflicts : 0))}`).join(', ')}; in doubt ${sum(line => line.doubts)}`,
          `determinism re-runs: ${lines.filter(line => line.again).length}`,
          `${cpu.toFixed(1)} CPU-s, ${(lines.length / cpu).toFixed(1)} seeds per CPU-s, ${((sum(line => line.cpu) * 1000) / sum(line => line.steps)).toFixed(1)} µs per macrotask; slowest ${slowest.seed} (${slowest.cpu.toFixed(0)} ms); longest to quiet ${longest.seed} (${(longest.quietAfter / 1000).toFixed(1)} s)`,
        ].join('\n'),
      )
      if (lines.length < enough) return []
      return faults
        .filter(([name, count]) => count === 0 && lines.some(({ store }) => canHappen(name, store)))
        .map(([name]) => `no fault of kind ${name satisfies Family} was injected`)
    },
  }
}
