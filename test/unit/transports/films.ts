/** A graph of films in the sandbox, and devices that follow it. */
import type { Base, Change, Value } from '../../../src/model.ts'
import type { Turn } from '../../../src/sandbox/cognite/knobs.ts'
import { cogniteSandbox } from '../../../src/sandbox/cognite/sandbox.ts'
import {
  type CdfInstancesOptions,
  cdfInstances,
  from,
  type InstanceQuery,
  instanceId,
  instanceQuery,
  property,
  view,
} from '../../../src/transports/cdf-instances/index.ts'
import { client } from '../../conformance/transport-io.ts'
import { addFilms, id, PLAYS } from '../../sandbox/cognite-graph-kit.ts'

export interface Film {
  readonly title: string
  readonly releaseYear?: number
  readonly views?: number | bigint
  readonly shown?: string
  readonly tags?: readonly string[]
}
export interface Actor {
  readonly name?: string
}

export const FILM = view<Film>('mySpace', 'MovieView', 'v1')
export const PLAYER = view<Actor>('mySpace', 'ActorView', 'v1')

export const filmQuery = instanceQuery({
  with: { films: { nodes: { filter: { hasData: [FILM] } } } },
  select: { films: { sources: [from(FILM)] } },
})

/** The query of the vendor's own page about sync, as it stands there. */
export const seedQuery = instanceQuery({
  with: {
    movies: { nodes: { filter: { range: { property: property(FILM, 'releaseYear'), lt: 2000 } } } },
    actors_in_movie: { edges: { from: 'movies', filter: { equals: { property: ['edge', 'type'], value: PLAYS } } } },
    actors: { nodes: { from: 'actors_in_movie' } },
  },
  select: { actors: { sources: [from(PLAYER, ['name'])], sort: [{ property: property(PLAYER, 'name') }] } },
})

export const DAY = 24 * 3_600_000

export function filmsOf(query: InstanceQuery = filmQuery, knobs: Turn = {}) {
  let time = Date.parse('2026-05-02T08:00:00Z')
  let changes = 0
  const world = { now: () => time, sleep: async () => {}, random: () => 0.5 }
  const server = cogniteSandbox({ world, project: 'p', knobs })
  addFilms(server)

  function device(more: Partial<CdfInstancesOptions> = {}) {
    const transport = cdfInstances({ url: 'https://cluster.example', project: 'p', query, token: () => 'ada', ...more })
    const one = client({ transport, fetch: server.fetch, now: () => time })
    return {
      one,
      transport,
      notices: one.notices,
      pull: () => one.pull(),
      async news() {
        return (await one.pull()).flatMap(({ records }) => records)
      },
      live: (set = 'films') =>
        Object.fromEntries(
          Object.values(one.live(set)).map(record => [record.id.replace('mySpace:', ''), record.value]),
        ),
      async sent(route: RegExp) {
        const own = one.requests.filter(({ url }) => route.test(new URL(url).pathname))
        return Promise.all(own.map(async request => JSON.parse(await request.clone().text())))
      },
      base(name: string, set = 'films'): Base {
        const { value, version } = one.live(set)[instanceId(id(name))]!
        return { value, version }
      },
      send: async (...list: Change[]) => (await transport.push!.send(list, one.io())).receipts,
    }
  }

  return {
    server,
    admin: server.admin,
    device,
    apply: (...items: object[]) => server.admin.apply({ items }),
    remove: (...names: string[]) =>
      server.admin.apply({ items: [], delete: names.map(name => ({ instanceType: 'node', ...id(name) })) }),
    pass(ms: number) {
      time += ms
    },
    change(name: string, value: Value | null, base: Base | null = null, set = 'films'): Change {
      const at = { time, device: 'device-1' }
      return { collection: set, id: instanceId(id(name)), change: `change-${++changes}`, value, base, at }
    },
    there: (name: string) =>
      server
        .inspect()
        .instances()
        .find(row => row.externalId === name),
  }
}
