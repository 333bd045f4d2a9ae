/** The page of the chaos test: the app of `test/wire/app.ts` on IndexedDB. */
import { indexeddb } from '../../../src/stores/indexeddb/index.ts'
import { type App, openApp } from '../../wire/app.ts'
import type { Account } from '../../wire/devices.ts'

export type Order = Exclude<keyof App, 'close'>

let app: App | undefined

const page = {
  async start(given: Account & { name: string }): Promise<void> {
    app = await openApp(given, indexeddb('chaos'), true)
  },
  async obey(order: Order, given: unknown): Promise<unknown> {
    if (app === undefined) throw new Error('Nothing is open.')
    return (app[order] as (given: unknown) => unknown)(given)
  },
}

export type Page = typeof page
;(globalThis as unknown as { app: Page }).app = page
