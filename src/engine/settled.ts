/**
 * A remote that settles conflicts by itself: its word is taken for what is there now, and what either side lost by it
 * goes to the inbox, in the same transaction (laws 1 and 4). A question that it keeps open is one here too.
 */
import { equal, sameBase } from '../equal.ts'
import { alike, collide } from '../ledger/collide.ts'
import type { Draft, Entry } from '../ledger/draft.ts'
import { draftOf, replaceRow } from '../ledger/draft.ts'
import { noted } from '../ledger/inbox.ts'
import { remap } from '../ledger/remap.ts'
import type { ChangeRow, InboxEntry, OutboxRow } from '../ledger/rows.ts'
import { grace, outboxKey, putCheckpoint } from '../ledger/rows.ts'
import type { Home } from '../ledger/settle.ts'
import { accept, adopt, changeOf, settle } from '../ledger/settle.ts'
import { fold, unsent } from '../ledger/waiting.ts'
import type { Change, Lost, Receipt, RemoteRecord } from '../model.ts'
import { withShown } from './ahead.ts'
import type { Ground } from './ground.ts'
import { fenced, glance, homeIn } from './ground.ts'
import { ioFor } from './io.ts'
import { meet } from './meet.ts'
import { type Meeting, meetingOf, withoutSeen } from './meeting.ts'
import { takenWith } from './outcome.ts'
import { placeOf } from './transfers.ts'
import { withVerdicts } from './verdicts.ts'

type Settled = Receipt & { readonly state: 'settled' }

/** `remote` is what is there now, with the id of another record where the local one gave way to that. */
export async function takeVerdict(
  on: Meeting,
  home: Home,
  entry: Entry,
  head: OutboxRow,
  remote: RemoteRecord,
  receipt: Settled,
  label: string,
): Promise<void> {
  const { draft } = on
  const { verdict } = receipt
  const by = head.answer === undefined ? 'remote' : 'app'
  if (verdict.take === 'both') return takeCopies(on, home, entry, remote, receipt, by, label)
  if (verdict.take === 'remote') {
    if (remote.id !== entry.id) return giveWay(draft, home, entry, fold(draft, entry), remote, by)
    if (entry.rows.length > 1) {
      draft.note(noted(draft, home, entry, head, remote, { verdict, loses: 'local', by }))
      await takenWith(on, home, entry, head, remote, label)
      return draft.close(head.change, { outcome: 'conflicted', until: draft.now + grace })
    }
    await settle(draft, home, entry, head, remote, { verdict, loses: 'local' }, by)
    return wentAlong(on, home, entry, remote)
  }

  const record = remote.id === entry.id ? entry : await remap(draft, home, entry, remote.id)
  const [open] = record.rows
  if (open === undefined || open.change !== head.change) return
  const { lost } = receipt
  const { theirs, ...more } = lostSide(home, record, open, lost)
  await takenWith(on, home, record, open, remote, label)
  if (lost !== undefined && lost.id !== record.id) {
    await noteBack(draft, home, lost, open)
  } else {
    const loses = verdict.take !== 'local' ? 'parts' : isBase(open, theirs) ? 'nothing' : 'remote'
    draft.note(noted(draft, home, record, open, theirs, { verdict, loses, by, ...more }))
  }
  for (const one of receipt.below ?? []) await noteGone(draft, home, one, open)
  if (open.value === null) await wentAlong(on, home, record, remote)
}

/** The remote keeps the question open. What was edited meanwhile is part of it. */
export function askThere(draft: Draft, home: Home, entry: Entry, remote: RemoteRecord): void {
  const row = fold(draft, entry)
  const { sealed: _, refused: _1, answer: _2, ...rest } = unsent(row)
  const asks = row.asks ?? draft.uuid()
  replaceRow(entry, row, { ...rest, state: 'asked', seen: remote, asks, ticket: remote.ticket! })
  const open = { verdict: { take: 'ask' }, loses: 'nothing', by: 'remote' } as const
  draft.note(noted(draft, home, entry, { ...row, asks }, remote, open))
}

/** The remote has kept both already: its word is taken for the record and for the copies. */
async function takeCopies(
  on: Meeting,
  home: Home,
  entry: Entry,
  remote: RemoteRecord,
  { verdict, copies = [], lost }: Settled,
  by: InboxEntry['by'],
  label: string,
): Promise<void> {
  const { draft } = on
  const renamed = copies.find(one => one.id === entry.id)
  if (renamed !== undefined) {
    const [open] = entry.rows as [OutboxRow]
    const dropped = lost?.id === entry.id ? lostSide(home, entry, open, lost) : undefined
    const told = { verdict, by, copy: entry.id }
    accept(draft, home, entry, withoutSeen(open), renamed)
    if (dropped === undefined || isBase(open, dropped.theirs)) {
      draft.note(noted(draft, home, entry, open, remote, { ...told, loses: 'nothing' }))
    } else {
      const { theirs, ...more } = dropped
      draft.note(noted(draft, home, entry, open, theirs, { ...told, loses: 'remote', ...more }))
    }
    return
  }
  for (const one of copies) {
    const copy = await draft.get(entry.collection, one.id)
    if (copy.value === undefined) adopt(home, copy, one)
  }
  const [copy] = copies
  const [head, next] = entry.rows as [OutboxRow, OutboxRow?]
  if (next !== undefined && remote.id === entry.id) {
    // An edit made meanwhile is in no copy: it goes on from here.
    draft.note(
      noted(draft, home, entry, head, remote, { verdict, loses: 'nothing', by, ...(copy && { copy: copy.id }) }),
    )
    return takenWith(on, home, entry, head, remote, label)
  }
  const loses = next === undefined ? 'nothing' : 'local'
  const more = { verdict, loses, ...(copy && { copy: copy.id }) } as const
  const taken = { verdict: { take: 'remote' }, loses: 'local' } as const
  await settle(draft, home, entry, fold(draft, entry), remote, taken, by, more)
}

/** The other record has the name. A folder with something in it keeps another one: that would have nowhere to be. */
async function giveWay(
  draft: Draft,
  home: Home,
  entry: Entry,
  row: OutboxRow,
  remote: RemoteRecord,
  by: InboxEntry['by'],
): Promise<void> {
  const other = await draft.get(entry.collection, remote.id)
  if (other.rows.length === 0 && remote.value !== null) adopt(home, other, remote)
  const kin = alike(home, row.value, other.value)
  const stays = !kin && (await draft.where(entry.collection, home.source.parent ?? '', entry.id)).length > 0
  const judgement = stays
    ? ({ verdict: { take: 'both' }, loses: 'nothing' } as const)
    : ({ verdict: { take: 'remote' }, loses: 'local' } as const)
  await collide(draft, home, entry, row, other, judgement, by)
}

/** What is in a folder that is deleted there is gone with it. */
async function wentAlong(on: Meeting, home: Home, entry: Entry, remote: RemoteRecord): Promise<void> {
  if (remote.value !== null || home.source.parent === undefined || entry.rows.length > 0) return
  const { collection, id, value, version } = remote
  await meet(on, home, { collection, id, value, version, subtree: true }, `along ${id}`)
}

/** As it was shown, as the remote tells of it now, or else as it was when we last agreed: then with the reason. */
function lostSide(
  home: Home,
  entry: Entry,
  { seen, before, base }: OutboxRow,
  lost: Lost | undefined,
): { readonly theirs: RemoteRecord; readonly reason?: string } {
  const key = { collection: home.sourceName, id: lost?.id ?? seen?.id ?? entry.id }
  const agreed = base == null ? undefined : { ...key, ...base }
  if (lost === undefined) return { theirs: seen ?? agreed ?? { ...key, value: null, version: null } }
  const known = [seen, before, agreed].find(one => one !== undefined && equal(one.version, lost.version))
  if (known !== undefined) return { theirs: known }
  const { value = seen?.value ?? base?.value ?? null, version } = lost
  const theirs = { ...key, value, version }
  return lost.value === undefined
    ? { theirs, reason: 'The remote does not say what it had: this is older.' }
    : { theirs }
}

const isBase = ({ base }: OutboxRow, side: RemoteRecord): boolean => base != null && sameBase(base, side)

/** Another record, a folder, was deleted there and came back for this change. */
async function noteBack(draft: Draft, home: Home, lost: Lost, row: OutboxRow): Promise<void> {
  const entry = await draft.get(home.collection, lost.id)
  const { asks: _, ...own } = row
  const here: OutboxRow = { ...own, id: lost.id, value: entry.value ?? entry.meta.was ?? null, base: null }
  const theirs: RemoteRecord = { collection: home.sourceName, id: lost.id, value: null, version: lost.version }
  const reason = 'It was deleted at the remote, and is there again for what was put into it.'
  draft.note(
    noted(draft, home, entry, here, theirs, { verdict: { take: 'local' }, loses: 'remote', by: 'remote', reason }),
  )
}

async function noteGone(draft: Draft, home: Home, lost: Lost, row: OutboxRow): Promise<void> {
  const entry = await draft.get(home.collection, lost.id)
  const value = lost.value ?? entry.rows[0]?.seen?.value ?? entry.value ?? null
  const theirs: RemoteRecord = { collection: home.sourceName, id: lost.id, value, version: lost.version }
  const gone: OutboxRow = { ...row, id: lost.id, value: null, base: null }
  const { asks: _, ...own } = gone
  const reason = 'It was changed at the remote, and deleted there with its folder. The remote has it as an old version.'
  draft.note(
    noted(draft, home, entry, own, theirs, { verdict: { take: 'local' }, loses: 'remote', by: 'remote', reason }),
  )
}

/** Questions that the remote kept and that somebody has answered elsewhere are closed; says whether there were any. */
export async function closeAnswered(on: Ground): Promise<boolean> {
  const { push } = on.transport
  if (push?.answers === undefined) return false
  const open = await openQuestions(on)
  if (open.length === 0) return false
  const receipts = await push.answers(open, ioFor(on, { signal: on.signal }))
  if (receipts.length === 0) return false
  return withVerdicts(on.resolver, pass =>
    fenced(on, async (tx, checkpoint) => {
      const draft = draftOf(tx, { now: on.clock.now, uuid: on.platform.uuid })
      const meeting = meetingOf(on, draft, pass.judged)
      const shown: RemoteRecord[] = []
      for (const receipt of receipts) {
        const at: ChangeRow | undefined = await draft.change(receipt.change)
        const place = at !== undefined && 'generation' in at ? placeOf(on, at.collection) : undefined
        if (at === undefined || !('generation' in at) || place === undefined) continue
        const entry = await draft.get(at.collection, at.id)
        const [head] = entry.rows
        const asked = head?.change === receipt.change && head.state === 'asked'
        if (!asked || receipt.state !== 'settled' || receipt.remote === undefined) continue
        await takeVerdict(
          meeting,
          homeIn(place, checkpoint),
          entry,
          head,
          receipt.remote,
          receipt,
          `answered ${head.change}`,
        )
        shown.push(receipt.remote)
      }
      pass.complete()
      await draft.flush()
      if (shown.length === 0) return false
      await putCheckpoint(tx, on.remote, { ...checkpoint, ahead: withShown(checkpoint.ahead, shown) })
      return true
    }),
  )
}

async function openQuestions(on: Ground): Promise<Change[]> {
  return glance(on, async (tx, checkpoint) => {
    const stopped = await tx.rows('queue').list({ prefix: [on.remote, 'stop'] })
    const rows = (await tx.rows('outbox').getMany(stopped.map(({ row }) => outboxKey(row as OutboxRow)))) as (
      | OutboxRow
      | undefined
    )[]
    return rows.flatMap(row => {
      const place = row?.state === 'asked' && row.ticket !== undefined ? placeOf(on, row.collection) : undefined
      return row === undefined || place === undefined ? [] : [changeOf(homeIn(place, checkpoint), row, row)]
    })
  })
}
