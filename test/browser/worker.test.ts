/** The client suite in a real Chromium: the page keeps its store, the engine is in a dedicated worker, under a strict CSP. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { behaviours } from '../conformance/client/behaviours.ts'
import { type Remote, remote } from '../conformance/client/remote.ts'
import type { Player } from './app/client.ts'
import type { App } from './app/page.ts'
import { type Chromium, type Profile, profile } from './harness/chromium.ts'
import { type Site, site } from './harness/site.ts'
import type { Tab } from './harness/tab.ts'

let far: Remote
let served: Site
let kept: Profile
let chromium: Chromium
let tab: Tab

beforeAll(async () => {
  far = await remote()
  const origins = [far.control, far.url, far.url.replace('http:', 'ws:')]
  served = await site({ connect: origins, scripts: ['client', 'client.worker'] })
  kept = profile()
  chromium = await kept.start()
  tab = await chromium.tab(served.url)
}, 60_000)

afterAll(async () => {
  await chromium?.close()
  kept?.remove()
  await Promise.all([far?.close(), served?.close()])
}, 60_000)

/** The page's app is another one here. */
const ask = <T>(work: (player: Player, ...given: never[]) => T | Promise<T>, ...given: unknown[]): Promise<T> =>
  tab.run(work as unknown as (app: App, ...given: unknown[]) => T | Promise<T>, ...given)

test.each(Object.keys(behaviours))('with a worker: %s', { timeout: 120_000 }, async title => {
  await ask((player, title: string, control: string) => player.play(title, control), title, far.control)
})

// The first ones are the knock, its answer, the hello and the welcome. Each message has its turn in `worker-kills.test.ts`.
test.each([1, 5, 8, 21, 55])(
  'a worker that is terminated at message %i loses no acknowledged write, and another one goes on (I6, I19, F35)',
  { timeout: 240_000 },
  async at => {
    const { killed, made } = await ask(
      (player, at: number, control: string) => player.survive(at, control),
      at,
      far.control,
    )
    // A session is not the same each time: a short one may end before a late turn comes.
    expect(killed || at > 21).toBe(true)
    if (killed) expect(made).toBeGreaterThan(1)
  },
)

test('nothing of it was against the policy of the page (S23)', async () => {
  expect(await ask(player => player.violations)).toEqual([])
  expect(tab.console.filter(line => /Content Security Policy|uncaught:/i.test(line))).toEqual([])
})
