/**
 * What goes when the storage is full, one rung after the other: bytes that the remote has too, then settled conflicts
 * whose first week is over. What is only here stays: the outbox, open conflicts, and all that they name.
 */
import type { Writer } from '../store.ts'
import { type BodyFields, evictBodies } from './bodies.ts'
import { grace, type InboxEntry } from './rows.ts'

/** Dropped in one go, in bytes: room for what comes next. */
const step = 64 * 2 ** 20

/** Whether there was anything to drop. `now` is the earliest that it can be, in milliseconds since 1970. */
export async function shed(tx: Writer, fields: BodyFields, now: number): Promise<boolean> {
  return (await evictBodies(tx, fields, step)) > 0 || dropSettled(tx, now)
}

async function dropSettled(tx: Writer, now: number): Promise<boolean> {
  const old = (await tx.rows('inbox').list()).filter(({ row }) => {
    const { state, at } = row as InboxEntry
    return state !== 'open' && at + grace < now
  })
  await tx.rows('inbox').deleteMany(old.map(({ key }) => key))
  return old.length > 0
}
