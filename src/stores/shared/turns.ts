/** Who may run now: one writer or many readers of each name, in the order in which they asked. */
export interface Turns {
  /** Resolves when nobody earlier is in the way; call the result when done. `all` is in everybody's way. */
  take(names: readonly string[], write: boolean): Promise<() => void>
}

/** The name that stands for all names. */
export const all = '*'

interface Turn {
  readonly names: readonly string[]
  readonly write: boolean
  readonly start: () => void
}

export function turns(): Turns {
  const running = new Set<Turn>()
  let waiting: readonly Turn[] = []

  function next(): void {
    const earlier: Turn[] = [...running]
    waiting = waiting.filter(turn => {
      const blocked = earlier.some(other => inTheWay(other, turn))
      earlier.push(turn)
      if (blocked) return true
      running.add(turn)
      turn.start()
      return false
    })
  }

  return {
    take: (names, write) =>
      new Promise(resolve => {
        const turn: Turn = { names, write, start: () => resolve(() => running.delete(turn) && next()) }
        waiting = [...waiting, turn]
        next()
      }),
  }
}

function inTheWay(earlier: Turn, later: Turn): boolean {
  if (!earlier.write && !later.write) return false
  if (earlier.names.includes(all) || later.names.includes(all)) return true
  return earlier.names.some(name => later.names.includes(name))
}
