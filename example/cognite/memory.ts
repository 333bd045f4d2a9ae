/** The most memory that this process had since it was watched first, in bytes. */
export interface Memory {
  /** Of V8, with garbage: looked at every ten milliseconds. */
  readonly heap: number
  /** All of the process, as the system counts it. */
  readonly resident: number
  /** Heap before. */
  readonly before: number
}

export function watched() {
  const before = process.memoryUsage().heapUsed
  let heap = before
  const look = () => {
    heap = Math.max(heap, process.memoryUsage().heapUsed)
  }
  setInterval(look, 10).unref()
  return {
    peak(): Memory {
      look()
      return { heap, resident: process.resourceUsage().maxRSS * 1024, before }
    },
  }
}
