/**
 * Bytes travel beside the records, which never wait for them: up before the change that names them, down when somebody
 * asked. What is under way is in the store, so that a transfer goes on where it was after a crash.
 */
import { asSyncError, type Code, reactionTo, type SyncError } from '../errors.ts'
import { bodyHead } from '../ledger/bodies.ts'
import { draftOf, replaceRow } from '../ledger/draft.ts'
import { type OutboxRow, outboxKey } from '../ledger/rows.ts'
import { dropTransfer, getTransfer, listTransfers, putTransfer } from '../ledger/transfers.ts'
import { hold } from '../ledger/waiting.ts'
import type { Reader, RowKey, Writer } from '../store.ts'
import { askedWait, pause } from './backoff.ts'
import { download, type Load } from './download.ts'
import type { Ground, Place } from './ground.ts'
import { fenced, glance } from './ground.ts'
import { upload } from './upload.ts'

/** Watch messages may be lost, so the rows are looked at anyway (rule 11). */
const lookEvery = 5_000
/** Rows looked at in one choice. */
const window = 1000

export interface Transfers {
  /** There may be something to do; `now`: whatever pause is under way. */
  ring(now: boolean): void
  /** Resolves when both lanes have stopped. */
  readonly done: Promise<void>
}

/** Whether the remote must get bytes before this change: they are here, and it is not known to have them. */
export async function awaitsBytes(on: Ground, tx: Reader, row: OutboxRow): Promise<boolean> {
  const sha256 = newBytes(on, row)
  if (sha256 === undefined || !(await bodyHead(tx, sha256))?.whole) return false
  return (await getTransfer(tx, { remote: on.remote, direction: 'up', sha256 }))?.arrived === undefined
}

/** The hash that this change brings, if it brings one. */
function newBytes(on: Ground, { collection, value, base }: OutboxRow): string | undefined {
  const field = on.transport.bodies === undefined ? undefined : placeOf(on, collection)?.source.body
  const hash = field === undefined ? undefined : value?.[field]
  return typeof hash === 'string' && base?.value?.[field!] !== hash ? hash : undefined
}

/** The remote does not have the bytes after all; `false`: nobody ever said that it has. */
export async function forgetUpload(on: Ground, tx: Writer, row: OutboxRow): Promise<boolean> {
  const sha256 = newBytes(on, row)
  const name = sha256 === undefined ? undefined : ({ remote: on.remote, direction: 'up', sha256 } as const)
  if (name === undefined || (await getTransfer(tx, name))?.arrived === undefined) return false
  await dropTransfer(tx, name)
  return true
}

export function runTransfers(on: Ground, report: () => void): Transfers {
  const lanes =
    on.transport.bodies === undefined
      ? []
      : [lane(on, nextUpload, upload, report), lane(on, nextDownload, download, report)]
  return {
    ring(now) {
      for (const { ring } of lanes) ring(now)
    },
    done: Promise.all(lanes.map(({ done }) => done)).then(() => {}),
  }
}

interface Choice {
  readonly found?: Load
  /** When the next one is due. */
  readonly next?: number
}

/** What says nothing about one transfer: the next would fail as well. */
const ofAll: ReadonlySet<Code> = new Set(['network', 'timeout', 'not-the-api', 'throttled', 'busy', 'needs-auth'])

/** One transfer after the other. */
function lane(
  on: Ground,
  choose: (on: Ground, hasty: boolean) => Promise<Choice>,
  carry: (on: Ground, load: Load) => Promise<void>,
  report: () => void,
): Transfers {
  const { platform, signal } = on
  let rung = true
  let hasty = false
  let wake: (() => void) | undefined
  /** Failures in a row that were about all transfers, and when the next is tried, by steady time. */
  let tries = 0
  let due = 0
  /** Whoever rings, a remote that said when to come back is not asked earlier (I14). By steady time. */
  let allowed = 0

  async function wait(ms: number): Promise<void> {
    const end = new AbortController()
    wake = () => end.abort()
    if (!rung) await platform.sleep(ms, AbortSignal.any([signal, end.signal])).catch(() => {}) // rung or stopped
    wake = undefined
  }

  async function step(): Promise<void> {
    rung = false
    const left = Math.max(allowed, hasty ? 0 : due) - platform.monotonic()
    if (left > 0) return wait(left)
    const now = hasty
    hasty = false
    const { found, next = Infinity } = await choose(on, now)
    if (found === undefined) return wait(Math.min(lookEvery, Math.max(0, next - platform.now())))
    const failure = await carry(on, found).then(() => undefined, asSyncError)
    tries = failure !== undefined && ofAll.has(failure.code) ? tries + 1 : 0
    due = platform.monotonic() + pause(platform, tries)
    allowed = platform.monotonic() + askedWait(failure?.notBefore, platform.now())
    if (failure !== undefined) await fail(on, found, failure)
    report()
  }

  async function run(): Promise<void> {
    while (!signal.aborted) {
      try {
        await step()
      } catch (thrown) {
        const { code } = asSyncError(thrown)
        if (code === 'stale-leader' || code === 'aborted') return
        // The store failed: whoever rings, it is not asked again at once.
        await platform.sleep(lookEvery, signal).catch(() => {}) // stopped
      }
    }
  }

  return {
    ring(now) {
      rung = true
      hasty ||= now
      wake?.()
    },
    done: run(),
  }
}

/** When it may go; `hasty` does not wait for the end of a pause. */
function dueAt({ transfer: { failure } }: Load, now: number, hasty: boolean): number {
  if (failure === undefined) return 0
  if (failure.next === undefined) return Infinity
  // A clock that was set back since would make it wait as much longer.
  return hasty || now < failure.at ? 0 : failure.next
}

const byUrgency = ({ transfer: one }: Load, { transfer: other }: Load) =>
  other.priority - one.priority || one.at - other.at

function nextDownload(on: Ground, hasty: boolean): Promise<Choice> {
  return glance(on, async tx => {
    const loads: Load[] = []
    for (const transfer of await listTransfers(tx, on.remote, 'down')) {
      const place = placeOf(on, transfer.collection)
      if (place !== undefined) loads.push({ transfer, place })
    }
    return first(on, loads.sort(byUrgency), hasty)
  })
}

function nextUpload(on: Ground, hasty: boolean): Promise<Choice> {
  return glance(on, async (tx, { paused }) => (paused ? {} : first(on, uploads(on, tx), hasty)))
}

async function first(on: Ground, loads: Iterable<Load> | AsyncIterable<Load>, hasty: boolean): Promise<Choice> {
  const now = on.platform.now()
  let next = Infinity
  for await (const load of loads) {
    const at = dueAt(load, now, hasty)
    if (at <= now) return { found: load }
    next = Math.min(next, at)
  }
  return { next }
}

/** In the order of the changes that they are for. */
async function* uploads(on: Ground, tx: Reader): AsyncGenerator<Load, void, void> {
  for (let after: RowKey | undefined; ; ) {
    const queued = await tx
      .rows('queue')
      .list({ prefix: [on.remote, 'go'], limit: window, ...(after !== undefined && { after }) })
    const withBytes = (queued as { row: OutboxRow }[]).filter(({ row }) => placeOf(on, row.collection)?.source.body)
    for (const row of await tx.rows('outbox').getMany(withBytes.map(({ row }) => outboxKey(row)))) {
      if (row === undefined || !(await awaitsBytes(on, tx, row as OutboxRow))) continue
      const { collection, id, at, change } = row as OutboxRow
      const name = { remote: on.remote, direction: 'up', sha256: newBytes(on, row as OutboxRow)! } as const
      const fresh = { ...name, collection, id, done: 0, priority: 0, at: at.time }
      yield { transfer: (await getTransfer(tx, name)) ?? fresh, place: placeOf(on, collection)!, change }
    }
    if (queued.length < window) return
    after = queued.at(-1)!.key
  }
}

/** What the remote will not take holds back its own change only (law 7); anything else is tried again. */
async function fail(on: Ground, { transfer, place, change }: Load, error: SyncError): Promise<void> {
  const { code, message } = error
  if (on.signal.aborted || code === 'stale-leader' || code === 'aborted') throw error
  const { next: reaction } = reactionTo(error)
  await fenced(on, async tx => {
    if (change !== undefined && reaction === 'hold' && (await refuse(on, tx, { transfer, place, change }, error)))
      return
    const present = await getTransfer(tx, transfer)
    if (present === undefined && change === undefined) return // nobody wants it any more
    const tries = (present?.failure?.tries ?? 0) + 1
    const now = on.platform.now()
    // Whoever asked for a download hears of a no at once; an upload goes on trying, for it must not be lost.
    const over = change === undefined && (reaction === 'hold' || reaction === 'show' || reaction === 'throw')
    const next = now + Math.max(pause(on.platform, tries), askedWait(error.notBefore, now))
    await putTransfer(tx, {
      ...transfer,
      ...present,
      failure: { code, message, at: now, tries, ...(!over && { next }) },
    })
    if (change !== undefined && code === 'switched-off') await explained(on, tx, place, change, { code, message })
  })
}

/** Why its bytes do not go is why the change waits. */
async function explained(
  on: Ground,
  tx: Writer,
  place: Place,
  change: string,
  reason: NonNullable<OutboxRow['reason']>,
): Promise<void> {
  const draft = draftOf(tx, { now: on.clock.now, uuid: on.platform.uuid })
  const at = await draft.change(change)
  if (at === undefined || !('generation' in at)) return
  const entry = await draft.get(place.collection, at.id)
  const row = entry.rows.find(one => one.change === change)
  if (row?.state !== 'waiting' || row.reason?.code === reason.code) return
  replaceRow(entry, row, { ...row, reason })
  await draft.flush()
}

/** `false`: the change cannot be held now, for an earlier one has no answer yet. */
async function refuse(
  on: Ground,
  tx: Writer,
  { transfer, place, change }: Required<Load>,
  { code, message }: SyncError,
): Promise<boolean> {
  const draft = draftOf(tx, { now: on.clock.now, uuid: on.platform.uuid })
  const at = await draft.change(change)
  if (at === undefined || !('generation' in at)) return false
  const entry = await draft.get(place.collection, at.id)
  const row = entry.rows.find(one => one.change === change)
  if (row?.state !== 'waiting' || row.base === undefined) return false
  hold(draft, entry, row, code === 'too-large' ? code : 'invalid', message)
  await draft.flush()
  await dropTransfer(tx, transfer)
  return true
}

export function placeOf(on: Ground, collection: string): Place | undefined {
  for (const place of on.places.values()) if (place.collection === collection) return place
  return undefined
}
