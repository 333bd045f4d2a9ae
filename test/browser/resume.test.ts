/** A transfer of a browser that is killed goes on where it was, with less than a piece sent twice (I6, I28). */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { filesSandbox } from '../../src/sandbox/files/sandbox.ts'
import { realWorld } from '../../src/sandbox/real-world.ts'
import { serve } from '../../src/sandbox/serve.ts'
import { bytesOf } from '../wire/bytes.ts'
import { sha256Of } from '../wire/hash.ts'
import { type Fate, proxy, type Seen, type Wire } from '../wire/proxy.ts'
import { type Chromium, profile } from './harness/chromium.ts'
import { patiently } from './harness/patiently.ts'
import { type Site, site } from './harness/site.ts'
import { ask } from './large.ts'

const mib = 1024 * 1024
const size = 4 * mib + 123
const never = new Promise(() => {})
// A page sees none of the headers that would tell it where an upload stands: it must do without.
const sandbox = filesSandbox({ world: realWorld, knobs: { cors: 'strict' } })
let server: Awaited<ReturnType<typeof serve<'files'>>>
let served: Site
let wire: Wire
let chromium: Chromium | undefined
let fates: ((seen: Seen) => Fate)[] = []

const isTransfer = ({ method, path }: Seen) =>
  (method === 'GET' && path.includes('/download/')) || (method === 'PUT' && path.includes('/upload/'))

beforeAll(async () => {
  server = await serve({ files: sandbox })
  served = await site({ scripts: ['carrier'] })
  wire = await proxy(
    () => server.urls.files,
    seen => (isTransfer(seen) ? (fates.shift()?.(seen) ?? {}) : {}),
  )
}, 60_000)
afterAll(async () => {
  await chromium?.kill()
  await Promise.all([wire?.close(), server?.close(), served?.close()])
}, 60_000)

describe('a browser that is killed in mid-transfer', () => {
  function scene() {
    const { user_id, token } = sandbox.admin.addUser('Ada')
    const account = { url: wire.url, token, share: sandbox.admin.addShare('Documents', user_id) }
    const from = wire.seen.length
    const home = profile()
    return {
      account,
      home,
      transfers: () => wire.seen.slice(from).filter(isTransfer),
      async start() {
        chromium = await home.start()
        const tab = await chromium.tab(served.url)
        await ask(tab, (page, given) => page.start(given), { ...account, name: 'Browser' })
        return tab
      },
      async kill() {
        await chromium?.kill()
        chromium = undefined
      },
    }
  }

  test('goes on downloading behind what it had', async () => {
    const { account, home, transfers, start, kill } = scene()
    sandbox.admin.createFile(account.share, '/big', bytesOf(7, 0, size))
    fates = [() => ({ hold: { at: 2.5 * mib, until: never } })]
    const first = await start()
    await ask(first, page => page.carrier.synced())
    await ask(first, page => page.carrier.fetch('big'))
    await first.until(
      'two pieces in the store',
      async (app, bytes) => {
        const all = await (
          app as unknown as { carrier: { transfers(): Promise<{ done: number }[]> } }
        ).carrier.transfers()
        return all.some(({ done }) => done === bytes)
      },
      2 * mib,
    )
    await kill()
    const second = await start()
    expect(await ask(second, page => page.carrier.read('big'))).toEqual({ size, sha256: sha256Of(7, size) })
    expect(transfers().map(({ headers }) => headers.range)).toEqual([`bytes=0-${4 * mib - 1}`, `bytes=${2 * mib}-`])
    expect(transfers().reduce((all, { down }) => all + down, 0) - size).toBe(0.5 * mib)
    await kill()
    home.remove()
  }, 180_000)

  test('goes on uploading behind what the server had, though the page cannot see how much that is', async () => {
    const { account, home, transfers, start, kill } = scene()
    fates = [() => ({}), () => ({}), () => ({ after: never })]
    const first = await start()
    await ask(first, (page, given) => page.carrier.write(given), { name: 'big', seed: 9, size })
    await patiently('the third piece', () => transfers().length === 3)
    await kill()
    await start()
    const arrived = await patiently('the file', () =>
      sandbox.inspect().tree[account.share]?.find(({ path }) => path === '/big'),
    )
    expect(arrived.sha256).toBe(sha256Of(9, size))
    // The first piece goes again, and the answer to it says the rest.
    const starts = transfers().map(({ headers }) => /^bytes (\d+)-/.exec(headers['content-range'] ?? '')?.[1])
    expect(starts.map(at => Number(at) / mib)).toEqual([0, 1, 2, 0, 2, 3, 4])
    expect(transfers().reduce((all, { up }) => all + up, 0) - size).toBe(mib)
    await kill()
    home.remove()
  }, 180_000)
})
