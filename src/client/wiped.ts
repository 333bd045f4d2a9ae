/** A store that is emptied in one tab, such as on signing out there, is closed in all. */
import { isWiped } from '../ledger/identity.ts'
import type { Touched } from '../store.ts'
import type { Base } from './db.ts'

/** Calls back when the store was emptied for good, here or elsewhere. Returns how to stop. */
export function whenWiped(on: Base, hear: () => void): () => void {
  const look = () => {
    void on.store
      .read({ records: [], rows: ['meta'] }, tx => isWiped(tx, on.device.id))
      .then(wiped => wiped && hear())
      .catch(() => {}) // a store that cannot be read is not filled either, and the next message looks again
  }
  const ends = [
    on.store.watch(touched => {
      const told = ({ collection, space }: Touched) => space === 'meta' || (collection ?? space) === undefined
      if (touched.length === 0 || touched.some(told)) look()
    }),
    on.platform.wakes(look), // a tab that was frozen heard nothing
  ]
  return () => {
    for (const end of ends) end()
  }
}
