/** The graph and its transport under the vendor's schemas; see `cognite-records.test.ts`. */
import { afterAll, beforeAll, describe, vi } from 'vitest'
import { instanceDeviations } from './cognite-deviations.ts'
import { courtOf } from './court.ts'
import { listen } from './tap.ts'

vi.mock('../../src/sandbox/exchange.ts', async original => {
  const { tapped } = await import('./tap.ts')
  return tapped(await original())
})

const court = courtOf('cognite-instances', /^\/api\/v1\/projects\/[^/]+/, instanceDeviations)
let ours = false
listen(exchange => {
  court.hear(exchange, ours)
})

describe('what the sandbox takes and answers', async () => {
  await import('../sandbox/cognite-instances.test.ts')
})

describe('what the transport sends', async () => {
  beforeAll(() => {
    ours = true
  })
  const { transportSuite } = await import('../conformance/transport-suite.ts')
  const { cases } = await import('../conformance/transport-cdf-instances.ts')
  for (const one of cases) transportSuite(one)
  await import('../unit/transports/cdf-instances.test.ts')
  await import('../unit/transports/cdf-instances-open.test.ts')
})

describe('the schemas', () => {
  court.verdict([
    'POST /models/instances',
    'POST /models/instances/byids',
    'POST /models/instances/delete',
    'POST /models/instances/list',
    'POST /models/instances/query',
    'POST /models/instances/sync',
  ])
})

afterAll(() => listen(() => {}))
