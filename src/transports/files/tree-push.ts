/** Pushing tree records: strict apply, or one that the server settles, and one receipt per change (sections 3, 4 and 12 of the API page). */

import { sameValue } from '../../equal.ts'
import { reactionTo, SyncError } from '../../errors.ts'
import type { Change, Receipt } from '../../model.ts'
import type { Io } from '../../transport.ts'
import { readAnswer, receiptOf, refused } from './answers.ts'
import type { Api } from './api.ts'
import { ancestors, pathsIn } from './around.ts'
import type { ServerStrategy } from './conflicts.ts'
import { hiddenReason } from './in-the-way.ts'
import { planChange, type Surroundings, type Work } from './plan.ts'
import { answered, type Ticket, ticketOf } from './questions.ts'
import type { Selections } from './selection.ts'
import type { TreeRow } from './sources.ts'
import { asTreeRow, realVersion } from './wire.ts'

const MOST_ITEMS = 1000
const MOST_BYTES = 4_000_000 // below the server's 4 MiB, with room for the frame around the items

/** What is known so far about the changes of one `send`. */
interface Desk {
  readonly api: Api
  readonly io: Io
  readonly selections: Selections
  /** How the server settles; absent: strict. */
  readonly strategy: ServerStrategy | undefined
  readonly receipts: Map<string, Receipt>
  /** In the request that is under way, or that was answered and is being read. */
  flying: readonly Work[]
  answered: boolean
}

export async function sendTree(
  api: Api,
  changes: readonly Change[],
  selections: Selections,
  strategy: ServerStrategy | undefined,
  io: Io,
): Promise<Receipt[]> {
  const desk: Desk = { api, io, selections, strategy, receipts: new Map(), flying: [], answered: false }
  const { agreed, gone } = await io.peek(peek => ancestors(peek, changes))
  const known = pathsIn(agreed, changes)
  // A folder that was deleted there, or that is in itself as it seems from here, is the server's to settle: it has an id.
  const lost: Surroundings['pathOf'] = ({ parent, name }) =>
    agreed.has(parent) || gone.has(parent) ? `/${name}` : undefined
  const pathOf: Surroundings['pathOf'] = (row, side) => known(row, side) ?? (strategy && lost(row, side))
  try {
    const works = await plan(desk, changes, pathOf)
    if (strategy === undefined) for (const batch of batches(works)) await settle(desk, batch)
    else await settleThere(desk, works)
  } catch (error) {
    return whatIsKnown(desk, error, changes)
  }
  return changes.flatMap(({ change }) => desk.receipts.get(change) ?? [])
}

async function plan({ api, io, receipts, strategy }: Desk, changes: readonly Change[], pathOf: Surroundings['pathOf']) {
  const created = new Map<string, string | null>()
  const idOf = (id: string) => created.get(id) ?? (created.has(id) ? null : id)
  const around = { device: io.device, now: io.now(), settles: strategy !== undefined, idOf, pathOf }
  const works: Work[] = []
  for (const change of changes) {
    const base = await baseOf(api, change, io)
    const planned = 'state' in base ? base : planChange(change, { ...around, baseVersion: base.version })
    if ('state' in planned) {
      receipts.set(change.change, planned)
    } else {
      works.push(planned)
      if (creates(planned)) created.set(change.id, planned.id)
    }
  }
  return works
}

const creates = ({ items }: Work): boolean => items[0]?.change_type === 'created'

/** What the user answered first, and folders that are deleted after what is in them. */
async function settleThere(desk: Desk, works: readonly Work[]): Promise<void> {
  const rest: Work[] = []
  for (const work of works) if (!(await answer(desk, work))) rest.push(work)
  const isFolderDelete = (work: Work) => work.kind === 'folder' && work.value === null
  for (const batch of batches(rest.filter(work => !isFolderDelete(work)))) await settle(desk, batch)
  for (let left = rest.filter(isFolderDelete); left.length > 0; ) {
    const hasFolder = (id: string) => left.some(({ change }) => change.base?.value?.parent === id)
    const wave = left.filter(({ change }) => !hasFolder(change.id))
    for (const batch of batches(await emptyOnes(desk, wave, works))) await settle(desk, batch)
    left = left.filter(work => !wave.includes(work))
  }
}

/** A folder in which something is, as far as we have told the server to know, would go with it unseen. */
async function emptyOnes(
  { api, io, receipts, selections }: Desk,
  wave: readonly Work[],
  works: readonly Work[],
): Promise<Work[]> {
  const empty: Work[] = []
  const went = new Map(
    works.filter(({ change }) => isGone(receipts.get(change.change))).map(one => [one.change.id, one]),
  )
  const left = (id: string, folder: string) => went.has(id) && went.get(id)?.value?.parent !== folder
  for (const work of wave) {
    const folder = work.change.id
    const inside = await io.peek(peek => peek.children('tree', folder))
    const stays = inside.some(id => !left(id, folder))
    const why = stays ? undefined : await hiddenReason(api, selections, work, io)
    if (why !== undefined) receipts.set(work.change.change, unsupported(work.change, why))
    else if (!stays) empty.push(work)
    else receipts.set(work.change.change, { change: work.change.change, state: 'conflict' })
  }
  return empty
}

const isGone = (receipt: Receipt | undefined): boolean =>
  receipt?.state === 'accepted' || (receipt?.state === 'settled' && receipt.verdict.take === 'local')

/** Whether the change was the answer to a question of the server's, and nothing else is to be sent of it. */
async function answer(desk: Desk, work: Work): Promise<boolean> {
  const { change } = work
  const ticket = ticketOf(change.ticket)
  if (ticket === undefined) return false
  const { api, io } = desk
  if (change.answer === undefined) {
    // Settled by hand: what came of that follows as a change of its own.
    await api.conflicts.resolve(ticket.conflict, 'MANUAL', io)
    return false
  }
  desk.flying = [work]
  const meant = await renewed(desk, work, ticket)
  if (meant !== undefined) {
    const receipt = await answered(api, { ...change, answer: change.answer }, meant, io)
    desk.receipts.set(change.change, receipt)
  }
  desk.flying = []
  return true
}

/** What was edited since takes the place of what waits there. `undefined`: it clashes no more, and has its receipt. */
async function renewed(desk: Desk, work: Work, ticket: Ticket): Promise<Ticket | undefined> {
  const { change } = work
  const same = work.items.some(item => item.version_id === ticket.version)
  if (same || change.answer === 'remote') return ticket
  await settle({ ...desk, strategy: 'MANUAL' }, [work])
  const receipt = desk.receipts.get(change.change)
  const asked = receipt?.state === 'conflict' ? ticketOf(receipt.remote?.ticket) : undefined
  if (asked === undefined) await desk.api.conflicts.resolve(ticket.conflict, 'MANUAL', desk.io)
  return asked
}

/** One request; what it refuses is taken out, or halved until it is found, and the rest is sent again. */
async function settle(desk: Desk, works: readonly Work[]): Promise<void> {
  const { api, io, receipts } = desk
  let left = works
  for (;;) {
    left = left.filter(work => !receipts.has(work.change.change) && !waitsForFailed(desk, work, works))
    const [first] = left
    if (first === undefined) return
    desk.flying = left
    const items = left.flatMap(work => work.items)
    const answer = await api.apply(first.share, items, desk.strategy, io)
    const outcome = readAnswer(answer)
    desk.answered = outcome.state === 'answered'
    if (outcome.state === 'answered') {
      for (const work of left) receipts.set(work.change.change, await receiptOf(api, work, outcome, io))
      desk.answered = false
      desk.flying = []
      return
    }
    desk.flying = []
    const culprit = ownerOf(outcome.index, left) ?? (left.length === 1 ? first : undefined)
    if (culprit !== undefined) {
      const all = left.map(({ change }) => change.change)
      for (const receipt of await refused(api, outcome, [culprit.change.change], all, io)) {
        receipts.set(receipt.change, receipt)
      }
      const why = outcome.status === 409 ? await hiddenReason(api, desk.selections, culprit, io) : undefined
      if (why !== undefined) {
        receipts.set(culprit.change.change, unsupported(culprit.change, why))
      }
    } else {
      const half = Math.ceil(left.length / 2)
      await settle(desk, left.slice(0, half))
      left = left.slice(half)
    }
  }
}

const unsupported = ({ change }: Change, reason: string): Receipt => ({
  change,
  state: 'rejected',
  code: 'unsupported',
  reason,
})

function ownerOf(index: number | undefined, works: readonly Work[]): Work | undefined {
  return index === undefined ? undefined : works.flatMap(work => work.items.map(() => work))[index]
}

const FATAL = new Set(['aborted', 'stale-leader', 'closed', 'bug'])

/** Receipts that are in hand must not be lost with the request that failed after them. */
function whatIsKnown({ receipts, flying, answered, io }: Desk, error: unknown, changes: readonly Change[]): Receipt[] {
  const nothing = receipts.size === 0 && !answered
  if (nothing || !(error instanceof SyncError) || FATAL.has(error.code)) throw error
  const doubt = answered || reactionTo(error).effect === 'maybe' ? flying : []
  const unsure = new Set(doubt.map(({ change }) => change.change))
  return changes.map(({ change }) => {
    const known = receipts.get(change)
    if (known !== undefined) return known
    if (unsure.has(change)) return { change, state: 'unknown' }
    return { change, state: 'later', notBefore: error.notBefore ?? io.now(), reason: error.message }
  })
}

const isThere = (receipt: Receipt): boolean =>
  receipt.state === 'accepted' || (receipt.state === 'settled' && receipt.verdict.take !== 'remote')

/** Its folder was to be created in the same request, and was not. */
function waitsForFailed({ receipts, io }: Desk, { change, value }: Work, works: readonly Work[]): boolean {
  const parent = works.find(work => work.change.id === value?.parent && creates(work))
  const receipt = parent && receipts.get(parent.change.change)
  if (receipt === undefined || isThere(receipt)) return false
  receipts.set(change.change, {
    change: change.change,
    state: 'later',
    notBefore: io.now(),
    reason: 'Its folder was refused.',
  })
  return true
}

/** One share each, in order, within the limits of one request. */
function batches(works: readonly Work[]): Work[][] {
  const byShare = new Map<string, Work[]>()
  for (const work of works) byShare.set(work.share, [...(byShare.get(work.share) ?? []), work])
  const size = (work: Work) => new TextEncoder().encode(JSON.stringify(work.items)).length
  return [...byShare.values()].flatMap(own => {
    const groups: Work[][] = [[]]
    let [items, bytes] = [0, 0]
    for (const work of own) {
      const more = size(work)
      if (items > 0 && (items + work.items.length > MOST_ITEMS || bytes + more > MOST_BYTES)) {
        groups.push([])
        items = bytes = 0
      }
      groups.at(-1)?.push(work)
      items += work.items.length
      bytes += more
    }
    return groups.filter(group => group.length > 0)
  })
}

/** The version to name as the base. A substitute of ours stands for the value: the server's is asked for. */
async function baseOf(api: Api, change: Change, io: Io): Promise<{ readonly version: string | null } | Receipt> {
  const before = asTreeRow(change.base?.value)
  if (before === undefined) return { version: null }
  const version = realVersion(change.base?.version ?? null)
  if (version !== undefined) return { version }
  const now = await api.entry(before.kind, change.id, before.share, io)
  const listed = now ?? (await listedEntry(api, change.id, before, io))
  if (listed === undefined) return { change: change.change, state: 'conflict' }
  if (listed.value !== undefined && !sameValue(listed.value, before))
    return { change: change.change, state: 'conflict' }
  if (listed.version !== undefined) return { version: listed.version }
  const reason = 'The file server does not say which version this is, so it cannot be changed safely.'
  return unsupported(change, reason)
}

async function listedEntry(api: Api, id: string, { share, parent }: TreeRow, io: Io) {
  try {
    const { entries } = await api.children(share, parent === share ? 'root' : parent, io)
    return entries.find(entry => entry.id === id)
  } catch (error) {
    if (error instanceof SyncError && error.code === 'missing') return undefined // its folder is gone too
    throw error
  }
}
