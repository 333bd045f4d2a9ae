/** The page of the tests with large files: the app of `test/wire/carrier.ts` on IndexedDB. */
import { indexeddb } from '../../../src/stores/indexeddb/index.ts'
import { type Carrier, openCarrier } from '../../wire/carrier.ts'
import type { Account } from '../../wire/devices.ts'

let carrier: Carrier | undefined

const page = {
  async start(given: Account & { name: string }): Promise<void> {
    carrier = await openCarrier(given, indexeddb('large'), true)
  },
  get carrier(): Carrier {
    if (carrier === undefined) throw new Error('Nothing is open.')
    return carrier
  },
  /** What takes longer than a call may: begun with `begin`. */
  outcome: undefined as { readonly value?: unknown; readonly error?: string } | undefined,
  begin(work: Promise<unknown>): void {
    page.outcome = undefined
    work.then(
      value => {
        page.outcome = { value }
      },
      error => {
        page.outcome = { error: String(error?.stack ?? error) }
      },
    )
  },
}

export type Page = typeof page
;(globalThis as unknown as { app: Page }).app = page
