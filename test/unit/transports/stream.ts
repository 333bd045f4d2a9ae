/** A record stream in the sandbox, and devices that follow it. */
import type { Base, Change, Value } from '../../../src/model.ts'
import type { WriteItem } from '../../../src/sandbox/cognite/admin.ts'
import type { Turn } from '../../../src/sandbox/cognite/knobs.ts'
import { cogniteSandbox } from '../../../src/sandbox/cognite/sandbox.ts'
import { type CdfRecordsOptions, cdfRecords, eventId, recordId } from '../../../src/transports/cdf-records/index.ts'
import { client } from '../../conformance/transport-io.ts'

export const DAY = 24 * 3_600_000
export const READING = { type: 'container', space: 'plant', externalId: 'Reading' } as const
export const PLACE = { type: 'container', space: 'plant', externalId: 'Place' } as const
export const prop = (name: string) => ['plant', 'Reading', name] as const

const type = (name: string, list = false) => ({ type: { type: name, list } })

export function streamOf(options: Partial<CdfRecordsOptions> = {}, knobs: Turn = {}) {
  let time = Date.parse('2026-05-02T08:00:00Z')
  let changes = 0
  const world = { now: () => time, sleep: async () => {}, random: () => 0.5 }
  const server = cogniteSandbox({ world, project: 'p', knobs })
  const { admin } = server
  const stream = options.immutable ? 'archive' : 'live'
  admin.addToken('ada')
  for (const space of ['plant', 'other']) admin.addSpace(space)
  admin.addContainer({
    ...READING,
    usedFor: 'record',
    properties: {
      n: type('float64'),
      name: type('text'),
      count: type('int64'),
      on: type('boolean'),
      at: type('timestamp'),
      tags: type('text', true),
      more: type('json'),
    },
  })
  admin.addContainer({ ...PLACE, usedFor: 'record', properties: { hall: type('text') } })
  admin.addStream('live', 'BasicLiveData')
  admin.addStream('archive', 'ImmutableTestStream')

  const item = (externalId: string, properties: object, space = 'plant'): WriteItem => ({
    space,
    externalId,
    sources: [{ source: READING, properties: properties as never }],
  })

  function device(more: Partial<CdfRecordsOptions> = {}) {
    const transport = cdfRecords({
      url: 'https://cluster.example',
      project: 'p',
      stream,
      containers: [{ space: 'plant', externalId: 'Reading' }],
      token: () => 'ada',
      ...options,
      ...more,
    })
    const one = client({ transport, fetch: server.fetch, now: () => time })
    return {
      ...one,
      one,
      bodies: async (route: RegExp) => {
        const own = one.requests.filter(({ url }) => route.test(new URL(url).pathname))
        return Promise.all(own.map(async request => JSON.parse(await request.clone().text())))
      },
      async news() {
        return (await one.pull()).flatMap(({ records }) => records)
      },
      /** Live values by id, and null for what was told to be deleted. */
      values: () =>
        Object.fromEntries(
          [...(one.agreed.get('records') ?? new Map()).values()].map(record => [record.id, record.value]),
        ),
      send: async (...list: Change[]) => (await transport.push!.send(list, one.io())).receipts,
    }
  }

  return {
    server,
    admin,
    stream,
    device,
    item,
    put: (externalId: string, properties: object, space?: string) =>
      admin.upsert(stream, [item(externalId, properties, space)]),
    add: (externalId: string, properties: object) => admin.ingest(stream, [item(externalId, properties)]),
    remove: (externalId: string) => admin.remove(stream, [{ space: 'plant', externalId }]),
    pass(ms: number) {
      time += ms
    },
    now: () => time,
    change(externalId: string, value: Value | null, base: Base | null = null): Change {
      const identity = { space: 'plant', externalId }
      const id = options.immutable && value !== null ? eventId(identity, value) : recordId(identity)
      const at = { time, device: 'device-1' }
      return { collection: 'records', id, change: `change-${++changes}`, value, base, at }
    },
    there: () => server.inspect().values(stream),
  }
}
