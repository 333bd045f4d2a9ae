/**
 * One device: a process with a SQLite store that follows a record stream and a graph. The parent tells it what its user
 * does, and when its network and its clock change.
 */
import { type InboxEntry, open, type Phase, platform as real } from '../../src/index.ts'
import { sqlite } from '../../src/stores/sqlite.ts'
import { cdfInstances } from '../../src/transports/cdf-instances/index.ts'
import { cdfRecords } from '../../src/transports/cdf-records/index.ts'
import { obey } from '../obey.ts'
import { type Memory, watched } from './memory.ts'
import { type Kind, kinds, project, query, schema, space, stream, token } from './model.ts'
import { type Sum, summing } from './sum.ts'

export interface DeviceOrders {
  /** The first walk through the graph, and the most memory that it took. */
  pull(): Promise<{ readonly memory: Memory; readonly pages: number }>
  /** Looks once more at both remotes, until nothing is left to do by itself. */
  sync(): Promise<void>
  /** The same without waiting for what the server does not show yet. */
  look(): Promise<{ readonly phase: Phase; readonly pending: number }>
  put(kind: Kind, id: string, value: object): Promise<void>
  patch(kind: Kind, id: string, fields: object): Promise<void>
  delete(kind: Kind, id: string): Promise<void>
  /** The row, and copies of it. */
  show(kind: Kind, id: string): Promise<readonly object[]>
  sums(): Promise<{ readonly [kind in Kind]: Sum }>
  inbox(): Promise<readonly InboxEntry[]>
  pending(): Promise<number>
  /** How often the server said that a cursor has expired. */
  expired(): Promise<number>
  offline(state: boolean): Promise<void>
  pass(ms: number): Promise<void>
  close(): Promise<void>
}

const [name = '', store = '', url = ''] = process.argv.slice(2)

let [passed, offline, pages, expired] = [0, false, 0, 0]
const platform = {
  ...real(),
  now: () => Date.now() + passed,
  async fetch(request: Request) {
    if (offline) throw new TypeError('fetch failed')
    const response = await fetch(request)
    if (request.url.endsWith('/instances/sync')) pages++
    if (response.status === 400 && (await response.clone().text()).includes('Cursor has expired')) expired++
    return response
  },
}

const memory = watched()
const at = { url, project, token: () => token }
const db = await open({
  store: sqlite(store),
  schema,
  remotes: {
    stream: cdfRecords({ ...at, stream, containers: [{ space, externalId: 'Reading' }], visibleWithin: 120_000 }),
    graph: cdfInstances({ ...at, query }),
  },
  device: { name },
  platform,
})
const remotes = Object.values(db.remotes)
const rows = (kind: Kind) => db.data[kind] as unknown as Rows

/** The same of all three collections, since the parent names them as it likes. */
interface Rows {
  put(id: string, value: object): Promise<unknown>
  patch(id: string, fields: object): Promise<unknown>
  delete(id: string): Promise<unknown>
  get(id: string): Promise<object | undefined>
  orderBy(field: string): {
    filter(keep: (item: { readonly id: string; readonly value: object }) => boolean): { get(): Promise<unknown> }
  }
}

const orders: DeviceOrders = {
  async pull() {
    await rested(db.remotes.graph, 0)
    return { memory: memory.peak(), pages }
  },
  async sync() {
    for (const remote of remotes) await looked(remote)
  },
  look: () => looked(db.remotes.stream, true),
  async put(kind, id, value) {
    await rows(kind).put(id, value)
  },
  async patch(kind, id, fields) {
    await rows(kind).patch(id, fields)
  },
  async delete(kind, id) {
    await rows(kind).delete(id)
  },
  async show(kind, id) {
    const copies = (await db.conflicts.list()).flatMap(({ record, copy }) => (record === id && copy ? [copy] : []))
    const found = await Promise.all([id, ...new Set(copies)].map(one => rows(kind).get(one)))
    return found.flatMap(value => value ?? [])
  },
  async sums() {
    const all = await Promise.all(kinds.map(async kind => [kind, await sumOf(kind)] as const))
    return Object.fromEntries(all) as { [kind in Kind]: Sum }
  },
  inbox: () => db.conflicts.list(),
  pending: async () => (await db.unsynced()).changes,
  expired: async () => expired,
  async offline(state) {
    offline = state
  },
  async pass(ms) {
    passed += ms
  },
  async close() {
    await db.close()
    process.disconnect()
  },
}

/** A filter that keeps nothing sees every row and holds none. */
async function sumOf(kind: Kind): Promise<Sum> {
  const sum = summing()
  const held = rows(kind)
    .orderBy('name')
    .filter(({ id, value }) => {
      sum.add(id, value)
      return false
    })
  await held.get()
  return sum.end()
}

type Remote = (typeof db.remotes)['graph' | 'stream']

async function looked(remote: Remote, atOnce = false) {
  const { pulledAt = 0 } = await remote.status.get()
  remote.sync()
  return rested(remote, pulledAt, atOnce)
}

function rested(remote: Remote, before: number, atOnce = false): Promise<{ phase: Phase; pending: number }> {
  return new Promise((resolve, reject) => {
    const stop = remote.status.subscribe(({ phase, pending, pulledAt = 0 }) => {
      const done = atOnce || phase === 'synced' || phase === 'needs-user'
      if (!done || pulledAt <= before) return
      stop()
      resolve({ phase, pending })
    }, reject)
  })
}

obey(orders)
