/** A graph for the suite: films in one set, who plays in them in two more. */
import type { Change, Value } from '../../src/model.ts'
import { cogniteSandbox } from '../../src/sandbox/cognite/sandbox.ts'
import { cdfInstances, from, instanceId, instanceQuery, view } from '../../src/transports/cdf-instances/index.ts'
import { actor, addFilms, id, MOVIE, movie, PLAYS, plays } from '../sandbox/cognite-graph-kit.ts'
import { type Client, client } from './transport-io.ts'
import type { Remote, TransportCase } from './transport-suite.ts'

// A 400 for a question that was taken before, and is taken again without the cursor, is about the cursor; a 408 asks for less.
const codes = { 400: 'cursor-invalid' } as const
const cannot = [
  { what: 'echo', why: 'an instance keeps no trace of the request that wrote it' },
  { what: 'join', why: 'the API knows no devices' },
] as const

export const cases: readonly TransportCase[] = [
  {
    name: 'cdf-instances: one phase',
    make: () => graph('onePhase'),
    codes,
    cannot,
    retries: [408],
    freshCursors: true,
  },
  {
    name: 'cdf-instances: two phases',
    make: () => graph('twoPhase'),
    codes,
    cannot,
    retries: [408],
    freshCursors: true,
  },
]

const query = (mode: 'onePhase' | 'twoPhase') =>
  instanceQuery({
    with: {
      films: { mode, limit: 4, nodes: { filter: { hasData: [MOVIE] } } },
      roles: { limit: 4, edges: { from: 'films', filter: { equals: { property: ['edge', 'type'], value: PLAYS } } } },
      actors: { limit: 4, nodes: { from: 'roles' } },
    },
    select: {
      films: { sources: [from(view('mySpace', 'MovieView', 'v1'))] },
      roles: {},
      actors: { sources: [from(view('mySpace', 'ActorView', 'v1'))] },
    },
  })

async function graph(mode: 'onePhase' | 'twoPhase'): Promise<Remote> {
  let time = 1_777_708_800_000
  let made = 0
  const world = { now: () => time++, sleep: async () => {}, random: () => 0.5 }
  const server = cogniteSandbox({ world, project: 'p' })
  addFilms(server)
  const apply = (...items: object[]) => server.admin.apply({ items })
  await apply(...Array.from({ length: 11 }, (_, n) => movie(`film-${n}`)))
  await apply(actor('ann'), actor('bob'), plays('film-1', 'ann'), plays('film-2', 'bob'))

  const value = (n: number): Value => ({ title: `mine ${n}`, views: 9007199254740993n + BigInt(n), tags: ['a'] })
  function change(externalId: string, value: Value, base: Change['base'] = null): Change {
    const at = { time, device: 'device-1' }
    return { collection: 'films', id: instanceId(id(externalId)), change: `change-${++made}`, value, base, at }
  }

  return {
    async client(device = 'device-1'): Promise<Client> {
      const transport = cdfInstances({
        url: 'https://cluster.example',
        project: 'p',
        query: query(mode),
        token: () => 'ada',
      })
      return client({ transport, fetch: server.fetch, now: () => time, device: { id: device, name: 'Laptop' } })
    },
    happen: () => apply(movie(`happened-${++made}`)),
    reads: /\/instances\/sync$/,
    fault: fault => server.weather.next(fault),
    push: {
      writes: /\/instances$/,
      good: async () => change(`mine-${++made}`, value(made)),
      async clashing(one) {
        const name = `clash-${++made}`
        await apply(movie(name))
        await one.pull()
        const { value: was, version } = one.live('films')[instanceId(id(name))]!
        await apply(movie(name, { releaseYear: 1 }))
        return change(name, { ...was, releaseYear: 2 }, { value: was, version })
      },
      effects: one =>
        server
          .inspect()
          .instances()
          .find(row => instanceId(row) === one.id)?.effects ?? 0,
    },
  }
}
