/** A file larger than all that a device may hold goes up and comes down (I24). `npm run soak` does it with 1 GiB. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { filesSandbox } from '../../src/sandbox/files/sandbox.ts'
import { realWorld } from '../../src/sandbox/real-world.ts'
import { serve } from '../../src/sandbox/serve.ts'
import { device, killAll } from './devices.ts'
import { sha256Of } from './hash.ts'

const mib = 1024 * 1024
const size = 64 * mib + 5
const folder = mkdtempSync(join(tmpdir(), 'tidemark-large-'))
afterAll(async () => {
  await killAll()
  rmSync(folder, { recursive: true, force: true })
})

test('64 MiB go up from one process and down into another, which hold a few pieces of it at a time (I24)', async () => {
  const sandbox = filesSandbox({ world: realWorld })
  const served = await serve({ files: sandbox })
  const { user_id, token } = sandbox.admin.addUser('Ada')
  const account = { url: served.urls.files, token, share: sandbox.admin.addShare('Documents', user_id) }
  // A heap that would not hold it as text or numbers; what is outside of the heap is looked at in the process itself.
  const bounds = ['--max-old-space-size=32', '--expose-gc']
  const sha256 = sha256Of(3, size)

  const one = await device({ ...account, name: 'One', store: join(folder, 'one') }, bounds)
  await one.orders.write({ name: 'large', seed: 3, size })
  expect((await one.orders.synced()).phase).toBe('synced')
  expect(sandbox.inspect().tree[account.share]).toMatchObject([{ path: '/large', size, sha256 }])
  const up = await one.orders.memory()
  await one.orders.close()

  const two = await device({ ...account, name: 'Two', store: join(folder, 'two') }, bounds)
  await two.orders.synced()
  expect(await two.orders.read('large')).toEqual({ size, sha256 })
  const down = await two.orders.memory()
  await two.orders.close()
  await served.close()

  console.log({ up, down })
  for (const { outside } of [up, down]) {
    expect(outside).toBeGreaterThan(0)
    expect(outside).toBeLessThan(16 * mib)
  }
}, 300_000)
