/** Forgets what its time is over for: settled changes, old conflicts and jobs, bytes that nothing names. */
import { dropUnnamed } from '../ledger/bodies.ts'
import { dropOld } from '../ledger/tidy.ts'
import { dropOldTransfers } from '../ledger/transfers.ts'
import { aheadOfSteady } from '../platform.ts'
import type { EngineOptions } from './engine.ts'
import { mustLead } from './ground.ts'

const every = 3_600_000
const jump = 60_000
/** Without a server's word for the time, this much longer. */
const doubt = 365 * 24 * every

export async function keepTidy(on: EngineOptions, epoch: number, lost: AbortSignal): Promise<void> {
  for (let wait = 60_000; !lost.aborted; wait = every) {
    const ahead = aheadOfSteady(on.platform)
    await on.platform.sleep(wait, lost).catch(() => {}) // stopped: the loop sees it
    const jumped = Math.abs(aheadOfSteady(on.platform) - ahead) > jump
    // A clock that jumps makes nothing old: what is not sure stays until next time.
    if (!lost.aborted && !jumped) await tidy(on, epoch).catch(() => {})
  }
}

async function tidy(on: EngineOptions, epoch: number): Promise<void> {
  const bodies = new Map<string, string>()
  for (const [collection, { body }] of Object.entries(on.schema.collections)) {
    if (body !== undefined) bodies.set(collection, body)
  }
  await on.store.write(
    { records: [...bodies.keys()], rows: ['meta', 'changes', 'inbox', 'outbox', 'bodies', 'jobs'] },
    async tx => {
      await mustLead({ epoch }, tx)
      // By the earlier of the two clocks: what was written before a correction is not old for that.
      const now = Math.min(on.clock.now(), on.platform.now())
      await dropOld(tx, now - (on.clock.sure() ? 0 : doubt))
      if (bodies.size > 0) await dropUnnamed(tx, bodies, now)
      await dropOldTransfers(tx, now)
    },
    { durability: 'relaxed' },
  )
}
