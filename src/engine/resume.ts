/** What the remote was switched off for waits, uploads too, until it is on again. */
import { type Draft, replaceRow } from '../ledger/draft.ts'
import type { OutboxRow } from '../ledger/rows.ts'
import { listTransfers, putTransfer } from '../ledger/transfers.ts'

export async function resume(draft: Draft, remote: string): Promise<void> {
  const { tx } = draft
  const queued = await tx.rows('queue').list({ prefix: [remote, 'go'] })
  for (const { row } of queued) {
    const { collection, id } = row as OutboxRow
    const entry = await draft.get(collection, id)
    for (const one of entry.rows) {
      if (one.reason?.code !== 'switched-off') continue
      const { reason: _, notBefore: _1, ...rest } = one
      replaceRow(entry, one, rest)
    }
  }
  for (const { failure, ...transfer } of await listTransfers(tx, remote, 'up'))
    if (failure?.code === 'switched-off') await putTransfer(tx, transfer)
}
