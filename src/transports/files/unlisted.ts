/** What a walk of a share that is shown in part did not bring: it is out of sight, or it is gone. */
import { SyncError } from '../../errors.ts'
import type { RemoteRecord } from '../../model.ts'
import type { Io, Page } from '../../transport.ts'
import { inParallel } from '../shared/pages.ts'
import { flag, text } from '../shared/shape.ts'
import type { Api } from './api.ts'
import { isPart, type Selections, selectionOf } from './selection.ts'
import { hiddenRow, type View, viewOf } from './view.ts'
import { REQUESTS_AT_ONCE } from './walk.ts'
import { asTreeRow } from './wire.ts'

/** Asked for and kept together: a limit of requests makes this longer, and does not begin it anew. */
const ASKED_AT_ONCE = 40
const PLACE = ['asked']

/**
 * What was known of such a share and was not listed is asked for: what is there is met as it is, and hidden where it is
 * out of sight by now; the rest is for the sweep. Shares that were not listed whole are not swept.
 */
export async function* unlisted(
  api: Api,
  selections: Selections,
  cursor: Page['cursor'],
  io: Io,
): AsyncGenerator<Page, void> {
  const walked = await io.peek(peek => peek.rows(['walk']))
  const views = new Map<string, View>()
  for (const { key, row } of walked) {
    const [share, selection] = [String(key[1]), selectionOf(selections, String(key[1]))]
    const swept = flag(row, 'truncated') !== true && isPart(selection)
    if (swept) views.set(share, viewOf(api, share, selection, io, { fresh: true }))
  }
  if (views.size === 0) return
  let after = text(await io.peek(peek => peek.row(PLACE)), 'after')
  for (let last = false; !last; ) {
    const behind = after
    const some = await io.peek(async peek => {
      const ids = await peek.unseen('tree', ASKED_AT_ONCE, behind)
      const bases = await peek.agreed('tree', ids)
      return ids.map((id, at) => ({ id, base: bases[at] }))
    })
    const found = await inParallel(some, REQUESTS_AT_ONCE, async ({ id, base }) => {
      const view = views.get(asTreeRow(base?.value)?.share ?? '')
      return view && there(view, { collection: 'tree', id, ...base! })
    })
    const all = found.filter(one => one !== undefined)
    const hidden = all.filter(one => one.hidden).map(({ record }) => record)
    after = some.at(-1)?.id ?? after
    last = some.length < ASKED_AT_ONCE
    if (some.length === 0) return
    const folders = hidden.flatMap(record => {
      const row = asTreeRow(record.value)
      return row?.kind === 'folder' ? [hiddenRow(row.share, record)] : []
    })
    yield {
      records: all.map(({ record }) => record),
      snapshot: true,
      cursor,
      hides: hidden.map(({ id }) => ({ source: 'tree', id })),
      private: { put: [...folders, { key: PLACE, row: { after: after! } }] },
    }
  }
}

/** `undefined`: it is gone. What the server has and cannot describe stays as it is known. */
async function there(view: View, known: RemoteRecord) {
  const before = asTreeRow(known.value)!
  let record: RemoteRecord | undefined
  try {
    record = await view.asked(known.id, before.kind)
  } catch (error) {
    if (!(error instanceof SyncError) || error.code !== 'protocol') throw error
    return { record: known, hidden: false }
  }
  const row = asTreeRow(record?.value)
  if (record === undefined || row === undefined) return undefined
  return { record, hidden: (await view.shows(record.id, row)) === 'hidden' }
}
