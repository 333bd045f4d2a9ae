/** One device as a process of its own: a SQLite store, the file API over HTTP, and orders from the parent. */
import { createHash } from 'node:crypto'
import { collection, defineSchema, open } from '../../src/index.ts'
import { sqlite } from '../../src/stores/sqlite.ts'
import { files, tree } from '../../src/transports/files/index.ts'
import { stream } from './bytes.ts'
import type { Account } from './devices.ts'
import { peak, watchMemory } from './memory.ts'
import { obey } from './obey.ts'

const { name, store, url, share, token } = JSON.parse(process.argv[2] ?? '{}') as Account & {
  name: string
  store: string
}
watchMemory()

const db = await open({
  store: sqlite(store),
  schema: defineSchema({
    version: 1,
    collections: { entries: collection({ remote: 'drive', source: 'tree', conflicts: 'KEEP_BOTH', ...tree }) },
  }),
  remotes: { drive: files({ url, share, token: () => token }) },
  device: { name },
})
const { entries } = db.data
const { drive } = db.remotes

const named = async (name: string) => {
  const found = (await entries.list()).find(({ value }) => value.name === name)
  if (found === undefined) throw new Error(`There is no "${name}" here.`)
  return found
}

const orders = {
  async list() {
    return (await entries.list()).map(({ id, value }) => ({ id, ...value }))
  },
  /** A file of synthetic bytes, written as they come. */
  async write({ name, seed, size }: { name: string; seed: number; size: number }) {
    const parts = (async function* () {
      yield* stream(seed, size)
    })()
    await entries.write(`new-${name}`, parts, { share, parent: share, name, kind: 'file' })
  },
  /** Asks for the bytes, and does not wait. */
  fetch: async (name: string) => entries.fetch((await named(name)).id),
  /** Reads the bytes, a piece at a time: their size and hash. */
  async read(name: string) {
    const hash = createHash('sha256')
    let size = 0
    for await (const piece of (await entries.stream((await named(name)).id)) ?? []) {
      hash.update(piece)
      size += piece.length
    }
    return { size, sha256: hash.digest('hex') }
  },
  outbox: () => db.outbox.list(),
  transfers: () => drive.transfers.get(),
  status: () => drive.status.get(),
  synced: () => drive.synced(),
  memory: async () => peak(),
  close: () => db.close(),
}

export type Orders = typeof orders

obey(orders)
