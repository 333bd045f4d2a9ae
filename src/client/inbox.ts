/** The durable inbox of conflicts: what clashed, what was decided, what was dropped, and how to have it otherwise. */
import { equal } from '../equal.ts'
import { SyncError } from '../errors.ts'
import { answer } from '../ledger/answer.ts'
import { realId } from '../ledger/draft.ts'
import { edit } from '../ledger/edit.ts'
import type { InboxEntry } from '../ledger/rows.ts'
import { getRow } from '../ledger/rows.ts'
import type { Value, Verdict } from '../model.ts'
import type { Judgement } from '../resolver.ts'
import type { Base } from './db.ts'
import { commit, definitionOf, homeOf, placeOf } from './db.ts'
import type { Live } from './live.ts'
import { live } from './live.ts'
import { checked } from './records.ts'

/** A verdict of the app's. */
export type Decision = { readonly take: 'local' | 'remote' | 'both' } | Extract<Verdict, { readonly take: 'merged' }>

export interface Inbox {
  /** Newest first. */
  list(which?: { readonly state?: InboxEntry['state']; readonly collection?: string }): Promise<InboxEntry[]>
  live(which?: { readonly state?: InboxEntry['state']; readonly collection?: string }): Live<InboxEntry[]>
  get(id: string): Promise<InboxEntry | undefined>
  /**
   * Settles an open conflict. `seen` is the version of the remote's side that the decision was made on; when a newer one
   * has come, the promise rejects with `conflict` and nothing is done (F100).
   */
  resolve(id: string, verdict: Decision, seen?: InboxEntry['theirs']['version']): Promise<void>
  /** Brings back what a settled conflict dropped, as a new local write. */
  undo(id: string): Promise<void>
}

export function inbox(on: Base): Inbox {
  const reading = { records: [], rows: ['inbox'] as const }

  async function list(which: { state?: string; collection?: string } = {}): Promise<InboxEntry[]> {
    const rows = await on.store.read(reading, tx => tx.rows('inbox').list())
    return rows
      .map(({ row }) => row as InboxEntry)
      .filter(one => which.state === undefined || one.state === which.state)
      .filter(one => which.collection === undefined || one.collection === which.collection)
      .sort((one, other) => other.at - one.at || (one.id < other.id ? -1 : 1))
  }

  return {
    list,
    live: which => live(on, { ask: () => list(which), concerns: frame => frame.holds('inbox') }),
    get: id => on.store.read(reading, tx => getRow<InboxEntry>(tx, 'inbox', [id])),
    async resolve(id, verdict, seen) {
      const { collection, record } = await must(on, id, 'open')
      const wanted = fitting(on, collection, record, verdict)
      await commit(on, [collection], async draft => {
        const asked = await draft.inbox(id)
        if (asked?.state !== 'open') throw new SyncError('conflict', 'This conflict was settled meanwhile.')
        if (seen !== undefined && !equal(seen, asked.theirs.version)) {
          throw new SyncError('conflict', 'The remote changed the record again: look at the conflict anew.')
        }
        const home = await homeOf(on, draft.tx, collection)
        await answer(draft, home, asked, wanted, (local, remote) => judgementOf(wanted, local.value, remote.value))
      })
    },
    async undo(id) {
      const { collection } = await must(on, id, 'settled')
      const place = placeOf(on, collection)
      await commit(on, [collection], async draft => {
        const settledOne = await draft.inbox(id)
        if (settledOne?.state !== 'settled') throw new SyncError('conflict', 'This conflict was undone meanwhile.')
        const { record, local, theirs, loses, copy, below = [] } = settledOne
        const set = async (id: string, value: Value | null) =>
          edit(draft, place, on.device.id, await realId(draft, collection, id), value)
        if (copy !== undefined && copy !== record) await set(copy, null)
        const back = loses === 'remote' ? theirs.value : local.value
        if (loses !== 'nothing' || copy !== undefined) await set(record, back)
        for (const one of below) if (back !== null) await set(one.id, one.value)
        draft.note({ ...settledOne, state: 'undone' })
      })
    },
  }
}

async function must(on: Base, id: string, state: InboxEntry['state']): Promise<InboxEntry> {
  const entry = await on.store.read({ records: [], rows: ['inbox'] }, tx => getRow<InboxEntry>(tx, 'inbox', [id]))
  if (entry === undefined) throw new SyncError('not-found', `There is no conflict "${id}" in the inbox.`)
  if (entry.state !== state) throw new SyncError('conflict', `The conflict "${id}" is ${entry.state}, not ${state}.`)
  return entry
}

/** A verdict that the collection can keep, or an error before anything is stored. */
function fitting(on: Base, collection: string, id: string, verdict: Decision): Decision {
  if (verdict.take === 'both' && definitionOf(on, collection).copy === undefined) {
    throw new SyncError('invalid-value', `"${collection}" has no place for copies: take "local" or "remote".`)
  }
  if (verdict.take !== 'merged' || verdict.value === null) return verdict
  return { take: 'merged', value: checked(on, collection, id, verdict.value) }
}

function judgementOf(verdict: Decision, mine: Value | null, theirs: Value | null): Judgement {
  const loses =
    verdict.take === 'remote'
      ? 'local'
      : verdict.take === 'local'
        ? 'remote'
        : verdict.take === 'both'
          ? 'nothing'
          : 'parts'
  if (verdict.take === 'both' && (mine === null || theirs === null)) {
    throw new SyncError('invalid-value', 'One side is deleted, so both cannot be kept: take "local" or "remote".')
  }
  return { verdict, loses }
}
