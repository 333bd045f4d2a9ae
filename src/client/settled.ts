/** How a write ended, after a reload too: outcomes are kept for a week. */
import { SyncError } from '../errors.ts'
import type { ChangeRow, OutboxRow, Outcome } from '../ledger/rows.ts'
import { getRow, grace } from '../ledger/rows.ts'
import type { Reader } from '../store.ts'
import type { Base } from './db.ts'
import { live } from './live.ts'

export interface Write {
  /** Asks again after a reload: `db.write.settled(id)`. */
  readonly id: string
  /**
   * Resolves when the remote has the write (`accepted`), when a conflict took it or waits for the user (`conflicted`),
   * or when the remote refused it for good (`quarantined`). Never before, however long the network is away.
   */
  settled(): Promise<Outcome>
}

/** A write that touched several records has a row that names its changes. */
interface WriteRow {
  readonly changes: readonly string[]
  readonly until: number
}

const rank: { readonly [outcome in Outcome]: number } = { accepted: 0, conflicted: 1, quarantined: 2 }
const local = 'local'

/** The id under which a write is asked about; several changes share one row. */
export async function writeId(
  tx: { rows(space: 'changes'): { putMany(rows: readonly { key: readonly string[]; row: object }[]): Promise<void> } },
  changes: readonly string[],
  on: Pick<Base, 'platform' | 'clock'>,
): Promise<string> {
  if (changes.length === 0) return local
  if (changes.length === 1) return changes[0]!
  const id = on.platform.uuid()
  const row: WriteRow = { changes: [...new Set(changes)], until: on.clock.now() + grace }
  await tx.rows('changes').putMany([{ key: ['write', id], row }])
  return id
}

export function settled(on: Base, id: string): Promise<Outcome> {
  if (id === local) return Promise.resolve('accepted')
  const outcome = live(on, {
    ask: () => on.store.read({ records: [], rows: ['changes', 'outbox'] }, tx => outcomeOf(tx, id)),
    concerns: frame => frame.holds('changes', 'outbox'),
  })
  return new Promise((resolve, reject) => {
    const stop = outcome.subscribe(
      one => {
        if (one === undefined) return
        stop() // `subscribe` answers later, never while it is being called
        resolve(one)
      },
      error => {
        stop()
        reject(error)
      },
    )
  })
}

async function outcomeOf(tx: Reader, id: string): Promise<Outcome | undefined> {
  const write = await getRow<WriteRow>(tx, 'changes', ['write', id])
  const outcomes = []
  for (const change of write?.changes ?? [id]) outcomes.push(await outcomeOfChange(tx, change))
  if (outcomes.includes(undefined)) return undefined
  return (outcomes as Outcome[]).reduce((one, other) => (rank[other] > rank[one] ? other : one))
}

async function outcomeOfChange(tx: Reader, change: string): Promise<Outcome | undefined> {
  let row = await getRow<ChangeRow>(tx, 'changes', [change])
  while (row !== undefined && 'into' in row) row = await getRow<ChangeRow>(tx, 'changes', [row.into])
  if (row === undefined) {
    throw new SyncError('not-found', 'Nothing is known of this write: it is older than a week, or of another store.')
  }
  if ('outcome' in row) return row.outcome
  const open = await getRow<OutboxRow>(tx, 'outbox', [row.collection, row.id, row.generation])
  if (open?.state === 'held') return 'quarantined'
  return open?.state === 'asked' ? 'conflicted' : undefined
}
