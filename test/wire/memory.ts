/** What this process holds: looked at all the time, after throwing away what nobody holds any more. */

export interface Peak {
  /** Live bytes outside the heap, such as pieces of a body; and the heap itself. */
  readonly outside: number
  readonly heap: number
  /** The most that the process had from the system, garbage and all, less what it had at the start. */
  readonly resident: number
}

let most: Peak = { outside: 0, heap: 0, resident: 0 }
const collect = (globalThis as { gc?: () => void }).gc

/** Only where Node was started with `--expose-gc`: else garbage would count. */
export function watchMemory(): void {
  if (collect === undefined) return
  const { rss: start } = process.memoryUsage()
  const look = () => {
    const { rss } = process.memoryUsage()
    collect()
    const { arrayBuffers, heapUsed } = process.memoryUsage()
    most = {
      outside: Math.max(most.outside, arrayBuffers),
      heap: Math.max(most.heap, heapUsed),
      resident: Math.max(most.resident, rss - start),
    }
  }
  setInterval(look, 500).unref()
}

export const peak = (): Peak => most
