/** One page of a result set's feed: a backfill by rows, then changes in their order. */
import type { Plain } from '../../json.ts'
import type { InstanceRow } from '../state.ts'
import type { Reached } from './expressions.ts'
import { bySort, byValues, type Sort } from './sort.ts'

export const MODES = ['onePhase', 'twoPhase', 'noBackfill'] as const
export type Mode = (typeof MODES)[number]

export type Position = {
  readonly phase: 'backfill' | 'stream'
  /** Where the feed was when the sync began: what was deleted before is no news. */
  readonly began: number
  /** The change that was shown last, and the row among those that it touched. */
  readonly order: number
  readonly of: number
  /** The last row of the backfill, and what it was sorted by. */
  readonly row: string
  readonly by: readonly Plain[]
}

export const NOWHERE: Position = { phase: 'stream', began: 0, order: 0, of: 0, row: '', by: [] }

export function start(mode: Mode, head: number): Position {
  if (mode === 'noBackfill') return { ...NOWHERE, began: head, order: head, of: END }
  return { ...NOWHERE, phase: mode === 'twoPhase' ? 'backfill' : 'stream', began: head }
}

const END = Number.MAX_SAFE_INTEGER

export type PageRules = {
  readonly limit: number
  readonly sort: readonly Sort[]
  /** Leave out what was deleted before the sync began. */
  readonly skip: boolean
  /** The last change of all. */
  readonly head: number
}

export type FeedPage = { readonly rows: InstanceRow[]; readonly next: Position }

export function feedPage(members: readonly Reached[], at: Position, rules: PageRules): FeedPage {
  return at.phase === 'backfill' ? backfill(members, at, rules) : stream(members, at, rules)
}

function backfill(members: readonly Reached[], at: Position, { sort, limit }: PageRules): FeedPage {
  const there = members.filter(({ row, changed }) => row.deletedTime === null && changed <= at.began)
  const rows = there.map(({ row }) => row).sort((one, other) => bySort(sort, one, other))
  const values = (row: InstanceRow) => sort.map(({ read }) => read(row) ?? null)
  const isBehind = (row: InstanceRow) => {
    const order = byValues(sort, values(row), at.by)
    return order > 0 || (order === 0 && row.id > at.row)
  }
  const page = (at.row === '' ? rows : rows.filter(isBehind)).slice(0, limit)
  const last = page.at(-1)
  if (last === undefined || page.length < limit) {
    return { rows: page, next: { ...NOWHERE, began: at.began, order: at.began, of: END } }
  }
  return { rows: page, next: { ...at, row: last.id, by: values(last) } }
}

function stream(members: readonly Reached[], at: Position, { limit, skip, head }: PageRules): FeedPage {
  const news = members.filter(
    one => isNews(one, at) && (one.row.deletedTime === null || !skip || one.row.order > at.began),
  )
  const page = news.slice(0, limit)
  const last = page.at(-1)
  const next = last === undefined || page.length < limit ? { order: head, of: END } : placeOf(last)
  return { rows: page.map(({ row }) => row), next: { ...at, ...next } }
}

const placeOf = ({ changed, row }: Reached) => ({ order: changed, of: row.order })

const isNews = ({ changed, row }: Reached, at: Position): boolean =>
  changed > at.order || (changed === at.order && row.order > at.of)

/** The last that a feed showed, if it still lives. */
export function lastShown(members: readonly Reached[], at: Position): InstanceRow[] {
  const last = members.filter(it => !isNews(it, at)).at(-1)
  return last && last.row.deletedTime === null ? [last.row] : []
}
