/** The playground as a visitor uses it: `npm start`, a real Chromium, the real sandbox. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { type Browser, chromium, type FrameLocator, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { browsers } from '../browser/browsers.ts'

/** Two small cores build the pages while the browser starts. */
const patience = 60_000

const data = mkdtempSync(join(tmpdir(), 'tidemark-playground-'))
let playground: ChildProcess
let address = ''
let browser: Browser
let page: Page
const complaints: string[] = []

beforeAll(async () => {
  const main = fileURLToPath(new URL('../../demo/main.ts', import.meta.url))
  playground = spawn(process.execPath, [main, '--data', data], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = await once(createInterface({ input: playground.stdout! }), 'line')
  address = String(line).replace(/^.*: /, '')
  const executablePath = process.env.CHROMIUM ?? browsers.find(existsSync)
  if (executablePath === undefined) throw new Error('There is no Chromium here: install one, or name it in CHROMIUM.')
  browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage'] })
}, patience)

afterEach(async () => {
  await page.context().close()
  expect(complaints.splice(0)).toEqual([])
})

afterAll(async () => {
  await browser?.close()
  playground?.kill('SIGTERM')
  if (playground?.exitCode === null) await once(playground, 'exit')
  rmSync(data, { recursive: true, force: true })
})

/** A share that nobody used yet, with both devices in step. */
async function afresh(strategy: string): Promise<[laptop: FrameLocator, phone: FrameLocator]> {
  page = await browser.newPage()
  page.setDefaultTimeout(patience)
  page.on('pageerror', error => complaints.push(String(error)))
  page.on('console', message => message.type() === 'error' && complaints.push(message.text()))
  await page.goto(`${address}?strategy=${strategy}`)
  const before = page.url()
  await page.click('#fresh')
  await page.waitForURL(url => url.href !== before && url.searchParams.has('share'))
  const devices = [page.frameLocator('#laptop'), page.frameLocator('#phone')] as const
  for (const device of devices) await synced(device)
  return [...devices]
}

const synced = (device: FrameLocator) => device.locator('#phase[data-phase="synced"]').waitFor()
const text = (device: FrameLocator) => device.locator('#notes textarea')
const values = async (device: FrameLocator) =>
  (await text(device).evaluateAll(fields => fields.map(field => (field as HTMLTextAreaElement).value))).sort()

async function noteOnBoth(laptop: FrameLocator, phone: FrameLocator): Promise<void> {
  await laptop.locator('#add').click()
  await laptop.locator('#notes input').fill('Tides')
  await text(laptop).fill('High water 06:12')
  await synced(laptop)
  await expect.poll(() => values(phone), { timeout: patience }).toEqual(['High water 06:12'])
}

/** Both change the same note without a network; the laptop comes back first. */
async function clash(laptop: FrameLocator, phone: FrameLocator): Promise<void> {
  for (const device of [laptop, phone]) await device.locator('#network').uncheck()
  await text(laptop).fill('06:30, says the laptop')
  await text(phone).fill('06:45, says the phone')
  for (const device of [laptop, phone]) await device.locator('#phase[data-phase="waiting"]').waitFor()
  await laptop.locator('#network').check()
  await synced(laptop)
  await phone.locator('#network').check()
}

test(
  'what two devices change without a network is kept twice, and can be undone',
  async () => {
    const [laptop, phone] = await afresh('KEEP_BOTH')
    await noteOnBoth(laptop, phone)
    await clash(laptop, phone)

    const both = ['06:30, says the laptop', '06:45, says the phone']
    for (const device of [laptop, phone]) await expect.poll(() => values(device), { timeout: patience }).toEqual(both)
    await expect.poll(() => page.locator('#server-notes li').count(), { timeout: patience }).toBe(2)

    await phone.getByRole('button', { name: 'Undo' }).click()
    for (const device of [laptop, phone]) {
      await expect.poll(() => values(device), { timeout: patience }).toEqual(['06:45, says the phone'])
    }
  },
  3 * patience,
)

test(
  'a question waits for its answer, and the answer reaches both',
  async () => {
    const [laptop, phone] = await afresh('MANUAL')
    await noteOnBoth(laptop, phone)
    await clash(laptop, phone)

    await phone.locator('#phase[data-phase="needs-user"]').waitFor()
    await phone.getByRole('button', { name: 'Keep what is here' }).click()
    for (const device of [laptop, phone]) {
      await expect.poll(() => values(device), { timeout: patience }).toEqual(['06:45, says the phone'])
      await synced(device)
    }
  },
  3 * patience,
)

test(
  'a device writes with no network, is reloaded, and still has it to send',
  async () => {
    const [laptop, phone] = await afresh('MERGE')
    await phone.locator('#network').uncheck()
    await phone.locator('#add').click()
    await phone.locator('#notes input').fill('Written at sea')
    await phone.locator('#outbox li').waitFor()
    await page.reload()
    await expect.poll(() => phone.locator('#outbox li').count(), { timeout: patience }).toBe(1)
    await phone.locator('#network').check()
    await synced(phone)
    await expect.poll(() => laptop.locator('#notes input').inputValue(), { timeout: patience }).toBe('Written at sea')
  },
  3 * patience,
)

/** The page with jobs, where nothing was run before: each test has a browser profile of its own. */
async function jobs(): Promise<void> {
  page = await browser.newPage()
  page.setDefaultTimeout(patience)
  page.on('pageerror', error => complaints.push(String(error)))
  page.on('console', message => message.type() === 'error' && complaints.push(message.text()))
  await page.goto(`${address}jobs.html`)
  for (const id of ['airweave', 'cognee']) await page.locator(`#${id} .chip[data-phase="synced"]`).waitFor()
}

const job = (of: string) => page.locator(`#${of} li`, { has: page.locator('progress') }).first()

test(
  'a run shows its progress, outlives a reload and ends in the history',
  async () => {
    await jobs()
    await page.locator('#cognee').getByRole('button', { name: 'Sync to the cloud' }).first().click()
    await job('cognee').getByText('running').waitFor()
    await page.reload()
    await job('cognee').getByText('done').waitFor()
    await job('cognee').getByText('5 documents').waitFor()
  },
  2 * patience,
)

test(
  'a run that is asked for without a network starts with it, once, and can be cancelled',
  async () => {
    await jobs()
    await page.uncheck('#network')
    const sync = page.locator('#airweave').getByRole('button', { name: 'Sync', exact: true }).last()
    await sync.click()
    await sync.click()
    await job('airweave').getByText('waits for its turn').waitFor()
    expect(await page.locator('#airweave progress').count()).toBe(1)
    await page.check('#network')
    await job('airweave').getByText('running').waitFor()
    await job('airweave').getByRole('button', { name: 'Cancel' }).click()
    await job('airweave').getByText('cancelled').waitFor()
  },
  2 * patience,
)
