import type { Plain } from '../../json.ts'
import { absent, bodyOf, externalId, flag, list, type Obj, object, oneOf, reference, spaceId } from '../check.ts'
import { ApiError, bad, forbidden } from '../errors.ts'
import type { InstanceKnobs } from '../knobs.ts'
import { json } from '../models/spaces.ts'
import { type App, readable, type Server } from '../server.ts'
import { containerKey, type InstanceRow, instanceKey, type Reference, type State, type Token } from '../state.ts'
import { canonical, isReference, kept } from '../values.ts'
import type { Graph } from './graph.ts'
import { sourceOf } from './sources.ts'

type Data = { [space: string]: { [container: string]: { [name: string]: Plain } } }

export function applyRoutes(app: App, { state, knobs, world }: Server, graph: Graph): void {
  const writing = async (request: Request) => {
    const body = await bodyOf(request, knobs().maxRequestBytes)
    if (world.random() < knobs().instances.contend) {
      const message = 'Instance lock conflict occurred. This is likely due to concurrent requests.'
      throw new ApiError(409, message, { isAutoRetryable: true })
    }
    return body
  }
  const late = () => {
    const [from, to] = knobs().instances.behind
    return state.now() - Math.floor(from + (to - from) * world.random())
  }

  app.post('/models/instances', async c => {
    const body = await writing(c.req.raw)
    const items = list(body.items ?? [], 'items', 0, 1000).map((it, at) => object(it, `items[${at}]`))
    const gone = absent(body.delete) ? [] : list(body.delete, 'delete', 0, 1000).map(it => object(it, 'delete'))
    if (items.length + gone.length > 1000) throw bad('A request holds at most 1000 items and deletes.')
    const desk: Desk = {
      state,
      graph,
      knobs: knobs().instances,
      token: c.get('token'),
      now: late(),
      replace: flag(body.replace, 'replace'),
      skip: flag(body.skipOnVersionConflict, 'skipOnVersionConflict'),
      relations: flag(body.autoCreateDirectRelations, 'autoCreateDirectRelations', true),
      starts: flag(body.autoCreateStartNodes, 'autoCreateStartNodes'),
      ends: flag(body.autoCreateEndNodes, 'autoCreateEndNodes'),
    }
    // Relations may point at what the same request makes, so nodes that come later count as there.
    const made = new Set(items.map((it, at) => instanceKey(identity(desk.token, it, `items[${at}]`))))
    const done = state.tables.transact(() => ({
      items: items.flatMap((it, at) => upsert(desk, it, `items[${at}]`, made) ?? []),
      deleted: gone.flatMap((it, at) => remove(desk, it, `delete[${at}]`) ?? []),
    }))
    return json(done)
  })

  app.post('/models/instances/delete', async c => {
    const body = await writing(c.req.raw)
    const items = list(body.items, 'items', 1, 1000).map((it, at) => object(it, `items[${at}]`))
    const desk = { state, graph, knobs: knobs().instances, token: c.get('token'), now: late(), skip: false }
    return json({
      items: state.tables.transact(() => items.flatMap((it, at) => remove(desk, it, `items[${at}]`) ?? [])),
    })
  })
}

type Desk = Hand & {
  readonly replace: boolean
  readonly relations: boolean
  readonly starts: boolean
  readonly ends: boolean
}

type Hand = {
  readonly state: State
  readonly graph: Graph
  readonly knobs: InstanceKnobs
  readonly token: Token
  readonly now: number
  readonly skip: boolean
}

function identity(token: Token, it: Obj, where: string) {
  const instanceType = oneOf(it.instanceType, ['node', 'edge'], `${where}.instanceType`)
  const space = spaceId(it.space, where)
  if (!readable(token, space)) throw forbidden(`No access to space '${space}'.`)
  return { instanceType, space, externalId: externalId(it.externalId, where) }
}

const slim = ({ instanceType, version, space, externalId, createdTime, lastUpdatedTime }: InstanceRow) => ({
  instanceType,
  version,
  space,
  externalId,
  createdTime,
  lastUpdatedTime,
})

/** Greater than what the sender knows: somebody else was here. What is not there is never greater. */
function conflicts(desk: Hand, it: Obj, row: InstanceRow | undefined, where: string): boolean {
  if (absent(it.existingVersion)) return false
  if (typeof it.existingVersion !== 'number' || !Number.isInteger(it.existingVersion)) {
    throw bad(`${where}.existingVersion must be an integer.`)
  }
  if ((row?.version ?? 0) <= it.existingVersion) return false
  if (desk.skip) return true
  throw new ApiError(desk.knobs.conflictCode, 'A version conflict caused the ingest to fail.')
}

function upsert(desk: Desk, it: Obj, where: string, made: ReadonlySet<string>) {
  const { state, graph, now } = desk
  const id = identity(desk.token, it, where)
  if (!state.spaces.get(id.space)) throw bad(`Space '${id.space}' does not exist.`)
  const there = graph.live(id)
  const ends = id.instanceType === 'edge' ? endsOf(desk, it, where, made) : { startNode: null, endNode: null }
  const type = absent(it.type) ? (there?.type ?? null) : reference(it.type, `${where}.type`)
  if (id.instanceType === 'edge' && type === null) throw bad(`${where}.type is missing.`)
  if (conflicts(desk, it, there, where)) {
    return desk.knobs.skipped === 'standing' && there ? { ...slim(there), wasModified: false } : undefined
  }
  const data = dataOf(desk, it, where, there, made)
  const next = { type, ...ends, data }
  if (there && canonical(next as Plain) === canonical(pickNext(there) as Plain)) {
    return { ...slim(there), wasModified: false }
  }
  const row = there
    ? graph.put({ ...there, ...next, version: there.version + 1, lastUpdatedTime: now, effects: there.effects + 1 })
    : graph.put({
        id: graph.newId(),
        key: instanceKey(id),
        ...id,
        ...next,
        ...birth(desk, instanceKey(id)),
        effects: 1,
      })
  return { ...slim(row), wasModified: true }
}

const pickNext = ({ type, startNode, endNode, data }: InstanceRow) => ({ type, startNode, endNode, data })

/** How a new life begins: never at an earlier time than the ones before it, however long its transaction took. */
function birth({ graph, knobs, now }: Hand, key: string) {
  const before = graph.rows().filter(row => row.key === key)
  const time = Math.max(now, ...before.map(row => Math.max(row.createdTime + 1, row.lastUpdatedTime)))
  const version = knobs.newLife === 'anew' ? 1 : 1 + Math.max(0, ...before.map(row => row.version))
  return { version, createdTime: time, lastUpdatedTime: time, deletedTime: null }
}

function endsOf(desk: Desk, it: Obj, where: string, made: ReadonlySet<string>) {
  const end = (name: 'startNode' | 'endNode', create: boolean): Reference => {
    const node = reference(it[name], `${where}.${name}`)
    if (!exists(desk, node, made)) {
      if (!create) throw bad(`Cannot create edge: its ${name} '${node.space}:${node.externalId}' does not exist.`)
      makeNode(desk, node)
    }
    return node
  }
  return { startNode: end('startNode', desk.starts), endNode: end('endNode', desk.ends) }
}

function exists({ graph }: Hand, node: Reference, made: ReadonlySet<string>): boolean {
  const it = { ...node, instanceType: 'node' as const }
  return graph.live(it) !== undefined || made.has(instanceKey(it))
}

function makeNode(desk: Desk, node: Reference): void {
  if (!desk.state.spaces.get(node.space)) throw bad(`Space '${node.space}' does not exist.`)
  const it = { instanceType: 'node' as const, ...node }
  const bare = { type: null, startNode: null, endNode: null, data: {}, effects: 1 }
  desk.graph.put({ id: desk.graph.newId(), key: instanceKey(it), ...it, ...bare, ...birth(desk, instanceKey(it)) })
}

/** Named properties are set; with `replace` all others of the same containers fall back to their defaults. */
function dataOf(
  desk: Desk,
  it: Obj,
  where: string,
  there: InstanceRow | undefined,
  made: ReadonlySet<string>,
): InstanceRow['data'] {
  const { state } = desk
  const data: Data = structuredClone(there?.data ?? {}) as Data
  const touched = new Map<string, Reference>()
  const set = (container: Reference, name: string, value: Plain, label: string) => {
    const property = state.containers.get(containerKey(container))?.properties[name]
    if (!property) throw bad(`Unknown property '${label}'.`)
    const inSpace = data[container.space] ?? {}
    data[container.space] = inSpace
    const first = !touched.has(containerKey(container))
    touched.set(containerKey(container), container)
    const held = first && desk.replace ? {} : (inSpace[container.externalId] ?? {})
    inSpace[container.externalId] = held
    if (value === null) delete held[name]
    else held[name] = kept(value, property, label)
    const targets = property.type.type === 'direct' && value !== null ? (Array.isArray(value) ? value : [value]) : []
    for (const target of targets) if (isReference(target)) relate(desk, target, made)
  }
  for (const [at, json] of (absent(it.sources) ? [] : list(it.sources, `${where}.sources`, 1, 100)).entries()) {
    const place = `${where}.sources[${at}]`
    const given = object(json, place)
    const source = sourceOf(state, given.source, `${place}.source`)
    const properties = Object.entries(absent(given.properties) ? {} : object(given.properties, `${place}.properties`))
    for (const [name, value] of properties) {
      if (source.view === undefined) set(source.container, name, value, name)
      else {
        const mapping = source.view.properties[name]
        if (!mapping) throw bad(`View '${source.view.externalId}' has no property '${name}'.`)
        set(mapping.container, mapping.property, value, name)
      }
    }
  }
  for (const container of touched.values()) complete(state, data, container)
  return data
}

function complete(state: State, data: Data, ref: Reference): void {
  const held = data[ref.space]![ref.externalId]!
  const { properties } = state.containers.get(containerKey(ref))!
  for (const [name, { nullable, defaultValue }] of Object.entries(properties)) {
    if (held[name] !== undefined) continue
    if (defaultValue !== undefined) held[name] = defaultValue
    else if (!nullable) throw bad(`Invalid value for non-nullable property '${name}'. Value cannot be null.`)
  }
}

function relate(desk: Desk, target: Reference, made: ReadonlySet<string>): void {
  if (exists(desk, target, made)) return
  if (desk.relations) {
    makeNode(desk, target)
    return
  }
  const message = `Node with external id '${target.externalId}' was referenced as the target of a direct relation, but it does not exist.`
  throw bad(message)
}

function remove(desk: Hand, it: Obj, where: string) {
  const id = identity(desk.token, it, where)
  if (!desk.state.spaces.get(id.space)) throw bad(`Space '${id.space}' does not exist.`)
  const row = desk.graph.live(id)
  if (!row || conflicts(desk, it, row, where)) return undefined
  if (row.instanceType === 'node') for (const edge of desk.graph.edgesOf(row)) bury(desk, edge)
  bury(desk, row)
  return { instanceType: id.instanceType, externalId: id.externalId, space: id.space }
}

function bury({ graph, now }: Hand, row: InstanceRow): void {
  const effects = row.effects + 1
  graph.put({ ...row, version: row.version + 1, lastUpdatedTime: now, deletedTime: now, effects })
}
