/** The vendor's own JavaScript client and our transport on one stream, over real HTTP: each sees what the other does. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { Change, Value } from '../../src/model.ts'
import { cogniteSandbox } from '../../src/sandbox/cognite/sandbox.ts'
import { realWorld } from '../../src/sandbox/real-world.ts'
import { type Served, serve } from '../../src/sandbox/serve.ts'
import { cdfRecords, eventId, recordId } from '../../src/transports/cdf-records/index.ts'
import { client } from '../conformance/transport-io.ts'
import { recordDeviations } from './cognite-deviations.ts'
import { type Sdk, sdkFor } from './cognite-sdk.ts'
import { judgeOf } from './schemas.ts'
import { listen } from './tap.ts'

vi.mock('../../src/sandbox/exchange.ts', async original => {
  const { tapped } = await import('./tap.ts')
  return tapped(await original())
})

const judge = judgeOf('cognite-records', /^\/api\/v1\/projects\/[^/]+/, recordDeviations)
const faults = new Set<string>()
listen(exchange => {
  for (const fault of judge?.faults(exchange, true) ?? []) faults.add(fault)
})

const source = { type: 'container', space: 'plant', externalId: 'Reading' }
const sandbox = cogniteSandbox({ world: realWorld, project: 'p' })
let served: Served<'cognite'>
let sdk: Sdk

beforeAll(async () => {
  sandbox.admin.addToken('ada')
  served = await serve({ cognite: sandbox })
  sdk = sdkFor(served.urls.cognite)
  await sdk.spaces.upsert([{ space: 'plant' }])
  const properties = {
    n: { type: { type: 'float64' } },
    name: { type: { type: 'text' } },
    tags: { type: { type: 'text', list: true } },
  }
  const container = { space: 'plant', externalId: 'Reading', name: 'Reading', usedFor: 'record', properties }
  await sdk.containers.upsert([container])
})

afterAll(async () => {
  listen(() => {})
  await served.close()
})

const item = (externalId: string, properties: Record<string, unknown>) => ({
  space: 'plant',
  externalId,
  sources: [{ source, properties: properties }],
})

let changes = 0
function change(externalId: string, value: Value | null, base: Change['base'] = null, immutable = false): Change {
  const identity = { space: 'plant', externalId }
  const id = immutable && value !== null ? eventId(identity, value) : recordId(identity)
  const at = { time: Date.now(), device: 'device-1' }
  return { collection: 'records', id, change: `change-${++changes}`, value, base, at }
}

function device(stream: string, immutable = false) {
  const transport = cdfRecords({
    url: served.urls.cognite,
    project: 'p',
    stream,
    immutable,
    limit: 2,
    containers: [{ space: 'plant', externalId: 'Reading' }],
    token: () => 'ada',
  })
  const one = client({ transport, fetch: request => fetch(request), now: () => Date.now() })
  return {
    ...one,
    values: async () => {
      await one.pull()
      const records = [...(one.agreed.get('records') ?? new Map()).values()]
      return Object.fromEntries(records.map(({ id, value }) => [id, value]))
    },
    send: async (...list: Change[]) => {
      const { receipts } = await transport.push!.send(list, one.io())
      return receipts.map(({ state }) => state)
    },
  }
}

describe('a mutable stream', () => {
  test('made by the client, is followed by the transport', async () => {
    const template = { name: 'BasicLiveData' }
    const made = await sdk.streams.create({ externalId: 'live', settings: { template } })
    expect(made).toMatchObject({ externalId: 'live', type: 'Mutable' })
    expect((await sdk.streams.list()).map(({ externalId }) => externalId)).toEqual(['live'])
    const one = device('live')
    await sdk.records.ingest('live', [item('a', { n: 1, tags: ['x'] }), item('b', { n: 2 }), item('c', { name: 'c' })])
    expect(await one.values()).toEqual({
      'plant:a': { n: 1, tags: ['x'] },
      'plant:b': { n: 2 },
      'plant:c': { name: 'c' },
    })
    await sdk.records.upsert('live', [item('a', { n: 5 })])
    await sdk.records.delete('live', [{ space: 'plant', externalId: 'b' }])
    expect(await one.values()).toEqual({ 'plant:a': { n: 5 }, 'plant:b': null, 'plant:c': { name: 'c' } })
  })

  test('shows the client what the transport writes', async () => {
    const one = device('live')
    await one.pull()
    const base = { value: { n: 5 }, version: null }
    const sent = await one.send(change('a', { n: 6 }, base), change('d', { name: 'new' }), change('c', null, base))
    expect(sent).toEqual(['accepted', 'accepted', 'accepted'])
    const sources = [{ source, properties: ['*'] }]
    const walked = await sdk.records
      .sync('live', { initializeCursor: '1h-ago', sources, limit: 2 })
      .autoPagingToArray({ limit: 100 })
    expect(walked.map(({ externalId, status }) => [externalId, status])).toEqual([
      ['b', 'deleted'],
      ['d', 'created'],
      ['a', 'updated'],
      ['c', 'deleted'],
    ])
    const filter = { equals: { property: ['plant', 'Reading', 'n'], value: 6 } }
    const [found] = await sdk.records.filter('live', { sources, filter })
    expect(found).toMatchObject({ externalId: 'a', properties: { plant: { Reading: { n: 6 } } } })
    const { total } = await sdk.records.aggregate('live', { aggregates: { total: { count: {} } } })
    expect(total).toEqual({ count: 2 })
  })

  test('tells both that a record is there already', async () => {
    const again = sdk.records.ingest('live', [item('a', { n: 9 })])
    await expect(again).rejects.toMatchObject({ status: 409 })
    expect(await device('live').send(change('a', { n: 9 }), change('a2', { n: 9 }))).toEqual(['conflict', 'accepted'])
  })
})

test('an immutable stream takes from both, and keeps one of what is the same', async () => {
  const template = { name: 'ImmutableTestStream' }
  await sdk.streams.create({ externalId: 'archive', settings: { template } })
  const one = device('archive', true)
  expect(await one.send(change('e', { n: 1 }, null, true), change('e', { n: 2 }, null, true))).toEqual([
    'accepted',
    'accepted',
  ])
  await sdk.records.ingest('archive', [item('e', { n: 1 }), item('e', { n: 3 })])
  expect(Object.values(await one.values())).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }])
  const since = { lastUpdatedTime: { gte: Date.now() - 3_600_000 } }
  expect(await sdk.records.filter('archive', { ...since, limit: 10 })).toHaveLength(3)
  await expect(sdk.records.upsert('archive', [item('e', { n: 4 })])).rejects.toMatchObject({ status: 422 })
})

test.runIf(judge)('the schemas of the vendor found nothing to say about either', () => {
  expect([...faults]).toEqual([])
  expect(judge!.counts.get('POST /streams/{streamId}/records/sync')).toBeGreaterThan(5)
})
