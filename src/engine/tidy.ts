/** Forgets what its time is over for: settled changes, old conflicts, bytes that nothing names. */
import { dropUnnamed } from '../ledger/bodies.ts'
import { dropOld } from '../ledger/tidy.ts'
import type { EngineOptions } from './engine.ts'
import { mustLead } from './ground.ts'

const every = 3_600_000

export async function keepTidy(on: EngineOptions, epoch: number, lost: AbortSignal): Promise<void> {
  for (let wait = 60_000; !lost.aborted; wait = every) {
    await on.platform.sleep(wait, lost).catch(() => {}) // stopped: the loop sees it
    if (!lost.aborted) await tidy(on, epoch).catch(() => {}) // what stays is forgotten next time
  }
}

async function tidy(on: EngineOptions, epoch: number): Promise<void> {
  const bodies = new Map<string, string>()
  for (const [collection, { body }] of Object.entries(on.schema.collections)) {
    if (body !== undefined) bodies.set(collection, body)
  }
  await on.store.write(
    { records: [...bodies.keys()], rows: ['meta', 'changes', 'inbox', 'outbox', 'bodies'] },
    async tx => {
      await mustLead({ epoch }, tx)
      await dropOld(tx, on.clock.now())
      if (bodies.size > 0) await dropUnnamed(tx, bodies)
    },
    { durability: 'relaxed' },
  )
}
