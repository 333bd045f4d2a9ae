import type { Plain } from '../../json.ts'
import { bodyOf, containerRef, externalId, list, type Obj, object, spaceId } from '../check.ts'
import { ApiError, bad, forbidden, type ItemResult } from '../errors.ts'
import type { Span } from '../knobs.ts'
import { json } from '../models/spaces.ts'
import { type App, readable, type Server } from '../server.ts'
import { containerKey, count, type Data, type RecordRow, type State, type Stream, type Token } from '../state.ts'
import { canonical, kept } from '../values.ts'
import { show } from './feed.ts'
import { streamOf, templateOf } from './streams.ts'

type Item = { readonly space: string; readonly externalId: string; readonly properties: Data }

export function writeRoutes(app: App, { state, knobs, world }: Server): void {
  const writing = async (request: Request, id: string, token: Token) => {
    const stream = streamOf(state, id)
    const body = await bodyOf(request, knobs().maxRequestBytes)
    const items = list(body.items, 'items', 1, 1000).map((it, at) => object(it, `items[${at}]`))
    return { stream, items, mutable: templateOf(stream).type === 'Mutable', token }
  }

  app.post('/streams/:stream/records', async c => {
    const { stream, items, mutable, token } = await writing(c.req.raw, c.req.param('stream'), c.get('token'))
    const rows = items.map((it, at) => item(state, token, it, `items[${at}]`))
    if (mutable) mustBeUnique(rows)
    perItem(rows, it => (mutable ? create(stream, it) : append(stream, it)))
    return json({}, 202)
  })

  app.post('/streams/:stream/records/upsert', async c => {
    const { stream, items, mutable, token } = await writing(c.req.raw, c.req.param('stream'), c.get('token'))
    mustBeMutable(mutable)
    const rows = items.map((it, at) => item(state, token, it, `items[${at}]`))
    mustBeUnique(rows)
    perItem(rows, it => replace(stream, it))
    return json({}, 202)
  })

  app.post('/streams/:stream/records/delete', async c => {
    const { stream, items, mutable, token } = await writing(c.req.raw, c.req.param('stream'), c.get('token'))
    mustBeMutable(mutable)
    const ids = items.map((it, at) => identity(token, it, `items[${at}]`))
    mustBeUnique(ids)
    perItem(ids, it => remove(stream, it), { codes: [500, 503] })
    return json({})
  })

  /** Not a transaction: what failed is told item by item, in any order, and the rest is done. */
  function perItem<T extends { readonly space: string; readonly externalId: string }>(
    items: readonly T[],
    work: (it: T) => ItemResult['code'],
    { codes = knobs().records.failCodes }: { readonly codes?: readonly number[] } = {},
  ): void {
    const results = state.tables.transact(() =>
      items.map((it): ItemResult => {
        const { space, externalId } = it
        const fails = world.random() < knobs().records.fail
        const code = fails ? (codes[Math.floor(world.random() * codes.length)] ?? 500) : work(it)
        return { space, externalId, code, ...(code !== 202 && { message: MESSAGES[code] ?? 'Failed.' }) }
      }),
    )
    const worst = [503, 500, 409].find(code => results.some(it => it.code === code))
    if (worst === undefined) return
    throw new ApiError(worst, MESSAGES[worst]!, { partial: shuffled(results, world.random) })
  }

  function create(stream: Stream, it: Item): number {
    if (state.records.get(keyOf(stream, it))) return 409
    put(stream, it, keyOf(stream, it), undefined)
    return 202
  }

  function replace(stream: Stream, it: Item): number {
    const key = keyOf(stream, it)
    put(stream, it, key, state.records.get(key))
    return 202
  }

  function append(stream: Stream, it: Item): number {
    const same = `${stream.externalId}\n${it.space}\n${it.externalId}\n${canonical(it.properties)}`
    const [there] = state.records.by('same', same)
    if (there && knobs().records.duplicates === 'discard') return 202
    put(stream, it, `${stream.externalId}\n${String(count(state, 'record')).padStart(12, '0')}`, undefined, same)
    return 202
  }

  function put(stream: Stream, it: Item, key: string, before: RecordRow | undefined, same?: string): void {
    const now = state.now()
    const row: RecordRow = {
      key,
      stream: stream.externalId,
      space: it.space,
      externalId: it.externalId,
      createdTime: before?.createdTime ?? now,
      lastUpdatedTime: now,
      status: before ? 'updated' : 'created',
      properties: it.properties,
      ...(same !== undefined && { same }),
      effects: (before?.effects ?? 0) + 1,
    }
    state.records.put(key, row)
    show(state, row, now + drawn(knobs().records.visibleAfter))
  }

  function remove(stream: Stream, it: { readonly space: string; readonly externalId: string }): number {
    const there = state.records.get(keyOf(stream, it))
    if (!there) return 202
    const now = state.now()
    state.records.drop(there.key)
    const row: RecordRow = { ...there, lastUpdatedTime: now, status: 'deleted', properties: null }
    show(state, row, now + drawn(knobs().records.visibleAfter))
    return 202
  }

  const drawn = ([from, to]: Span): number => Math.floor(from + (to - from) * world.random())
}

const MESSAGES: { readonly [code: number]: string } = {
  409: 'Some records already exist or were modified concurrently.',
  500: 'Some records could not be written.',
  503: 'Some records could not be written now.',
}

const keyOf = (stream: Stream, it: { readonly space: string; readonly externalId: string }): string =>
  `${stream.externalId}\n${it.space}\n${it.externalId}`

function mustBeMutable(mutable: boolean): void {
  if (!mutable) throw new ApiError(422, 'The stream is immutable: records can only be ingested.')
}

function mustBeUnique(items: readonly { readonly space: string; readonly externalId: string }[]): void {
  const seen = new Set<string>()
  const twice = new Set<string>()
  for (const { space, externalId } of items) {
    const id = `${space}.${externalId}`
    if (seen.has(id)) twice.add(id)
    seen.add(id)
  }
  if (twice.size === 0) return
  const duplicated = [...twice].map(externalId => ({ externalId }))
  throw new ApiError(422, 'The request names some records more than once.', { duplicated })
}

function identity(token: Token, it: Obj, where: string) {
  const space = spaceId(it.space, where)
  if (!readable(token, space)) throw forbidden(`No access to space '${space}'.`)
  return { space, externalId: externalId(it.externalId, where) }
}

function item(state: State, token: Token, it: Obj, where: string): Item {
  const id = identity(token, it, where)
  if (!state.spaces.get(id.space)) throw bad(`Space '${id.space}' does not exist.`)
  const properties: { [space: string]: { [container: string]: { [name: string]: Plain } } } = {}
  for (const [at, source] of list(it.sources, `${where}.sources`, 1, 100).entries()) {
    const place = `${where}.sources[${at}]`
    const data = object(source, place)
    const ref = containerRef(data.source, `${place}.source`)
    const container = state.containers.get(containerKey(ref))
    if (!container) throw bad(`Container '${ref.space}:${ref.externalId}' does not exist.`)
    if (container.usedFor !== 'record') throw bad(`Container '${ref.externalId}' is not used for records.`)
    const given = Object.entries(object(data.properties, `${place}.properties`))
    if (given.length === 0) throw bad(`${place}.properties must not be empty.`)
    const held: { [name: string]: Plain } = { ...properties[ref.space]?.[ref.externalId] }
    for (const [name, value] of given) {
      const property = container.properties[name]
      if (!property) throw bad(`Unknown property '${name}' in container '${ref.externalId}'.`)
      if (value === null) throw bad("`null` values aren't allowed.")
      held[name] = kept(value, property, name)
    }
    for (const [name, { nullable, defaultValue }] of Object.entries(container.properties)) {
      if (held[name] !== undefined) continue
      if (defaultValue !== undefined) held[name] = defaultValue
      else if (!nullable) throw bad(`Invalid value for non-nullable property '${name}'. Value cannot be null.`)
    }
    properties[ref.space] = { ...properties[ref.space], [ref.externalId]: held }
  }
  return { ...id, properties }
}

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  return items
    .map(it => ({ it, at: random() }))
    .sort((one, other) => one.at - other.at)
    .map(({ it }) => it)
}
