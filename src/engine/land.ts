/** A page and its cursor become part of the store: gather, judge, commit, in one transaction in the end (laws 1 and 2). */
import { equal, sameBase, sameValue } from '../equal.ts'
import { SyncError } from '../errors.ts'
import type { Draft, Entry } from '../ledger/draft.ts'
import { draftOf } from '../ledger/draft.ts'
import type { Checkpoint, Meta, OutboxRow } from '../ledger/rows.ts'
import { agreedOf, metaOf, putCheckpoint } from '../ledger/rows.ts'
import { type Home, touch } from '../ledger/settle.ts'
import type { Json, RemoteRecord } from '../model.ts'
import type { Stored, Writer } from '../store.ts'
import type { Page, PrivateRows } from '../transport.ts'
import { nameOf, type Waiting, waitingIn } from './ahead.ts'
import type { Ground, Place } from './ground.ts'
import { fenced, homeIn, mayDelete } from './ground.ts'
import { hide } from './hide.ts'
import { meet } from './meet.ts'
import { type Meeting, storedOf } from './meeting.ts'
import { ownEffect } from './own.ts'
import { resume } from './resume.ts'
import { withVerdicts } from './verdicts.ts'

/** Deletes that this pull has done so far: the brake looks at the whole of it, not at pages. */
export interface Tally {
  deletes: number
}

/**
 * Commits a page, its tombstones, its conflicts and its cursor, or nothing. `from` is the cursor that the page was asked
 * with: if the stored one is another by now, somebody else moved it and the page is void (I2).
 */
export async function land(
  on: Ground,
  page: Page,
  from: Json | undefined,
  tally: Tally,
  { last = false }: { readonly last?: boolean } = {},
): Promise<void> {
  const kept = await withVerdicts(on.resolver, pass =>
    fenced(on, async (tx, stored) => {
      if (!equal(stored.cursor, from)) {
        throw new SyncError('busy', 'Somebody else moved the cursor meanwhile. The next try goes on from there.')
      }
      // Every walk counts from its first page: what a receipt showed before that, it still has to show.
      const begins = page.anew || from === undefined
      const checkpoint = begins ? { ...stored, generation: stored.generation + 1, walking: true } : stored
      const draft = draftOf(tx, { now: on.clock.now, uuid: on.platform.uuid })
      let deletes = tally.deletes
      const meeting: Meeting = {
        draft,
        judged: pass.judged,
        uncertainty: on.clock.uncertainty(),
        guard: on.transport.push?.guard ?? 'none',
        snapshot: page.snapshot === true,
        deleted: () => deletes++,
      }
      const { ahead, ...before } = checkpoint
      const waiting = waitingIn(last ? undefined : ahead, meeting.snapshot)
      await meetAll(on, meeting, checkpoint, page.records, waiting)
      for (const part of page.complete ?? []) await sweep(on, meeting, checkpoint, part)
      for (const { source, id } of page.hides ?? []) {
        const place = on.places.get(source)
        if (place === undefined) continue
        for (const hidden of await hide(draft, homeIn(place, checkpoint), id)) waiting.forget(source, hidden)
      }
      pass.complete()

      const suspicious = page.suspicious !== undefined && deletes > tally.deletes
      const go =
        deletes > tally.deletes
          ? await mayDelete(
              on,
              tx,
              before,
              { direction: 'in', deletes, ...(suspicious && { why: page.suspicious! }) },
              tally.deletes,
            )
          : before
      const rest = waiting.rest()
      if (page.resumes) await resume(draft, on.remote)
      await draft.flush()
      await putPrivate(tx, on.remote, page.private)
      await putCheckpoint(tx, on.remote, {
        ...go,
        cursor: page.cursor,
        ...(go.walking && { walk: { known: 0, ...go.walk, seen: (go.walk?.seen ?? 0) + page.records.length } }),
        ...(rest && { ahead: rest }),
        ...(page.missesDeletes && { missesDeletes: true }),
      })
      return deletes
    }),
  )
  tally.deletes = kept
}

async function meetAll(
  on: Ground,
  meeting: Meeting,
  checkpoint: Checkpoint,
  records: readonly RemoteRecord[],
  waiting: Waiting,
): Promise<void> {
  const ids = new Map<Place, string[]>()
  for (const remote of records) {
    const place = on.places.get(remote.collection)
    if (place !== undefined) ids.set(place, [...(ids.get(place) ?? []), remote.id])
  }
  for (const [place, list] of ids) await meeting.draft.load(place.collection, list)
  const known = await knownIn(on, meeting, records)
  for (const [at, remote] of records.entries()) {
    const place = on.places.get(remote.collection)
    if (place === undefined) continue
    const home = homeIn(place, checkpoint)
    if ((at < (known.get(nameOf(remote)) ?? 0) && !(await isAboutOwn(meeting.draft, remote))) || waiting.puts(remote)) {
      touch(home, await meeting.draft.get(place.collection, remote.id))
      continue
    }
    await meet(meeting, home, remote, `row ${at}`)
    await flagMisfit(on, meeting.draft, place, remote)
  }
}

/**
 * Where in this page of a log the state comes that we know of a record already, as after a listing that went ahead: what
 * comes before it is older, and no news.
 */
async function knownIn(
  on: Ground,
  { draft, snapshot, guard }: Meeting,
  records: readonly RemoteRecord[],
): Promise<ReadonlyMap<string, number>> {
  const found = new Map<string, number>()
  if (snapshot) return found
  for (const [at, remote] of records.entries()) {
    const place = on.places.get(remote.collection)
    if (place === undefined) continue
    const entry = await draft.get(place.collection, remote.id)
    const [head] = entry.rows
    const base = head === undefined ? agreedOf(storedOf(entry)) : head.base
    if (base == null || !sameBase(base, remote) || entry.meta.echo !== undefined) continue
    // Where nothing is guarded, what comes before our own is what we ran over.
    if (guard === 'none' && wroteThere(entry)) continue
    // A feed may bring our own row again, behind newer ones.
    if ((await ownEffect(draft, remote.origin)) === undefined) found.set(nameOf(remote), at)
  }
  return found
}

/** Whether a change of ours may have taken effect on it lately. */
function wroteThere({ meta, rows: [head] }: Entry): boolean {
  if (meta.replaced !== undefined || meta.deleted !== undefined) return true
  if (head === undefined) return typeof meta.at === 'object'
  return head.state !== 'waiting' || head.sealed === true || head.sent !== undefined
}

/** It tells what became of a change of ours, whatever came after that. */
async function isAboutOwn(draft: Draft, { origin, past = [] }: RemoteRecord): Promise<boolean> {
  for (const one of [origin, ...past.map(effect => effect.origin)])
    if ((await ownEffect(draft, one)) !== undefined) return true
  return false
}

/** A pulled value that does not fit is kept as it is and hidden from reads: the cursor may pass it (I16). */
async function flagMisfit(on: Ground, draft: Draft, place: Place, remote: RemoteRecord): Promise<void> {
  if (remote.value === null) return
  const why = on.misfit(place.collection, remote.value)
  if (why === undefined) return
  const entry = await draft.get(place.collection, remote.id)
  if (entry.rows.length === 0 && sameValue(entry.value ?? null, remote.value)) {
    entry.meta = { ...entry.meta, misfit: why }
  }
  on.notice({ code: 'unreadable', message: `A record of ${place.collection} does not fit its schema: ${why}` })
}

/**
 * The walk listed all of a source, or all below one record. What the remote showed in an earlier walk and not in this
 * one is deleted there; what it never had is not its to delete (I11).
 */
async function sweep(
  on: Ground,
  meeting: Meeting,
  checkpoint: Checkpoint,
  { source, within }: { readonly source: string; readonly within?: string },
): Promise<void> {
  const place = on.places.get(source)
  if (place === undefined) return
  const home = homeIn(place, checkpoint)
  const records = meeting.draft.tx.records(place.collection)
  const overOpen = await foldersOverOpen(meeting.draft, home)
  for (let after: string | undefined; ; ) {
    const some: Stored[] = await records.list({
      limit: 1000,
      deleted: true,
      ...(after !== undefined && { after: { id: after } }),
    })
    const candidates = some.filter(one => metaOf(one).generation < checkpoint.generation).map(one => one.id)
    await meeting.draft.load(place.collection, candidates)
    for (const id of candidates) {
      const entry = await meeting.draft.get(place.collection, id)
      const { generation } = entry.meta
      if (generation === 0 || generation >= checkpoint.generation) continue
      if (within !== undefined && !(await isWithin(meeting.draft, home, id, within))) continue
      if (entry.value === null && entry.rows.length === 0) {
        if (!overOpen.has(id)) meeting.draft.forget(entry)
      } else
        await meet(
          meeting,
          home,
          { collection: source, id, value: null, version: { swept: checkpoint.generation } },
          `swept ${id}`,
        )
    }
    if (some.length < 1000) return
    after = some.at(-1)!.id
  }
}

/** Folders above what waits to go out: one of them that is deleted by now is to come back with it. */
async function foldersOverOpen(draft: Draft, home: Home): Promise<ReadonlySet<string>> {
  const found = new Set<string>()
  const { parent } = home.source
  if (parent === undefined) return found
  for (const { row } of await draft.tx.rows('outbox').list({ prefix: [home.collection] })) {
    let up: unknown = (row as OutboxRow).value?.[parent]
    while (typeof up === 'string' && !found.has(up)) {
      found.add(up)
      const { value, meta } = await draft.get(home.collection, up)
      up = (value ?? meta.was)?.[parent]
    }
  }
  return found
}

/** Whether the chain of parents leads there, as the remote has them. A deleted record is where it was. */
async function isWithin(draft: Draft, home: Home, id: string, within: string): Promise<boolean> {
  const { parent } = home.source
  if (parent === undefined) return true
  for (let next: string | undefined = id, steps = 0; next !== undefined && steps < 1000; steps++) {
    if (next === within) return true
    const entry = await draft.get(home.collection, next)
    const meta: Meta = entry.meta
    const [head] = entry.rows
    const value = head === undefined ? (entry.value ?? meta.was) : (head.base?.value ?? meta.was)
    const up: unknown = value?.[parent]
    next = typeof up === 'string' ? up : undefined
  }
  return false
}

export async function putPrivate(tx: Writer, remote: string, rows: PrivateRows | undefined): Promise<void> {
  if (rows === undefined) return
  const space = tx.rows('private')
  for (const prefix of rows.clear ?? []) await clearPrivate(tx, remote, prefix)
  if (rows.delete !== undefined && rows.delete.length > 0)
    await space.deleteMany(rows.delete.map(key => [remote, ...key]))
  if (rows.put !== undefined && rows.put.length > 0) {
    await space.putMany(rows.put.map(({ key, row }) => ({ key: [remote, ...key], row })))
  }
}

export async function clearPrivate(tx: Writer, remote: string, prefix: readonly (string | number)[]): Promise<void> {
  const space = tx.rows('private')
  for (;;) {
    const some = await space.list({ prefix: [remote, ...prefix], limit: 1000 })
    if (some.length === 0) return
    await space.deleteMany(some.map(({ key }) => key))
  }
}
