import { writeJson } from '../../json.ts'
import { absent, bodyOf, list, type Obj, object, spaceId, text } from '../check.ts'
import { bad } from '../errors.ts'
import type { App, Server } from '../server.ts'
import type { Space, State } from '../state.ts'

/** As far as the APIs that sync need them: made, looked up, listed. */
export function spaceRoutes(app: App, { state, knobs }: Server): void {
  app.post('/models/spaces', async c => {
    const body = await bodyOf(c.req.raw, knobs().maxRequestBytes)
    const items = list(body.items, 'items', 1, 100).map((it, at) => object(it, `items[${at}]`))
    return json({ items: state.tables.transact(() => items.map(it => putSpace(state, it))) })
  })
  app.get('/models/spaces', () => json({ items: state.spaces.all() }))
  app.post('/models/spaces/byids', async c => {
    const body = await bodyOf(c.req.raw, knobs().maxRequestBytes)
    const ids = list(body.items, 'items', 1, 100).map(it => spaceId(object(it, 'items').space, 'items'))
    return json({ items: ids.flatMap(id => state.spaces.get(id) ?? []) })
  })
}

export function putSpace(state: State, item: Obj): Space {
  const space = spaceId(item.space, 'items')
  if (RESERVED.has(space)) throw bad(`The space name '${space}' is reserved.`)
  const now = state.now()
  const row: Space = {
    space,
    ...described(item),
    createdTime: state.spaces.get(space)?.createdTime ?? now,
    lastUpdatedTime: now,
  }
  state.spaces.put(space, row)
  return row
}

export const described = (item: Obj): { name?: string; description?: string } => ({
  ...(!absent(item.name) && { name: text(item.name, 'name') }),
  ...(!absent(item.description) && { description: text(item.description, 'description', { max: 1024 }) }),
})

export const json = (body: unknown, status = 200): Response =>
  new Response(writeJson(body), { status, headers: { 'content-type': 'application/json' } })

const RESERVED = new Set(['space', 'cdf', 'dms', 'pg3', 'shared', 'system', 'node', 'edge'])
