/** All tests of the Cognee sandbox and of its transport once more, while the vendor's schemas judge what succeeds. */
import { afterAll, describe, vi } from 'vitest'
import { courtOf } from './court.ts'
import type { Deviation, Exchange } from './schemas.ts'
import { listen } from './tap.ts'

vi.mock('../../src/sandbox/exchange.ts', async original => {
  const { tapped } = await import('./tap.ts')
  return tapped(await original())
})

const deviations: readonly Deviation[] = [
  {
    where: 'POST /sync: the answer is one flat object',
    why: 'So the documentation shows it; the schema declares a map of such objects, and it is looked at as a map of one.',
    read(exchange) {
      const { run_id: run } = isSync(exchange) ? (JSON.parse(exchange.answered) as { readonly run_id?: string }) : {}
      return run === undefined
        ? exchange
        : { ...exchange, answered: JSON.stringify({ [run]: JSON.parse(exchange.answered) }) }
    },
  },
  {
    where: 'POST /sync: no body, or null, counts as {}',
    why: 'The documentation calls it an empty request body.',
    read: exchange =>
      isSync(exchange) && ['', 'null'].includes(exchange.asked) ? { ...exchange, asked: '{}' } : exchange,
  },
]
const isSync = ({ method, path }: Exchange): boolean => method === 'POST' && path.endsWith('/sync')

const court = courtOf('cognee', /^/, deviations)
listen(exchange => {
  // Errors have four envelopes, of which the schemas know one; bytes have no schema.
  if (exchange.status >= 400 || exchange.path.endsWith('/raw')) return
  court.hear(exchange, true)
})

describe('what the sandbox answers', async () => {
  await import('../sandbox/cognee.test.ts')
})

describe('what the transport sends', async () => {
  const { transportSuite } = await import('../conformance/transport-suite.ts')
  const { cases } = await import('../conformance/transport-cognee.ts')
  for (const one of cases) transportSuite(one)
  await import('../unit/transports/cognee.test.ts')
  await import('../unit/transports/cognee-documents.test.ts')
})

describe('the schemas', () => {
  court.verdict([
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

afterAll(() => listen(() => {}))
