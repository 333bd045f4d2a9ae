import type { Reader, RowKey, Space, Writer } from '../store.ts'
import type { ChangeRow, InboxEntry } from './rows.ts'
import { getRow } from './rows.ts'

/** Drops settled changes and closed conflicts whose time is over. What leads to an open change stays as long as that. */
export async function dropOld(tx: Writer, now: number): Promise<void> {
  await drop(tx, 'changes', async row => {
    const { until } = row as { readonly until?: number }
    if (until === undefined || until > now) return false
    return !('into' in row) || (await getRow<ChangeRow>(tx, 'changes', [String(row.into)])) === undefined
  })
  await drop(tx, 'inbox', async row => {
    const { state, until } = row as InboxEntry
    return state !== 'open' && until !== undefined && until <= now
  })
}

async function drop(tx: Writer, space: Space, over: (row: object) => Promise<boolean>): Promise<void> {
  const old: RowKey[] = []
  for await (const { key, row } of all(tx, space)) if (await over(row)) old.push(key)
  if (old.length > 0) await tx.rows(space).deleteMany(old)
}

async function* all(tx: Reader, space: Space) {
  for (let after: RowKey | undefined; ; ) {
    const some = await tx.rows(space).list({ limit: 1000, ...(after !== undefined && { after }) })
    yield* some
    if (some.length < 1000) return
    after = some.at(-1)!.key
  }
}
