/** All that a transport may touch, made for one walk. */
import { SyncError } from '../errors.ts'
import type { OutboxRow } from '../ledger/rows.ts'
import { baseOf, checkpointOf, metaOf } from '../ledger/rows.ts'
import type { Base } from '../model.ts'
import { aheadOfSteady } from '../platform.ts'
import type { Reader } from '../store.ts'
import type { Io, Peek } from '../transport.ts'
import type { Ground } from './ground.ts'
import { glance, peekAt } from './ground.ts'

/** How long one request may take, in milliseconds. */
const requestTime = 60_000
/** How long a body may pause, in milliseconds (F46). */
const idleTime = 30_000
/** A pause between wall and monotonic clock longer than this says that we slept: a send is not to go out now. */
export const clockGap = 5_000

/** An answer of the store that is older than this is asked for again, in milliseconds. */
const patience = 1_000

export interface IoOptions {
  readonly signal: AbortSignal
  /** Requests with an effect are refused after this, by the local clock. */
  readonly deadline?: number
  /** Resolves when the pages that were yielded so far are committed. */
  readonly landed?: () => Promise<unknown>
  /** On the user's behalf, not the engine's: it need not lead. */
  readonly unfenced?: true
}

export function ioFor(on: Ground, { signal, deadline, landed, unfenced }: IoOptions): Io {
  const { platform } = on
  const ahead = aheadOfSteady(platform)

  async function mayAct(): Promise<void> {
    const asked = platform.monotonic()
    if (Math.abs(aheadOfSteady(platform) - ahead) > clockGap) {
      throw new SyncError('late', 'The clock jumped while a request was being prepared. It is prepared anew.')
    }
    if (deadline !== undefined && platform.now() > deadline) {
      throw new SyncError('late', 'A request was prepared too long ago to be sent. It is prepared anew.')
    }
    await glance(on, async () => {})
    // Frozen between the question and its answer, and robbed meanwhile: the answer is an old one.
    if (platform.monotonic() - asked > patience) await mayAct()
  }

  return {
    device: on.device,
    signal,
    now: platform.now,
    sleep: ms => platform.sleep(ms, signal),
    random: platform.random,
    uuid: platform.uuid,
    digest: platform.digest,
    async fetch(url, init) {
      const method = init?.method?.toUpperCase() ?? 'GET'
      if (method !== 'GET' && method !== 'HEAD' && !unfenced) await mayAct()
      const late = new AbortController()
      const request = new Request(url, { ...init, signal: AbortSignal.any([signal, late.signal]) })
      return within(on, requestTime, signal, platform.fetch(request), () => late.abort())
    },
    inTime: (work, giveUp) => within(on, idleTime, signal, work, giveUp),
    socket: platform.socket,
    async peek(work) {
      await landed?.()
      return (unfenced ? peekAt : glance)(on, tx => work(peekOf(on, tx)))
    },
    serverTime: on.clock.heard,
    notice: on.notice,
  }
}

/** Every await on the world has a deadline (I12); `giveUp` ends what is late. */
export async function within<T>(
  on: Pick<Ground, 'platform'>,
  ms: number,
  signal: AbortSignal,
  work: Promise<T>,
  giveUp: () => void,
): Promise<T> {
  const done = new AbortController()
  const stop = () => done.abort(signal.reason)
  signal.addEventListener('abort', stop, { once: true })
  const late = on.platform.sleep(ms, done.signal).then(
    () => {
      giveUp()
      throw new SyncError('timeout', `No answer within ${ms / 1000} s. Another try may work.`)
    },
    () => {
      if (signal.aborted) throw new SyncError('aborted', 'The engine was stopped.', { cause: signal.reason })
      return new Promise<never>(() => {})
    },
  )
  try {
    return await Promise.race([work, late])
  } finally {
    late.catch(() => {}) // the loser of the race is nobody's
    signal.removeEventListener('abort', stop)
    done.abort()
  }
}

function peekOf(on: Ground, tx: Reader): Peek {
  const space = tx.rows('private')
  return {
    async agreed(source, ids) {
      const place = on.places.get(source)
      if (place === undefined) return ids.map(() => undefined)
      const stored = await tx.records(place.collection).getMany(ids)
      const bases: (Base | undefined)[] = []
      for (const one of stored) bases.push(await baseOf(tx, place.collection, one))
      return bases
    },
    async children(source, parent) {
      const place = on.places.get(source)
      const field = place?.source.parent
      if (place === undefined || field === undefined) return []
      const local = await tx.records(place.collection).list({ index: field, from: parent, to: parent })
      const ids = new Set(local.filter(one => metaOf(one).open === undefined).map(one => one.id))
      for (const { row } of await tx.rows('outbox').list({ prefix: [place.collection] })) {
        const { id, base } = row as OutboxRow
        if (base?.value?.[field] === parent) ids.add(id)
      }
      return [...ids]
    },
    async known(source, ids) {
      const place = on.places.get(source)
      if (place === undefined) return ids.map(() => false)
      return (await tx.records(place.collection).getMany(ids)).map(one => one !== undefined)
    },
    async unseen(source, limit, after) {
      const place = on.places.get(source)
      const { generation: walk } = await checkpointOf(tx, on.remote)
      const found: string[] = []
      for (let from = after; place !== undefined && found.length < limit; ) {
        const query = { limit: 1000, deleted: true as const, ...(from !== undefined && { after: { id: from } }) }
        const some = await tx.records(place.collection).list(query)
        for (const one of some) {
          const { generation, open } = metaOf(one)
          const gone = one.value === null && open === undefined
          if (!gone && generation > 0 && generation < walk && found.length < limit) found.push(one.id)
        }
        if (some.length < 1000) break
        from = some.at(-1)!.id
      }
      return found
    },
    async cursor() {
      return (await checkpointOf(tx, on.remote)).cursor
    },
    async row(key) {
      return space.get([on.remote, ...key])
    },
    async rows(prefix, limit, after) {
      const found = await space.list({
        prefix: [on.remote, ...prefix],
        ...(limit !== undefined && { limit }),
        ...(after !== undefined && { after: [on.remote, ...after] }),
      })
      return found.map(({ key, row }) => ({ key: key.slice(1), row }))
    },
  }
}
