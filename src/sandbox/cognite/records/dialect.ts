/** The filter language of records: containers and four top-level properties, at most 100 nodes and 10 levels. */
import type { Plain } from '../../json.ts'
import { containerRef, list } from '../check.ts'
import { bad } from '../errors.ts'
import type { Access, Dialect, Op } from '../filter.ts'
import { containerKey, type FeedRow, type State } from '../state.ts'
import { instant } from '../values.ts'

export function recordDialect(state: State): Dialect<FeedRow> {
  return {
    property: (path, op, where) => propertyOf(state, path, op, where),
    value(json, where) {
      if (json === undefined || json === null) throw bad(`${where} is missing.`)
      return () => json
    },
    own: {
      hasData(body, where) {
        const refs = list(body, where, 1, 10).map((it, at) => containerRef(it, `${where}[${at}]`))
        for (const ref of refs) mustExist(state, ref)
        return ({ properties }) => refs.every(ref => properties?.[ref.space]?.[ref.externalId] !== undefined)
      },
    },
    limits: { nodes: 100, depth: 10, operands: 99, values: 100, prefix: 500 },
  }
}

const TOP: { readonly [op in Op]: readonly string[] } = {
  equals: ['space', 'externalId', 'createdTime', 'lastUpdatedTime'],
  in: ['space', 'externalId', 'createdTime', 'lastUpdatedTime'],
  prefix: ['space', 'externalId'],
  range: ['createdTime', 'lastUpdatedTime'],
  exists: [],
  containsAll: [],
  containsAny: [],
}

function propertyOf(state: State, path: readonly string[], op: Op, where: string): Access<FeedRow> {
  if (path.length === 1) {
    const name = TOP[op].find(it => it === path[0])
    if (name === undefined) throw bad(`${where} does not take the property '${path[0]}'.`)
    return topLevel(name)
  }
  return containerProperty(state, path, where)
}

/** Times may be given as ISO text or as milliseconds. */
export function topLevel(name: string): Access<FeedRow> {
  if (name === 'space' || name === 'externalId') return { type: 'text', list: false, read: row => row[name] }
  const time = name as 'createdTime' | 'lastUpdatedTime'
  return { type: 'timestamp', list: false, read: row => row[time] }
}

export function containerProperty(state: State, path: readonly string[], where: string): Access<FeedRow> {
  const [space, externalId, name] = path
  if (path.length !== 3 || space === undefined || externalId === undefined || name === undefined) {
    throw bad(`${where}: a property is named by one part or by three.`)
  }
  const { type } = mustExist(state, { space, externalId }).properties[name] ?? {}
  if (type === undefined) throw bad(`Unknown property '${name}' in container '${space}:${externalId}'.`)
  const read = ({ properties }: FeedRow): Plain | undefined => properties?.[space]?.[externalId]?.[name]
  return { type: type.type, list: type.list ?? false, read }
}

export function mustExist(state: State, ref: { readonly space: string; readonly externalId: string }) {
  const container = state.containers.get(containerKey(ref))
  if (!container) throw bad(`Container '${ref.space}:${ref.externalId}' does not exist.`)
  return container
}

/** Milliseconds since 1970 from ISO text or a number. */
export function timeOf(value: Plain | undefined, where: string): number {
  if (typeof value === 'number' && Number.isInteger(value)) return value
  const ms = typeof value === 'string' ? instant(value) : undefined
  if (ms === undefined) throw bad(`${where} must be ISO-8601 text or milliseconds since 1970.`)
  return ms
}
