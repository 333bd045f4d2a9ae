/** A clock that only moves when told. */
export function clock(start = 1_777_708_800_000) {
  let now = start
  let sleepers: { readonly at: number; readonly wake: () => void }[] = []

  const settle = async () => {
    for (let turn = 0; turn < 20; turn++) await new Promise(resolve => setImmediate(resolve))
  }

  return {
    now: () => now,
    sleeping: () => sleepers.length,

    sleep: (ms: number, signal?: AbortSignal): Promise<void> =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason)
        const one = { at: now + ms, wake: resolve }
        sleepers.push(one)
        signal?.addEventListener('abort', () => {
          sleepers = sleepers.filter(it => it !== one)
          reject(signal.reason)
        })
      }),

    settle,

    /** Lets time pass, waking everybody in order. */
    async pass(ms: number): Promise<void> {
      const end = now + ms
      await settle()
      for (;;) {
        const next = sleepers.filter(it => it.at <= end).sort((one, other) => one.at - other.at)[0]
        if (next === undefined) break
        sleepers = sleepers.filter(it => it !== next)
        now = next.at
        next.wake()
        await settle()
      }
      now = end
    },
  }
}
