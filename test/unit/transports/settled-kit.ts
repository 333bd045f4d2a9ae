/** Two devices of which both changed something, before the server settles it. */
import { afterEach, expect } from 'vitest'
import type { ServerStrategy } from '../../../src/transports/files/index.ts'
import { type Device, EARLY, LATE, place } from './table-kit.ts'

type Place = Awaited<ReturnType<typeof place>>
const open: Place[] = []
afterEach(async () => {
  for (const at of open.splice(0)) await at.close()
})

/** A server that settles, until the end of the test. */
export async function opened(strategy: ServerStrategy, knobs?: Parameters<typeof place>[2]): Promise<Place> {
  const at = await place('server', strategy, knobs)
  open.push(at)
  return at
}

/** Both devices did their part; the first one has not sent its own. */
export async function clash(
  strategy: ServerStrategy,
  before: (one: Device) => Promise<unknown>,
  client: (one: Device) => Promise<unknown>,
  server: (one: Device) => Promise<unknown>,
) {
  const at = await opened(strategy)
  const mine = await at.device('Laptop')
  await before(mine)
  await mine.sync()
  await mine.pause()
  const theirs = await at.device('Phone')
  await theirs.sync()
  at.clock.stop(EARLY)
  await client(mine)
  at.clock.stop(LATE)
  await server(theirs)
  await theirs.sync()
  at.clock.go(LATE + 600_000)
  return {
    at,
    mine,
    theirs,
    both: async () => {
      for (const one of [mine, theirs, mine, theirs]) await one.sync()
      expect([await mine.shows(), await theirs.shows()]).toEqual([at.shows(), at.shows()])
      return at.shows()
    },
  }
}

export const edited = (strategy: ServerStrategy) =>
  clash(
    strategy,
    one => one.create('a.txt', 'base'),
    one => one.write('a.txt', 'mine'),
    one => one.write('a.txt', 'theirs'),
  )

/** What is done while the first request with changes is under way: after it was made, before its answer. */
export const duringApply = (one: Device, work: () => Promise<unknown>): void => during(one, /\/apply$/, work)

export function during(one: Device, path: RegExp, work: () => Promise<unknown>): void {
  one.state.before = async ({ url }) => {
    if (!path.test(new URL(url).pathname)) return
    delete one.state.before
    await work()
  }
}

export const COPY = 'a (conflicted copy Laptop 2026-05-01 081000).txt'
