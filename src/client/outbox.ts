/** What the remotes do not have yet, and why. */
import { SyncError } from '../errors.ts'
import { answerQuestion } from '../ledger/answer.ts'
import { headOf, replaceRow } from '../ledger/draft.ts'
import { renewed } from '../ledger/edit.ts'
import type { OutboxRow } from '../ledger/rows.ts'
import { settle } from '../ledger/settle.ts'
import { fold } from '../ledger/waiting.ts'
import type { Value } from '../model.ts'
import type { Base } from './db.ts'
import { commit, homeOf } from './db.ts'
import type { Live } from './live.ts'
import { live } from './live.ts'

export interface Pending {
  readonly change: string
  readonly remote: string
  readonly collection: string
  readonly id: string
  /** `waiting` goes out by itself; `sent` waits for its answer; `asked` for the user; `held` was refused for good. */
  readonly state: OutboxRow['state']
  readonly value: Value | null
  readonly at: number
  readonly tries: number
  readonly reason?: { readonly code: string; readonly message: string }
  /** Not sent again before this, in milliseconds since 1970. */
  readonly notBefore?: number
}

export interface Outbox {
  /** Oldest first. */
  list(remote?: string): Promise<Pending[]>
  live(remote?: string): Live<Pending[]>
  count(remote?: string): Promise<number>
  /** A held change goes out once more. */
  retry(change: string): Promise<void>
  /** Gives a change up: the record is again what the remote has, and the inbox keeps what was given up. */
  discard(change: string): Promise<void>
}

export function outbox(on: Base): Outbox {
  const reading = { records: [], rows: ['outbox', 'queue', 'changes'] as const }

  async function list(remote?: string): Promise<Pending[]> {
    const rows = await on.store.read(reading, tx => tx.rows('outbox').list())
    return rows
      .map(({ row }) => row as OutboxRow)
      .filter(row => remote === undefined || row.remote === remote)
      .sort((one, other) => one.seq - other.seq)
      .map(pending)
  }

  async function withRow(
    change: string,
    work: (row: OutboxRow, on: Parameters<Parameters<typeof commit>[2]>[0]) => Promise<void>,
  ): Promise<void> {
    const found = (await on.store.read(reading, tx => tx.rows('outbox').list())).map(({ row }) => row as OutboxRow)
    const { collection, id } = found.find(row => row.change === change) ?? missing(change)
    await commit(on, [collection], async draft => {
      const head = headOf(await draft.get(collection, id))
      if (head?.change !== change) missing(change)
      else await work(head, draft)
    })
  }

  return {
    list,
    live: remote => live(on, { ask: () => list(remote), concerns: frame => frame.holds('outbox') }),
    count: async remote => (await list(remote)).length,
    async retry(change) {
      await withRow(change, async (row, draft) => {
        if (row.state !== 'held')
          throw new SyncError('conflict', `The change is ${row.state}, so there is nothing to retry.`)
        const entry = await draft.get(row.collection, row.id)
        replaceRow(entry, row, renewed(draft, row, { state: 'waiting' }))
      })
      on.host()?.urgent()
    },
    async discard(change) {
      await withRow(change, async (row, draft) => {
        if (row.state === 'sent')
          throw new SyncError('busy', 'The change is with the remote right now: try again when it has answered.')
        const home = await homeOf(on, draft.tx, row.collection)
        const entry = await draft.get(row.collection, row.id)
        if (row.ticket !== undefined) return answerQuestion(draft, home, entry, row, 'remote')
        // What was seen may be another record, that has the name which this one wanted.
        const base = row.seen?.id === entry.id ? row.seen : row.base
        const given = fold(draft, entry)
        if (base == null) {
          await settle(
            draft,
            home,
            entry,
            given,
            { collection: home.sourceName, id: entry.id, value: null, version: null },
            givenUp,
            'app',
          )
          draft.forget(entry)
        } else {
          const remote = { collection: home.sourceName, id: entry.id, value: base.value, version: base.version }
          await settle(draft, home, entry, given, remote, givenUp, 'app')
        }
      })
    },
  }
}

const givenUp = { verdict: { take: 'remote' }, loses: 'local' } as const

function missing(change: string): never {
  throw new SyncError('not-found', `The outbox has no change "${change}" that could be sent next.`)
}

function pending({ change, remote, collection, id, state, value, at, tries, reason, notBefore }: OutboxRow): Pending {
  return {
    change,
    remote,
    collection,
    id,
    state,
    value,
    at: at.time,
    tries,
    ...(reason && { reason }),
    ...(notBefore !== undefined && { notBefore }),
  }
}
