/** All tests of the Airweave sandbox and of its transport once more, while the vendor's schemas judge what succeeds. */
import { afterAll, describe, vi } from 'vitest'
import { airweaveDeviations } from './airweave-deviations.ts'
import { courtOf } from './court.ts'
import { listen } from './tap.ts'

vi.mock('../../src/sandbox/exchange.ts', async original => {
  const { tapped } = await import('./tap.ts')
  return tapped(await original())
})

const court = courtOf('airweave', /^/, airweaveDeviations)
listen(exchange => {
  // Errors have several shapes, of which the description knows one; the sandbox's own tests hold them.
  if (exchange.status >= 400) return
  court.hear(exchange, true)
})

describe('what the sandbox answers', async () => {
  await import('../sandbox/airweave.test.ts')
})

describe('what the transport sends', async () => {
  const { transportSuite } = await import('../conformance/transport-suite.ts')
  const { cases } = await import('../conformance/transport-airweave.ts')
  for (const one of cases) transportSuite(one)
  await import('../unit/transports/airweave.test.ts')
  await import('../unit/transports/airweave-entities.test.ts')
})

describe('the schemas', () => {
  court.verdict([
    'DELETE /source-connections/{source_connection_id}',
    'GET /source-connections',
    'GET /source-connections/{source_connection_id}',
    'GET /source-connections/{source_connection_id}/jobs',
    'GET /sources',
    'PATCH /source-connections/{source_connection_id}',
    'POST /collections/{readable_id}/search/instant',
    'POST /source-connections',
    'POST /source-connections/{source_connection_id}/jobs/{job_id}/cancel',
    'POST /source-connections/{source_connection_id}/run',
  ])
})

afterAll(() => listen(() => {}))
