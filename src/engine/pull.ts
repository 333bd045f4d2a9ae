/** From the checkpoint to the present, page by page. The next page is fetched while this one commits. */
import { SyncError } from '../errors.ts'
import { putCheckpoint } from '../ledger/rows.ts'
import type { Json } from '../model.ts'
import type { Page } from '../transport.ts'
import { asideOf } from './ahead.ts'
import type { Ground } from './ground.ts'
import { brakeLimit, fenced, glance } from './ground.ts'
import { ioFor } from './io.ts'
import { clearPrivate, land, type Tally } from './land.ts'

/** Walks that a remote may demand in a row; more is an outage, not an expiry, and each comes later than the one before. */
const mostStarts = 2
/** The pause before the third, in milliseconds; it doubles. */
const firstSpacing = 30_000
const longestSpacing = 10 * 60_000
/** After so long without another demand they are no longer in a row. */
const calm = 60 * 60_000

export async function pull(on: Ground): Promise<void> {
  const { transport } = on
  if (transport.pull === undefined) return reached(on)
  const begun = await glance(on, async (_, checkpoint) => checkpoint)
  let cursor: Json | undefined = begun.cursor
  let landing: Promise<unknown> = Promise.resolve()
  const stop = new AbortController()
  const signal = AbortSignal.any([on.signal, stop.signal])
  const io = ioFor(on, { signal, landed: () => landing })
  const tally: Tally = { deletes: 0 }

  const pages = transport.pull.pages(cursor, io)[Symbol.asyncIterator]()
  try {
    for (let next = pages.next(); ; ) {
      const { done, value: page } = await next
      if (done) break
      mustBePage(page)
      const from = cursor
      landing = land(on, page, from, tally)
      cursor = page.cursor
      next = pages.next()
      next.catch(() => {}) // awaited in the next round; until then a failing commit comes first
      await landing
    }
    if (begun.ahead !== undefined) await landAside(on, cursor, tally)
  } finally {
    stop.abort()
    await pages.return?.().catch(() => {}) // it is over either way, and why is being thrown
  }
  await reached(on)
  if (cursor !== undefined && transport.pull.landed !== undefined) {
    await transport.pull.landed(cursor, ioFor(on, { signal: on.signal }))
  }
}

/** The feed came to the present, and not by way of what receipts had shown: what it showed instead is newer. */
async function landAside(on: Ground, cursor: Json | undefined, tally: Tally): Promise<void> {
  const records = await glance(on, async (_, { ahead }) => asideOf(ahead))
  if (records.length > 0 && cursor !== undefined) await land(on, { records, cursor }, cursor, tally, { last: true })
}

/** All that the remote has to show is here: only now is a walk over, however many sources it went through. */
async function reached(on: Ground): Promise<void> {
  await fenced(on, async (tx, { walk: _, ahead: _1, allowed, ...checkpoint }) => {
    const out = allowed?.out === undefined ? {} : { allowed: { out: allowed.out } }
    const pulls = checkpoint.pulls + 1
    await putCheckpoint(tx, on.remote, { ...checkpoint, ...out, walking: false, pulls, pulledAt: on.platform.now() })
  })
}

/**
 * Forgets the cursor and begins a new walk: rows that it does not bring are swept when it is complete, never before
 * (I11). Local changes stay as they are. `demanded`: by the remote, which forgot where we were. Throws `server` where it did that
 * too often: the walk begins after a pause, or when the app asks (F76).
 */
export async function startOver(on: Ground, demanded = false): Promise<void> {
  const now = on.platform.now()
  const wait = await fenced(
    on,
    async (tx, { cursor: _, missesDeletes: _1, ahead: _2, startedOver: before, ...checkpoint }) => {
      const since = now - (before?.at ?? now)
      const row = since >= 0 && since < calm ? (before?.count ?? 0) : 0
      const startedOver = demanded ? { count: row + 1, at: now } : before
      await clearPrivate(tx, on.remote, [])
      await putCheckpoint(tx, on.remote, {
        ...checkpoint,
        walking: true,
        walk: { seen: 0, known: (await brakeLimit(on, tx)).known },
        ...(startedOver && { startedOver }),
      })
      return demanded && row >= mostStarts ? Math.min(longestSpacing, firstSpacing * 2 ** (row - mostStarts)) : 0
    },
  )
  if (wait > 0) {
    throw new SyncError(
      'server',
      `${on.remote} asks to start over again and again. The next try comes after a pause.`,
      {
        details: { next: now + wait },
      },
    )
  }
}

/** A page without a cursor would make the engine forget where it is (F69). */
function mustBePage(page: Page): void {
  if (page.cursor === undefined || !Array.isArray(page.records)) {
    throw new SyncError('protocol', 'The transport gave a page without records or cursor. The cursor was not moved.')
  }
}
