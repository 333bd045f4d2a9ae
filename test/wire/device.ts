/** A carrier of large files as a process of its own, which looks at what it holds. */
import { sqlite } from '../../src/stores/sqlite.ts'
import { openCarrier } from './carrier.ts'
import type { Account } from './devices.ts'
import { peak, watchMemory } from './memory.ts'
import { obey } from './obey.ts'

const given = JSON.parse(process.argv[2] ?? '{}') as Account & { readonly name: string; readonly store: string }
watchMemory()
const orders = { ...(await openCarrier(given, sqlite(given.store))), memory: async () => peak() }
export type Orders = typeof orders

obey(orders)
