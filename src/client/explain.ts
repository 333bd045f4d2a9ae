/** Why a record is not synced yet, in words, and when the next try is. */
import type { OutboxRow } from '../ledger/rows.ts'
import { metaOf } from '../ledger/rows.ts'
import type { Base } from './db.ts'
import { definitionOf } from './db.ts'
import { find } from './read.ts'
import { statusOf } from './status.ts'

export interface Explanation {
  readonly state: 'synced' | 'local' | 'waiting' | 'sent' | 'asked' | 'held' | 'missing' | 'unreadable'
  readonly message: string
  /** In milliseconds since 1970. */
  readonly nextTry?: number
}

export async function explain(on: Base, collection: string, id: string): Promise<Explanation> {
  const { remote } = definitionOf(on, collection)
  const { stored, rows } = await on.store.read({ records: [collection], rows: ['outbox', 'meta'] }, async tx => {
    const stored = await find(tx, collection, id)
    const rows = stored === undefined ? [] : await tx.rows('outbox').list({ prefix: [collection, stored.id] })
    return { stored, rows: rows.map(({ row }) => row as OutboxRow) }
  })
  if (stored === undefined) return { state: 'missing', message: 'There is no such record here.' }
  if (remote === undefined) return { state: 'local', message: 'This collection lives on this device only.' }
  const { misfit } = metaOf(stored)
  if (misfit !== undefined)
    return { state: 'unreadable', message: `The remote's record does not fit the schema: ${misfit}` }
  const [head] = rows
  const status = await statusOf(on, remote)
  if (head === undefined) {
    const when =
      status.phase === 'synced' ? 'as of the last look' : `as of an earlier look: ${remote} is ${status.phase}`
    return { state: 'synced', message: `What is here is what ${remote} has, ${when}.` }
  }
  const said = status.reason === undefined || status.reason.message === head.reason?.message
  const because = said ? '' : ` ${status.reason.message}`
  const next = Math.max(head.notBefore ?? 0, status.nextTry ?? 0)
  const nextTry = next > 0 ? { nextTry: next } : {}
  switch (head.state) {
    case 'asked':
      return {
        state: 'asked',
        message: `${remote} has another version: settle the conflict ${head.asks} in the inbox.`,
      }
    case 'held':
      return { state: 'held', message: `${remote} refused it: ${head.reason?.message ?? 'no reason given'}` }
    case 'sent':
      return { state: 'sent', message: `It was sent to ${remote}, which has not answered yet.${because}`, ...nextTry }
    case 'waiting': {
      const why = head.refused
        ? `${remote} has a newer version, which is being fetched first.`
        : head.reason?.code === 'switched-off'
          ? 'It waits here.'
          : `It goes to ${remote} next.`
      return {
        state: 'waiting',
        message: `${why}${head.reason ? ` ${head.reason.message}` : ''}${because}`,
        ...nextTry,
      }
    }
  }
}
