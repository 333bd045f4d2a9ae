/** Records as the app sees them: without what it must not see, and found by ids that they had before. */
import { realId } from '../ledger/draft.ts'
import { metaOf } from '../ledger/rows.ts'
import type { Reader, Stored } from '../store.ts'

/** A record with its id beside it. */
export interface Item<Row> {
  readonly id: string
  readonly value: Row
}

/** By its id, or by one that it had before the remote gave it another. */
export async function find(tx: Reader, collection: string, id: string): Promise<Stored | undefined> {
  return (await current(tx, collection, id)).stored
}

/** The id that a record has by now, and what is there. */
export async function current(
  tx: Reader,
  collection: string,
  id: string,
): Promise<{ readonly id: string; readonly stored: Stored | undefined }> {
  let stored: Stored | undefined
  const get = async (name: string, one: string) => {
    stored = await tx.records(name).get(one)
    return { value: stored?.value, meta: metaOf(stored) }
  }
  return { id: await realId({ tx, get }, collection, id), stored }
}

/** `undefined` for what is deleted, and for what a remote sent and the schema refuses. */
export function visible<Row>(stored: Stored | undefined): Row | undefined {
  return stored === undefined || stored.value === null || metaOf(stored).misfit !== undefined
    ? undefined
    : (stored.value as Row)
}
