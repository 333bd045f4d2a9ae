/** A project with films, actors and the edges between them. */
import { type CogniteOptions, cogniteSandbox } from '../../src/sandbox/cognite/sandbox.ts'
import { talker } from './cognite-kit.ts'
import { type Json, virtualWorld } from './kit.ts'

const text = { type: { type: 'text' } }

export const MOVIE = { type: 'view', space: 'mySpace', externalId: 'MovieView', version: 'v1' } as const
export const ACTOR = { type: 'view', space: 'mySpace', externalId: 'ActorView', version: 'v1' } as const
export const movieProp = (name: string) => ['mySpace', 'MovieView/v1', name]
export const PLAYS = { space: 'mySpace', externalId: 'Movie.actors' } as const
export const id = (externalId: string) => ({ space: 'mySpace', externalId })

/** Spaces, containers and views, through the operator's door. */
export function addFilms({ admin }: Pick<ReturnType<typeof cogniteSandbox>, 'admin'>): void {
  admin.addToken('ada')
  for (const space of ['mySpace', 'other']) admin.addSpace(space)
  const movie = {
    title: { ...text, nullable: false },
    releaseYear: { type: { type: 'int32' } },
    views: { type: { type: 'int64' } },
    shown: { type: { type: 'timestamp' } },
    until: { type: { type: 'timestamp' } },
    tags: { type: { type: 'text', list: true } },
    studio: { type: { type: 'direct' } },
  }
  const actor = { name: text, born: { type: { type: 'date' } } }
  const containers = { Movie: movie, Actor: actor, Role: { part: text } }
  for (const [externalId, properties] of Object.entries(containers)) {
    admin.addContainer({ space: 'mySpace', externalId, usedFor: externalId === 'Role' ? 'edge' : 'node', properties })
    const mapped = Object.keys(properties).map(name => [
      name,
      { container: { type: 'container', ...id(externalId) }, containerPropertyIdentifier: name },
    ])
    const view = { ...id(`${externalId}View`), version: 'v1', properties: Object.fromEntries(mapped) }
    admin.addView(view)
  }
}

export const movie = (externalId: string, properties: object = {}, more: object = {}) => ({
  instanceType: 'node',
  ...id(externalId),
  sources: [{ source: MOVIE, properties: { title: externalId, ...properties } }],
  ...more,
})

export const actor = (externalId: string, name = externalId) => ({
  instanceType: 'node',
  ...id(externalId),
  sources: [{ source: ACTOR, properties: { name } }],
})

export const plays = (from: string, to: string) => ({
  instanceType: 'edge',
  ...id(`${from}-${to}`),
  type: PLAYS,
  startNode: id(from),
  endNode: id(to),
})

export const films = { films: { nodes: { filter: { hasData: [MOVIE] } } } }
export const showFilms = { films: { sources: [{ source: MOVIE, properties: ['*'] }] } }

export function graph(options: Partial<CogniteOptions> = {}) {
  const world = virtualWorld()
  const sandbox = cogniteSandbox({ world, project: 'p', ...options })
  addFilms(sandbox)
  const post = talker(sandbox, 'ada')
  const call = (verb: string, body: object) => post(`/models/instances${verb}`, body)
  const apply = (items: object[], more: object = {}) => call('', { items, ...more })
  const sync = (body: object = {}) => call('/sync', { with: films, select: showFilms, ...body })
  return {
    world,
    sandbox,
    admin: sandbox.admin,
    post,
    call,
    apply,
    sync,
    remove: (...names: string[]) =>
      call('/delete', { items: names.map(name => ({ instanceType: 'node', ...id(name) })) }),
    /** What a feed brings, one page after the other, until a page comes empty. */
    follow(body: object = {}, set = 'films') {
      let cursors: Json
      return async () => {
        const seen: string[] = []
        for (;;) {
          const { status, body: answer } = await sync({ ...body, ...(cursors && { cursors }) })
          if (status !== 200) return status
          cursors = answer.nextCursor
          if (answer.items[set].length === 0) return seen
          for (const it of answer.items[set]) seen.push(it.deletedTime ? `-${it.externalId}` : it.externalId)
        }
      }
    },
  }
}
