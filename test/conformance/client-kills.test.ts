/** Real threads are ended at messages all over a session; each message has its turn in `worker-kills.test.ts` (I6, I19, F35). */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { open, type WorkerLike } from '../../src/index.ts'
import { sqlite } from '../../src/stores/sqlite.ts'
import { type Mortal, mortal } from './client/mortal.ts'
import { type Remote, remote } from './client/remote.ts'
import { scene } from './client/scene.ts'
import { schema } from './client/schema.ts'
import { survives } from './client/survives.ts'

const folder = mkdtempSync(join(tmpdir(), 'tidemark-kills-'))
let far: Remote
beforeAll(async () => {
  far = await remote()
})
afterAll(async () => {
  await far.close()
  rmSync(folder, { recursive: true })
})

const thread = () => new Worker(new URL('./client/ending.worker.ts', import.meta.url))

/** From inside: Node itself may crash, with the whole process, where a thread is terminated in the middle of native work. */
const end = (worker: WorkerLike) => worker.postMessage('end', [])

async function play(at: number): Promise<Mortal> {
  const workers = mortal(thread, at, { end })
  const played = await scene(
    far.control,
    (config, token) =>
      open<typeof import('./client/node.worker.ts').default>({
        store: sqlite(config.store),
        schema,
        account: 'ada',
        config,
        tokens: { drive: token },
        worker: workers.worker,
      }),
    join(folder, `${at}-`),
  )
  try {
    await survives(played)
  } finally {
    await played.end()
  }
  return workers
}

// The first ones are the knock, its answer, the hello and the welcome.
test.each([1, 2, 3, 4, 5, 8, 13, 21, 34, 55])(
  'a thread that ends at message %i loses no acknowledged write, and another one goes on',
  { timeout: 240_000 },
  async at => {
    const workers = await play(at)
    // A session is not the same each time: a short one may end before a late turn comes.
    expect(workers.killed() || at > 21).toBe(true)
    if (workers.killed()) expect(workers.made()).toBeGreaterThan(1)
  },
)
