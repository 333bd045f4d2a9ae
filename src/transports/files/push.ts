import type { Change } from '../../model.ts'
import type { Io, Push, Sent } from '../../transport.ts'
import { sendParts } from '../shared/parts.ts'
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
    send(changes, io) {
      const parts = [...bySource(changes)].map(([source, own]) => ({
        changes: own,
        send: () => sendOne(source, own, io),
      }))
      return sendParts(parts, io)
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

function bySource(changes: readonly Change[]): ReadonlyMap<string, readonly Change[]> {
  const groups = new Map<string, Change[]>()
  for (const change of changes) groups.set(change.collection, [...(groups.get(change.collection) ?? []), change])
  return groups
}
