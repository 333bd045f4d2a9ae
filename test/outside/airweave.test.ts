/** All tests of the Airweave sandbox and of its transport once more, while the vendor's schemas judge what succeeds. */
import { afterAll, describe, expect, test, vi } from 'vitest'
import { airweaveDeviations } from './airweave-deviations.ts'
import { judgeOf } from './schemas.ts'
import { listen } from './tap.ts'

vi.mock('../../src/sandbox/exchange.ts', async original => {
  const { tapped } = await import('./tap.ts')
  return tapped(await original())
})

const judge = judgeOf('airweave', /^/, airweaveDeviations)
const faults = new Set<string>()
listen(exchange => {
  // Errors have several shapes, of which the description knows one; the sandbox's own tests hold them.
  if (exchange.status >= 400) return
  for (const fault of judge?.faults(exchange, true) ?? []) faults.add(fault)
})

describe('what the sandbox answers', async () => {
  await import('../sandbox/airweave.test.ts')
})

describe('what the transport sends', async () => {
  const { transportSuite } = await import('../conformance/transport-suite.ts')
  const { cases } = await import('../conformance/transport-airweave.ts')
  for (const one of cases) transportSuite(one)
  await import('../unit/transports/airweave.test.ts')
})

describe('the schemas', () => {
  test.runIf(judge)('found nothing, and looked at every operation that is used', () => {
    expect([...faults]).toEqual([])
    const seen = [...judge!.counts.keys()].sort()
    expect(seen).toEqual([
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

  test.runIf(judge)('are followed but for what is listed, with a reason each', () => {
    for (const { where, why } of airweaveDeviations) console.log(`Deviation from airweave: ${where}. ${why}`)
  })
})

afterAll(() => listen(() => {}))
