/** Who this store is, and what its clock is known to be off by. */
import type { KeyedRow, Reader, Writer } from '../store.ts'
import type { Identity } from './rows.ts'
import { getRow } from './rows.ts'

/** Reads the store's identity, or gives it one: a store that was wiped or restored empty is another device (I10). */
export async function identify(tx: Writer, make: () => Identity): Promise<Identity> {
  const known = await getRow<Identity>(tx, 'meta', ['identity'])
  if (known !== undefined) return known
  const identity = make()
  await tx.rows('meta').putMany([{ key: ['identity'], row: identity }])
  return identity
}

/** Milliseconds that the server's clock is ahead of ours, as last heard. */
export async function storedOffset(tx: Reader): Promise<number> {
  return (await getRow<{ offset: number }>(tx, 'meta', ['clock']))?.offset ?? 0
}

export const clockRow = (offset: number): KeyedRow => ({ key: ['clock'], row: { offset } })
