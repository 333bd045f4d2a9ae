import { type Plain, writeJson } from '../../json.ts'
import { absent, bodyOf, containerRef, flag, integer, list, type Obj, object, oneOf, text } from '../check.ts'
import { bad } from '../errors.ts'
import { filterTest, type Test } from '../filter.ts'
import { json } from '../models/spaces.ts'
import { type App, readable, type Server } from '../server.ts'
import type { Data, FeedRow, State, Stream, Token } from '../state.ts'
import { compare } from '../values.ts'
import { aggregated } from './aggregate.ts'
import { containerProperty, mustExist, recordDialect, timeOf, topLevel } from './dialect.ts'
import { feedOf } from './feed.ts'
import { streamOf, templateOf } from './streams.ts'
import { syncPage } from './sync.ts'

export function readRoutes(app: App, server: Server): void {
  const { state, knobs } = server
  const reading = async (request: Request, id: string) => ({
    stream: streamOf(state, id),
    body: await bodyOf(request, knobs().maxRequestBytes),
  })

  app.post('/streams/:stream/records/sync', async c => {
    const { stream, body } = await reading(c.req.raw, c.req.param('stream'))
    return json(syncPage(server, c.get('token'), stream, body))
  })

  app.post('/streams/:stream/records/filter', async c => {
    const { stream, body } = await reading(c.req.raw, c.req.param('stream'))
    const rows = selected(server, c.get('token'), stream, body)
    const limit = absent(body.limit) ? 10 : integer(body.limit, 'limit', 1, 1000)
    const sources = sourcesOf(state, body.sources)
    const found = sorted(state, rows, body.sort).slice(0, limit)
    const items = within(
      found.map(row => shown(row, sources)),
      knobs().records.maxFilterBytes,
    )
    return json({ items, ...typing(state, body, sources) })
  })

  app.post('/streams/:stream/records/aggregate', async c => {
    const { stream, body } = await reading(c.req.raw, c.req.param('stream'))
    const rows = selected(server, c.get('token'), stream, body)
    return json({ aggregates: aggregated(state, rows, object(body.aggregates, 'aggregates')) })
  })
}

/** What `filter` and `aggregate` look at: live rows, in the interval that an immutable stream demands. */
function selected({ state, knobs }: Server, token: Token, stream: Stream, body: Obj): FeedRow[] {
  const { type, dataDeletedAfter, maxFilteringInterval } = templateOf(stream)
  const time = interval(body.lastUpdatedTime, type === 'Immutable', maxFilteringInterval, state.now())
  const test = filterTest(body.filter, recordDialect(state))
  const kept = { tombstones: knobs().records.tombstonesKept, data: dataDeletedAfter }
  return feedOf(state, stream.externalId, kept).filter(
    row => row.status !== 'deleted' && readable(token, row.space) && time(row) && test(row),
  )
}

function interval(
  json: Plain | undefined,
  mandatory: boolean,
  longest: number | undefined,
  now: number,
): Test<FeedRow> {
  if (absent(json)) {
    if (mandatory) throw bad('lastUpdatedTime is required for immutable streams.')
    return () => true
  }
  const given = object(json, 'lastUpdatedTime')
  const bound = (name: string) => (absent(given[name]) ? undefined : timeOf(given[name], `lastUpdatedTime.${name}`))
  const [gte, gt, lte, lt] = [bound('gte'), bound('gt'), bound('lte'), bound('lt')]
  if ((gte !== undefined && gt !== undefined) || (lte !== undefined && lt !== undefined)) {
    throw bad('lastUpdatedTime has two lower or two upper bounds.')
  }
  const from = gte ?? gt
  if (from === undefined) throw bad('lastUpdatedTime needs a lower bound.')
  if (longest !== undefined && (lte ?? lt ?? now) - from > longest) {
    throw bad('lastUpdatedTime spans more than the stream allows.')
  }
  return ({ lastUpdatedTime: at }) =>
    (gte === undefined || at >= gte) &&
    (gt === undefined || at > gt) &&
    (lte === undefined || at <= lte) &&
    (lt === undefined || at < lt)
}

function sorted(state: State, rows: readonly FeedRow[], json: Plain | undefined): readonly FeedRow[] {
  const keys = absent(json)
    ? [{ access: topLevel('lastUpdatedTime'), sign: 1 }]
    : list(json, 'sort', 1, 5).map((it, at) => {
        const where = `sort[${at}]`
        const key = object(it, where)
        const path = list(key.property, `${where}.property`, 1, 3).map(part => text(part, `${where}.property`))
        const down = !absent(key.direction) && oneOf(key.direction, ['ascending', 'descending'], where) === 'descending'
        const access = path.length === 1 ? topLevel(path[0]!) : containerProperty(state, path, where)
        return { access, sign: down ? -1 : 1 }
      })
  return [...rows].sort((one, other) => {
    for (const { access, sign } of keys) {
      const [left, right] = [access.read(one), access.read(other)]
      if (left === undefined || right === undefined) {
        if (left !== right) return left === undefined ? 1 : -1
        continue
      }
      const order = compare(left, right, access.type) ?? 0
      if (order !== 0) return order * sign
    }
    return one.order - other.order
  })
}

export type Sources =
  | readonly {
      readonly space: string
      readonly externalId: string
      readonly names: readonly string[] | '*'
    }[]
  | undefined

export function sourcesOf(state: State, json: Plain | undefined): Sources {
  if (absent(json)) return undefined
  return list(json, 'sources', 1, 10).map((it, at) => {
    const where = `sources[${at}]`
    const source = object(it, where)
    const ref = containerRef(source.source, `${where}.source`)
    const { properties } = mustExist(state, ref)
    const names = list(source.properties, `${where}.properties`, 1, 1000).map(name => text(name, `${where}.properties`))
    const unknown = names.find(name => name !== '*' && !Object.hasOwn(properties, name))
    if (unknown !== undefined) throw bad(`Unknown property '${unknown}' in container '${ref.externalId}'.`)
    return { ...ref, names: names.includes('*') ? '*' : names }
  })
}

export function shown({ space, externalId, createdTime, lastUpdatedTime, properties }: FeedRow, sources: Sources) {
  return { space, externalId, createdTime, lastUpdatedTime, properties: projected(properties ?? {}, sources) }
}

function projected(data: Data, sources: Sources): Data {
  if (sources === undefined) return data
  const picked: { [space: string]: { [container: string]: { readonly [name: string]: Plain } } } = {}
  for (const { space, externalId, names } of sources) {
    const held = data[space]?.[externalId]
    if (held === undefined) continue
    const some =
      names === '*' ? held : Object.fromEntries(Object.entries(held).filter(([name]) => names.includes(name)))
    if (Object.keys(some).length > 0) picked[space] = { ...picked[space], [externalId]: some }
  }
  return picked
}

/** As many as fit, and one at least. */
export function within<T>(items: readonly T[], most: number): T[] {
  let size = 0
  const fit = items.findIndex(item => {
    size += new TextEncoder().encode(writeJson(item)).length + 1
    return size > most
  })
  return items.slice(0, fit < 0 ? items.length : Math.max(1, fit))
}

/** The types of what is asked for. */
export function typing(state: State, body: Obj, sources: Sources): { readonly typing?: object } {
  if (!flag(body.includeTyping, 'includeTyping')) return {}
  const told: { [space: string]: { [container: string]: object } } = {}
  for (const { space, externalId, names } of sources ?? []) {
    const entries = Object.entries(mustExist(state, { space, externalId }).properties)
    const asked = entries.filter(([name]) => names === '*' || names.includes(name))
    told[space] = { ...told[space], [externalId]: Object.fromEntries(asked) }
  }
  return { typing: told }
}
