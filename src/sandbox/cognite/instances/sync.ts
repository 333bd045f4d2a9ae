/** `sync` and `query`: the same expressions, once as a feed behind cursors and once page by page. */
import type { Plain } from '../../json.ts'
import { absent, bodyOf, flag, type Obj, object, oneOf, text } from '../check.ts'
import { ApiError, bad } from '../errors.ts'
import { json } from '../models/spaces.ts'
import { type App, readable, type Server } from '../server.ts'
import type { InstanceRow, State, Token } from '../state.ts'
import { evaluate, type Reached } from './expressions.ts'
import { feedPage, lastShown, MODES, type Mode, type Position, start } from './feed-page.ts'
import type { Graph } from './graph.ts'
import { type Question, question } from './question.ts'
import { bySort, type Sort, sortOf } from './sort.ts'
import { shownInstance, typingOf } from './sources.ts'

export function syncRoutes(app: App, server: Server, graph: Graph): void {
  const { state, knobs, world } = server
  let issued = 0

  app.post('/models/instances/sync', async c => {
    const body = await bodyOf(c.req.raw, knobs().maxRequestBytes)
    const asked = question(state, body, { limit: [100, 2000], sync: true })
    if (asked.sorts.length > 0 && knobs().instances.sortInSelect === 'refuse') {
      throw bad('Sorting is not supported in sync.')
    }
    mustFinish(server, asked)
    const accept = flag(body.allowExpiredCursorsAndAcceptMissedDeletes, 'allowExpiredCursorsAndAcceptMissedDeletes')
    const sets = evaluate(graph, asked.expressions, asked.parameters)
    const items: { [set: string]: unknown[] } = {}
    const nextCursor: { [set: string]: string } = {}
    for (const [name, expression] of asked.names) {
      const cursor = cursorOf(server, asked.cursors[name], name, accept)
      const mode = absent(expression.mode) ? 'onePhase' : oneOf(expression.mode, MODES, `with.${name}.mode`)
      const sort = backfillSort(state, expression, mode, name)
      const selected = asked.select.get(name)
      const members = (sets.get(name) ?? []).filter(({ row }) => readable(c.get('token'), row.space))
      const limit = selected ? asked.limits.get(name)! : Number.POSITIVE_INFINITY
      const skip = flag(expression.skipAlreadyDeleted, `with.${name}.skipAlreadyDeleted`, true)
      const page = feedPage(members, cursor ?? start(mode, graph.head()), { limit, sort, skip, head: graph.head() })
      nextCursor[name] = write({ ...page.next, name, issued: world.now(), nonce: ++issued })
      if (!selected) continue
      const again =
        cursor && page.rows.length > 0 && world.random() < knobs().instances.redeliver ? lastShown(members, cursor) : []
      items[name] = shuffled(server, [...again, ...page.rows]).map(row =>
        shownInstance(state, row, selected, knobs().instances),
      )
    }
    return json({ items, nextCursor, ...told(state, body, asked) })
  })

  app.post('/models/instances/query', async c => {
    const body = await bodyOf(c.req.raw, knobs().maxRequestBytes)
    const asked = question(state, body, { limit: [100, 10_000], sync: false })
    mustFinish(server, asked)
    const sets = evaluate(graph, asked.expressions, asked.parameters)
    const items: { [set: string]: unknown[] } = {}
    const nextCursor: { [set: string]: string } = {}
    for (const [name, selected] of asked.select) {
      const rows = alive(sets.get(name) ?? [], c.get('token'))
      const sort = sortOf(state, asked.sortIn(name), `with.${name}.sort`)
      rows.sort((one, other) => bySort(sort, one, other))
      const from = absent(asked.cursors[name]) ? 0 : read(text(asked.cursors[name], 'cursors', { max: 10_000 })).offset
      const page = rows.slice(from, from + asked.limits.get(name)!)
      items[name] = page.map(row => shownInstance(state, row, selected, knobs().instances))
      const offset = from + page.length
      if (offset < rows.length) nextCursor[name] = write({ name, offset, issued: world.now() })
    }
    return json({ items, nextCursor, ...told(state, body, asked) })
  })
}

/** Too much at once runs out of time: less may not. */
function mustFinish({ knobs }: Server, { select, limits }: Question): void {
  const most = knobs().instances.timeoutAbove
  const all = [...select.keys()].reduce((sum, name) => sum + (limits.get(name) ?? 0), 0)
  if (most === null || all <= most) return
  const message = 'Graph query timed out. Reduce load or contention, or optimise your query.'
  throw new ApiError(408, message, { notices: [] })
}

type Cursor = Position & {
  readonly name: string
  readonly issued: number
  readonly nonce: number
  readonly offset: number
}

function cursorOf(
  { world, knobs }: Server,
  json: Plain | undefined,
  name: string,
  accept: boolean,
): Position | undefined {
  if (absent(json)) return undefined
  const cursor = read(text(json, `cursors.${name}`, { max: 100_000 }))
  if (cursor.name !== name) throw bad(`The cursor belongs to '${cursor.name}' and not to '${name}'.`)
  if (!accept && world.now() - cursor.issued > knobs().instances.cursorsKept) {
    throw bad('Cursor has expired. Start over without a cursor, or accept that deletes may have been missed.')
  }
  return cursor
}

function backfillSort(state: State, it: Obj, mode: Mode, name: string): Sort[] {
  if (absent(it.backfillSort)) return []
  if (mode !== 'twoPhase') throw bad('Backfill sort can only be used with two-phase sync.')
  return sortOf(state, it.backfillSort, `with.${name}.backfillSort`)
}

export const alive = (members: readonly Reached[], token: Token): InstanceRow[] =>
  members.map(({ row }) => row).filter(row => row.deletedTime === null && readable(token, row.space))

function shuffled({ knobs, world }: Server, rows: readonly InstanceRow[]): readonly InstanceRow[] {
  if (!knobs().instances.shuffle) return rows
  const dice = new Map(rows.map(row => [row, world.random()]))
  return [...rows].reverse().sort((one, other) => dice.get(one)! - dice.get(other)!)
}

function told(state: State, body: Obj, { select, sorts }: Question) {
  const typing = [...select].map(([name, selected]) => [name, typingOf(state, selected)])
  const debug = absent(body.debug) ? undefined : object(body.debug, 'debug')
  return {
    ...(flag(body.includeTyping, 'includeTyping') && { typing: Object.fromEntries(typing) }),
    ...(debug && { debug: { notices: [...timing(debug), ...sorts.map(sorting)] } }),
  }
}

function timing({ timeout, emitResults }: Obj): object[] {
  if (absent(timeout) || emitResults === false) return []
  const hint = 'A timeout needs emitResults: false.'
  return [{ code: 'noTimeoutWithResults', category: 'invalidDebugOptions', level: 'warning', hint, timeout }]
}

const sorting = ({ name, sort }: { name: string; sort: Plain }): object => ({
  code: 'sortNotBackedByIndex',
  category: 'sorting',
  level: 'warning',
  grade: 'C',
  hint: 'Sorting in the select of a sync is ignored.',
  sort,
  resultExpression: name,
})

const write = (cursor: Partial<Cursor>): string => btoa(encodeURIComponent(JSON.stringify(cursor, bigs)))
const bigs = (_: string, value: unknown) => (typeof value === 'bigint' ? Number(value) : value)

function read(cursor: string): Cursor {
  try {
    const it = JSON.parse(decodeURIComponent(atob(cursor))) as Cursor
    if (typeof it.name === 'string' && typeof it.issued === 'number') return it
  } catch {
    // said below
  }
  throw bad('Invalid cursor.')
}
