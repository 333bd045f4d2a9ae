/** A Cognee server with two datasets and its cloud, and an app that sees them. */
import type { Knobs } from '../../../src/sandbox/cognee/knobs.ts'
import { cogneeSandbox } from '../../../src/sandbox/cognee/sandbox.ts'
import { collection } from '../../../src/schema.ts'
import {
  type CogneeOptions,
  type CogneeSync,
  cognee,
  datasets,
  documents,
} from '../../../src/transports/cognee/index.ts'
import { deviceOf, worldWith } from './served.ts'

export const text = (of: string) => new TextEncoder().encode(of)

export async function scene(
  knobs: Partial<Knobs> = {},
  options: Partial<CogneeOptions> & { readonly alone?: true } = {},
) {
  const { world, sandbox } = worldWith(of => cogneeSandbox({ world: of, knobs }))
  const { admin } = sandbox
  const ada = admin.addUser('ada@example.com')
  const state = { token: ada.token }
  const notes = admin.addDataset(ada.user_id, 'notes')
  const plans = admin.addDataset(ada.user_id, 'plans')
  admin.addData(notes, 'one.txt', 'one')
  admin.addData(notes, 'two.md', 'two')
  admin.addData(plans, 'three.txt', 'three')
  const { alone, ...more } = options
  const cloud = { url: 'https://cognee.example/cloud', key: () => sandbox.inspect().cloudKey }
  const remote = cognee({
    url: 'https://cognee.example',
    token: () => state.token,
    ...(!alone && { cloud }),
    ...more,
  })
  const collections = {
    datasets: collection({ remote: 'cloud', ...datasets }),
    documents: collection({ remote: 'cloud', ...documents }),
  }
  const device = deviceOf(world, sandbox, collections, { cloud: remote })
  const { db } = await device.start()
  const sync = (request: CogneeSync = { datasets: [notes] }) => db.remotes.cloud.run(request)
  const posts = () => device.requests.filter(({ method, path }) => method === 'POST' && path.endsWith('/sync')).length
  return { world, sandbox, admin, ada, state, notes, plans, device, db, sync, posts, cloud: db.remotes.cloud }
}
