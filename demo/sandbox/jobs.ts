/** Airweave and Cognee with something to do, slow enough to be watched. */
import { type AirweaveSandbox, airweaveSandbox } from '../../src/sandbox/airweave/sandbox.ts'
import { type CogneeSandbox, cogneeSandbox } from '../../src/sandbox/cognee/sandbox.ts'
import { realWorld } from '../../src/sandbox/real-world.ts'
import type { JobsPlace } from '../jobs/schema.ts'

export function jobSandboxes() {
  return {
    airweave: airweaveSandbox({ world: realWorld, knobs: { startAfter: 1_000, perEntity: 300 } }),
    cognee: cogneeSandbox({ world: realWorld, knobs: { perDataset: 4_000 } }),
  }
}

export function jobsPlace(
  { airweave, cognee }: { readonly airweave: AirweaveSandbox; readonly cognee: CogneeSandbox },
  urls: { readonly airweave: string; readonly cognee: string },
): JobsPlace {
  const collection = airweave.admin.addCollection('Documents', 'documents')
  for (const [name, entity_count] of [
    ['Wiki', 25],
    ['Tickets', 60],
  ] as const) {
    airweave.admin.connect(collection, { short_name: 'incremental_stub', name, config: { entity_count } })
  }
  const ada = cognee.admin.addUser('ada@example.com')
  for (const name of ['Reports', 'Letters', 'Minutes']) {
    const dataset = cognee.admin.addDataset(ada.user_id, name)
    for (let n = 1; n <= 5; n++) cognee.admin.addData(dataset, `${name}-${n}.md`, `# ${name} ${n}\n`)
  }
  return {
    airweave: { url: urls.airweave, key: airweave.admin.addKey(), collection },
    cognee: { url: urls.cognee, key: ada.key, cloud: { url: `${urls.cognee}/cloud`, key: cognee.inspect().cloudKey } },
  }
}
