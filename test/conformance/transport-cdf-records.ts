/** A record stream for the suite, once mutable and once immutable. */
import type { Change, Value } from '../../src/model.ts'
import type { WriteItem } from '../../src/sandbox/cognite/admin.ts'
import { cogniteSandbox } from '../../src/sandbox/cognite/sandbox.ts'
import { cdfRecords, eventId, recordId } from '../../src/transports/cdf-records/index.ts'
import { type Client, client } from './transport-io.ts'
import type { Remote, TransportCase } from './transport-suite.ts'

// A 400 for a question that was taken before, and is taken again without the cursor, is about the cursor.
const codes = { 400: 'cursor-invalid' } as const
const echo = { what: 'echo', why: 'a record keeps no trace of the request that wrote it' } as const
const join = { what: 'join', why: 'the API knows no devices' } as const
const clash = { what: 'clash', why: 'what is added twice is one record, and nothing is ever changed' } as const

export const cases: readonly TransportCase[] = [
  { name: 'cdf-records: mutable', make: () => stream('live'), codes, cannot: [echo, join] },
  { name: 'cdf-records: immutable', make: () => stream('archive'), codes, cannot: [echo, join, clash] },
]

const value = (n: number): Value => ({ n, big: 9007199254740993n + BigInt(n), tags: ['a', 'b'] })
const source = { type: 'container', space: 'plant', externalId: 'Reading' } as const

async function stream(name: 'live' | 'archive'): Promise<Remote> {
  let time = 1_777_708_800_000
  let made = 0
  const world = { now: () => time++, sleep: async () => {}, random: () => 0.5 }
  const server = cogniteSandbox({ world, project: 'p' })
  const { admin, inspect } = server
  const immutable = name === 'archive'
  admin.addToken('ada')
  admin.addSpace('plant')
  const properties = {
    n: { type: { type: 'int32' } },
    big: { type: { type: 'int64' } },
    tags: { type: { type: 'text', list: true } },
  }
  admin.addContainer({ space: 'plant', externalId: 'Reading', usedFor: 'record', properties })
  admin.addStream(name, immutable ? 'ImmutableTestStream' : 'BasicLiveData')

  const item = (externalId: string, n: number) =>
    ({ space: 'plant', externalId, sources: [{ source, properties: value(n) }] }) as unknown as WriteItem
  const there = (externalId: string, n: number) => admin.ingest(name, [item(externalId, n)])
  for (let n = 0; n < 25; n++) await there(`there-${n}`, n)

  const identity = (externalId: string) => ({ space: 'plant', externalId })
  function change(externalId: string, n: number): Change {
    const id = immutable ? eventId(identity(externalId), value(n)) : recordId(identity(externalId))
    const at = { time, device: 'device-1' }
    return { collection: 'records', id, change: `change-${++made}`, value: value(n), base: null, at }
  }

  return {
    async client(device = 'device-1'): Promise<Client> {
      const transport = cdfRecords({
        url: 'https://cluster.example',
        project: 'p',
        stream: name,
        containers: [{ space: 'plant', externalId: 'Reading' }],
        immutable,
        limit: 10,
        token: () => 'ada',
      })
      return client({ transport, fetch: server.fetch, now: () => time, device: { id: device, name: 'Laptop' } })
    },
    happen: () => there(`happened-${++made}`, made),
    reads: /\/records\/sync$/,
    fault: fault => server.weather.next(fault),
    push: {
      writes: /\/records$/,
      good: async () => change(`mine-${++made}`, made),
      async clashing() {
        await there(`clash-${++made}`, 1)
        return change(`clash-${made}`, 2)
      },
      effects({ id }) {
        const own = inspect()
          .records(name)
          .filter(row => id.startsWith('plant:') && id.endsWith(`:${row.externalId}`))
        return own.reduce((all, { effects }) => all + effects, 0)
      },
    },
  }
}
