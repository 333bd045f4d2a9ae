/**
 * All tests of the records sandbox and of its transport once more, while the vendor's schemas look on: what a transport
 * sends is always judged, what a test sends on purpose only where the sandbox took it.
 */
import { afterAll, beforeAll, describe, vi } from 'vitest'
import { recordDeviations } from './cognite-deviations.ts'
import { courtOf } from './court.ts'
import { listen } from './tap.ts'

vi.mock('../../src/sandbox/exchange.ts', async original => {
  const { tapped } = await import('./tap.ts')
  return tapped(await original())
})

const court = courtOf('cognite-records', /^\/api\/v1\/projects\/[^/]+/, recordDeviations)
let ours = false
listen(exchange => {
  court.hear(exchange, ours)
})

describe('what the sandbox takes and answers', async () => {
  await import('../sandbox/cognite-records.test.ts')
  await import('../sandbox/cognite-filter.test.ts')
})

describe('what the transport sends', async () => {
  beforeAll(() => {
    ours = true
  })
  const { transportSuite } = await import('../conformance/transport-suite.ts')
  const { cases } = await import('../conformance/transport-cdf-records.ts')
  for (const one of cases) transportSuite(one)
  await import('../unit/transports/cdf-records.test.ts')
  await import('../unit/transports/cdf-records-open.test.ts')
})

describe('the schemas', () => {
  court.verdict([
    'DELETE /streams/{streamId}',
    'GET /streams',
    'GET /streams/{streamId}',
    'POST /streams',
    'POST /streams/delete',
    'POST /streams/{streamId}/records',
    'POST /streams/{streamId}/records/aggregate',
    'POST /streams/{streamId}/records/delete',
    'POST /streams/{streamId}/records/filter',
    'POST /streams/{streamId}/records/sync',
    'POST /streams/{streamId}/records/upsert',
  ])
})

afterAll(() => listen(() => {}))
