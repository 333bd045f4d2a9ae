/** What was written, over what, and what was there in the end: the evidence of a run as a graph of overwrites. */

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
  /** `cell value` of what was run over on an old version, which a life since counts anew, by somebody whom nothing had shown it. */
  readonly mistaken: ReadonlySet<string>
  /** `cell value` of what was deleted, and followed there by what somebody else made without knowing of it. */
  readonly relived: ReadonlySet<string>
  /** `cell value` of what a request ran over that came a second time, where nothing is guarded and a log tells of it. */
  readonly overrun: ReadonlySet<string>
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

export interface Graph {
  readonly byValue: ReadonlyMap<string, Write>
  /** Who replaced this value, having seen it. */
  readonly over: ReadonlyMap<string, readonly Write[]>
  readonly present: ReadonlySet<string>
  readonly kept: ReadonlySet<string>
  readonly covered: (write: Write) => boolean
  readonly live: (write: Write) => boolean
}

export function graphOf({ writes, server, replicas, inbox, rule, unseen, relived, remade }: Evidence): Graph {
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
    for (let was = write.over; was !== null; was = byValue.get(was)?.over ?? null)
      if (relived.has(`${write.cell} ${was}`)) return true
    const now = server.cells.get(write.cell)
    return now !== undefined && rootOf(now) !== rootOf(write.over)
  }
  const rootOf = (value: string | null): string | undefined => {
    let root = value === null ? undefined : byValue.get(value)
    while (root?.over != null) root = byValue.get(root.over)
    return root?.value ?? undefined
  }

  /**
   * A creation whose answer was lost, and which somebody deleted since, is made again where no tombstone forbids it. Who
   * deleted it may have edited it before, which went out together.
   */
  const madeAgain = (write: Write): boolean => {
    const now = server.cells.get(write.cell)
    const goesOn = (from: string) => now === from || (now !== undefined && descendsFrom(now, from))
    for (let was = write.over; was !== null; ) {
      if (remade.has(`${write.cell} ${was}`) && goesOn(was)) return true
      const before = byValue.get(was)
      if (before === undefined || before.by !== write.by) return false
      was = before.over
    }
    return false
  }
  const descendsFrom = (value: string, from: string): boolean => {
    for (let at = byValue.get(value); at?.over != null; at = byValue.get(at.over)) if (at.over === from) return true
    return false
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
        (write.value === null
          ? keptDeletes.has(write.cell) || beaten(write) || waits(write) || madeAgain(write)
          : kept.has(write.value)),
    ),
  }
}

/** A cell is a record, or a part of one behind `#`. */
export const recordOf = (cell: string): string => cell.split('#')[0]!

/** Whether this was written by somebody who had seen `from`, or what came of it. */
export function descends(graph: Graph, write: Write, from: Write): boolean {
  for (let at: Write | undefined = write; at; at = at.over === null ? undefined : graph.byValue.get(at.over))
    if (at.over !== null && at.over === from.value) return true
  return false
}
