/** Records as the app sees them: without what it must not see, and found by ids that they had before. */
import { isThere, mostHops } from '../ledger/draft.ts'
import { getRow, metaOf } from '../ledger/rows.ts'
import type { Reader, Stored } from '../store.ts'

/** A record with its id beside it. */
export interface Item<Row> {
  readonly id: string
  readonly value: Row
}

/** By its id, or by one that it had before the remote gave it another. */
export async function find(tx: Reader, collection: string, id: string): Promise<Stored | undefined> {
  return tx.records(collection).get(await currentId(tx, collection, id))
}

/** The id that a record has by now. */
export async function currentId(tx: Reader, collection: string, id: string): Promise<string> {
  let real = id
  for (let hops = 0; hops < mostHops; hops++) {
    const stored = await tx.records(collection).get(real)
    if (stored !== undefined && isThere({ value: stored.value, meta: metaOf(stored) })) break
    const alias = await getRow<{ to: string }>(tx, 'meta', ['alias', collection, real])
    if (alias === undefined) break
    real = alias.to
  }
  return real
}

/** `undefined` for what is deleted, and for what a remote sent and the schema refuses. */
export function visible<Row>(stored: Stored | undefined): Row | undefined {
  return stored === undefined || stored.value === null || metaOf(stored).misfit !== undefined
    ? undefined
    : (stored.value as Row)
}
