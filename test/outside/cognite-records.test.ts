/**
 * All tests of the records sandbox and of its transport once more, while the vendor's schemas look on: what a transport
 * sends is always judged, what a test sends on purpose only where the sandbox took it.
 */
import { afterAll, describe, expect, test, vi } from 'vitest'
import { recordDeviations } from './cognite-deviations.ts'
import { judgeOf } from './schemas.ts'
import { listen } from './tap.ts'

vi.mock('../../src/sandbox/exchange.ts', async original => {
  const { tapped } = await import('./tap.ts')
  return tapped(await original())
})

const judge = judgeOf('cognite-records', /^\/api\/v1\/projects\/[^/]+/, recordDeviations)
const faults = new Set<string>()
let ours = false
listen(exchange => {
  for (const fault of judge?.faults(exchange, ours) ?? []) faults.add(fault)
})

describe('what the sandbox takes and answers', async () => {
  await import('../sandbox/cognite-records.test.ts')
  await import('../sandbox/cognite-filter.test.ts')
})

describe('what the transport sends', async () => {
  test('is judged from here on', () => {
    ours = true
  })
  const { transportSuite } = await import('../conformance/transport-suite.ts')
  const { cases } = await import('../conformance/transport-cdf-records.ts')
  for (const one of cases) transportSuite(one)
  await import('../unit/transports/cdf-records.test.ts')
  await import('../unit/transports/cdf-records-open.test.ts')
})

describe('the schemas', () => {
  test.runIf(judge)('found nothing, and looked at every operation', () => {
    expect([...faults]).toEqual([])
    const seen = [...judge!.counts.keys()].sort()
    expect(seen).toEqual([
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

  test.runIf(judge)('are followed but for what is listed, with a reason each', () => {
    for (const { where, why } of recordDeviations) {
      console.log(`Deviation from cognite-records: ${where}. ${why}`)
      expect(why.length).toBeGreaterThan(20)
    }
  })
})

afterAll(() => listen(() => {}))
