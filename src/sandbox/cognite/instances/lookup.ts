/** `list` and `byids`: what is there now. */
import { absent, bodyOf, externalId, integer, list, object, oneOf, spaceId, text } from '../check.ts'
import { bad } from '../errors.ts'
import { filterTest } from '../filter.ts'
import { json } from '../models/spaces.ts'
import { type App, readable, type Server } from '../server.ts'
import type { InstanceRow } from '../state.ts'
import { instanceDialect } from './dialect.ts'
import { type Graph, holdsData } from './graph.ts'
import { bySort, sortOf } from './sort.ts'
import { type Selected, selectedOf, shownInstance, typingOf } from './sources.ts'

export function lookupRoutes(app: App, { state, knobs }: Server, graph: Graph): void {
  app.post('/models/instances/list', async c => {
    const body = await bodyOf(c.req.raw, knobs().maxRequestBytes)
    const instanceType = absent(body.instanceType) ? 'node' : oneOf(body.instanceType, ['node', 'edge'], 'instanceType')
    const selected = selectedOf(state, body.sources, 'sources', false)
    const inAll = inAllOf(selected)
    const test = filterTest(body.filter, instanceDialect(graph))
    const limit = absent(body.limit) ? 1000 : integer(body.limit, 'limit', 1, 1000)
    const sort = sortOf(state, body.sort, 'sort')
    const rows = graph
      .rows()
      .filter(
        row => row.instanceType === instanceType && row.deletedTime === null && readable(c.get('token'), row.space),
      )
      .filter(row => inAll(row) && test(row))
      .sort((one, other) => bySort(sort, one, other))
    const from = absent(body.cursor) ? 0 : offsetOf(text(body.cursor, 'cursor', { max: 10_000 }))
    const page = rows.slice(from, from + limit)
    const more = from + page.length < rows.length
    return json({
      items: page.map(row => shownInstance(state, row, selected, knobs().instances)),
      ...(body.includeTyping === true && { typing: typingOf(state, selected) }),
      ...(more && { nextCursor: btoa(`list ${from + page.length}`) }),
    })
  })

  app.post('/models/instances/byids', async c => {
    const body = await bodyOf(c.req.raw, knobs().maxRequestBytes)
    const selected = selectedOf(state, body.sources, 'sources', false)
    const inAll = inAllOf(selected)
    const rows = list(body.items, 'items', 1, 1000).flatMap((json, at) => {
      const it = object(json, `items[${at}]`)
      const instanceType = oneOf(it.instanceType, ['node', 'edge'], `items[${at}].instanceType`)
      const id = { instanceType, space: spaceId(it.space, 'items'), externalId: externalId(it.externalId, 'items') }
      return graph.live(id) ?? []
    })
    const seen = rows.filter(row => readable(c.get('token'), row.space)).filter(row => inAll(row))
    return json({
      items: seen.map(row => shownInstance(state, row, selected, knobs().instances)),
      ...(body.includeTyping === true && { typing: typingOf(state, selected) }),
    })
  })
}

function inAllOf(selected: readonly Selected[]): (row: InstanceRow) => boolean {
  const tests = selected.map(({ view }) => holdsData({ view }))
  return row => tests.every(test => test(row))
}

function offsetOf(cursor: string): number {
  try {
    const [, offset] = /^list (\d+)$/.exec(atob(cursor)) ?? []
    if (offset !== undefined) return Number(offset)
  } catch {
    // said below
  }
  throw bad('Invalid cursor.')
}
