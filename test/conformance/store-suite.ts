/** What every store must do. `make` gives a new, empty place for each test. */
import { describe } from 'vitest'
import { historyTests } from './store/histories.ts'
import { openingTests } from './store/opening.ts'
import type { MakePlace } from './store/place.ts'
import { recordTests } from './store/records.ts'
import { rowTests } from './store/rows.ts'
import { transactionTests } from './store/transactions.ts'
import { valueTests } from './store/values.ts'
import { watchingTests } from './store/watching.ts'

/** `histories`: how many random ones are tried; fewer where a place is dear. */
export function storeSuite(name: string, make: MakePlace, { histories = 200 }: { histories?: number } = {}): void {
  describe(`the store ${name}`, () => {
    describe('records', () => recordTests(make))
    describe('rows', () => rowTests(make))
    describe('transactions', () => transactionTests(make))
    describe('values', () => valueTests(make))
    describe('opening', () => openingTests(make))
    describe('watching', () => watchingTests(make))
    describe('histories', () => historyTests(make, histories))
  })
}
