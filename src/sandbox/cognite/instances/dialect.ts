/** The filter language of instances: base properties, containers and views; values may be parameters and properties. */
import type { Plain } from '../../json.ts'
import { absent, list, object, reference, text } from '../check.ts'
import { bad } from '../errors.ts'
import type { Access, Dialect, Op } from '../filter.ts'
import { propertyOf as viewProperty } from '../models/views.ts'
import { containerKey, type InstanceRow, referenceKey, type State, type TypeName, viewKey } from '../state.ts'
import { compare, isReference } from '../values.ts'
import { type Graph, holdsData } from './graph.ts'
import { sourceOf, valueIn } from './sources.ts'

export type Parameters = { readonly [name: string]: Plain }

export function instanceDialect(graph: Graph, parameters: Parameters = {}): Dialect<InstanceRow> {
  const { state } = graph
  const property = (path: readonly string[], _: Op | undefined, where: string) => propertyAt(state, path, where)
  const value: Dialect<InstanceRow>['value'] = (json, where) => {
    if (absent(json)) throw bad(`${where} is missing.`)
    if (typeof json === 'object' && !Array.isArray(json)) {
      const it = object(json, where)
      const keys = Object.keys(it).join()
      if (keys === 'parameter') {
        const name = text(it.parameter, where)
        if (!Object.hasOwn(parameters, name)) throw bad(`Parameter '${name}' has no value.`)
        return () => parameters[name]
      }
      if (keys === 'property') {
        const path = list(it.property, where, 2, 4).map(part => text(part, where))
        return property(path, undefined, where).read
      }
    }
    return () => json
  }

  const dialect: Dialect<InstanceRow> = {
    property,
    value,
    own: {
      hasData(body, where) {
        const tests = list(body, where, 1, 100).map((it, at) => holdsData(sourceOf(state, it, `${where}[${at}]`)))
        return row => tests.every(test => test(row))
      },
      instanceReferences(body, where) {
        const wanted = new Set(list(body, where, 0, 1000).map(it => referenceKey(reference(it, where))))
        return row => wanted.has(referenceKey(row))
      },
      nested(body, where, inner) {
        const it = object(body, where)
        const scope = list(it.scope, `${where}.scope`, 1, 3).map(part => text(part, where))
        const through = property(scope, undefined, where)
        const test = inner(it.filter ?? null, `${where}.filter`)
        return row => {
          const held = through.read(row)
          const targets = Array.isArray(held) ? held : [held]
          return targets.some(target => {
            const node = isReference(target) ? graph.live({ ...target, instanceType: 'node' }) : undefined
            return node !== undefined && test(node)
          })
        }
      },
      overlaps(body, where) {
        const it = object(body, where)
        const ends = (['startProperty', 'endProperty'] as const).map(name =>
          property(
            list(it[name], where, 1, 4).map(part => text(part, where)),
            undefined,
            where,
          ),
        )
        const [start, end] = ends as [Access<InstanceRow>, Access<InstanceRow>]
        const bound = (name: string) => (absent(it[name]) ? undefined : value(it[name], where))
        const [gte, gt, lte, lt] = [bound('gte'), bound('gt'), bound('lte'), bound('lt')]
        const holds = (
          one: Plain | undefined,
          other: Plain | undefined,
          type: TypeName,
          fits: (n: number) => boolean,
        ) => {
          const order = one === undefined || other === undefined ? undefined : compare(one, other, type)
          return order !== undefined && fits(order)
        }
        return row =>
          (gte === undefined || holds(end.read(row), gte(row), end.type, n => n >= 0)) &&
          (gt === undefined || holds(end.read(row), gt(row), end.type, n => n > 0)) &&
          (lte === undefined || holds(start.read(row), lte(row), start.type, n => n <= 0)) &&
          (lt === undefined || holds(start.read(row), lt(row), start.type, n => n < 0))
      },
    },
    limits: { nodes: 1000, depth: 20, operands: 1000, values: 1000, prefix: 128_000 },
  }
  return dialect
}

const BASE: { readonly [name: string]: TypeName } = {
  instanceType: 'text',
  version: 'int64',
  space: 'text',
  externalId: 'text',
  type: 'json',
  createdTime: 'timestamp',
  lastUpdatedTime: 'timestamp',
  deletedTime: 'timestamp',
  startNode: 'json',
  endNode: 'json',
}

export function propertyAt(state: State, path: readonly string[], where: string): Access<InstanceRow> {
  const [first = '', second = '', name = ''] = path
  const base =
    path.length === 1 ? first : path.length === 2 && (first === 'node' || first === 'edge') ? second : undefined
  if (base !== undefined) {
    const type = BASE[base]
    if (type === undefined) throw bad(`${where}: unknown property '${path.join('.')}'.`)
    const read = (row: InstanceRow): Plain | undefined =>
      (row as unknown as { [name: string]: Plain })[base] ?? undefined
    return { type, list: false, read }
  }
  if (path.length !== 3) throw bad(`${where}: '${path.join('.')}' names no property.`)
  const [view = '', version] = second.split('/')
  if (version !== undefined) {
    const found = state.views.get(viewKey({ space: first, externalId: view, version }))
    const property = found && viewProperty(state, found, name)
    if (!found || !property) throw bad(`${where}: unknown property '${path.join('.')}'.`)
    return { type: property.type.type, list: property.type.list ?? false, read: row => valueIn(row, found, name) }
  }
  const property = state.containers.get(containerKey({ space: first, externalId: second }))?.properties[name]
  if (!property) throw bad(`${where}: unknown property '${path.join('.')}'.`)
  const read = ({ data }: InstanceRow) => data[first]?.[second]?.[name]
  return { type: property.type.type, list: property.type.list ?? false, read }
}
