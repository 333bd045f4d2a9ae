/**
 * The judge of a finished run. Every write carries a value that no other write carries, and says which value it saw and
 * replaced, so what may be gone and what may not is decided by a graph, without knowing how the engine works.
 */

/** One attempt to write one cell: a record, or a field of one where fields are settled apart. */
export interface Write {
  readonly n: number
  readonly cell: string
  readonly by: string
  /** Unique. For a delete `null`. */
  readonly value: string | null
  /** What the writer saw in the same transaction; `null`: nothing there. */
  over: string | null
  acked: boolean
  /** Why it may be gone all the same: its disk was wiped, or it was refused with a reason that the user can see. */
  excused?: string
}

/** What one replica, or the server, holds at the end. */
export interface View {
  readonly name: string
  readonly cells: ReadonlyMap<string, string>
  /** Records that wait for a person here: they may differ from the server until then. */
  readonly stopped: ReadonlySet<string>
}

/** An entry of an inbox. `null` stands for "deleted"; `undefined` for "not part of this entry". */
export interface Entry {
  readonly by: string
  readonly cell: string
  readonly base: string | null | undefined
  readonly local: string | null | undefined
  readonly remote: string | null | undefined
  /** The record into which the local side went, where both were kept. */
  readonly copy: string | undefined
  readonly open: boolean
  /** Whether a person, not the engine, settled it. */
  readonly byUser: boolean
}

export interface Evidence {
  readonly writes: readonly Write[]
  readonly server: View
  readonly replicas: readonly View[]
  readonly inbox: readonly Entry[]
  /** Whether the server refuses what is based on an old state. */
  readonly guarded: boolean
  /** `cell value` of creations that came a second time, late, to a server that forgets what was deleted. */
  readonly remade: ReadonlySet<string>
  /** `cell value` of what the server had, lost, and had again. */
  readonly shownAgain: ReadonlySet<string>
  /** `cell value` of what was run over at a server that tells its present only, by somebody whom nothing had shown it. */
  readonly unseen: ReadonlySet<string>
  /** Whether the server's log leaves out where things are. */
  readonly nameless: boolean
  /** What its log showed of names and bytes to whoever reads on; of a log that was cut, or says no more than paths: nothing. */
  readonly shown: ReadonlySet<string>
  readonly rule: 'KEEP_BOTH' | 'MANUAL' | 'ONE_WINNER' | 'FIELDS'
  /** Values that a person brought back by settling a conflict. */
  readonly revived: ReadonlySet<string>
}

export interface Failure {
  readonly invariant: string
  readonly message: string
}

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

interface Graph {
  readonly byValue: ReadonlyMap<string, Write>
  /** Who replaced this value, having seen it. */
  readonly over: ReadonlyMap<string, readonly Write[]>
  readonly present: ReadonlySet<string>
  readonly kept: ReadonlySet<string>
  readonly covered: (write: Write) => boolean
  readonly live: (write: Write) => boolean
}

function graphOf({ writes, server, replicas, inbox, rule, unseen }: Evidence): Graph {
  const byValue = new Map<string, Write>()
  const over = new Map<string, Write[]>()
  const deletes = new Map<string, Write[]>()
  for (const write of writes) {
    if (write.value !== null) byValue.set(write.value, write)
    const key = write.over ?? `nothing at ${write.cell}`
    over.set(key, [...(over.get(key) ?? []), write])
    if (write.value === null) deletes.set(write.cell, [...(deletes.get(write.cell) ?? []), write])
  }
  const views = [server, ...replicas]
  const present = new Set(views.flatMap(view => [...view.cells.values()]))
  const kept = new Set(inbox.flatMap(one => [one.base, one.local, one.remote].filter(text => typeof text === 'string')))
  // Edit beats delete where both are to be kept: nothing that was written is lost by that.
  const editBeatsDelete = rule === 'KEEP_BOTH' || rule === 'FIELDS'
  const beaten = (write: Write) => (editBeatsDelete && rivalled(write)) || otherLife(write)
  const keptDeletes = new Set(inbox.filter(one => one.local === null || one.remote === null).map(one => one.cell))
  /** A folder is deleted when what is in it is settled; until then its delete is in the outbox. */
  const waits = ({ by, cell }: Write) =>
    replicas.some(({ name, cells, stopped }) => name === by && stopped.has(recordOf(cell)) && !cells.has(cell))
  const absent = (cell: string) => views.every(view => !view.cells.has(cell))

  /** A delete is about one life of a record: who created it anew without knowing is not in conflict with that. */
  const otherLife = (write: Write): boolean => {
    const now = server.cells.get(write.cell)
    return now !== undefined && rootOf(now) !== rootOf(write.over)
  }
  const rootOf = (value: string | null): string | undefined => {
    let root = value === null ? undefined : byValue.get(value)
    while (root?.over != null) root = byValue.get(root.over)
    return root?.value ?? undefined
  }

  /** Whether somebody who had not seen this delete wrote what is there. */
  const rivalled = (write: Write): boolean => {
    const record = write.cell.split('#')[0]
    return [...server.cells].some(([cell, value]) => cell.split('#')[0] === record && value !== write.over)
  }

  const reach = (settled: (write: Write) => boolean) => {
    const known = new Map<Write, boolean>()
    const test = (write: Write): boolean => {
      const before = known.get(write)
      if (before !== undefined) return before
      known.set(write, false)
      const successors =
        write.value === null
          ? (over.get(`nothing at ${write.cell}`) ?? []).filter(later => later.n > write.n)
          : (over.get(write.value) ?? [])
      const result = settled(write) || successors.some(test)
      known.set(write, result)
      return result
    }
    return test
  }
  const inPlace = (write: Write) => (write.value === null ? absent(write.cell) : present.has(write.value))
  return {
    byValue,
    over,
    present,
    kept,
    live: reach(inPlace),
    covered: reach(
      write =>
        inPlace(write) ||
        write.excused !== undefined ||
        unseen.has(`${write.cell} ${write.value}`) ||
        (write.value === null ? keptDeletes.has(write.cell) || beaten(write) || waits(write) : kept.has(write.value)),
    ),
  }
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

/** A cell is a record, or a part of one behind `#`. */
const recordOf = (cell: string): string => cell.split('#')[0]!

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
    // A creation whose answer was lost, and which somebody deleted since, is made again where no tombstone forbids it.
    const remade = write.value === null && evidence.server.cells.get(write.cell) === write.over
    if (remade && evidence.remade.has(`${write.cell} ${write.over}`)) continue
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

/** I4: a value that somebody replaced knowingly, and whose replacement lives, is not there any more. */
function resurrections(evidence: Evidence, graph: Graph): Failure[] {
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
    if (by && !evidence.guarded && told) continue
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
function selfConflicts({ inbox, revived, guarded, shownAgain }: Evidence, graph: Graph): Failure[] {
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

function descends(graph: Graph, write: Write, from: Write): boolean {
  for (let at: Write | undefined = write; at; at = at.over === null ? undefined : graph.byValue.get(at.over))
    if (at.over !== null && at.over === from.value) return true
  return false
}
