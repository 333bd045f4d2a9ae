/** The client suite with the engine in the app's own thread, and in a thread of its own. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { afterAll } from 'vitest'
import { open } from '../../src/index.ts'
import { sqlite } from '../../src/stores/sqlite.ts'
import { remotesOf, schema, strategies } from './client/app.ts'
import { clientSuite } from './client-suite.ts'

const folder = mkdtempSync(join(tmpdir(), 'tidemark-client-'))
let places = 0
const place = () => join(folder, `${++places}-`)
afterAll(() => rmSync(folder, { recursive: true }))

clientSuite('inline', {
  place,
  open: (config, token) =>
    open({
      store: sqlite(config.store),
      schema,
      strategies,
      remotes: remotesOf(config, token),
      device: { name: 'One' },
    }),
})

clientSuite('in worker_threads', {
  place,
  open: (config, token) =>
    open<typeof import('./client/node.worker.ts').default>({
      store: sqlite(config.store),
      schema,
      account: 'ada',
      config,
      tokens: { drive: token },
      worker: () => new Worker(new URL('./client/node.worker.ts', import.meta.url)),
      device: { name: 'One' },
    }),
})
