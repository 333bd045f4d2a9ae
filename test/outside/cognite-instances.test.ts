/** The graph and its transport under the vendor's schemas; see `cognite-records.test.ts`. */
import { afterAll, describe, expect, test, vi } from 'vitest'
import { instanceDeviations } from './cognite-deviations.ts'
import { judgeOf } from './schemas.ts'
import { listen } from './tap.ts'

vi.mock('../../src/sandbox/exchange.ts', async original => {
  const { tapped } = await import('./tap.ts')
  return tapped(await original())
})

const judge = judgeOf('cognite-instances', /^\/api\/v1\/projects\/[^/]+/, instanceDeviations)
const faults = new Set<string>()
let ours = false
listen(exchange => {
  for (const fault of judge?.faults(exchange, ours) ?? []) faults.add(fault)
})

describe('what the sandbox takes and answers', async () => {
  await import('../sandbox/cognite-instances.test.ts')
})

describe('what the transport sends', async () => {
  test('is judged from here on', () => {
    ours = true
  })
  const { transportSuite } = await import('../conformance/transport-suite.ts')
  const { cases } = await import('../conformance/transport-cdf-instances.ts')
  for (const one of cases) transportSuite(one)
  await import('../unit/transports/cdf-instances.test.ts')
  await import('../unit/transports/cdf-instances-open.test.ts')
})

describe('the schemas', () => {
  test.runIf(judge)('found nothing, and looked at every operation', () => {
    expect([...faults]).toEqual([])
    expect([...judge!.counts.keys()].sort()).toEqual([
      'POST /models/instances',
      'POST /models/instances/byids',
      'POST /models/instances/delete',
      'POST /models/instances/list',
      'POST /models/instances/query',
      'POST /models/instances/sync',
    ])
  })

  test.runIf(judge)('are followed but for what is listed, with a reason each', () => {
    for (const { where, why } of instanceDeviations) {
      console.log(`Deviation from cognite-instances: ${where}. ${why}`)
      expect(why.length).toBeGreaterThan(20)
    }
  })
})

afterAll(() => listen(() => {}))
