/** I4: what was replaced by somebody who knew it does not come back, and is no conflict with its own replacement. */
import { descends, type Evidence, type Failure, type Graph, graphOf, recordOf, type Write } from './graph.ts'

/** I4: a value that somebody replaced knowingly, and whose replacement lives, is not there any more. */
export function resurrections(evidence: Evidence, graph: Graph): Failure[] {
  const failures: Failure[] = []
  const doubt = doubts(evidence)
  for (const [cell, value] of evidence.server.cells) {
    if (evidence.revived.has(value) || doubt.has(value)) continue
    // A copy is named after what it is a copy of, whatever became of that name since.
    if (evidence.inbox.some(one => one.copy === recordOf(cell) && one.local === value)) continue
    // A server that says no names in its log cannot tell under which name something was deleted that comes back.
    if (evidence.nameless && cell.endsWith('#place') && cameBack(evidence, graph, cell, value)) continue
    const by = (graph.over.get(value) ?? []).find(
      write =>
        write.value !== null &&
        graph.live(write) &&
        !onTheWayToDelete(evidence, graph, write) &&
        !ofItsCopy(evidence, cell, write) &&
        !broughtBackTwice(evidence, graph, cell, write),
    )
    // Whoever takes anything may take an old sending again, or run over what nobody saw: then an inbox says so.
    const told = evidence.inbox.some(
      one => one.remote === value || one.local === value || (by !== undefined && one.local === by.value),
    )
    if (by && (!evidence.guarded || evidence.mistaken.has(`${cell} ${value}`)) && told) continue
    // What waits for a person waits whole: the parts that do not clash are not there yet either.
    if (by && evidence.rule === 'MANUAL' && asksFor(evidence, graph, cell, by)) continue
    if (by) failures.push({ invariant: 'I4', message: `${cell} = ${value} is back, though ${by.value} replaced it` })
  }
  return failures
}

/** Somebody deleted the record, under this id or under the one that it had before it came back. */
function cameBack({ writes }: Evidence, graph: Graph, cell: string, value: string): boolean {
  const lives = [cell, graph.byValue.get(value)?.cell ?? cell].map(recordOf)
  return writes.some(write => write.value === null && lives.includes(recordOf(write.cell)))
}

/** A copy has the name of what it is a copy of: giving it another one renames nothing else. */
function ofItsCopy({ inbox }: Evidence, cell: string, write: Write): boolean {
  if (!cell.endsWith('#place')) return false
  const madeOf = (copy: string) => inbox.find(one => one.copy === copy && recordOf(one.cell) !== copy)
  let made = madeOf(recordOf(write.cell))
  for (let hops = 0; made !== undefined && hops < inbox.length; hops++) {
    if (recordOf(made.cell) === recordOf(cell)) return true
    made = madeOf(recordOf(made.cell))
  }
  return false
}

/** An open question whose local side has this write, or what came of it. */
function asksFor({ inbox }: Evidence, graph: Graph, cell: string, by: Write): boolean {
  return inbox.some(one => {
    if (!one.open || one.cell !== cell || typeof one.local !== 'string') return false
    const local = graph.byValue.get(one.local)
    return local !== undefined && (local === by || descends(graph, local, by))
  })
}

/** What a device replaced before its delete went out was never there for others: the delete is what they answered. */
function onTheWayToDelete({ shown }: Pick<Evidence, 'shown'>, graph: Graph, write: Write): boolean {
  if (write.value === null) return true
  return (
    !shown.has(write.value) &&
    (graph.over.get(write.value) ?? []).some(next => onTheWayToDelete({ shown }, graph, next))
  )
}

/**
 * Two who changed different parts of a file that a third deleted bring it back apart, each with its own part new: what is
 * deleted cannot be written to, so each has another id, and neither was shown the other (decision 5).
 */
function broughtBackTwice({ writes, server }: Evidence, graph: Graph, cell: string, by: Write): boolean {
  const [here, first] = [recordOf(cell), recordOf(by.cell)]
  if (here === first || !writes.some(write => write.value === null && recordOf(write.cell) === first)) return false
  const written = [...server.cells].map(([at, value]) => [recordOf(at), graph.byValue.get(value)] as const)
  const another = written.some(([at, write]) => at === here && write && write.over !== null && write.by !== by.by)
  const its = written.some(
    ([at, write]) => at !== here && at !== first && write && (write === by || descends(graph, write, by)),
  )
  return another && its
}

/** I4: whoever had seen the other side is not in conflict with it. */
export function selfConflicts({ inbox, revived, guarded, shownAgain }: Evidence, graph: Graph): Failure[] {
  const failures: Failure[] = []
  for (const { by, cell, base, local, remote } of inbox) {
    if (typeof local !== 'string' || typeof remote !== 'string' || revived.has(local) || revived.has(remote)) continue
    // Where nothing is guarded, what was replaced may be put there again: that is in doubt, and recorded.
    if (!guarded && shownAgain.has(`${cell} ${remote}`)) continue
    // A field that one side only changed is in the entry beside those that clash.
    if (base === local || base === remote) continue
    const [mine, theirs] = [graph.byValue.get(local), graph.byValue.get(remote)]
    // A question about what was run over goes on with what is there now: another's, who may have seen all of it.
    if (!guarded && mine?.by !== by) continue
    if (mine && theirs && descends(graph, mine, theirs))
      failures.push({ invariant: 'I4', message: `inbox of ${by}: ${cell}: ${local} had replaced ${remote} knowingly` })
  }
  return failures
}

/**
 * Conflicts in which the remote side had seen the local one: our own change arrived, its answer was lost, and somebody
 * went on from there before we looked. A remote that only shows its present cannot tell us: doubt is recorded (I4).
 */
export function doubts(evidence: Evidence): ReadonlySet<string> {
  const graph = graphOf(evidence)
  const found = new Set<string>()
  for (const { local, remote } of evidence.inbox) {
    if (typeof local !== 'string' || typeof remote !== 'string') continue
    const [mine, theirs] = [graph.byValue.get(local), graph.byValue.get(remote)]
    if (mine && theirs && descends(graph, theirs, mine)) found.add(local)
  }
  return found
}
