import type { Change, Receipt } from '../../model.ts'
import type { Io, Push, Sent } from '../../transport.ts'
import { sendParts } from '../shared/parts.ts'
import type { Api } from './api.ts'
import type { ServerStrategy } from './conflicts.ts'
import { answeredElsewhere } from './questions.ts'
import type { RecordsFiles } from './records-folder.ts'
import { sendRecords } from './records-push.ts'
import type { Scope } from './scope.ts'
import { pausedIn, type Selections, SWITCHED_OFF, storedSelections } from './selection.ts'
import { sendTree } from './tree-push.ts'
import { asTreeRow } from './wire.ts'

/** Every change carries its own key, so a request that is sent again has one effect. */
export function push(api: Api, scope: Scope, files: RecordsFiles, strategy: ServerStrategy | undefined): Push {
  const homeOf = (source: string) => scope.folders.find(one => one.source === source)

  const shareOf = ({ collection, value, base }: Change): string | undefined =>
    collection === 'tree' ? asTreeRow(value ?? base?.value)?.share : homeOf(collection)?.share

  return {
    most: 1000,
    guard: 'key',
    // Records folders are always strict: their conflicts are those of records, which the server does not know.
    ...(strategy !== undefined && {
      settles: { tree: strategy },
      answers: (changes, io) => answeredElsewhere(api, changes, io),
    }),
    async send(changes, io) {
      const selections = await storedSelections(io)
      const paused = pausedIn(selections)
      const waits = paused.size === 0 ? [] : changes.filter(change => paused.has(shareOf(change) ?? ''))
      const parts = [...bySource(changes.filter(change => !waits.includes(change)))].map(([source, own]) => ({
        changes: own,
        send: () => sendOne(source, own, selections, io),
      }))
      if (waits.length === 0) return sendParts(parts, io)
      const receipts = waits.map(({ change }) => switchedOff(change, io))
      if (parts.length === 0) return { receipts }
      const sent = await sendParts(parts, io)
      return { ...sent, receipts: [...receipts, ...sent.receipts] }
    },
  }

  async function sendOne(source: string, changes: readonly Change[], selections: Selections, io: Io): Promise<Sent> {
    if (source === 'tree') return { receipts: await sendTree(api, changes, selections, strategy, io) }
    const home = homeOf(source)
    if (home !== undefined) return sendRecords(api, files, home, changes, io)
    const reason = `Nothing can be written to "${source}".`
    return { receipts: changes.map(({ change }) => ({ change, state: 'rejected', code: 'unsupported', reason })) }
  }
}

const LATER = 60_000

const switchedOff = (change: string, io: Io): Receipt => ({
  change,
  state: 'later',
  notBefore: io.now() + LATER,
  code: 'switched-off',
  reason: SWITCHED_OFF,
})

function bySource(changes: readonly Change[]): ReadonlyMap<string, readonly Change[]> {
  const groups = new Map<string, Change[]>()
  for (const change of changes) groups.set(change.collection, [...(groups.get(change.collection) ?? []), change])
  return groups
}
