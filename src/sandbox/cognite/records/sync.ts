import { type Plain, writeJson } from '../../json.ts'
import { absent, integer, type Obj, text } from '../check.ts'
import { bad } from '../errors.ts'
import { filterTest } from '../filter.ts'
import { readable, type Server } from '../server.ts'
import type { FeedRow, Stream, Token } from '../state.ts'
import { recordDialect } from './dialect.ts'
import { behind, feedOf } from './feed.ts'
import { shown, sourcesOf, typing } from './read.ts'
import { templateOf } from './streams.ts'

/** One page of the feed behind the cursor: cut at the limit, at the size, and at what one request looks at. */
export function syncPage(server: Server, token: Token, stream: Stream, body: Obj) {
  const { state, world } = server
  const knobs = server.knobs().records
  const limit = absent(body.limit) ? 10 : integer(body.limit, 'limit', 1, 1000)
  const sources = sourcesOf(state, body.sources)
  const test = filterTest(body.filter, recordDialect(state))
  const kept = { tombstones: knobs.tombstonesKept, data: templateOf(stream).dataDeletedAfter }
  const rows = feedOf(state, stream.externalId, kept)
  const start = startOf(server, stream, body, rows)
  const sees = (row: FeedRow) => readable(token, row.space) && test(row)

  const items: unknown[] = []
  if (!absent(body.cursor) && limit > 1 && world.random() < knobs.redeliver) {
    const before = rows[start.at - 1]
    if (before && sees(before)) items.push(item(before, sources))
  }
  let [at, size, order] = [start.at, 0, start.order]
  for (let looked = 0; at < rows.length && items.length < limit && looked < knobs.scan; at++, looked++) {
    const row = rows[at]!
    if (sees(row)) {
      const one = item(row, sources)
      const bytes = new TextEncoder().encode(writeJson(one)).length + 1
      if (items.length > 0 && size + bytes > knobs.maxPageBytes) break
      items.push(one)
      size += bytes
    }
    order = row.order
  }
  const more = rows.slice(at).some(sees)
  return {
    items,
    nextCursor: written({ stream: stream.externalId, order, ...(knobs.freshCursor && { at: state.now() }) }),
    hasNext: knobs.hasNext === 'exact' ? more : more || items.length === limit,
    ...typing(state, body, sources),
  }
}

function item(row: FeedRow, sources: ReturnType<typeof sourcesOf>) {
  const { properties, ...top } = shown(row, sources)
  return row.status === 'deleted' ? { ...top, status: row.status } : { ...top, status: row.status, properties }
}

function startOf(server: Server, stream: Stream, body: Obj, rows: readonly FeedRow[]) {
  const start = absent(body.initializeCursor) ? undefined : durationOf(body.initializeCursor)
  if (!absent(body.cursor)) {
    const order = read(text(body.cursor, 'cursor', { max: 100_000 }), stream)
    return { order, at: behind(rows, order) }
  }
  if (start === undefined) throw bad('Either cursor or initializeCursor is required.')
  const from = server.state.now() - start - server.knobs().records.drift
  const first = rows.findIndex(row => row.seenFrom >= from)
  const at = first < 0 ? rows.length : first
  return { order: rows[at - 1]?.order ?? 0, at }
}

const UNITS: { readonly [unit: string]: number } = { m: 60_000, h: 3_600_000, d: 24 * 3_600_000 }

/** Only the units that are proven; others would teach clients what the API never promised. */
function durationOf(value: Plain | undefined): number {
  const given = text(value, 'initializeCursor', { min: 6, max: 100 })
  const [, amount, unit] = /^(\d+)([mhd])-ago$/.exec(given) ?? []
  if (amount === undefined || unit === undefined) throw bad(`initializeCursor is invalid: ${given}`)
  return Number(amount) * UNITS[unit]!
}

const written = (cursor: { readonly stream: string; readonly order: number }): string => btoa(JSON.stringify(cursor))

function read(cursor: string, { externalId }: Stream): number {
  try {
    const { stream, order } = JSON.parse(atob(cursor)) as { stream: unknown; order: unknown }
    if (stream === externalId && typeof order === 'number') return order
  } catch {
    // said below
  }
  throw bad('Invalid cursor.')
}
