import { join } from 'node:path'
import type { App } from './app.ts'
import type { Place } from './chaos.ts'
import { start } from './devices.ts'

/** A Node process with a SQLite file. */
export function nodePlace(name: string, folder: string): Place {
  const script = new URL('./chaos-device.ts', import.meta.url)
  return {
    name,
    async start(account) {
      const { orders, kill } = await start<App>(script, { ...account, name, store: join(folder, `${name}.sqlite`) })
      return { app: orders, kill }
    },
    async end() {},
  }
}
