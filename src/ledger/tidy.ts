import type { Reader, RowKey, Space, Writer } from '../store.ts'
import type { JobRow } from './jobs.ts'
import type { ChangeRow, InboxEntry } from './rows.ts'
import { getRow } from './rows.ts'

/**
 * Drops settled changes, closed conflicts and ended jobs whose time is over. What leads to an open change stays as long as that, and
 * so does all that an open write is made of.
 */
export async function dropOld(tx: Writer, now: number): Promise<void> {
  const open = await ofOpenWrites(tx)
  await drop(tx, 'changes', async (row, key) => {
    const { until } = row as { readonly until?: number }
    if (until === undefined || until > now || open.has(String(key.at(-1)))) return false
    return !('into' in row) || (await getRow<ChangeRow>(tx, 'changes', [String(row.into)])) === undefined
  })
  await drop(tx, 'inbox', async row => {
    const { state, until } = row as InboxEntry
    return state !== 'open' && until !== undefined && until <= now
  })
  await drop(tx, 'jobs', async row => (row as JobRow).until !== undefined && (row as JobRow).until! <= now)
}

/** The ids of writes with a change that is open still, and of all their changes. */
async function ofOpenWrites(tx: Reader): Promise<ReadonlySet<string>> {
  const found = new Set<string>()
  for await (const { key, row } of all(tx, 'changes')) {
    if (!('changes' in row)) continue
    const ids = [String(key.at(-1))]
    let open = false
    for (const change of row.changes as readonly string[]) {
      for (let id: string | undefined = change; id !== undefined; ) {
        ids.push(id)
        const end: ChangeRow | undefined = await getRow<ChangeRow>(tx, 'changes', [id])
        open ||= end !== undefined && 'generation' in end
        id = end !== undefined && 'into' in end ? end.into : undefined
      }
    }
    if (open) for (const id of ids) found.add(id)
  }
  return found
}

async function drop(tx: Writer, space: Space, over: (row: object, key: RowKey) => Promise<boolean>): Promise<void> {
  const old: RowKey[] = []
  for await (const { key, row } of all(tx, space)) if (await over(row, key)) old.push(key)
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
