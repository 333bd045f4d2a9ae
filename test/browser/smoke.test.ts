/** A real Chromium with a real IndexedDB, Web Locks and WebSocket, against the real sandbox server. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { browsers } from './browsers.ts'
import type { App } from './page.ts'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

let sandbox: ChildProcess
let given: [url: string, share: string, token: string]
let site: Server
let address = ''
let browser: Browser
const contexts: BrowserContext[] = []

beforeAll(async () => {
  sandbox = spawn(process.execPath, [here('../../src/sandbox/main.ts')], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = await once(createInterface({ input: sandbox.stdout! }), 'line')
  const { files, share, token } = JSON.parse(line as string) as { files: string; share: string; token: string }
  given = [files, share, token]

  const { outputFiles } = await build({
    entryPoints: [here('page.ts')],
    outdir: '/',
    bundle: true,
    splitting: true,
    format: 'esm',
    write: false,
  })
  const scripts = new Map(outputFiles.map(({ path, text }) => [path, text]))
  site = createServer((request, response) => {
    const script = scripts.get(request.url ?? '')
    response.setHeader('content-type', script === undefined ? 'text/html' : 'text/javascript')
    response.end(script ?? '<!doctype html><script type="module" src="/page.js"></script>')
  }).listen(0, '127.0.0.1')
  await once(site, 'listening')
  address = `http://127.0.0.1:${(site.address() as AddressInfo).port}/`

  const executablePath = process.env.CHROMIUM ?? browsers.find(existsSync)
  if (executablePath === undefined) throw new Error('There is no Chromium here: install one, or name it in CHROMIUM.')
  // In a container there is no user to be protected from.
  browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage'] })
}, 60_000)

afterEach(async () => {
  for (const context of contexts.splice(0)) await context.close()
})

afterAll(async () => {
  await browser?.close()
  site?.close()
  sandbox?.kill('SIGTERM')
})

/** A profile of its own: another person's browser. */
async function person(): Promise<BrowserContext> {
  const context = await browser.newContext()
  contexts.push(context)
  return context
}

async function tab(context: BrowserContext): Promise<Page> {
  const page = await context.newPage()
  await page.goto(address)
  await ready(page)
  return page
}

async function ready(page: Page): Promise<void> {
  await page.waitForFunction('globalThis.app !== undefined')
  await ask(page, 'start', ...given)
}

/** Calls a function of the page's app. */
function ask<Name extends keyof App>(page: Page, name: Name, ...args: Parameters<App[Name]>): ReturnType<App[Name]> {
  const call = `globalThis.app[${JSON.stringify(name)}](...${JSON.stringify(args)})`
  return page.evaluate(call) as ReturnType<App[Name]>
}

test('what was written is there after a reload, in another tab and on another device', async () => {
  const ada = await person()
  const first = await tab(ada)
  await ask(first, 'add', 'Tea')
  expect(await ask(first, 'synced')).toBe('synced')
  await first.reload()
  await ready(first)
  expect(await ask(first, 'titles')).toEqual(['Tea'])

  const second = await tab(ada)
  const heard = ask(second, 'heard', 2)
  await ask(first, 'add', 'Milk')
  expect(await heard).toEqual(['Milk', 'Tea'])

  const other = await tab(await person())
  expect(await ask(other, 'heard', 2)).toEqual(['Milk', 'Tea'])
})

test('bytes go from one device to another, and a change is heard through the socket', async () => {
  const [one, other] = [await tab(await person()), await tab(await person())]
  expect(await ask(other, 'synced')).toBe('synced')
  await ask(one, 'write', 'tides.md', '# Tides')
  expect(await ask(one, 'synced')).toBe('synced')
  await expect.poll(() => ask(other, 'read', 'tides.md'), { timeout: 10_000 }).toBe('# Tides')
})

test('the tab that leads is closed, and another one goes on', async () => {
  const ada = await person()
  const first = await tab(ada)
  expect(await ask(first, 'synced')).toBe('synced')
  const second = await tab(ada)
  await first.close()
  const before = (await ask(second, 'titles')).length
  await ask(second, 'add', 'After all')
  const other = await tab(await person())
  expect(await ask(other, 'heard', before + 1)).toContain('After all')
})
