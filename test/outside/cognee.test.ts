/** All tests of the Cognee sandbox and of its transport once more, while the vendor's schemas judge what succeeds. */
import { afterAll, describe, expect, test, vi } from 'vitest'
import { type Exchange, judgeOf } from './schemas.ts'
import { listen } from './tap.ts'

vi.mock('../../src/sandbox/exchange.ts', async original => {
  const { tapped } = await import('./tap.ts')
  return tapped(await original())
})

const deviations = [
  'The answer to POST /sync is the flat object of the documentation; the schema declares a map of such objects, which is looked at as a map of one.',
  'A sync without a body, or with null, counts as {}: the documentation calls it an empty request body.',
]

/** The flat answer as the map that is declared. */
function declared(exchange: Exchange): Exchange {
  if (exchange.method !== 'POST' || !exchange.path.endsWith('/sync')) return exchange
  const answer = JSON.parse(exchange.answered) as { readonly run_id?: string }
  const asked = ['', 'null'].includes(exchange.asked) ? '{}' : exchange.asked
  const answered = answer.run_id === undefined ? exchange.answered : JSON.stringify({ [answer.run_id]: answer })
  return { ...exchange, asked, answered }
}

const judge = judgeOf('cognee', /^/, [])
const faults = new Set<string>()
listen(exchange => {
  // Errors have four envelopes, of which the schemas know one; bytes have no schema.
  if (exchange.status >= 400 || exchange.path.endsWith('/raw')) return
  for (const fault of judge?.faults(declared(exchange), true) ?? []) faults.add(fault)
})

describe('what the sandbox answers', async () => {
  await import('../sandbox/cognee.test.ts')
})

describe('what the transport sends', async () => {
  const { transportSuite } = await import('../conformance/transport-suite.ts')
  const { cases } = await import('../conformance/transport-cognee.ts')
  for (const one of cases) transportSuite(one)
  await import('../unit/transports/cognee.test.ts')
})

describe('the schemas', () => {
  test.runIf(judge)('found nothing, and looked at every operation that is used', () => {
    expect([...faults]).toEqual([])
    expect([...judge!.counts.keys()].sort()).toEqual([
      'DELETE /api/v1/datasets/{dataset_id}',
      'DELETE /api/v1/datasets/{dataset_id}/data/{data_id}',
      'GET /api/v1/auth/me',
      'GET /api/v1/datasets',
      'GET /api/v1/datasets/status',
      'GET /api/v1/datasets/{dataset_id}/data',
      'GET /api/v1/sync/status',
      'POST /api/v1/add',
      'POST /api/v1/auth/login',
      'POST /api/v1/datasets',
      'POST /api/v1/sync',
    ])
  })

  test.runIf(judge)('are followed but for what is listed, with a reason each', () => {
    for (const why of deviations) console.log(`Deviation from cognee: ${why}`)
  })
})

afterAll(() => listen(() => {}))
