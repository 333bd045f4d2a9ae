/** What a file of tests plays on: the remote, the site under its strict policy, and browsers with a profile each. */
import { afterAll, afterEach, beforeAll, expect, vi } from 'vitest'
import type { Setup } from '../app/page.ts'
import { type Chromium, type Profile, profile } from './chromium.ts'
import { type Drive, drive } from './drive.ts'
import { type Site, site } from './site.ts'
import type { Tab } from './tab.ts'

/** Where the engine of the app runs: what a page promises is the same. */
export const engines = ['inline', 'worker'] as const

export interface Stage {
  readonly drive: Drive
  readonly site: Site
  /** A user with a share and an empty store of its own. */
  account(name: string): Setup
  /** A tab in which the app is open. `device`: each name is a browser with a profile of its own. */
  tab(setup: Setup, device?: string): Promise<Tab>
  /** A tab in which nothing is open yet. */
  emptyTab(device?: string): Promise<Tab>
  /** For tabs that a test ended by itself. */
  forget(tab: Tab): void
}

export function stage(engine: Setup['engine'] = 'inline'): Stage {
  // Whoever waits in vain says so after a minute; the rest is slow machines.
  vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 })
  let remote: Drive
  let served: Site
  const devices = new Map<string, { readonly profile: Profile; readonly chromium: Chromium }>()
  const tabs = new Set<Tab>()
  let accounts = 0

  beforeAll(async () => {
    remote = await drive()
    served = await site({ connect: remote.origins })
  })

  afterEach(async () => {
    remote.sandbox.weather.clear()
    remote.cut.clear()
    const all = [...tabs]
    tabs.clear()
    try {
      for (const tab of all) {
        expect(await tab.run(app => app.violations)).toEqual([])
        expect(tab.console.filter(line => /Content Security Policy|uncaught:/i.test(line))).toEqual([])
      }
    } finally {
      for (const tab of all) await tab.close()
    }
  })

  afterAll(async () => {
    for (const { chromium, profile } of devices.values()) {
      await chromium.close()
      profile.remove()
    }
    await Promise.all([remote?.close(), served?.close()])
  })

  async function browser(device: string): Promise<Chromium> {
    const known = devices.get(device)
    if (known !== undefined) return known.chromium
    const made = profile()
    const chromium = await made.start()
    devices.set(device, { profile: made, chromium })
    return chromium
  }

  async function emptyTab(device = 'laptop'): Promise<Tab> {
    const tab = await (await browser(device)).tab(served.url)
    tabs.add(tab)
    return tab
  }

  return {
    get drive() {
      return remote
    },
    get site() {
      return served
    },
    account: name => ({ ...remote.user(name), store: `notes-${++accounts}`, engine }),
    emptyTab,
    async tab(setup, device) {
      const tab = await emptyTab(device)
      await tab.run((app, setup) => app.open(setup), setup)
      return tab
    },
    forget: tab => void tabs.delete(tab),
  }
}
