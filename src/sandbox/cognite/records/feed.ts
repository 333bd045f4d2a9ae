/** What can be read, in the order in which it became visible: one entry per record, with its present state. */
import { count, type FeedRow, type RecordRow, type State } from '../state.ts'

/** Shows `row` from `visibleAt` on, and never before an earlier state of the same record. */
export function show(state: State, row: RecordRow, visibleAt: number): void {
  settleFeed(state, row.stream)
  const before = state.pending.by('record', row.key).map(it => it.visibleAt)
  const at = Math.max(visibleAt, ...before)
  if (at <= state.now()) append(state, row, state.now())
  else {
    const id = String(count(state, 'pending')).padStart(12, '0')
    state.pending.put(id, { ...row, id, visibleAt: at })
  }
}

/** Lets what is due come into sight. */
export function settleFeed(state: State, stream: string): void {
  const due = state.pending.by('stream', stream).filter(it => it.visibleAt <= state.now())
  if (due.length === 0) return
  due.sort((one, other) => one.visibleAt - other.visibleAt || (one.id < other.id ? -1 : 1))
  state.tables.transact(() => {
    for (const { id, visibleAt, ...row } of due) {
      state.pending.drop(id)
      append(state, row, visibleAt)
    }
  })
}

function append(state: State, row: RecordRow, seenFrom: number): void {
  state.feed.put(row.key, { ...row, order: count(state, `feed ${row.stream}`), seenFrom })
}

/** In order, without what time has taken: tombstones after a while, and what an immutable stream no longer keeps. */
export function feedOf(state: State, stream: string, kept: Kept): readonly FeedRow[] {
  settleFeed(state, stream)
  const now = state.now()
  const past = (row: FeedRow): boolean =>
    row.status === 'deleted'
      ? row.seenFrom + kept.tombstones <= now
      : kept.data !== undefined && row.lastUpdatedTime + kept.data <= now
  const all = state.feed.by('stream', stream)
  const gone = all.filter(past)
  if (gone.length > 0) {
    state.tables.transact(() => {
      for (const { key } of gone) {
        state.feed.drop(key)
        if (kept.data !== undefined) state.records.drop(key)
      }
    })
  }
  const rows = gone.length > 0 ? all.filter(row => !past(row)) : all
  const ordered = rows.every((row, at) => at === 0 || rows[at - 1]!.order < row.order)
  return ordered ? rows : [...rows].sort((one, other) => one.order - other.order)
}

export type Kept = { readonly tombstones: number; readonly data: number | undefined }

/** Where the rows behind `order` begin. */
export function behind(rows: readonly FeedRow[], order: number): number {
  let [low, high] = [0, rows.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (rows[middle]!.order <= order) low = middle + 1
    else high = middle
  }
  return low
}
