/** Datasets with documents, for the suite. */
import type { Change, Value } from '../../src/model.ts'
import { cogneeSandbox } from '../../src/sandbox/cognee/sandbox.ts'
import { cognee } from '../../src/transports/cognee/index.ts'
import { client } from './transport-io.ts'
import type { Remote, TransportCase } from './transport-suite.ts'

export const cases: readonly TransportCase[] = [
  {
    name: 'cognee',
    make: async () => remote(),
    cannot: [
      { what: 'join', why: 'the API knows no devices' },
      { what: 'clash', why: 'nothing can be changed, so nothing can clash' },
      { what: 'echo', why: 'a document keeps no trace of the request that added it' },
    ],
  },
]

function remote(): Remote {
  let time = 1_777_708_800_000
  let made = 0
  const server = cogneeSandbox({ world: { now: () => time++, sleep: async () => {}, random: dice() } })
  const { admin } = server
  const { user_id, key } = admin.addUser('ada@example.com')
  const notes = admin.addDataset(user_id, 'notes')
  for (let n = 0; n < 30; n++) admin.addData(notes, `there-${n}.txt`, `there ${n}`)
  admin.addDataset(user_id, 'empty')

  const change = (id: string, value: Value | null): Change => ({
    collection: 'datasets',
    id,
    value,
    base: null,
    change: `change-${++made}`,
    at: { time, device: 'device-1' },
  })
  return {
    async client(device = 'device-1') {
      const transport = cognee({ url: 'https://cognee.example', token: () => key, as: 'key' })
      return client({ transport, fetch: server.fetch, now: () => time, device: { id: device, name: 'Laptop' } })
    },
    happen: () => void admin.addData(notes, `happened-${++made}.txt`, `happened ${made}`),
    reads: /\/api\/v1\/datasets$/,
    fault: server.weather.next,
    // Documents take effect when their bytes arrive, which `test/unit/transports/cognee-documents.test.ts` looks at.
    push: {
      writes: /\/api\/v1\/datasets$/,
      good: async () => change(`mine-${++made}`, { name: `mine-${made}` }),
      clashing: async () => change('never', null),
      effects: one => server.inspect().datasets.filter(({ name }) => name === one.value?.name).length,
    },
  }
}

function dice(): () => number {
  let state = 7
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}
