/**
 * The judge of a finished run. Every write carries a value that no other write carries, and says which value it saw and
 * replaced, so what may be gone and what may not is decided by a graph, without knowing how the engine works.
 */

import { descends, type Evidence, type Failure, type Graph, graphOf, recordOf, type Write } from './graph.ts'
import { resurrections, selfConflicts } from './known.ts'

export type { Entry, Evidence, Failure, View, Write } from './graph.ts'
export { doubts } from './known.ts'

export function judge(evidence: Evidence): Failure[] {
  const graph = graphOf(evidence)
  return [
    ...inventions(evidence, graph),
    ...divergence(evidence),
    ...losses(evidence, graph),
    ...resurrections(evidence, graph),
    ...selfConflicts(evidence, graph),
  ]
}

/** I0: nothing exists that nobody wrote. */
function inventions({ server, replicas, inbox }: Evidence, graph: Graph): Failure[] {
  const failures: Failure[] = []
  for (const view of [server, ...replicas])
    for (const [cell, value] of view.cells)
      if (!graph.byValue.has(value)) failures.push({ invariant: 'I0', message: `${view.name}: ${cell} = ${value}` })
  for (const entry of inbox)
    for (const value of [entry.base, entry.local, entry.remote])
      if (typeof value === 'string' && !graph.byValue.has(value))
        failures.push({ invariant: 'I0', message: `inbox of ${entry.by}: ${entry.cell} names ${value}` })
  return failures
}

/** I3: all replicas equal the server, in both directions and in number. */
function divergence({ server, replicas }: Evidence): Failure[] {
  const failures: Failure[] = []
  const differ = (message: string) => failures.push({ invariant: 'I3', message })
  for (const replica of replicas) {
    for (const [cell, value] of replica.cells) {
      if (replica.stopped.has(recordOf(cell))) continue
      const there = server.cells.get(cell)
      if (there !== value) differ(`${replica.name} has ${cell} = ${value}, the server ${there ?? 'nothing'}`)
    }
    for (const [cell, value] of server.cells)
      if (!replica.cells.has(cell) && !replica.stopped.has(recordOf(cell)))
        differ(`${replica.name} misses ${cell}, the server has ${value}`)
    if (replica.stopped.size === 0 && replica.cells.size !== server.cells.size)
      differ(`${replica.name} has ${replica.cells.size} cells, the server ${server.cells.size}`)
  }
  return failures
}

/** I1, I5: an acknowledged write is there, was replaced by somebody who saw it, or lost and is in an inbox. */
function losses(evidence: Evidence, graph: Graph): Failure[] {
  const failures: Failure[] = []
  for (const write of evidence.writes) {
    if (!write.acked || write.excused !== undefined) continue
    if (evidence.unseen.has(`${write.cell} ${write.value ?? `the delete of ${write.over}`}`)) continue
    const name = `${write.value ?? 'the delete'} of ${write.cell} (${write.by}, over ${write.over ?? 'nothing'})`
    if (!graph.covered(write)) {
      const rival = rivalOf(evidence, graph, write)
      failures.push(
        rival === undefined
          ? { invariant: 'I1', message: `${name} is gone without a trace` }
          : { invariant: 'I5', message: `${name} lost against ${rival} and no inbox says so` },
      )
      continue
    }
    if (write.value === null || graph.present.has(write.value)) continue
    if ((graph.over.get(write.value) ?? []).some(graph.covered)) continue
    // Nobody replaced it, so it lost a conflict: how that may end depends on the rule.
    // A file can be kept twice, its place cannot: there the inbox is enough.
    const double = !write.cell.endsWith('#place')
    // A request that came a second time ran over it: what is known of that by then is in the inbox.
    if (evidence.overrun.has(`${write.cell} ${write.value}`)) continue
    if (evidence.rule === 'KEEP_BOTH' && double && !heldFor(evidence, write.value))
      failures.push({ invariant: 'I5', message: `${name} was not kept beside the other one` })
    if (evidence.rule === 'MANUAL' && !heldFor(evidence, write.value) && !overtaken(evidence, graph, write.value))
      failures.push({ invariant: 'I5', message: `${name} lost although only a person may choose` })
  }
  return failures
}

const heldFor = (evidence: Evidence, value: string): boolean =>
  evidence.inbox.some(one => (one.open || one.byUser) && [one.local, one.remote].includes(value))

/**
 * Nothing guarded it, and it was run over: whoever did so was asked, edited their side on, and then the remote went on too.
 * One record can ask one question, which is the newer one; an inbox keeps what was run over.
 */
const overtaken = ({ guarded, inbox }: Evidence, graph: Graph, value: string): boolean =>
  !guarded &&
  inbox.some(({ by, base, local, remote }) => {
    const mine = typeof local === 'string' ? graph.byValue.get(local) : undefined
    return remote === value && mine !== undefined && mine.by === by && mine.over !== base
  })

/** The live value of a cell that did not descend from this write. */
function rivalOf(evidence: Evidence, graph: Graph, write: Write): string | undefined {
  const value = evidence.server.cells.get(write.cell)
  const winner = value === undefined ? undefined : graph.byValue.get(value)
  return winner && winner !== write && winner.by !== write.by && !descends(graph, winner, write) ? value : undefined
}
