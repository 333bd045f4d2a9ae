/** Airweave with one connection of three entities, and an app that sees it. */
import type { Knobs } from '../../../src/sandbox/airweave/knobs.ts'
import { airweaveSandbox } from '../../../src/sandbox/airweave/sandbox.ts'
import { collection } from '../../../src/schema.ts'
import { airweave, connections, entities, jobs } from '../../../src/transports/airweave/index.ts'
import { deviceOf, worldWith } from './served.ts'

export async function scene(knobs: Partial<Knobs> = {}) {
  const { world, sandbox } = worldWith(of => airweaveSandbox({ world: of, knobs }))
  const { admin } = sandbox
  const key = admin.addKey()
  const state = { key }
  const readable = admin.addCollection('Documents', 'documents')
  const some = (numbers: readonly number[], text = 'first') =>
    numbers.map(n => ({ id: `e${n}`, name: `Entity ${n}`, text: `${text} ${n}` }))
  const id = admin.connect(readable, { entities: some([1, 2, 3]) })
  const search = airweave({ url: 'https://airweave.example', key: () => state.key, collection: readable })
  const collections = {
    connections: collection({ remote: 'search', ...connections }),
    jobs: collection({ remote: 'search', ...jobs }),
    entities: collection({ remote: 'search', ...entities }),
  }
  const device = deviceOf(world, sandbox, collections, { search })
  const { db } = await device.start()
  const run = (more: { forceFullSync?: boolean } = {}) => db.remotes.search.run({ sourceConnection: id, ...more })
  const texts = async () => (await db.data.entities.list()).map(({ value }) => value.text).sort()
  return { world, sandbox, admin, key, state, id, some, device, db, run, texts, search: db.remotes.search, readable }
}

/** How often a run was asked for. */
export const runs = (requests: readonly { readonly method: string; readonly path: string }[]) =>
  requests.filter(({ method, path }) => method === 'POST' && path.endsWith('/run')).length
