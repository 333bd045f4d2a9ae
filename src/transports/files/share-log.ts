/** Rows about shares: one appears, changes or is lost. A lost share's entries stay here until somebody decides. */
import type { RemoteRecord } from '../../model.ts'
import type { KeyedRow, RowKey } from '../../store.ts'
import type { Io } from '../../transport.ts'
import { flag, isObject } from '../shared/shape.ts'
import type { Api } from './api.ts'
import type { ShareRow } from './sources.ts'
import { shareRow, shareToWalk } from './walk.ts'
import { type LogRow, shareRecord } from './wire.ts'

export interface ShareNews {
  readonly records: readonly RemoteRecord[]
  /** To be listed from here on. */
  readonly appeared: ReadonlySet<string>
  /** Not to be seen any more. */
  readonly lost: ReadonlySet<string>
  readonly put: readonly KeyedRow[]
  readonly delete: readonly RowKey[]
}

export async function shareNews(
  api: Api,
  rows: readonly LogRow[],
  paused: ReadonlySet<string>,
  io: Io,
): Promise<ShareNews> {
  if (rows.length === 0) return { records: [], appeared: new Set(), lost: new Set(), put: [], delete: [] }
  const ids = rows.map(({ id }) => id)
  const bases = await io.peek(peek => peek.agreed('shares', ids))
  const before = new Map(ids.map((id, at) => [id, bases[at]?.value ?? undefined]))
  const now = new Map(((await api.shares(io))?.shares ?? []).map(({ id, value }) => [id, value]))

  const lost = rows.filter(({ change, id }) => change === 'deleted' && !now.has(id))
  for (const { id } of lost) {
    io.notice({
      code: 'unreadable',
      message: `Share ${id} is gone, or access to it: its entries stay as they are here.`,
    })
  }
  const seen = ids.filter(id => now.has(id))
  // Deleted and yet there: it came back already, and what happened in between may not have been ours to see.
  const back = new Set(rows.filter(({ change }) => change === 'deleted').map(({ id }) => id))
  const appeared = seen.filter(id => back.has(id) || before.get(id) === undefined || flag(before.get(id), 'lost'))
  return {
    records: [
      ...seen.map(id => shareRecord(id, now.get(id) ?? { name: id })),
      ...lost.map(({ id }) => shareRecord(id, { ...asShareRow(before.get(id), id), lost: true })),
    ],
    appeared: new Set(appeared),
    lost: new Set(lost.map(({ id }) => id)),
    put: appeared.flatMap(id => (paused.has(id) ? [shareRow(id)] : shareToWalk(id))),
    delete: lost.map(({ id }) => ['share', id]),
  }
}

function asShareRow(value: unknown, id: string): ShareRow {
  return isObject(value) && typeof value.name === 'string' ? (value as ShareRow) : { name: id } // as we wrote it
}
