/** What the tests' stores hold. */
import type { Scope, Shape } from '../../../src/store.ts'

export const shape: Shape = {
  version: 1,
  collections: { notes: { index: ['rank', 'title'] }, files: { index: [] } },
  migrations: {},
}

export const notes: Scope = { records: ['notes'], rows: [] }
export const queue: Scope = { records: [], rows: ['queue'] }
export const both: Scope = { records: ['notes'], rows: ['queue'] }
