import type { World } from './world.ts'

/** The clock on the wall, for a sandbox that is served. */
export const realWorld: World = {
  now: Date.now,
  sleep: ms => new Promise(resolve => void setTimeout(resolve, ms).unref()),
  random: Math.random,
}
