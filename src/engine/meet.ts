/** One record of a remote meets what we have: the walk that every pulled row takes, within one draft. */
import { equal, sameBase, sameValue } from '../equal.ts'
import type { Entry } from '../ledger/draft.ts'
import { replaceRow } from '../ledger/draft.ts'
import { begin } from '../ledger/edit.ts'
import { noted } from '../ledger/inbox.ts'
import { remap } from '../ledger/remap.ts'
import type { OutboxRow } from '../ledger/rows.ts'
import { agreedOf } from '../ledger/rows.ts'
import type { Home } from '../ledger/settle.ts'
import {
  accept,
  adopt,
  changeOf,
  commonOf,
  insists,
  noteReplaced,
  settle,
  touch,
  wasReplaced,
} from '../ledger/settle.ts'
import { fold } from '../ledger/waiting.ts'
import type { Base, Json, RemoteRecord } from '../model.ts'
import type { Case, Judgement } from '../resolver.ts'
import { giveWay, meaning, recordUnaware, timeOf, unaware, wasTaken, wentBack } from './doubt.ts'
import {
  asMade,
  asSaid,
  behind,
  inFlight,
  type Meeting,
  older,
  rebase,
  sameBytes,
  storedOf,
  takeOver,
  undecided,
  wasShown,
  withoutEcho,
  withoutSeen,
} from './meeting.ts'
import { type Open, ownEffect } from './own.ts'
import { askOn, closeQuestion, tellQuestion } from './questions.ts'
import { reconcile } from './reconcile.ts'
import { meetBelow, meetSubtree } from './subtree.ts'

export async function meet(on: Meeting, home: Home, remote: RemoteRecord, label: string): Promise<void> {
  const { draft } = on
  for (const { origin, version } of remote.past ?? []) await meetPast(on, home, remote.id, origin, version)
  const own = await ownEffect(draft, remote.origin)
  if (own === 'step') return touch(home, await draft.get(home.collection, remote.id))
  if (own?.open && home.settles) return meetEcho(on, home, own, remote)
  if (own?.open) {
    const local = await draft.get(own.collection, own.id)
    const entry = local.id === remote.id ? local : await remap(draft, home, local, remote.id)
    const [head] = entry.rows
    if (head !== undefined && head.change === own.change) {
      return accepted(on, home, entry, lastShown(on, head), remote, label)
    }
    // What became of our own earlier sending is what the waiting one goes on from: nobody else's write is in question.
    if (head !== undefined) return rebase(on, home, entry, head, remote)
    return touch(home, entry)
  }

  const entry = await draft.get(home.collection, remote.id)
  const [head] = entry.rows
  if (own !== undefined) {
    const awaited = entry.meta.echo === remote.origin
    if (awaited) entry.meta = withoutEcho(entry.meta)
    // Settled long since. A feed may still replay it; a snapshot that shows it has gone back.
    const agreed = head === undefined ? agreedOf(storedOf(entry)) : (head.base ?? undefined)
    if (agreed !== undefined && equal(agreed.version, remote.version)) return asMade(home, entry, agreed, remote)
    // What the feed showed of this record since we made it was an earlier life of it.
    if (awaited && !on.snapshot && head === undefined) return ranOver(on, home, entry, remote, label)
    if (awaited && !on.snapshot && head !== undefined && !inFlight(head)) return rebase(on, home, entry, head, remote)
    if (!on.snapshot) return touch(home, entry)
    if (head === undefined && agreed !== undefined) return wentBack(on, home, entry, agreed, remote, label)
  }
  if (older(remote, entry)) return touch(home, entry)
  if (head === undefined) {
    const agreed = agreedOf(storedOf(entry))
    const old = wasReplaced(draft, entry, remote.value) && insists(draft, entry, remote.value)
    if (old && agreed !== undefined && !sameValue(agreed.value, remote.value)) {
      await wentBack(on, home, entry, agreed, remote, label)
    } else if (agreed !== undefined && unaware(on, entry, agreed, remote)) {
      await recordUnaware(on, home, entry, agreed, remote, label)
    } else if (remote.subtree && remote.value === null) await meetSubtree(on, home, entry, remote, label, meet)
    else takeOver(on, home, entry, remote)
    return
  }
  if (undecided(home, head)) {
    if (head.base != null && sameBase(head.base, remote)) {
      if (head.seen !== undefined) replaceRow(entry, head, withoutSeen(head))
      return touch(home, entry, remote)
    }
    if (!home.settles && remote.origin === undefined && sameValue(head.value, remote.value)) {
      noteRevived(on, home, entry, head)
      return accepted(on, home, entry, lastShown(on, head), remote, label)
    }
    if (home.settles && remote.subtree && remote.value === null) await meetBelow(on, home, entry, remote, label, meet)
    noteOverrun(on, home, entry, head, remote)
    // Its own outcome comes first; what the remote showed meanwhile is kept, never passed over (I3).
    replaceRow(entry, head, { ...head, seen: behind(head, remote) })
    await tellQuestion(on, head, remote)
    return touch(home, entry, remote)
  }
  await meetWaiting(on, home, entry, head, remote, label)
}

/**
 * It was deleted there before our change took effect, so that one made it anew: a remote that compares versions lets a
 * change of what is gone pass, and the answer that would have said so was lost.
 */
function noteRevived({ draft }: Meeting, home: Home, entry: Entry, head: OutboxRow): void {
  const { seen, base, value } = head
  if (seen === undefined || seen.id !== entry.id || seen.value !== null || base?.value == null || value === null) return
  draft.note(noted(draft, home, entry, head, seen, { verdict: { take: 'local' }, loses: 'remote', by: 'remote' }))
}

/**
 * A value of ours that was replaced there is back: a request of ours came late, or twice, and ran over what was shown
 * last. Nobody else can know that it was not meant.
 */
function noteOverrun({ draft, guard }: Meeting, home: Home, entry: Entry, head: OutboxRow, remote: RemoteRecord): void {
  const { seen, base, value, sent } = head
  if (guard !== 'none' || seen === undefined || !wasReplaced(draft, entry, remote.value)) return
  const ours = [value, base?.value ?? null, remote.value, ...(sent === undefined ? [] : [sent])]
  if (ours.some(one => sameValue(one, seen.value)) || wasReplaced(draft, entry, seen.value)) return
  const late = { ...head, value: remote.value, base: null }
  const id = `${head.change} over ${JSON.stringify(seen.version)}` // told once, however often the rows come
  draft.note(noted(draft, home, entry, late, seen, { id, verdict: { take: 'local' }, loses: 'remote', by: 'remote' }))
}

/** What a feed showed before our own effect came before it: a guarded remote took the change on the base we knew. */
const lastShown = (on: Meeting, head: OutboxRow): OutboxRow => (on.guard === 'none' ? head : withoutSeen(head))

/**
 * What the remote settled is told by its receipt, which comes again: that the change had an effect does not say which.
 * Under another id it is a copy, or what ours was merged into.
 */
async function meetEcho(on: Meeting, home: Home, own: Open, remote: RemoteRecord): Promise<void> {
  const entry = await on.draft.get(own.collection, remote.id)
  const [head] = entry.rows
  if (own.id !== remote.id && head === undefined) return takeOver(on, home, entry, remote)
  if (head === undefined) return touch(home, entry)
  if (!undecided(home, head)) return own.id === remote.id ? rebase(on, home, entry, head, remote) : touch(home, entry)
  const before = wasShown(head) ? head.before : head.seen
  replaceRow(entry, head, { ...head, seen: behind(head, remote), ...(before && { before }) })
  touch(home, entry, remote)
  await tellQuestion(on, head, remote)
}

/** Our change took effect, and what the feed shows came after it. */
async function meetPast(on: Meeting, home: Home, id: string, origin: string, version: Json): Promise<void> {
  const own = await ownEffect(on.draft, origin)
  if (own === undefined || own === 'step' || (own.open && home.settles)) return
  if (!own.open) {
    const settled = await on.draft.get(home.collection, id)
    if (settled.meta.echo === origin) settled.meta = withoutEcho(settled.meta)
    return
  }
  const local = await on.draft.get(own.collection, own.id)
  const entry = local.id === id ? local : await remap(on.draft, home, local, id)
  const [head] = entry.rows
  if (head?.change === own.change) accept(on.draft, home, entry, withoutSeen(head), { value: head.value, version })
}

/** The remote has the head. What it showed meanwhile is met then: as what came after it, or as what it ran over. */
export async function accepted(
  on: Meeting,
  home: Home,
  entry: Entry,
  head: OutboxRow,
  result: Base & Partial<RemoteRecord>,
  label: string,
): Promise<void> {
  const news = accept(on.draft, home, entry, head, result)
  if (news === undefined) return
  if (on.guard !== 'none') return meet(on, home, news, `${label}+`)
  const value = entry.value ?? null
  if (reconcile(head.base, { value }, news) !== 'conflict') return
  if (news.value !== null) noteReplaced(on.draft, entry, news.value)
  const ours: Base = { value: result.value, version: result.version }
  const open = entry.rows[0] ?? (await begin(on.draft, home.remote, entry, { value, base: ours, at: head.at }))
  // Who took ours back meant ours: that is no agreement with what it ran over.
  const tookBack = sameValue(value, head.base?.value ?? null)
  const row: OutboxRow = { ...open, base: tookBack ? ours : (head.base ?? null), overwrote: ours }
  replaceRow(entry, open, row)
  await judgeAndSettle(on, home, entry, row, news, `${label}+`)
}

/** Our own row behind others: what was there just before it, it ran over, whatever the remote says that it guards. */
async function ranOver(on: Meeting, home: Home, entry: Entry, ours: RemoteRecord, label: string): Promise<void> {
  const { id, value, meta } = entry
  adopt(home, entry, ours)
  if (value == null || ours.value === null || sameValue(value, ours.value)) return
  const base: Base = { value: ours.value, version: ours.version }
  const at = typeof ours.at === 'object' ? ours.at : { time: timeOf(ours.at), device: home.device.id }
  const open = await begin(on.draft, home.remote, entry, { value: ours.value, base, at })
  const row: OutboxRow = { ...open, base: null, overwrote: base }
  replaceRow(entry, open, row)
  const theirs = {
    collection: home.sourceName,
    id,
    value,
    version: meta.version ?? null,
    ...(meta.at !== undefined && { at: meta.at }),
  }
  await judgeAndSettle(on, home, entry, row, theirs, `${label}+`)
}

export async function meetWaiting(
  on: Meeting,
  home: Home,
  entry: Entry,
  head: OutboxRow,
  remote: RemoteRecord,
  label: string,
): Promise<void> {
  const { draft } = on
  if (head.overwrote !== undefined && head.seen !== undefined && !sameBase(head.overwrote, remote)) {
    const untouched = sameValue(head.value, head.overwrote.value)
    if (head.state === 'asked' && untouched && !sameValue(remote.value, head.seen.value))
      return askOn(on, home, entry, head, remote)
    // It went on there from what ours ran over with: that question is closed, in favour of what is there.
    await settle(draft, home, entry, head, head.seen, { verdict: { take: 'local' }, loses: 'remote' }, 'remote')
    return meet(on, home, remote, `${label}*`)
  }
  if (head.state === 'asked' && [head.seen, head.overwrote].some(one => one !== undefined && sameBase(one, remote))) {
    return touch(home, entry)
  }
  const news = sameBytes(home, head.value, remote.value) ? 'agree' : meaning(head, remote)
  const asks = head.state === 'asked' && head.seen?.id === entry.id
  if (news === 'known' && !asks) return touch(home, entry, remote)
  if (news === 'agree') {
    accept(draft, home, entry, withoutSeen(head), remote)
    return closeQuestion(on, head, remote)
  }
  if (entry.rows.length > 1) return meetWaiting(on, home, entry, fold(draft, entry), remote, label)
  if (news === 'known' || news === 'adopt') {
    if (asks) return settle(draft, home, entry, head, remote, localWins, 'remote')
    if (wasTaken(on, head) && news === 'adopt' && !insists(draft, entry, remote.value))
      return giveWay(on, home, entry, head, remote)
    return rebase(on, home, entry, head, remote)
  }
  if (head.state === 'asked') {
    replaceRow(entry, head, { ...head, seen: remote })
    await tellQuestion(on, head, remote)
    return touch(home, entry, remote)
  }
  if (remote.subtree && remote.value === null) return meetSubtree(on, home, entry, remote, label, meet)
  await judgeAndSettle(on, home, entry, head, remote, label)
}

const localWins: Judgement = { verdict: { take: 'local' }, loses: 'nothing' }

/** Puts a clash before the resolver and does what it says. The change has no successor: it is folded first. */
export async function judgeAndSettle(
  on: Meeting,
  home: Home,
  entry: Entry,
  head: OutboxRow,
  remote: RemoteRecord,
  label: string,
): Promise<void> {
  const judgement = on.judged(label, caseOf(on, home, entry, head, remote))
  if (judgement === undefined) return
  const alive = entry.value != null
  const { take } = judgement.verdict
  if (wasTaken(on, head) && (take === 'local' || take === 'merged') && !insists(on.draft, entry, remote.value)) {
    await giveWay(on, home, entry, head, remote)
  } else await settle(on.draft, home, entry, head, remote, judgement)
  if (alive && entry.value === null) on.deleted()
}

export function caseOf(on: Meeting, home: Home, entry: Entry, head: OutboxRow, remote: RemoteRecord): Case {
  const common = commonOf(head, remote)
  const said = common && asSaid(home, common.value, remote.value)
  return {
    collection: entry.collection,
    id: entry.id,
    rule: home.rule,
    base: said ? { ...common!, value: said } : common,
    local: changeOf(home, entry, head),
    remote,
    copies: home.source.copy !== undefined,
    uncertainty: on.uncertainty,
    ...(home.source.facets && { facets: home.source.facets }),
    ...(home.source.doubles && { doubles: home.source.doubles }),
  }
}
