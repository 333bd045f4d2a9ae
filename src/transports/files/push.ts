import { reactionTo, SyncError } from '../../errors.ts'
import type { Change } from '../../model.ts'
import type { Io, Push, Sent } from '../../transport.ts'
import type { Api } from './api.ts'
import type { RecordsFiles } from './records-folder.ts'
import { sendRecords } from './records-push.ts'
import type { Scope } from './scope.ts'
import { sendTree } from './tree-push.ts'

/** Every change carries its own key, so a request that is sent again has one effect. */
export function push(api: Api, scope: Scope, files: RecordsFiles): Push {
  return {
    most: 1000,
    guard: 'key',
    async send(changes, io) {
      const parts: Sent[] = []
      const failures: { readonly error: SyncError; readonly changes: readonly Change[] }[] = []
      for (const [source, own] of bySource(changes)) {
        try {
          parts.push(await sendOne(source, own, io))
        } catch (error) {
          // One source that fails must not hide what was settled in another.
          if (!(error instanceof SyncError) || STOPS.has(error.code)) throw error
          failures.push({ error, changes: own })
        }
      }
      const [first] = failures
      if (first !== undefined && parts.length === 0) throw first.error
      return joined(parts, failures, io)
    },
    // The decision reaches the server as a change of its own; what is left there is a record to close.
    settle: (ticket, _verdict, io) => api.resolve(String(ticket), 'MANUAL', io),
  }

  async function sendOne(source: string, changes: readonly Change[], io: Io): Promise<Sent> {
    if (source === 'tree') return { receipts: await sendTree(api, changes, io) }
    const home = scope.folders.find(one => one.source === source)
    if (home !== undefined) return sendRecords(api, files, home, changes, io)
    const reason = `Nothing can be written to "${source}".`
    return { receipts: changes.map(({ change }) => ({ change, state: 'rejected', code: 'unsupported', reason })) }
  }
}

const STOPS = new Set(['aborted', 'stale-leader', 'closed', 'bug', 'device-gone'])

function bySource(changes: readonly Change[]): ReadonlyMap<string, readonly Change[]> {
  const groups = new Map<string, Change[]>()
  for (const change of changes) groups.set(change.collection, [...(groups.get(change.collection) ?? []), change])
  return groups
}

function joined(
  parts: readonly Sent[],
  failures: readonly { readonly error: SyncError; readonly changes: readonly Change[] }[],
  io: Io,
): Sent {
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
    receipts: [...parts.flatMap(({ receipts }) => receipts), ...held],
    private: {
      put: parts.flatMap(part => part.private?.put ?? []),
      delete: parts.flatMap(part => part.private?.delete ?? []),
    },
  }
}
