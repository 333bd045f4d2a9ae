/** Large files in a browser that is killed half-way, and how much its processes ever had in memory. */
import { sha256Of } from '../wire/hash.ts'
import { type Offer, streamServer } from '../wire/stream-server.ts'
import type { Page } from './app/carrier.ts'
import type { App } from './app/page.ts'
import { type Chromium, profile } from './harness/chromium.ts'
import { patiently } from './harness/patiently.ts'
import { site } from './harness/site.ts'
import type { Tab } from './harness/tab.ts'

export interface Passage {
  readonly size: number
  readonly seconds: number
  /** Bytes that went over the wire beyond the file itself. */
  readonly extra: number
  /** The most that any one process of the browser ever had in memory, in bytes: before the kill or after it. */
  readonly resident: number
}

/** The page's app is another one here. */
export const ask = <Given extends readonly unknown[], T>(
  tab: Tab,
  work: (page: Page, ...given: Given) => T | Promise<T>,
  ...given: Given
): Promise<T> => tab.run(work as unknown as (app: App, ...given: Given) => T | Promise<T>, ...given)

export async function large(
  size: number,
  within: number,
): Promise<{ readonly up: Passage; readonly down: Passage; readonly idle: number }> {
  const offered: Offer = { name: 'offered', seed: 3, size, sha256: sha256Of(3, size) }
  const server = await streamServer([offered])
  const served = await site({ scripts: ['carrier'] })
  const home = profile()
  let chromium: Chromium | undefined
  let resident = 0

  const start = async () => {
    chromium = await home.start()
    const tab = await chromium.tab(served.url)
    await ask(tab, (page, given) => page.start(given), { ...server.account, name: 'Browser' })
    return tab
  }
  const kill = async () => {
    resident = Math.max(resident, chromium?.resident() ?? 0)
    await chromium?.kill()
    chromium = undefined
  }
  const outcome = async (what: string, tab: Tab) => {
    const { value, error } = await patiently(what, () => ask(tab, page => page.outcome), { within, every: 500 })
    if (error !== undefined) throw new Error(error)
    return value
  }
  const half = (bytes: () => number) => patiently('half of it', () => bytes() > size / 2, { within, every: 5 })

  try {
    await start()
    await kill()
    const idle = resident

    const began = performance.now()
    const first = await start()
    await ask(first, (page, given) => page.begin(page.carrier.write(given)), { name: 'large', seed: 4, size })
    await outcome('the write', first)
    await half(() => server.moved.up)
    await kill()
    await start()
    const taken = await patiently('the file', () => server.files().find(({ name }) => name === 'large'), { within })
    if (taken.sha256 !== sha256Of(4, size)) throw new Error('Other bytes came than were sent.')
    await kill()
    const up = { size, seconds: (performance.now() - began) / 1000, extra: server.moved.up - size, resident }

    resident = 0
    const middle = performance.now()
    const second = await start()
    await ask(second, page => page.carrier.synced())
    await ask(second, page => page.carrier.fetch('offered'))
    await half(() => server.moved.down)
    await kill()
    const third = await start()
    await ask(third, page => page.begin(page.carrier.read('offered')))
    const read = (await outcome('the bytes', third)) as { size: number; sha256: string }
    if (read.sha256 !== offered.sha256 || read.size !== size) throw new Error('Other bytes came than were offered.')
    await kill()
    const down = { size, seconds: (performance.now() - middle) / 1000, extra: server.moved.down - size, resident }
    return { up, down, idle }
  } finally {
    await chromium?.kill()
    home.remove()
    await Promise.all([server.close(), served.close()])
  }
}
