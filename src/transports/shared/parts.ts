/** A push that takes several requests: one that fails must not hide what the others settled. */
import { reactionTo, SyncError } from '../../errors.ts'
import type { Change } from '../../model.ts'
import type { Io, Sent } from '../../transport.ts'

export interface Part {
  readonly changes: readonly Change[]
  send(): Promise<Sent>
}

/** Throws only where nothing was settled, so that the engine sees why. */
export async function sendParts(parts: readonly Part[], io: Io): Promise<Sent> {
  const sent: Sent[] = []
  const failures: { readonly error: SyncError; readonly changes: readonly Change[] }[] = []
  for (const { changes, send } of parts) {
    try {
      sent.push(await send())
    } catch (error) {
      if (!(error instanceof SyncError) || STOPS.has(error.code)) throw error
      failures.push({ error, changes })
    }
  }
  const [first] = failures
  if (first !== undefined && sent.length === 0) throw first.error
  const held = failures.flatMap(({ error, changes }) =>
    // In doubt it is neither: a change without a receipt counts as unknown.
    reactionTo(error).effect === 'maybe'
      ? []
      : changes.map(({ change }) => ({
          change,
          state: 'later' as const,
          notBefore: error.notBefore ?? io.now(),
          reason: error.message,
        })),
  )
  return {
    receipts: [...sent.flatMap(({ receipts }) => receipts), ...held],
    private: {
      put: sent.flatMap(part => part.private?.put ?? []),
      delete: sent.flatMap(part => part.private?.delete ?? []),
    },
  }
}

const STOPS = new Set(['aborted', 'stale-leader', 'closed', 'bug', 'device-gone'])
