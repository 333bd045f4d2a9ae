import type { Plain } from '../../json.ts'
import { absent, bodyOf, flag, integer, list, modelId, type Obj, object, oneOf, spaceId } from '../check.ts'
import { bad } from '../errors.ts'
import type { App, Server } from '../server.ts'
import { type Container, containerKey, type Property, type PropertyType, type State, type TypeName } from '../state.ts'
import { described, json } from './spaces.ts'

/** Containers say what a record or an instance may hold. */
export function containerRoutes(app: App, { state, knobs }: Server): void {
  app.post('/models/containers', async c => {
    const body = await bodyOf(c.req.raw, knobs().maxRequestBytes)
    const items = list(body.items, 'items', 1, 100).map((it, at) => object(it, `items[${at}]`))
    return json({ items: state.tables.transact(() => items.map(it => shown(putContainer(state, it)))) })
  })
  app.get('/models/containers', () => json({ items: state.containers.all().map(shown) }))
  app.post('/models/containers/byids', async c => {
    const body = await bodyOf(c.req.raw, knobs().maxRequestBytes)
    const ids = list(body.items, 'items', 1, 100).map(it => {
      const id = object(it, 'items')
      return { space: spaceId(id.space, 'items'), externalId: modelId(id.externalId, 'items.externalId') }
    })
    return json({ items: ids.flatMap(id => state.containers.get(containerKey(id)) ?? []).map(shown) })
  })
}

const shown = (row: Container) => ({ ...row, isGlobal: false, constraints: {}, indexes: {} })

export function putContainer(state: State, item: Obj): Container {
  const space = spaceId(item.space, 'items')
  const externalId = modelId(item.externalId, 'items.externalId')
  if (!state.spaces.get(space)) throw bad(`Space '${space}' does not exist.`)
  const now = state.now()
  const key = containerKey({ space, externalId })
  const row: Container = {
    space,
    externalId,
    usedFor: absent(item.usedFor) ? 'node' : oneOf(item.usedFor, ['node', 'edge', 'all', 'record'], 'items.usedFor'),
    ...described(item),
    properties: Object.fromEntries(
      Object.entries(object(item.properties, 'items.properties')).map(([name, it]) => [
        modelId(name, 'items.properties'),
        property(it, `items.properties.${name}`),
      ]),
    ),
    createdTime: state.containers.get(key)?.createdTime ?? now,
    lastUpdatedTime: now,
  }
  if (Object.keys(row.properties).length === 0) throw bad('A container needs a property.')
  state.containers.put(key, row)
  return row
}

function property(json: Plain, where: string): Property {
  const it = object(json, where)
  return {
    type: propertyType(object(it.type, `${where}.type`), `${where}.type`),
    nullable: flag(it.nullable, `${where}.nullable`, true),
    ...(!absent(it.defaultValue) && { defaultValue: it.defaultValue! }),
    ...described(it),
  }
}

function propertyType(it: Obj, where: string): PropertyType {
  const type = oneOf(it.type, TYPES, `${where}.type`)
  return {
    type,
    list: flag(it.list, `${where}.list`),
    ...(!absent(it.maxListSize) && { maxListSize: integer(it.maxListSize, `${where}.maxListSize`, 1, 2000) }),
    ...(type === 'text' && { collation: 'ucs_basic' }),
    ...(type === 'enum' && { values: object(it.values, `${where}.values`) as NonNullable<PropertyType['values']> }),
  }
}

const TYPES: readonly TypeName[] = [
  'text',
  'boolean',
  'int32',
  'int64',
  'float32',
  'float64',
  'timestamp',
  'date',
  'json',
  'direct',
  'enum',
  'timeseries',
  'file',
  'sequence',
]
