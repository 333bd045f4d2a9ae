/** A real process is killed while it asks for a run, over real HTTP and with its store in a file: the run begins once. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, expect, test } from 'vitest'
import { airweaveSandbox } from '../../src/sandbox/airweave/sandbox.ts'
import { cogneeSandbox } from '../../src/sandbox/cognee/sandbox.ts'
import { realWorld } from '../../src/sandbox/real-world.ts'
import { type Api, serve } from '../../src/sandbox/serve.ts'
import type { Config } from './client/asking.child.ts'

const folder = mkdtempSync(join(tmpdir(), 'tidemark-jobs-'))
const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})
afterAll(() => rmSync(folder, { recursive: true }))

interface Place extends Omit<Config, 'url' | 'file'> {
  readonly api: 'airweave' | 'cognee'
  readonly sandbox: Api
  readonly starts: RegExp
  readonly runs: () => number
}

function airweavePlace(): Place {
  const sandbox = airweaveSandbox({ world: realWorld })
  const token = sandbox.admin.addKey()
  const entities = [{ id: 'e1', name: 'One', text: 'one' }]
  const place = sandbox.admin.connect(sandbox.admin.addCollection('Documents', 'documents'), { entities })
  const runs = () => sandbox.inspect().jobs.length
  return { api: 'airweave', sandbox, token, place, cloudKey: '', starts: /\/run$/, runs }
}

function cogneePlace(): Place {
  const sandbox = cogneeSandbox({ world: realWorld })
  const { user_id, token } = sandbox.admin.addUser('ada@example.com')
  const place = sandbox.admin.addDataset(user_id, 'notes')
  sandbox.admin.addData(place, 'one.txt', 'one')
  const { cloudKey } = sandbox.inspect()
  const runs = () => sandbox.inspect().runs.length
  return { api: 'cognee', sandbox, token, place, cloudKey, starts: /\/api\/v1\/sync$/, runs }
}

/** What becomes of requests for a run, or of all. */
type Weather = 'fair' | 'no network' | 'held before' | 'held after'

/** The server, and when a request for a run is where the weather keeps it. */
async function gated({ sandbox, starts }: Place) {
  const gate = { weather: 'fair' as Weather, held: () => {} }
  const never = new Promise<Response>(() => {})
  const overWire: Api['overWire'] = async request => {
    if (gate.weather === 'no network') throw new TypeError('no network')
    if (gate.weather === 'fair' || request.method !== 'POST' || !starts.test(new URL(request.url).pathname))
      return sandbox.overWire(request)
    if (gate.weather === 'held after') await sandbox.overWire(request)
    gate.held()
    return never
  }
  const served = await serve({ works: { ...sandbox, overWire } })
  closing.push(() => served.close())
  return { gate, url: served.urls.works }
}

function process(what: 'ask' | 'watch', config: Config) {
  const script = fileURLToPath(new URL('./client/asking.child.ts', import.meta.url))
  const child = spawn(globalThis.process.execPath, [script, what, JSON.stringify(config)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  closing.push(() => killed(child))
  const line = once(createInterface({ input: child.stdout }), 'line').then(([text]) => JSON.parse(String(text)))
  return { child, line: line as Promise<{ readonly [name: string]: unknown }> }
}

async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGKILL')
  await once(child, 'exit')
}

const moments = [
  ['after it was asked for without a network', 'no network'],
  ['with the request on its way, which never arrives', 'held before'],
  ['with the answer on its way', 'held after'],
] as const

test.each(
  [airweavePlace, cogneePlace].flatMap(make =>
    moments.map(([name, weather]) => [make().api, name, weather, make] as const),
  ),
)(
  '%s: a process killed %s begins one run, and another one sees its end (I1, I32, F88)',
  {
    timeout: 240_000,
  },
  async (_, _name, weather, make) => {
    const place = make()
    const { gate, url } = await gated(place)
    const { api, token, cloudKey, place: id } = place
    const config: Config = { api, token, cloudKey, place: id, url, file: join(folder, `${api} ${weather}`) }
    gate.weather = weather
    const held = new Promise<void>(resolve => {
      gate.held = resolve
    })
    const first = process('ask', config)
    const { asked } = await first.line
    if (weather !== 'no network') await held
    await killed(first.child)
    expect(place.runs()).toBe(weather === 'held after' ? 1 : 0)
    gate.weather = 'fair'
    const { line } = process('watch', config)
    expect(await line).toMatchObject({ id: asked, state: 'done' })
    expect(place.runs()).toBe(1)
  },
)
