/** While a step runs, the real world is out of reach: whoever touches it would make a seed unrepeatable. */
import type { World } from './world.ts'

const realImmediate = globalThis.setImmediate

/** Resolves when microtasks and ticks have run dry. */
export const drained = (): Promise<void> => new Promise(resolve => realImmediate(resolve))

const names = ['setTimeout', 'setInterval', 'fetch', 'WebSocket', 'BroadcastChannel'] as const

/** Closes the doors and returns how to open them. */
export function trapped(world: World): () => void {
  const globals = globalThis as unknown as { [name: string]: unknown }
  const before = new Map<string, unknown>([...names, 'setImmediate', 'Date'].map(name => [name, globals[name]]))
  const { random } = Math
  const { now } = performance
  const { timeout } = AbortSignal
  const forbid = (name: string) => () => {
    throw new Error(`${name} was used during a simulated step (by ${world.current()?.name})`)
  }
  for (const name of names) globals[name] = forbid(name)
  const outside = () => {
    const name = world.current()?.name
    return name === undefined || name.endsWith('.idb')
  }
  globals.Date = new Proxy(Date, {
    construct: (target, args, type) =>
      args.length === 0 ? forbid('new Date()')() : Reflect.construct(target, args, type),
    apply: forbid('Date()'),
    // Events of fake-indexeddb carry the time; what runs behind them is watched with the other store.
    get: (target, name) => (name !== 'now' ? Reflect.get(target, name) : outside() ? world.now : forbid('Date.now')),
  })
  // fake-indexeddb reads the global each time: its tasks become steps of this world.
  globals.setImmediate = (run: () => void) => idb(world, run)
  Math.random = forbid('Math.random')
  performance.now = forbid('performance.now')
  AbortSignal.timeout = forbid('AbortSignal.timeout')
  return () => {
    for (const [name, value] of before) globals[name] = value
    Math.random = random
    performance.now = now
    AbortSignal.timeout = timeout
  }
}

/** Whether a world runs, so that a task of a database belongs to it. */
export const running = (): boolean => globalThis.setImmediate !== realImmediate

let idb: (world: World, run: () => void) => void = world => {
  throw new Error(`setImmediate was used during a simulated step (by ${world.current()?.name})`)
}

/** Who takes the tasks of fake-indexeddb. */
export function routeImmediate(route: (world: World, run: () => void) => void): void {
  idb = route
}
