/** The file server as a process of its own, in its SQLite file: killed and started again it has all that it answered. */
import { filesSandbox } from '../../src/sandbox/files/sandbox.ts'
import { realWorld } from '../../src/sandbox/real-world.ts'
import { serve } from '../../src/sandbox/serve.ts'
import { sqlite } from '../../src/sandbox/sqlite.ts'
import { obey } from './obey.ts'

const { db } = JSON.parse(process.argv[2] ?? '{}') as { db: string }
const sandbox = filesSandbox({ world: realWorld, db: sqlite(db) })
const served = await serve({ files: sandbox })

const orders = {
  url: async () => served.urls.files,
  async account() {
    const { user_id, token } = sandbox.admin.addUser('Ada')
    return { token, share: sandbox.admin.addShare('Documents', user_id) }
  },
  /** Every hash and every name that there ever was. */
  history: async () => sandbox.inspect().versions.flatMap(({ name, content }) => [name, content?.sha256 ?? '']),
  /** Whoever is behind the end of the log must walk through everything. */
  compact: async () => sandbox.admin.compact(),
  forceSync: async () => sandbox.admin.forceSync(),
}
export type ServerOrders = typeof orders

obey(orders)
