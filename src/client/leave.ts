/** Leaving a store: what would be lost with it, and its end. */
import { SyncError } from '../errors.ts'
import { wipedRows } from '../ledger/identity.ts'
import { clearAll, type Unsynced, unsyncedIn } from '../ledger/whole.ts'
import type { Base } from './db.ts'
import { everything } from './whole.ts'

export function unsynced(on: Base): Promise<Unsynced> {
  return on.store.read(everything(on.schema), tx => unsyncedIn(tx, alone(on)))
}

/** Clears the store in one commit, unless something in it is meant for a remote and not there. Resolves to what went. */
export function cleared(on: Base, discard: boolean): Promise<Unsynced> {
  return on.store.write(everything(on.schema), async tx => {
    const lost = await unsyncedIn(tx, alone(on))
    const { changes, held, asked } = lost
    if (!discard && changes + held + asked > 0) {
      throw new SyncError(
        'unsynced',
        `${changes} changes are not sent, ${held} were refused and ${asked} conflicts are open: sync, export or discard them.`,
        { details: { ...lost } },
      )
    }
    const wiped = await wipedRows(tx, on.device.id)
    await clearAll(tx, Object.keys(on.schema.collections))
    await tx.rows('meta').putMany(wiped)
    return lost
  })
}

function alone({ schema }: Base): string[] {
  return Object.entries(schema.collections).flatMap(([name, { remote }]) => (remote === undefined ? [name] : []))
}
