import type { Plain } from '../../json.ts'
import { bodyOf, containerRef, list, modelId, type Obj, object, spaceId, versionId } from '../check.ts'
import { bad } from '../errors.ts'
import type { App, Server } from '../server.ts'
import { containerKey, type Property, type State, type View, viewKey } from '../state.ts'
import { described, json } from './spaces.ts'

/** Views name properties of containers; connections, parents and filters of views are not in the sandbox. */
export function viewRoutes(app: App, { state, knobs }: Server): void {
  app.post('/models/views', async c => {
    const body = await bodyOf(c.req.raw, knobs().maxRequestBytes)
    const items = list(body.items, 'items', 1, 100).map((it, at) => object(it, `items[${at}]`))
    return json({ items: state.tables.transact(() => items.map(it => shown(state, putView(state, it)))) })
  })
  app.post('/models/views/byids', async c => {
    const body = await bodyOf(c.req.raw, knobs().maxRequestBytes)
    const items = list(body.items, 'items', 1, 100).map(it => {
      const id = object(it, 'items')
      return {
        space: spaceId(id.space, 'items'),
        externalId: modelId(id.externalId, 'items'),
        version: String(id.version),
      }
    })
    return json({ items: items.flatMap(id => state.views.get(viewKey(id)) ?? []).map(view => shown(state, view)) })
  })
}

export function putView(state: State, item: Obj): View {
  const space = spaceId(item.space, 'items')
  const externalId = modelId(item.externalId, 'items.externalId')
  const version = versionId(item.version, 'items.version')
  if (!state.spaces.get(space)) throw bad(`Space '${space}' does not exist.`)
  const key = viewKey({ space, externalId, version })
  const now = state.now()
  const row: View = {
    space,
    externalId,
    version,
    ...described(item),
    properties: Object.fromEntries(
      Object.entries(object(item.properties, 'items.properties')).map(([name, it]) => [name, mapped(state, it, name)]),
    ),
    createdTime: state.views.get(key)?.createdTime ?? now,
    lastUpdatedTime: now,
  }
  state.views.put(key, row)
  return row
}

function mapped(state: State, json: Plain, name: string): View['properties'][string] {
  const it = object(json, name)
  const ref = containerRef(it.container, `${name}.container`)
  const property = modelId(it.containerPropertyIdentifier, `${name}.containerPropertyIdentifier`)
  if (!state.containers.get(containerKey(ref))?.properties[property]) {
    throw bad(`Container '${ref.space}:${ref.externalId}' has no property '${property}'.`)
  }
  return { container: ref, property }
}

/** The property of a container that a view's property is. */
export function propertyOf(state: State, view: View, name: string): Property | undefined {
  const mapping = view.properties[name]
  return mapping && state.containers.get(containerKey(mapping.container))?.properties[mapping.property]
}

/** What `typing` says of a property. */
export const typed = ({ type, nullable, ...rest }: Property) => ({
  ...rest,
  type: { ...type, list: type.list ?? false },
  nullable,
  immutable: false,
  autoIncrement: false,
  constraintState: {},
})

function shown(state: State, view: View) {
  const properties = Object.entries(view.properties).map(([name, { container, property }]) => [
    name,
    {
      ...typed(propertyOf(state, view, name)!),
      container: { type: 'container', ...container },
      containerPropertyIdentifier: property,
    },
  ])
  return { ...view, properties: Object.fromEntries(properties), writable: true, usedFor: 'all', isGlobal: false }
}
