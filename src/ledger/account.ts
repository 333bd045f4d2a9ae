/** Whose a store is: the first account that it was opened for, for good (I21). */
import { SyncError } from '../errors.ts'
import type { Reader, Store } from '../store.ts'
import { getRow } from './rows.ts'

const key = ['account']
const scope = { records: [], rows: ['meta'] as const }

export const accountOf = async (tx: Reader): Promise<string | undefined> =>
  (await getRow<{ account: string }>(tx, 'meta', key))?.account

/** Throws `wrong-account` for a store of somebody else. Without a name, whoever opens it is trusted to know. */
export async function claim(store: Store, account: string | undefined): Promise<void> {
  if (account === undefined || (await store.read(scope, tx => owns(tx, account))) || store.newer()) return
  await store.write(scope, async tx => {
    if (!(await owns(tx, account))) await tx.rows('meta').putMany([{ key, row: { account } }])
  })
}

async function owns(tx: Reader, account: string): Promise<boolean> {
  const owner = await accountOf(tx)
  if (owner !== undefined && owner !== account) {
    throw new SyncError('wrong-account', 'This store is of another account: give each account a store of its own.')
  }
  return owner === account
}
