/**
 * The `with` part of a query: each expression becomes the set of rows that it holds now. A row is reached by a path; it
 * counts as changed when itself or a path to it did. A tombstone is still reached by what led to it.
 */
import type { Plain } from '../../json.ts'
import { absent, integer, type Obj, object, oneOf, text, viewRef } from '../check.ts'
import { bad } from '../errors.ts'
import { filterTest, type Test } from '../filter.ts'
import { type InstanceRow, type Reference, referenceKey } from '../state.ts'
import { isReference } from '../values.ts'
import { instanceDialect, type Parameters, propertyAt } from './dialect.ts'
import type { Graph } from './graph.ts'

export type Reached = { readonly row: InstanceRow; readonly changed: number }
export type Sets = ReadonlyMap<string, readonly Reached[]>

type Found = { readonly members: Reached[]; readonly edges?: 'outwards' | 'inwards' }

export function evaluate(graph: Graph, expressions: Obj, parameters: Parameters): Sets {
  const done = new Map<string, Found>()
  const under = new Set<string>()

  const setOf = (name: string): Found => {
    const known = done.get(name)
    if (known) return known
    const it = expressions[name]
    if (it === undefined) throw bad(`There is no result set expression '${name}'.`)
    if (under.has(name)) throw bad(`Result set expression '${name}' depends on itself.`)
    under.add(name)
    const found = expression(object(it, `with.${name}`), `with.${name}`)
    done.set(name, found)
    return found
  }

  const expression = (it: Obj, where: string): Found => {
    if (!absent(it.nodes)) return nodes(object(it.nodes, `${where}.nodes`), `${where}.nodes`)
    if (!absent(it.edges)) return edges(object(it.edges, `${where}.edges`), `${where}.edges`)
    for (const op of ['union', 'unionAll', 'intersection'] as const) {
      if (!absent(it[op])) return combined(op, it[op]!, where)
    }
    throw bad(`${where} needs nodes or edges.`)
  }

  const test = (json: Plain | undefined): Test<InstanceRow> => filterTest(json, instanceDialect(graph, parameters))

  const nodes = (it: Obj, where: string): Found => {
    const fits = test(it.filter)
    const all = graph.rows().filter(row => row.instanceType === 'node' && fits(row))
    if (absent(it.from)) {
      if (!absent(it.through)) throw bad(`${where}: through needs from.`)
      return { members: all.map(row => ({ row, changed: row.order })) }
    }
    const from = setOf(text(it.from, `${where}.from`))
    const paths = absent(it.through) ? byEdges(from, it, where) : byRelation(from, it, where)
    return { members: reached(all, paths) }
  }

  /** From edges to the nodes at one of their ends. */
  const byEdges = (from: Found, it: Obj, where: string): Path[] => {
    if (from.edges === undefined) throw bad(`${where}: from nodes to nodes leads only through a direct relation.`)
    const to = absent(it.chainTo) ? 'destination' : oneOf(it.chainTo, ['destination', 'source'], `${where}.chainTo`)
    const forward = (from.edges === 'outwards') === (to === 'destination')
    return from.members.map(({ row, changed }) => ({
      key: referenceKey((forward ? row.endNode : row.startNode)!),
      changed,
      dead: row.deletedTime !== null,
    }))
  }

  const byRelation = (from: Found, it: Obj, where: string): Path[] => {
    const direction = absent(it.direction) ? 'inwards' : oneOf(it.direction, ['outwards', 'inwards'], where)
    const through = object(it.through, `${where}.through`)
    const source = object(through.source ?? through.view, `${where}.through`)
    const path =
      source.type === 'container'
        ? [source.space, source.externalId, through.identifier]
        : [source.space, `${viewRef(source, where).externalId}/${source.version}`, through.identifier]
    const relation = propertyAt(
      graph.state,
      path.map(part => text(part, where)),
      where,
    )
    const targets = (row: InstanceRow): Reference[] => {
      const held = relation.read(row)
      return (Array.isArray(held) ? held : [held]).filter(isReference)
    }
    if (direction === 'outwards') {
      return from.members.flatMap(({ row, changed }) =>
        targets(row).map(target => ({ key: referenceKey(target), changed, dead: row.deletedTime !== null })),
      )
    }
    const there = new Map(from.members.map(one => [referenceKey(one.row), one]))
    return graph.rows().flatMap(row =>
      targets(row).flatMap(target => {
        const one = row.instanceType === 'node' ? there.get(referenceKey(target)) : undefined
        return one ? [{ key: referenceKey(row), changed: one.changed, dead: one.row.deletedTime !== null }] : []
      }),
    )
  }

  const edges = (it: Obj, where: string): Found => {
    const fits = test(it.filter)
    const direction = absent(it.direction) ? 'outwards' : oneOf(it.direction, ['outwards', 'inwards'], where)
    const near = (row: InstanceRow) => (direction === 'outwards' ? row.startNode : row.endNode)!
    const far = (row: InstanceRow) => (direction === 'outwards' ? row.endNode : row.startNode)!
    const nodeAt = nodesByKey()
    const farFits = absent(it.nodeFilter) ? undefined : test(it.nodeFilter)
    const ends = absent(it.terminationFilter) ? undefined : test(it.terminationFilter)
    const all = graph.rows().filter(row => {
      if (row.instanceType !== 'edge' || !fits(row)) return false
      const node = farFits && nodeAt.get(referenceKey(far(row)))
      return farFits === undefined || (node !== undefined && farFits(node))
    })
    if (absent(it.from)) return { members: all.map(row => ({ row, changed: row.order })), edges: direction }

    const most = absent(it.maxDistance) ? 1 : integer(it.maxDistance, `${where}.maxDistance`, 1, 100)
    const members = new Map<string, Reached>()
    let wave: Path[] = setOf(text(it.from, `${where}.from`)).members.map(({ row, changed }) => ({
      key: referenceKey(row),
      changed,
      dead: row.deletedTime !== null,
    }))
    for (let distance = 0; distance < most && wave.length > 0; distance++) {
      const paths = pathsByKey(wave)
      wave = []
      for (const row of all) {
        const changed = through(row, paths.get(referenceKey(near(row))))
        const known = members.get(row.id)
        if (changed === undefined || (known && known.changed >= changed)) continue
        members.set(row.id, { row, changed })
        const node = nodeAt.get(referenceKey(far(row)))
        if (node && !ends?.(node)) wave.push({ key: referenceKey(node), changed, dead: row.deletedTime !== null })
      }
    }
    return { members: sorted([...members.values()]), edges: direction }
  }

  const nodesByKey = () => {
    const nodes = new Map<string, InstanceRow>()
    for (const row of graph.rows()) {
      if (row.instanceType === 'node' && (row.deletedTime === null || !nodes.has(referenceKey(row)))) {
        nodes.set(referenceKey(row), row)
      }
    }
    return nodes
  }

  const combined = (op: 'union' | 'unionAll' | 'intersection', json: Plain, where: string): Found => {
    if (!Array.isArray(json) || json.length === 0) throw bad(`${where}.${op} must be a list of names.`)
    const sets = json.map(name => setOf(text(name, where)))
    const members = new Map<string, Reached>()
    for (const { members: some } of sets) for (const one of some) members.set(one.row.id, one)
    const kept = [...members.values()].filter(
      ({ row }) => op !== 'intersection' || sets.every(set => set.members.some(one => one.row.id === row.id)),
    )
    return { members: sorted(kept) }
  }

  for (const name of Object.keys(expressions)) setOf(name)
  return new Map([...done].map(([name, { members }]) => [name, members]))
}

type Path = { readonly key: string; readonly changed: number; readonly dead: boolean }

const sorted = (members: Reached[]): Reached[] =>
  members.sort((one, other) => one.changed - other.changed || one.row.order - other.row.order)

/** By the key of what they lead to: when the last living path changed, and when the last of any kind did. */
function pathsByKey(paths: readonly Path[]): Map<string, { live: number | undefined; any: number }> {
  const by = new Map<string, { live: number | undefined; any: number }>()
  for (const { key, changed, dead } of paths) {
    const known = by.get(key)
    by.set(key, {
      live: dead ? known?.live : Math.max(known?.live ?? 0, changed),
      any: Math.max(known?.any ?? 0, changed),
    })
  }
  return by
}

/** When a row was last reached anew. What lives is reached by what lives only. */
function through(row: InstanceRow, path: { live: number | undefined; any: number } | undefined): number | undefined {
  const changed = row.deletedTime === null ? path?.live : path?.any
  return changed === undefined ? undefined : Math.max(row.order, changed)
}

function reached(rows: readonly InstanceRow[], paths: readonly Path[]): Reached[] {
  const by = pathsByKey(paths)
  return sorted(
    rows.flatMap(row => {
      const changed = through(row, by.get(referenceKey(row)))
      return changed === undefined ? [] : [{ row, changed }]
    }),
  )
}
