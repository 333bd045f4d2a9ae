/** Whose effect a row of the remote is, where the remote says so. */
import type { Draft } from '../ledger/draft.ts'
import type { ChangeRow } from '../ledger/rows.ts'

export type Open = { open: true; change: string; collection: string; id: string }
type Own = 'step' | Open | { open: false }

/** Whether a row is the effect of a change of this store, and what became of that change. */
export async function ownEffect(draft: Draft, origin: string | undefined): Promise<Own | undefined> {
  if (origin === undefined) return undefined
  const change = origin.replace(/_\d+$/, '')
  let row = await draft.change(change)
  if (row === undefined) return undefined
  if (change !== origin) return 'step'
  for (let hops = 0; 'into' in row && hops < 1000; hops++) {
    const next: ChangeRow | undefined = await draft.change(row.into)
    if (next === undefined) return { open: false }
    row = next
  }
  return 'generation' in row ? { open: true, change, collection: row.collection, id: row.id } : { open: false }
}
