/** A platform for the stores' tests: they use `sleep`, `channel` and `uuid`, and nothing else. */
import type { Channel, Platform } from '../../../src/platform.ts'

/** Platforms of one machine share it: their channels hear each other. */
export type Air = Map<string, Set<(message: unknown) => void>>

export function storePlatform(air: Air = new Map(), sleep: Platform['sleep'] = realSleep): Platform {
  const none = () => {
    throw new Error('A store has no business with this.')
  }
  return {
    now: () => Date.now(),
    monotonic: () => performance.now(),
    sleep,
    random: Math.random,
    uuid: () => crypto.randomUUID(),
    digest: none,
    hasher: none,
    fetch: none,
    socket: none,
    locks: { everywhere: false, hold: none },
    channel: name => channelOn(air, name),
    wakes: none,
  }
}

/**
 * One turn of the event loop, and another one for each tenth of a second: as much happens meanwhile on any machine. After
 * a stall a real timer is due before all that the others had still to do.
 */
export async function sleepInTurns(ms: number, signal?: AbortSignal): Promise<void> {
  for (let turn = 0; turn <= ms / 100; turn++) {
    signal?.throwIfAborted()
    await new Promise(resolve => setImmediate(resolve))
  }
  signal?.throwIfAborted()
}

function realSleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason)
    const timer = setTimeout(resolve, ms)
    signal?.addEventListener('abort', () => {
      clearTimeout(timer)
      reject(signal.reason)
    })
  })
}

/** As BroadcastChannel: the others hear, in a later task, a clone. */
function channelOn(air: Air, name: string): Channel {
  const all = air.get(name) ?? new Set()
  air.set(name, all)
  const mine = new Set<(message: unknown) => void>()
  return {
    post: message => {
      const others = [...all].filter(hear => !mine.has(hear))
      for (const hear of others) setImmediate(() => all.has(hear) && hear(structuredClone(message)))
    },
    listen: hear => {
      all.add(hear)
      mine.add(hear)
      return () => void (all.delete(hear) && mine.delete(hear))
    },
    close: () => {
      for (const hear of mine) all.delete(hear)
    },
  }
}
