/**
 * The plainest remote that the contract allows: records under ids, a log, a listing. With a guard it compares versions
 * and says whose change a row is; without one it takes whatever comes, as several real APIs do.
 */
import { SyncError } from '../../src/errors.ts'
import type { Json, Receipt, RemoteRecord, Stamp, Value } from '../../src/model.ts'
import type { Io, Page, Source, Transport } from '../../src/transport.ts'
import type { CdfKind } from './cdf.ts'
import type { RemoteKind } from './plan.ts'

export interface BoxRow {
  readonly value: Value | null
  readonly version: number
  readonly origin: string
  readonly at: Stamp
}

export type BoxKind = Exclude<RemoteKind, 'files' | CdfKind>

export interface Box {
  readonly rows: Map<string, BoxRow>
  /** Ids in the order of their changes; those up to `floor` are forgotten. */
  readonly log: { readonly id: string; readonly row: BoxRow }[]
  floor: number
  fetch(request: Request, authorized: boolean): Promise<Response>
}

interface Sending {
  readonly change: string
  readonly id: string
  readonly value: Value | null
  readonly base: number | null
  /** The base says that there is nothing. */
  readonly deleted: boolean
  readonly at: Stamp
}

const page = 7

/** `now`: what an unguarded remote stamps its rows with, for it keeps no stamp of ours. */
export function boxOf(kind: BoxKind, now: () => number): Box {
  const guarded = kind !== 'open-box'
  const purges = kind === 'purging-box'
  const rows = new Map<string, BoxRow>()
  const log: { id: string; row: BoxRow }[] = []

  const write = (one: Sending, version: number) => {
    const at = guarded ? one.at : { time: now(), device: '' }
    const row = { value: one.value, version, origin: guarded ? one.change : '', at }
    rows.set(one.id, row)
    log.push({ id: one.id, row })
    return { change: one.change, state: 'accepted', version }
  }

  const take = (one: Sending): unknown => {
    const row = rows.get(one.id)
    if (!guarded) return write(one, log.length + 1)
    if (row?.origin === one.change) return { change: one.change, state: 'accepted', version: row.version }
    const there = row === undefined || (purges && row.value === null) ? null : row.version
    // What was purged begins another life: its versions count from 1 again.
    const base = purges && one.deleted ? null : one.base
    if (there === base) return write(one, (there ?? 0) + 1)
    return { change: one.change, state: 'conflict', ...(row && { id: one.id, row }) }
  }

  const box: Box = {
    rows,
    log,
    floor: 0,
    async fetch(request, authorized) {
      const json = (body: unknown, status: number) => answerOf(body, status, now())
      if (!authorized) return json({ error: 'token' }, 401)
      const url = new URL(request.url)
      if (url.pathname === '/send') return json({ receipts: ((await request.json()) as Sending[]).map(take) }, 200)
      if (url.pathname === '/all') {
        const after = url.searchParams.get('after') ?? ''
        const ids = [...rows.keys()].filter(id => id > after && rows.get(id)!.value !== null).sort()
        return json({ rows: ids.slice(0, page).map(id => ({ id, row: rows.get(id) })), more: ids.length > page }, 200)
      }
      const cursor = url.searchParams.get('cursor')
      if (cursor === null) return json({ rows: [], cursor: log.length, more: false }, 200)
      if (Number(cursor) < box.floor) return json({ error: 'cursor' }, 410)
      const found = log.slice(Number(cursor), Number(cursor) + page)
      const next = Number(cursor) + found.length
      return json({ rows: found, cursor: next, more: next < log.length }, 200)
    },
  }
  return box
}

const answerOf = (body: unknown, status: number, now: number): Response => {
  const headers = { 'content-type': 'application/json', date: new Date(now).toUTCString() }
  return new Response(JSON.stringify(body), { status, headers })
}

export const boxNotes = {
  copy: (_key, value, change) => ({ id: `${change.change}-copy`, value }),
} as const satisfies Source

interface Cursor {
  readonly head: number
  /** The walk is at this id; absent: it is over. */
  readonly after?: string
}

export function boxTransport(kind: BoxKind, token: () => string): Transport {
  const guarded = kind !== 'open-box'
  async function call(io: Io, path: string, init: RequestInit = {}): Promise<Json> {
    const headers = { authorization: `Bearer ${token()}`, 'content-type': 'application/json' }
    const response = await io.fetch(`https://box.test${path}`, { ...init, headers }).catch((error: unknown) => {
      if (error instanceof SyncError) throw error
      throw new SyncError(io.signal.aborted ? 'aborted' : 'network', 'The box is not there.', { cause: error })
    })
    const { status } = response
    const date = Date.parse(response.headers.get('date') ?? '')
    if (Number.isFinite(date)) io.serverTime(date)
    if (status === 401) throw new SyncError('needs-auth', 'The box wants another token.')
    if (status === 410) throw new SyncError('cursor-invalid', 'The box forgot the cursor.')
    if (status === 429) {
      const notBefore = io.now() + Number(response.headers.get('retry-after')) * 1000
      throw new SyncError('throttled', 'The box is busy.', { notBefore })
    }
    if (status !== 200) throw new SyncError('server', `The box answered ${status}.`)
    const text = await response.text()
    try {
      return JSON.parse(text) as Json
    } catch (error) {
      throw new SyncError(text.startsWith('<') ? 'not-the-api' : 'truncated', 'The box spoke nonsense.', {
        cause: error,
      })
    }
  }

  const record = ({ id, row }: { readonly id: string; readonly row: BoxRow }): RemoteRecord => ({
    collection: 'notes',
    id,
    value: row.value,
    version: row.version,
    ...(guarded ? { at: row.at, origin: row.origin } : { at: row.at.time }),
  })
  type Rows = { rows: { id: string; row: BoxRow }[]; cursor: number; more: boolean }
  const get = async (io: Io, path: string): Promise<Rows> => (await call(io, path)) as unknown as Rows

  async function* pages(from: Json | undefined, io: Io): AsyncIterable<Page> {
    let cursor = from as unknown as Cursor | undefined
    if (cursor === undefined) cursor = { head: (await get(io, '/changes')).cursor, after: '' }
    while (cursor.after !== undefined) {
      const { rows, more } = await get(io, `/all?after=${encodeURIComponent(cursor.after)}`)
      cursor = more ? { head: cursor.head, after: rows.at(-1)!.id } : { head: cursor.head }
      const complete = more ? {} : { complete: [{ source: 'notes' }] }
      yield { records: rows.map(record), snapshot: true, cursor: { ...cursor }, ...complete }
    }
    for (let more = true; more; ) {
      const answer: Rows = await get(io, `/changes?cursor=${cursor.head}`)
      cursor = { head: answer.cursor }
      more = answer.more
      yield { records: answer.rows.map(record), cursor: { ...cursor } }
    }
  }

  return {
    name: 'box',
    sources: { notes: boxNotes },
    every: 20_000,
    pull: { pages },
    push: {
      most: 5,
      guard: guarded ? 'version' : 'none',
      async send(changes, io) {
        const body = changes.map(({ change, id, value, base, at }) => ({
          change,
          id,
          value,
          base: base?.version ?? null,
          deleted: base?.value === null,
          at,
        }))
        const answer = (await call(io, '/send', { method: 'POST', body: JSON.stringify(body) })) as unknown as {
          receipts: (Receipt & { row?: BoxRow; id?: string })[]
        }
        const receipts = answer.receipts.map(({ row, id, ...receipt }) =>
          row === undefined ? receipt : { ...receipt, remote: record({ id: id!, row }) },
        )
        return { receipts: receipts as Receipt[] }
      },
    },
  }
}
