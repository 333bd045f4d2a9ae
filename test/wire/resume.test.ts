/** Transfers of real processes that are killed: each goes on where it was, with less than a piece sent twice (I6, I28). */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type FilesSandbox, filesSandbox } from '../../src/sandbox/files/sandbox.ts'
import { realWorld } from '../../src/sandbox/real-world.ts'
import { type Served, serve } from '../../src/sandbox/serve.ts'
import { patiently } from '../browser/harness/patiently.ts'
import { bytesOf } from './bytes.ts'
import { type Account, device, killAll } from './devices.ts'
import { sha256Of } from './hash.ts'
import { type Fate, latch, proxy, type Seen, type Wire } from './proxy.ts'

const mib = 1024 * 1024
const size = 6 * mib + 123
const folder = mkdtempSync(join(tmpdir(), 'tidemark-wire-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let sandbox: FilesSandbox
let served: Served<'files'>
let wire: Wire
let account: Account
let fates: ((seen: Seen) => Fate)[] = []

beforeEach(async () => {
  sandbox = filesSandbox({ world: realWorld })
  served = await serve({ files: sandbox })
  const { user_id, token } = sandbox.admin.addUser('Ada')
  const share = sandbox.admin.addShare('Documents', user_id)
  wire = await proxy(
    () => served.urls.files,
    seen => (isTransfer(seen) ? (fates.shift()?.(seen) ?? {}) : {}),
  )
  account = { url: wire.url, share, token }
})
afterEach(async () => {
  fates = []
  await killAll()
  await wire.close()
  await served.close()
})

const isTransfer = ({ method, path }: Seen) =>
  path.includes('/download/') || (method === 'PUT' && path.includes('/upload/'))
const transfers = () => wire.seen.filter(isTransfer)
const never = new Promise(() => {})
/** A download asks for 4 MiB at most. */
const range = (from: number, to?: number) => `bytes=${from * mib}-${to === undefined ? '' : to * mib - 1}`
const ranges = () => transfers().map(({ headers }) => headers.range ?? headers['content-range'])
const start = (store: string, name = 'One') => device({ ...account, name, store: join(folder, store) })
type Device = Awaited<ReturnType<typeof start>>

/** So many bytes of the transfer under way are in the store. */
const committed = (one: Device, bytes: number) =>
  patiently(`${bytes} bytes in the store`, async () =>
    (await one.orders.transfers()).some(({ done }) => done === bytes),
  )

describe('a download', () => {
  const offer = () => sandbox.admin.createFile(account.share, '/big', bytesOf(7, 0, size))
  const whole = { size, sha256: sha256Of(7, size) }
  /** The connection says nothing more after so many bytes. */
  const stopsAt = (at: number) => () => ({ hold: { at, until: never } })

  test('goes on after each SIGKILL, pinned to its version, without a piece twice', async () => {
    offer()
    fates = [stopsAt(2.5 * mib), stopsAt(1.5 * mib), stopsAt(0.75 * mib)]
    const first = await start('down')
    await first.orders.synced()
    await first.orders.fetch('big')
    await committed(first, 2 * mib)
    await first.kill()
    const second = await start('down')
    await committed(second, 3 * mib)
    await second.kill()
    const third = await start('down')
    await patiently('the third try', () => transfers()[2]?.down === 0.75 * mib)
    await third.kill()
    const last = await start('down')
    expect(await last.orders.read('big')).toEqual(whole)
    expect(ranges()).toEqual([range(0, 4), range(2, 6), range(3), range(3)])
    const { version_id } = sandbox.inspect().tree[account.share]!.find(({ path }) => path === '/big')!
    expect(transfers().map(({ headers }) => headers['if-range'])).toEqual(Array(4).fill(`"${version_id}"`))
    const sent = transfers().reduce((all, { down }) => all + down, 0)
    expect(sent - size).toBe(0.5 * mib + 0.5 * mib + 0.75 * mib)
    await last.orders.close()
  }, 120_000)

  test('goes on in the next leader, killed or left in order, and nobody asks again', async () => {
    offer()
    fates = [stopsAt(2.5 * mib), stopsAt(1.5 * mib)]
    const first = await start('led')
    await first.orders.synced()
    const second = await start('led', 'Two')
    await first.orders.fetch('big')
    await committed(first, 2 * mib)
    await first.kill()
    await committed(second, 3 * mib)
    const third = await start('led', 'Three')
    await second.orders.close()
    await second.ended
    expect(await third.orders.read('big')).toEqual(whole)
    expect(ranges()).toEqual([range(0, 4), range(2, 6), range(3)])
    expect(transfers().reduce((all, { down }) => all + down, 0) - size).toBe(mib)
    await third.orders.close()
  }, 120_000)

  test('whose connection breaks, and whose server says less than it has, ends whole', async () => {
    offer()
    fates = [() => ({ truncate: 1.5 * mib }), () => ({ cut: 'after' }), () => ({ truncate: 0 })]
    const one = await start('cut')
    await one.orders.synced()
    await one.orders.fetch('big')
    await patiently('four tries', () => transfers().length >= 4, { within: 120_000 })
    expect(await one.orders.read('big')).toEqual(whole)
    expect(ranges()).toEqual([range(0, 4), range(1, 5), range(1, 5), range(1, 5), range(5)])
    await one.orders.close()
  }, 180_000)
})

describe('an upload', () => {
  const arrived = async () => {
    await patiently('the file on the server', () =>
      sandbox.inspect().tree[account.share]?.some(({ path }) => path === '/big'),
    )
    const { sha256 } = sandbox.inspect().tree[account.share]!.find(({ path }) => path === '/big')!
    return sha256
  }
  const sent = () => transfers().reduce((all, { up }) => all + up, 0)

  test('goes on after each SIGKILL behind what the server has', async () => {
    const going = () => ({})
    // The third piece does not get through; the fourth does, and its answer does not.
    fates = [going, going, () => ({ after: never }), going, () => ({ cut: 'after' })]
    const first = await start('up')
    await first.orders.synced()
    await first.orders.write({ name: 'big', seed: 9, size })
    await patiently('the third piece', () => transfers().length === 3)
    await first.kill()
    const second = await start('up')
    await patiently('the fourth piece', () => transfers().length >= 5)
    await second.kill()
    const last = await start('up')
    expect(await arrived()).toBe(sha256Of(9, size))
    expect((await last.orders.synced()).phase).toBe('synced')
    expect(sent()).toBeLessThan(size + 2 * mib)
    // What was under way twice is a piece at most, and none was sent from the start again.
    const starts = ranges().map(range => Number(/^bytes (\d+)-/.exec(range ?? '')?.[1]) / mib)
    expect(starts.slice(0, 4)).toEqual([0, 1, 2, 2])
    expect(starts.filter(at => at === 0)).toHaveLength(1)
    await last.orders.close()
  }, 120_000)

  test('goes on in the next leader when the first is killed', async () => {
    fates = [() => ({}), () => ({}), () => ({ after: never })]
    const first = await start('handed')
    await first.orders.synced()
    const second = await start('handed', 'Two')
    await first.orders.write({ name: 'big', seed: 9, size })
    await patiently('the third piece', () => transfers().length === 3)
    await first.kill()
    expect(await arrived()).toBe(sha256Of(9, size))
    expect((await second.orders.synced()).phase).toBe('synced')
    expect(sent()).toBe(size)
    await second.orders.close()
  }, 120_000)

  test('that takes longer than a sent mark lasts is before the mark: no change is sent, or in doubt, meanwhile', async () => {
    const gate = latch()
    fates = [() => ({}), () => ({ after: gate.opened })]
    const one = await start('slow')
    await one.orders.synced()
    await one.orders.write({ name: 'big', seed: 9, size })
    await patiently('the second piece', () => transfers().length === 2)
    expect(await one.orders.outbox()).toMatchObject([{ state: 'waiting', tries: 0 }])
    expect(wire.seen.filter(({ path }) => path.endsWith('/apply'))).toEqual([])
    gate.open()
    expect(await arrived()).toBe(sha256Of(9, size))
    expect((await one.orders.synced()).phase).toBe('synced')
    await one.orders.close()
  }, 120_000)
})
