/** The receipts of one request become what the ledger says of its changes: each in its own way, all in one commit. */
import { sameBase } from '../equal.ts'
import { isNew } from '../ledger/collide.ts'
import { draftOf, replaceRow } from '../ledger/draft.ts'
import { remap } from '../ledger/remap.ts'
import type { Checkpoint, OutboxRow } from '../ledger/rows.ts'
import { putCheckpoint } from '../ledger/rows.ts'
import { type Home, tellsAll } from '../ledger/settle.ts'
import { again, hold, refuse } from '../ledger/waiting.ts'
import type { Change, Receipt, RemoteRecord } from '../model.ts'
import type { Sent } from '../transport.ts'
import { withShown } from './ahead.ts'
import { askedWait, pause } from './backoff.ts'
import type { Ground } from './ground.ts'
import { fenced, homeIn } from './ground.ts'
import { putPrivate } from './land.ts'
import { accepted } from './meet.ts'
import { type Meeting, meetingOf, withoutSeen } from './meeting.ts'
import { meetHeld, meetRefusal, takenWith } from './outcome.ts'
import { askThere, takeVerdict } from './settled.ts'
import { forgetUpload, placeOf } from './transfers.ts'
import { withVerdicts } from './verdicts.ts'

/** Refusals of one change that no pull explains; after that it is held. */
const mostRefusals = 8

/** Files the receipts: one transaction for all of them and for the transport's own rows. */
export async function file(on: Ground, changes: readonly Change[], { receipts, private: rows }: Sent): Promise<void> {
  const answers = new Map(receipts.map(receipt => [receipt.change, receipt]))
  const heard = on.platform.now()
  await withVerdicts(on.resolver, pass =>
    fenced(on, async (tx, checkpoint) => {
      const draft = draftOf(tx, { now: on.clock.now, uuid: on.platform.uuid })
      const meeting = meetingOf(on, draft, pass.judged)
      const shown: RemoteRecord[] = []
      for (const change of changes) {
        const receipt = answers.get(change.change) ?? { change: change.change, state: 'unknown' }
        await fileOne(on, meeting, checkpoint, change, receipt, heard)
        const remote = shownBy(on, change, receipt)
        if (remote !== undefined) shown.push(remote)
      }
      pass.complete()
      await draft.flush()
      await putPrivate(tx, on.remote, rows)
      const { allowed, ...rest } = checkpoint
      if (allowed?.out === undefined && shown.length === 0) return
      const left = (allowed?.out ?? 0) - changes.filter(change => change.value === null).length
      const kept = { ...(allowed?.in !== undefined && { in: allowed.in }), ...(left > 0 && { out: left }) }
      await putCheckpoint(tx, on.remote, {
        ...rest,
        ...(Object.keys(kept).length > 0 && { allowed: kept }),
        ...(shown.length > 0 && { ahead: withShown(rest.ahead, shown) }),
      })
    }),
  )
}

/** What a receipt shows ahead of the feed. A remote that settles by itself may have gone on from what nobody here saw. */
function shownBy({ transport }: Ground, change: Change, receipt: Receipt): RemoteRecord | undefined {
  const settles = transport.push?.settles?.[change.collection] !== undefined
  if (receipt.state === 'conflict' || receipt.state === 'settled') {
    return settles || receipt.remote?.id === change.id ? receipt.remote : undefined
  }
  if (receipt.state !== 'accepted' || !settles) return undefined
  const { collection, value } = change
  return receipt.remote ?? { collection, id: receipt.id ?? change.id, value, version: receipt.version }
}

async function fileOne(
  on: Ground,
  meeting: Meeting,
  checkpoint: Checkpoint,
  change: Change,
  receipt: Receipt,
  heard: number,
): Promise<void> {
  const { draft } = meeting
  const at = await draft.change(change.change)
  // Another id, or none: it was settled meanwhile, and this receipt is about something that is no more (I7).
  if (at === undefined || !('generation' in at)) return
  const place = placeOf(on, at.collection)
  if (place === undefined) return
  const home = homeIn(place, checkpoint)
  const entry = await draft.get(at.collection, at.id)
  const [head] = entry.rows
  if (head === undefined || head.change !== change.change || head.state !== 'sent') return
  const label = `receipt ${change.change}`
  const now = on.platform.now()

  switch (receipt.state) {
    case 'accepted': {
      const record =
        receipt.id === undefined || receipt.id === entry.id ? entry : await remap(draft, home, entry, receipt.id)
      const [first] = record.rows
      if (first === undefined || first.change !== change.change) return
      // It was judged against that there, or shows it.
      const judged = home.settles && (receipt.remote !== undefined || first.tries === 1)
      const open = judged ? withoutSeen(first) : first
      // Whether what was seen meanwhile came before or after is for the next pull to show.
      const unsure = open.seen !== undefined && !tellsAll(home, open, open.seen)
      if ((meeting.guard === 'none' || unsure) && on.transport.pull !== undefined) {
        return replaceRow(record, open, { ...open, taken: receipt.version, ...echoBy(on, now) })
      }
      if (home.settles && receipt.remote !== undefined)
        return takenWith(meeting, home, record, open, receipt.remote, label)
      const result = receipt.remote ?? { value: open.value, version: receipt.version }
      await accepted(meeting, home, record, open, result, label)
      if (!home.settles) record.meta = { ...record.meta, echo: open.change }
      return
    }
    case 'conflict': {
      if (receipt.remote?.ticket !== undefined) return askThere(draft, home, entry, receipt.remote)
      const shown = receipt.remote?.id === entry.id ? receipt.remote : head.seen
      const seen = shown !== undefined && head.base != null && sameBase(shown, head.base) ? undefined : shown
      if (seen !== undefined) return meetRefusal(meeting, home, entry, seen, label)
      if (head.tries >= mostRefusals) {
        const why = 'The remote keeps refusing this change, and nothing there explains why. Edit, undo or discard it.'
        return hold(draft, entry, head, 'conflict', why)
      }
      return refuse(draft, entry, head, checkpoint.pulls, now + pause(on.platform, head.tries - 3))
    }
    case 'settled': {
      const remote = receipt.remote ?? (home.settles ? head.seen : undefined)
      if (remote === undefined) return refuse(draft, entry, head, checkpoint.pulls, 0)
      return takeVerdict(meeting, home, entry, head, remote, receipt, label)
    }
    case 'rejected':
      // It had the bytes and lost them: they go once more.
      if (receipt.code === 'content-missing' && (await forgetUpload(on, draft.tx, head)))
        return again(entry, head, now + pause(on.platform, head.tries))
      hold(draft, entry, head, receipt.code, receipt.reason)
      return head.seen === undefined ? undefined : meetHeld(meeting, home, entry, head.seen, label)
    case 'later': {
      // A time on the clock as it was when that was said, which may have been set since.
      const notBefore = now + (askedWait(receipt.notBefore, heard) || pause(on.platform, head.tries - 3))
      // Made and deleted here since: what it waits for, such as its folder, may never come. Where its bytes alone show it,
      // it is there already, and only its receipt says which one is to be deleted.
      if (isNew(head) && entry.rows.length > 1 && entry.rows.at(-1)!.value === null && !showsBytes(on, home, head))
        return refuse(draft, entry, head, checkpoint.pulls, notBefore)
      // What it changes is gone, perhaps with all that it needs to be sent again: whatever became of it earlier is gone as well.
      const { seen, base } = head
      if (seen?.id === entry.id && seen.value === null && base?.value != null)
        return meetRefusal(meeting, home, entry, seen, label)
      const why = receipt.reason === undefined ? undefined : { code: receipt.code ?? 'busy', message: receipt.reason }
      return again(entry, head, notBefore, why)
    }
    case 'unknown':
      // It stays sent until a pull has ended, and goes out at growing distances.
      return replaceRow(entry, head, { ...head, notBefore: now + pause(on.platform, head.tries - 1) })
  }
}

const showsBytes = ({ transport }: Ground, { source }: Home, { value }: OutboxRow): boolean =>
  transport.bodies?.shows === true && source.body !== undefined && value?.[source.body] != null

/** A feed that shows writes late has not contradicted ours before that time is over. */
function echoBy({ transport }: Ground, now: number): Pick<OutboxRow, 'notBefore'> {
  const { visibleWithin = 0 } = transport.push ?? {}
  return visibleWithin > 0 ? { notBefore: now + visibleWithin } : {}
}
