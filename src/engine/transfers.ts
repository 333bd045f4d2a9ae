/**
 * Bytes travel beside the records, which never wait for them: up before the change that names them, down when somebody
 * asked. What is under way is in the store, so that a transfer goes on where it was after a crash.
 */
import { asSyncError, reactionTo, type SyncError } from '../errors.ts'
import { bodyHead } from '../ledger/bodies.ts'
import { draftOf } from '../ledger/draft.ts'
import { type OutboxRow, outboxKey } from '../ledger/rows.ts'
import { hold } from '../ledger/settle.ts'
import { dropTransfer, getTransfer, listTransfers, putTransfer } from '../ledger/transfers.ts'
import type { Reader, Writer } from '../store.ts'
import { pause } from './backoff.ts'
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

  async function wait(ms: number): Promise<void> {
    const end = new AbortController()
    wake = () => end.abort()
    if (!rung) await platform.sleep(ms, AbortSignal.any([signal, end.signal])).catch(() => {}) // rung or stopped
    wake = undefined
  }

  async function run(): Promise<void> {
    for (;;) {
      if (signal.aborted) return
      const now = hasty
      rung = false
      hasty = false
      try {
        const { found, next } = await choose(on, now)
        if (found === undefined) await wait(Math.min(lookEvery, Math.max(0, (next ?? Infinity) - platform.now())))
        else {
          await carry(on, found).catch(error => fail(on, found, asSyncError(error)))
          report()
        }
      } catch (thrown) {
        const { code } = asSyncError(thrown)
        if (signal.aborted || code === 'stale-leader' || code === 'aborted') return
        await wait(lookEvery) // the store failed: look again soon
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

/** The first that may go, by priority; `hasty` does not wait for the end of a pause. */
function pick(on: Ground, all: readonly Load[], hasty: boolean): Choice {
  const now = on.platform.now()
  const due = ({ transfer: { failure } }: Load) => {
    if (failure === undefined) return 0
    if (failure.next === undefined) return Infinity
    // A clock that was set back since would make it wait as much longer.
    return hasty || now < failure.at ? 0 : failure.next
  }
  const byUrgency = (one: Load, other: Load) =>
    other.transfer.priority - one.transfer.priority || one.transfer.at - other.transfer.at
  const [found] = all.filter(one => due(one) <= now).sort(byUrgency)
  const next = Math.min(...all.map(due).filter(at => at > now))
  return { ...(found && { found }), ...(Number.isFinite(next) && { next }) }
}

function nextDownload(on: Ground, hasty: boolean): Promise<Choice> {
  return glance(on, async tx => {
    const found: Load[] = []
    for (const transfer of await listTransfers(tx, on.remote, 'down')) {
      const place = placeOf(on, transfer.collection)
      if (place !== undefined) found.push({ transfer, place })
    }
    return pick(on, found, hasty)
  })
}

function nextUpload(on: Ground, hasty: boolean): Promise<Choice> {
  return glance(on, async (tx, checkpoint) => {
    if (checkpoint.paused) return {}
    const found: Load[] = []
    const queued = await tx.rows('queue').list({ prefix: [on.remote, 'go'], limit: window })
    const rows = await tx.rows('outbox').getMany(queued.map(({ row }) => outboxKey(row as OutboxRow)))
    for (const row of rows as (OutboxRow | undefined)[]) {
      if (row === undefined || !(await awaitsBytes(on, tx, row))) continue
      const place = placeOf(on, row.collection)!
      const sha256 = newBytes(on, row)!
      const name = { remote: on.remote, direction: 'up', sha256 } as const
      const { collection, id, at } = row
      const fresh = { ...name, collection, id, done: 0, priority: 0, at: at.time }
      found.push({ transfer: (await getTransfer(tx, name)) ?? fresh, place, change: row.change })
    }
    return pick(on, found, hasty)
  })
}

/** What the remote will not take holds back its own change only (law 7); anything else is tried again. */
async function fail(on: Ground, { transfer, place, change }: Load, error: SyncError): Promise<void> {
  const { code, message } = error
  if (on.signal.aborted || code === 'stale-leader' || code === 'aborted') throw error
  const { next: reaction } = reactionTo(error)
  await fenced(on, async tx => {
    if (change !== undefined && reaction === 'hold') return refuse(on, tx, { transfer, place, change }, error)
    const present = await getTransfer(tx, transfer)
    if (present === undefined && change === undefined) return // nobody wants it any more
    const tries = (present?.failure?.tries ?? 0) + 1
    const now = on.platform.now()
    // Whoever asked for a download hears of a no at once; an upload goes on trying, for it must not be lost.
    const over = change === undefined && (reaction === 'hold' || reaction === 'show' || reaction === 'throw')
    const next = Math.max(now + pause(on.platform, tries), error.notBefore ?? 0)
    await putTransfer(tx, {
      ...transfer,
      ...present,
      failure: { code, message, at: now, tries, ...(!over && { next }) },
    })
  })
}

async function refuse(
  on: Ground,
  tx: Writer,
  { transfer, place, change }: Required<Load>,
  { code, message }: SyncError,
): Promise<void> {
  await dropTransfer(tx, transfer)
  const draft = draftOf(tx, { now: on.clock.now, uuid: on.platform.uuid })
  const at = await draft.change(change)
  if (at === undefined || !('generation' in at)) return
  const entry = await draft.get(place.collection, at.id)
  const row = entry.rows.find(one => one.change === change)
  if (row?.state === 'waiting' && row.base !== undefined)
    hold(draft, entry, row, code === 'too-large' ? code : 'invalid', message)
  await draft.flush()
}

export function placeOf(on: Ground, collection: string): Place | undefined {
  for (const place of on.places.values()) if (place.collection === collection) return place
  return undefined
}
