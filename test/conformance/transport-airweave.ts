/** Connections with what they synced, for the suite. */
import { airweaveSandbox } from '../../src/sandbox/airweave/sandbox.ts'
import { airweave } from '../../src/transports/airweave/index.ts'
import { client } from './transport-io.ts'
import type { TransportCase } from './transport-suite.ts'

export const cases: readonly TransportCase[] = [
  {
    name: 'airweave',
    make: async () => remote(),
    cannot: [
      { what: 'push', why: 'what is there comes from the sources' },
      { what: 'join', why: 'the API knows no devices' },
    ],
  },
]

function remote() {
  let time = 1_777_708_800_000
  let made = 0
  const server = airweaveSandbox({ world: { now: () => time++, sleep: async () => {}, random: dice() } })
  const { admin } = server
  const key = admin.addKey()
  const collection = admin.addCollection('Documents', 'documents')
  const connect = () => {
    const n = ++made
    const entities = [1, 2, 3].map(at => ({ id: `e${at}`, name: `Entity ${at}`, text: `text ${n} ${at}` }))
    const id = admin.connect(collection, { name: `Connection ${n}`, entities })
    admin.startJob(id)
    time += 60_000
    server.tick()
  }
  for (let n = 0; n < 3; n++) connect()
  return {
    async client(device = 'device-1') {
      const transport = airweave({ url: 'https://api.airweave.example', key: () => key, collection })
      return client({ transport, fetch: server.fetch, now: () => time, device: { id: device, name: 'Laptop' } })
    },
    happen: connect,
    reads: /\/source-connections$/,
    fault: server.weather.next,
  }
}

function dice(): () => number {
  let state = 7
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}
