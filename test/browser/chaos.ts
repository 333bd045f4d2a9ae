/** A browser of its own as a device of the chaos test: its profile outlives it, and a kill takes every process of it. */
import type { App as Orders } from '../wire/app.ts'
import type { Place } from '../wire/chaos.ts'
import type { Account } from '../wire/devices.ts'
import type { Order, Page } from './app/chaos.ts'
import type { App } from './app/page.ts'
import { profile } from './harness/chromium.ts'
import type { Site } from './harness/site.ts'
import type { Tab } from './harness/tab.ts'

export const scripts = ['chaos']

export function chromiumPlace(name: string, served: Site): Place {
  const home = profile()
  return {
    name,
    async start(account) {
      const chromium = await home.start()
      const tab = await chromium.tab(served.url)
      await ask(tab, (page, given: Account & { name: string }) => page.start(given), { ...account, name })
      const app = new Proxy({} as Orders, {
        get: (_, order: Order) => (given: unknown) =>
          ask(tab, (page, order: Order, given: unknown) => page.obey(order, given), order, given ?? null),
      })
      return { app, kill: () => chromium.kill() }
    },
    end: async () => home.remove(),
  }
}

/** The page's app is another one here. */
const ask = <Given extends readonly unknown[], T>(
  tab: Tab,
  work: (page: Page, ...given: Given) => T | Promise<T>,
  ...given: Given
): Promise<T> => tab.run(work as unknown as (app: App, ...given: Given) => T | Promise<T>, ...given)
