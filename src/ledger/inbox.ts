/** What a conflict leaves in the inbox. */
import type { RemoteRecord } from '../model.ts'
import type { Draft, Entry } from './draft.ts'
import type { InboxEntry, OutboxRow } from './rows.ts'
import type { Home } from './settle.ts'

type Told = Pick<InboxEntry, 'verdict' | 'loses' | 'by'> & Partial<InboxEntry>

/** An entry of the inbox about a change, as things stand: settled, and kept for as long as it can be undone, or open. */
export function noted(
  draft: Draft,
  home: Home,
  entry: Pick<Entry, 'collection' | 'id'>,
  row: OutboxRow,
  theirs: RemoteRecord,
  told: Told,
): InboxEntry {
  const state = told.verdict.take === 'ask' ? 'open' : 'settled'
  return {
    id: told.id ?? row.asks ?? draft.uuid(),
    remote: home.remote,
    collection: entry.collection,
    record: entry.id,
    at: draft.now,
    rule: home.rule,
    base: row.base ?? null,
    local: { change: row.change, value: row.value, at: row.at },
    theirs,
    state,
    ...(state === 'settled' && { until: draft.now + home.keep }),
    ...told,
  }
}
