/** A visitor: `npm start`, a real Chromium, the real sandboxes. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { type Browser, chromium, type FrameLocator, type Locator, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, expect } from 'vitest'
import { browsers } from '../browser/browsers.ts'

/** Two small cores build the pages while the browser starts, and may have other things to do. */
export const patience = 180_000

export interface Visit {
  /** The page of the test that runs. */
  readonly page: () => Page
  /** Opens a page in a browser profile of its own. */
  go(path: string): Promise<Page>
  /** A page with two devices where nobody has played yet, both in step. */
  afresh(path: string, strategy: string): Promise<readonly [laptop: FrameLocator, phone: FrameLocator]>
}

/** One server and one browser for all tests of a file. What the console complains of fails the test. */
export function visit(): Visit {
  const data = mkdtempSync(join(tmpdir(), 'tidemark-playground-'))
  let playground: ChildProcess
  let address = ''
  let browser: Browser
  let page: Page
  const complaints: string[] = []

  beforeAll(async () => {
    const main = fileURLToPath(new URL('../../demo/main.ts', import.meta.url))
    playground = spawn(process.execPath, [main, '--data', data], { stdio: ['ignore', 'pipe', 'inherit'] })
    const ended = once(playground, 'exit').then(() => Promise.reject(new Error('The playground did not start.')))
    const [line] = await Promise.race([once(createInterface({ input: playground.stdout! }), 'line'), ended])
    ended.catch(() => {}) // in the end it ends
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

  async function go(path: string): Promise<Page> {
    page = await browser.newPage()
    page.setDefaultTimeout(patience)
    page.on('pageerror', error => complaints.push(String(error)))
    page.on('console', message => message.type() === 'error' && complaints.push(message.text()))
    await page.goto(`${address}${path}`)
    return page
  }

  return {
    page: () => page,
    go,
    async afresh(path, strategy) {
      await go(`${path}?strategy=${strategy}`)
      const before = page.url()
      await page.click('#fresh')
      await page.waitForURL(url => url.href !== before && url.searchParams.has('play'))
      const devices = [page.frameLocator('#laptop'), page.frameLocator('#phone')] as const
      for (const device of devices) await synced(device)
      return devices
    },
  }
}

type Device = FrameLocator | Locator | Page

export const phase = (device: Device, phase: string): Promise<void> =>
  device.locator(`.chip[data-phase="${phase}"]`).first().waitFor()

/** With all of its remotes. */
export async function synced(device: Device): Promise<void> {
  await phase(device, 'synced')
  await device.locator('.chip:not([data-phase="synced"])').first().waitFor({ state: 'detached' })
}

export const online = (device: Device, on: boolean): Promise<void> => device.locator('#network').setChecked(on)

export const seen = <T>(ask: () => Promise<T>) => expect.poll(ask, { timeout: patience })
