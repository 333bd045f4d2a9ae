import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { afterEach, expect, test } from 'vitest'
import { airweaveSandbox } from '../../src/sandbox/airweave/sandbox.ts'
import { realWorld } from '../../src/sandbox/real-world.ts'
import { serve } from '../../src/sandbox/serve.ts'
import { frames, keyed } from './airweave-kit.ts'
import type { Json } from './kit.ts'

const open: { close(): Promise<void> | void }[] = []
afterEach(async () => {
  for (const it of open.splice(0)) await it.close()
})

test('a job runs and its stream flows over real HTTP', async () => {
  const sandbox = airweaveSandbox({ world: realWorld, knobs: { startAfter: 100, perEntity: 10 } })
  const { admin } = sandbox
  const key = admin.addKey()
  const entities = Array.from({ length: 20 }, (_, n) => ({ id: `e${n}`, name: `Entity ${n}`, text: `text ${n}` }))
  const id = admin.connect(admin.addCollection('Documents'), { entities })
  const served = await serve({ airweave: sandbox })
  open.push(served)
  const url = served.urls.airweave
  const api = keyed(fetch, key, url)
  const job = (await api('POST', `/source-connections/${id}/run`)).body
  const response = await fetch(`${url}/sync/job/${job.id}/subscribe`, { headers: { 'x-api-key': key } })
  expect(response.headers.get('content-type')).toBe('text/event-stream')
  const heard: Json[] = []
  void frames(response, heard).catch(() => undefined)
  while (heard.at(-1)?.status !== 'completed') await new Promise(resolve => setTimeout(resolve, 20))
  expect(heard[0]).toEqual({ type: 'connected', job_id: job.id })
  expect(heard.at(-1)).toMatchObject({ inserted: 20 })
  expect((await api('GET', `/source-connections/${id}/jobs`)).body[0]).toMatchObject({ entities_inserted: 20 })
})

test('the command serves it beside the files, with a connection that can be run', async () => {
  const main = new URL('../../src/sandbox/main.ts', import.meta.url).pathname
  const child = spawn(process.execPath, [main])
  open.push({ close: () => void child.kill('SIGKILL') })
  const [line] = await once(child.stdout, 'data')
  const told = JSON.parse(String(line))
  expect(told.files).toMatch(/^http/)
  const api = keyed(fetch, told.airweaveKey, told.airweave)
  expect((await api('POST', `/source-connections/${told.airweaveConnection}/run`)).body.status).toBe('pending')
}, 30_000)
