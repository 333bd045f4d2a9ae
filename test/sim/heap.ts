/** What waits to run. Ordered by time, then by a seeded tie, then by age. */
export interface Task {
  readonly time: number
  readonly tie: number
  readonly n: number
  readonly owner: Owner
  readonly label: string
  run: (() => void) | undefined
}

/** An incarnation of a tab, or a part of the world that never dies. */
export interface Owner {
  readonly name: string
  state: 'up' | 'frozen' | 'dead'
  readonly held: Task[]
  /** Undone when it dies: locks, listeners, open transactions. */
  readonly last: (() => void)[]
}

export interface Heap {
  readonly size: () => number
  readonly first: () => Task | undefined
  readonly push: (task: Task) => void
  readonly pop: () => Task | undefined
}

export function heap(): Heap {
  const tasks: Task[] = []
  return {
    size: () => tasks.length,
    first: () => tasks[0],
    push(task) {
      let at = tasks.length
      tasks.push(task)
      while (at > 0) {
        const parent = (at - 1) >> 1
        if (!before(task, tasks[parent]!)) break
        tasks[at] = tasks[parent]!
        at = parent
      }
      tasks[at] = task
    },
    pop() {
      const top = tasks[0]
      const last = tasks.pop()
      if (!top || !last || tasks.length === 0) return top
      let at = 0
      for (;;) {
        let child = 2 * at + 1
        if (child >= tasks.length) break
        if (child + 1 < tasks.length && before(tasks[child + 1]!, tasks[child]!)) child++
        if (!before(tasks[child]!, last)) break
        tasks[at] = tasks[child]!
        at = child
      }
      tasks[at] = last
      return top
    },
  }
}

function before(one: Task, other: Task): boolean {
  if (one.time !== other.time) return one.time < other.time
  if (one.tie !== other.tie) return one.tie < other.tie
  return one.n < other.n
}
