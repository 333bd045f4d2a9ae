/** What every act writes into the history, for the judge. */
import type { Write } from './oracle.ts'
import type { Sim } from './sim.ts'

export const deleted = (sim: Sim, by: string, record: string): void =>
  void sim.history.deletes.push({ by, record, at: sim.world.elapsed() })

/** A body that ran again: its first run wrote nothing. */
export function drop(sim: Sim, writes: readonly Write[]): void {
  for (const write of writes) {
    const at = sim.history.writes.indexOf(write)
    if (at >= 0) sim.history.writes.splice(at, 1)
  }
}

export function acknowledge(sim: Sim, writes: readonly Write[]): void {
  sim.stats.acked += writes.length
  for (const write of writes) write.acked = true
}
