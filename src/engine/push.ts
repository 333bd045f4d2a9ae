/** Waiting changes go out: chosen by sequence, marked as sent in a commit, sent, and their receipts filed. */
import { asSyncError, reactionTo } from '../errors.ts'
import type { Draft } from '../ledger/draft.ts'
import { draftOf, replaceRow } from '../ledger/draft.ts'
import type { Checkpoint, OutboxRow } from '../ledger/rows.ts'
import { outboxKey } from '../ledger/rows.ts'
import { changeOf } from '../ledger/settle.ts'
import { inFlight } from '../ledger/subtree.ts'
import type { Change, Receipt } from '../model.ts'
import { aheadOfSteady } from '../platform.ts'
import type { Reader, RowKey, Writer } from '../store.ts'
import type { Io, Sent } from '../transport.ts'
import { arrange } from './arrange.ts'
import { longestWait } from './backoff.ts'
import type { Ground } from './ground.ts'
import { fenced, glance, homeIn, mayDelete } from './ground.ts'
import { clockGap, ioFor } from './io.ts'
import { accepted } from './meet.ts'
import { meetingOf } from './meeting.ts'
import { meetRefusal } from './outcome.ts'
import { file } from './receipts.ts'
import { breakRings } from './rings.ts'
import { closeAnswered } from './settled.ts'
import { awaitsBytes, placeOf } from './transfers.ts'
import { settleTree } from './tree.ts'
import { withVerdicts } from './verdicts.ts'

/** How long a sent mark lasts, in milliseconds: nothing is sent after that, and unguarded remotes wait it out. */
const sentFor = 60_000
/** Rows looked at in one choice; what waits for others is passed over. */
const window = 1000
/** Folders in folders; whatever still moves then goes with the next push. */
const mostRounds = 16

/** What one round of pushing came to. `more`: something moved, so look at the remote and at the queue again. */
export type Pushed = { readonly state: 'nothing'; readonly next?: number } | { readonly state: 'more' }

export async function push(on: Ground): Promise<Pushed> {
  const { transport } = on
  if (transport.push === undefined) return { state: 'nothing' }
  if (await closeAnswered(on)) return { state: 'more' }
  // What one change settles may be what another one stands on, such as a folder that is kept in one that is to go.
  let moved = false
  for (let rounds = 0; rounds < mostRounds && (await settleBefore(on)); rounds++) moved = true
  const chosen = await mark(on)
  if (chosen.changes.length === 0) {
    if (moved) return { state: 'more' }
    return { state: 'nothing', ...(chosen.next !== undefined && { next: chosen.next }) }
  }
  await deliver(on, chosen.changes, chosen.deadline)
  return { state: 'more' }
}

/**
 * What the local tree and the agreed one cannot both be is settled before anything is sent, and so is what a remote
 * without keys showed while the outcome of a send was unknown.
 */
async function settleBefore(on: Ground): Promise<boolean> {
  return withVerdicts(on.resolver, pass =>
    fenced(on, async (tx, checkpoint) => {
      const draft = draftOf(tx, { now: on.clock.now, uuid: on.platform.uuid })
      const meeting = meetingOf(on, draft, pass.judged)
      const { ready } = await choose(on, tx, checkpoint)
      let moved = false
      for (const row of ready) {
        const place = placeOf(on, row.collection)
        if (place === undefined) continue
        const home = homeIn(place, checkpoint)
        const entry = await draft.get(row.collection, row.id)
        if (row.taken !== undefined && (meeting.guard !== 'none' || row.seen === undefined)) {
          const result = { value: row.value, version: row.taken }
          await accepted(meeting, home, entry, row, result, `taken ${row.change}`)
          moved = true
        } else if (meeting.guard !== 'key' && row.sealed && row.seen !== undefined) {
          await meetRefusal(meeting, home, entry, row.seen, `doubt ${row.change}`)
          moved = true
        } else if (home.source.parent !== undefined && !inFlight(row)) {
          moved = (await settleTree(meeting, home, entry, row)) || moved
        }
      }
      // What gave way just now may have opened the ring.
      for (const place of moved ? [] : on.places.values()) {
        const own = ready.filter(row => row.collection === place.collection)
        moved = (await breakRings(draft, homeIn(place, checkpoint), own)) || moved
      }
      pass.complete()
      if (moved) await draft.flush()
      return moved
    }),
  )
}

/** What could go out now, were there a pull first, as one text to compare: empty when there is nothing. */
export function readyMark(on: Ground): Promise<string> {
  if (on.transport.push === undefined) return Promise.resolve('')
  return glance(on, async (tx, checkpoint) => {
    const { ready, waits, behind } = await choose(on, tx, checkpoint)
    return [...ready, ...waits, ...behind].map(row => `${row.change}@${row.at.time}`).join('\n')
  })
}

interface Choice {
  readonly changes: readonly Change[]
  readonly deadline: number
  /** When the next change becomes ready, if any waits for a time. */
  readonly next?: number
}

/** Chooses and marks in one commit: what is marked is sealed, and bound to this leader and this deadline (rule 1). */
async function mark(on: Ground): Promise<Choice> {
  const deadline = on.platform.now() + sentFor
  return fenced(on, async (tx, checkpoint) => {
    if (checkpoint.paused) return { changes: [], deadline }
    const { ready, next } = await choose(on, tx, checkpoint)
    const draft = draftOf(tx, { now: on.clock.now, uuid: on.platform.uuid })
    await loadAll(draft, ready)
    const batch = (await arrange(on, draft, ready)).slice(0, on.transport.push!.most)
    if (batch.length === 0) return { changes: [], deadline, ...(next !== undefined && { next }) }
    await brakeDeletes(on, tx, checkpoint, batch)

    const changes: Change[] = []
    for (const row of batch) {
      const place = placeOf(on, row.collection)
      if (place === undefined) continue
      const entry = await draft.get(row.collection, row.id)
      const home = homeIn(place, checkpoint)
      const { refused: _, notBefore: _1, reason: _2, ...rest } = row
      const sealed: OutboxRow = {
        ...rest,
        state: 'sent',
        sealed: true,
        epoch: on.epoch,
        deadline,
        after: checkpoint.pulls,
        sentIn: row.sentIn ?? checkpoint.generation,
        ...(home.settles && checkpoint.cursor !== undefined && { since: row.since ?? checkpoint.cursor }),
        tries: row.tries + 1,
      }
      replaceRow(entry, row, sealed)
      changes.push(changeOf(home, entry, sealed))
    }
    await draft.flush()
    return { changes, deadline }
  })
}

async function loadAll(draft: Draft, rows: readonly OutboxRow[]): Promise<void> {
  const ids = new Map<string, string[]>()
  for (const { collection, id } of rows) ids.set(collection, [...(ids.get(collection) ?? []), id])
  for (const [collection, list] of ids) await draft.load(collection, list)
}

/** Heads of the queue that may go out now, those that wait for a pull to end, and successors behind their predecessors. */
async function choose(
  on: Ground,
  tx: Reader,
  checkpoint: Checkpoint,
): Promise<{ ready: OutboxRow[]; waits: OutboxRow[]; behind: OutboxRow[]; next?: number }> {
  const now = on.platform.now()
  const ready: OutboxRow[] = []
  let next: number | undefined
  const waits: OutboxRow[] = []
  const behind: OutboxRow[] = []
  for (let after: RowKey | undefined; ; ) {
    const queued = await tx
      .rows('queue')
      .list({ prefix: [on.remote, 'go'], limit: window, ...(after !== undefined && { after }) })
    const keys = queued.map(({ row }) => outboxKey(row as OutboxRow))
    const rows = keys.length === 0 ? [] : ((await tx.rows('outbox').getMany(keys)) as (OutboxRow | undefined)[])
    for (const row of rows) {
      if (row === undefined) continue
      if (row.base === undefined) {
        behind.push(row)
        continue
      }
      const mayArrive = on.transport.push?.guard === 'none' && row.taken === undefined
      const from = Math.max(row.notBefore ?? 0, mayArrive ? (row.deadline ?? 0) : 0)
      // Nothing waits this long: the clock was set back meanwhile.
      if (from > now && from <= now + longestWait) next = Math.min(next ?? from, from)
      else if (row.after !== undefined && row.after >= checkpoint.pulls) waits.push(row)
      else if (await awaitsBytes(on, tx, row)) continue
      else ready.push(row)
    }
    if (queued.length < window || ready.length >= window)
      return { ready, waits, behind, ...(next !== undefined && { next }) }
    after = queued.at(-1)!.key
  }
}

async function brakeDeletes(
  on: Ground,
  tx: Writer,
  checkpoint: Checkpoint,
  batch: readonly OutboxRow[],
): Promise<void> {
  if (!batch.some(row => row.value === null)) return
  let deletes = 0
  for (let after: RowKey | undefined; ; ) {
    const queued = await tx
      .rows('queue')
      .list({ prefix: [on.remote, 'go'], limit: window, ...(after !== undefined && { after }) })
    const rows = (await tx.rows('outbox').getMany(queued.map(({ row }) => outboxKey(row as OutboxRow)))) as (
      | OutboxRow
      | undefined
    )[]
    deletes += rows.filter(row => row?.value === null).length
    if (queued.length < window) break
    after = queued.at(-1)!.key
  }
  await mayDelete(on, tx, checkpoint, { direction: 'out', deletes })
}

/** Sends and files. A request that is refused for what is in it is halved until the one change is found (F55). */
async function deliver(on: Ground, changes: readonly Change[], deadline: number): Promise<void> {
  const sent = await send(on, changes, deadline)
  if (sent !== 'halve') return file(on, changes, sent)
  const half = Math.ceil(changes.length / 2)
  await deliver(on, changes.slice(0, half), deadline)
  await deliver(on, changes.slice(half), deadline)
}

/**
 * A request that certainly had no effect gives its changes back as they were; any other
 * failure leaves them sent, and the next pull shows what became of them.
 */
async function send(on: Ground, changes: readonly Change[], deadline: number): Promise<Sent | 'halve'> {
  const io: Io = ioFor(on, { signal: on.signal, deadline })
  const ahead = aheadOfSteady(on.platform)
  try {
    const sent = await on.transport.push!.send(changes, io)
    // Times that were said before the clock was set mean nothing: its own pauses hold.
    const set = Math.abs(aheadOfSteady(on.platform) - ahead) > clockGap
    return set ? { ...sent, receipts: sent.receipts.map(one => (one.state === 'later' ? soon(one) : one)) } : sent
  } catch (thrown) {
    const error = asSyncError(thrown)
    if (error.code === 'stale-leader' || error.code === 'aborted') throw error
    const reaction = reactionTo(error)
    if (reaction.next === 'hold') {
      if (changes.length > 1) return 'halve'
      return { receipts: [{ change: changes[0]!.change, state: 'rejected', code: 'invalid', reason: error.message }] }
    }
    if (reaction.effect === 'none') {
      const later: Receipt[] = changes.map(({ change }) => ({
        change,
        state: 'later',
        notBefore: error.notBefore ?? on.platform.now() + 1, // the pause is the loop's
      }))
      await file(on, changes, { receipts: later })
    }
    throw error
  }
}

const soon = (receipt: Receipt & { readonly state: 'later' }): Receipt => ({ ...receipt, notBefore: 0 })
