/** The engine's part of a transport's world, in memory: pages are committed as they are yielded, in one step each. */
import { createHash } from 'node:crypto'
import type { Base, Device, Json, RemoteRecord } from '../../src/model.ts'
import type { SocketEvents } from '../../src/platform.ts'
import type { KeyedRow, RowKey } from '../../src/store.ts'
import type { Body, Io, Notice, Page, Peek, PrivateRows, Transport } from '../../src/transport.ts'

export type Fetch = (request: Request) => Promise<Response>

export interface Client {
  readonly transport: Transport
  readonly device: Device
  /** What was agreed, by source and id; deleted records are kept with `value: null`. */
  readonly agreed: Map<string, Map<string, RemoteRecord>>
  readonly rows: Map<string, KeyedRow>
  readonly notices: Notice[]
  readonly requests: Request[]
  readonly serverTimes: number[]
  cursor: Json | undefined
  io(signal?: AbortSignal): Io
  /** Commits each page and its cursor, and tells `landed` at the end, as the engine does. */
  pull(options?: {
    readonly signal?: AbortSignal /** Stops after so many. */
    readonly pages?: number
  }): Promise<Page[]>
  /** Pages from the stored cursor, committed to nothing. */
  look(from?: Json): Promise<Page[]>
  commitRows(rows: PrivateRows): void
  agree(record: RemoteRecord): void
  live(source: string): Record<string, RemoteRecord>
  /** Everything live, by source. */
  state(): Record<string, Record<string, RemoteRecord>>
  /** Sees each request before it is sent; what it throws, fetch rejects with. */
  onRequest: ((request: Request) => void) | undefined
}

export interface ClientOptions {
  readonly transport: Transport
  readonly fetch: Fetch
  readonly now: () => number
  readonly sleep?: (ms: number, signal: AbortSignal) => Promise<void>
  readonly device?: Device
  readonly socket?: (
    url: string,
    headers: { readonly [name: string]: string },
    events: SocketEvents,
  ) => ReturnType<Io['socket']>
  readonly random?: () => number
}

export function client(options: ClientOptions): Client {
  const { transport, device = { id: 'device-1', name: 'Laptop' } } = options
  const agreed = new Map<string, Map<string, RemoteRecord>>()
  const rows = new Map<string, KeyedRow>()
  /** What the walk under way has brought. */
  const shown = new Set<string>()
  let uuids = 0
  let landing: Promise<void> = Promise.resolve()

  const commitRows = ({ clear = [], put = [], delete: gone = [] }: PrivateRows) => {
    for (const prefix of clear) for (const [name, { key }] of rows) if (startsWith(key, prefix)) rows.delete(name)
    for (const key of gone) rows.delete(JSON.stringify(key))
    for (const one of put) rows.set(JSON.stringify(one.key), structuredClone(one))
  }
  const source = (name: string) => {
    const records = agreed.get(name) ?? new Map<string, RemoteRecord>()
    agreed.set(name, records)
    return records
  }
  const peek: Peek = {
    agreed: async (name, ids) =>
      ids.map(id => {
        const record = source(name).get(id)
        const base: Base | undefined = record && { value: record.value, version: record.version }
        return base
      }),
    children: async (name, parent) =>
      [...source(name).values()].filter(({ value }) => value?.parent === parent).map(({ id }) => id),
    known: async (name, ids) => ids.map(id => source(name).has(id)),
    unseen: async (name, limit, after = '') =>
      [...source(name).values()]
        .filter(({ id, value }) => value !== null && id > after && !shown.has(`${name}\n${id}`))
        .map(({ id }) => id)
        .sort()
        .slice(0, limit),
    cursor: async () => self.cursor,
    row: async key => rows.get(JSON.stringify(key))?.row,
    rows: async (prefix, limit = Number.POSITIVE_INFINITY, after) =>
      [...rows.values()]
        .filter(({ key }) => startsWith(key, prefix) && (after === undefined || compare(key, after) > 0))
        .sort((one, other) => compare(one.key, other.key))
        .slice(0, limit),
  }

  const self: Client = {
    transport,
    device,
    agreed,
    rows,
    notices: [],
    requests: [],
    serverTimes: [],
    cursor: undefined,
    onRequest: undefined,
    io(signal = new AbortController().signal) {
      return {
        device,
        signal,
        now: options.now,
        sleep: ms => options.sleep?.(ms, signal) ?? Promise.resolve(),
        random: options.random ?? (() => 0.5),
        uuid: () =>
          `00000000-0000-4000-8000-${device.id.slice(-4).padStart(4, '0')}${String(++uuids).padStart(8, '0')}`,
        digest: async bytes => createHash('sha256').update(bytes).digest('hex'),
        async fetch(url, init) {
          const request = new Request(url, init)
          self.requests.push(request.clone())
          self.onRequest?.(request)
          if (request.signal.aborted) throw request.signal.reason
          return options.fetch(request)
        },
        socket: (url, headers, events) => {
          if (options.socket === undefined) throw new Error('This client has no sockets.')
          return options.socket(url, headers, events)
        },
        async peek(work) {
          await landing
          return work(peek)
        },
        serverTime: ms => void self.serverTimes.push(ms),
        inTime: work => work,
        notice: notice => void self.notices.push(notice),
      }
    },
    async pull({ signal, pages: most = Number.POSITIVE_INFINITY } = {}) {
      const io = self.io(signal)
      if (self.cursor === undefined) shown.clear()
      const pages: Page[] = []
      const walk = transport.pull!.pages(self.cursor, io)[Symbol.asyncIterator]()
      // The next page is asked for before this one is committed, as the engine does.
      for (let next = walk.next(); ; ) {
        const { done, value: page } = await next
        if (done) break
        let commit = () => {}
        landing = new Promise(resolve => {
          commit = resolve
        })
        next = walk.next()
        next.catch(() => {})
        pages.push(page)
        land(page)
        commit()
        if (pages.length >= most) {
          await next.catch(() => {}) // it was asked for already, as a crash would find it
          await walk.return?.()
          return pages
        }
      }
      if (self.cursor !== undefined) await transport.pull!.landed?.(self.cursor, io)
      return pages
    },
    async look(from = self.cursor) {
      const pages: Page[] = []
      for await (const page of transport.pull!.pages(from, self.io())) pages.push(page)
      return pages
    },
    commitRows,
    agree: record => void source(record.collection).set(record.id, record),
    live(name) {
      return Object.fromEntries([...source(name)].filter(([, { value }]) => value !== null))
    },
    state: () => Object.fromEntries([...agreed.keys()].sort().map(name => [name, self.live(name)])),
  }

  function land(page: Page): void {
    if (page.anew) shown.clear()
    for (const record of page.records) {
      const records = source(record.collection)
      if (record.subtree) for (const id of below(records, record.id)) remove(records, id)
      records.set(record.id, record)
      shown.add(`${record.collection}\n${record.id}`)
    }
    for (const { source: name, within } of page.complete ?? []) {
      const records = source(name)
      for (const [id, { value }] of records) {
        const swept = value !== null && !shown.has(`${name}\n${id}`)
        if (swept && (within === undefined || value.share === within)) remove(records, id)
      }
    }
    for (const hidden of page.hides ?? []) {
      const records = source(hidden.source)
      for (const id of [hidden.id, ...below(records, hidden.id)]) records.delete(id)
    }
    if (page.private) commitRows(page.private)
    self.cursor = structuredClone(page.cursor)
  }
  return self
}

function below(records: ReadonlyMap<string, RemoteRecord>, parent: string): string[] {
  const children = [...records.values()].filter(({ value }) => value?.parent === parent).map(({ id }) => id)
  return [...children, ...children.flatMap(id => below(records, id))]
}

function remove(records: Map<string, RemoteRecord>, id: string): void {
  const { at: _, origin: _1, ...record } = records.get(id)!
  records.set(id, { ...record, value: null })
}

const startsWith = (key: RowKey, prefix: RowKey): boolean => prefix.every((part, at) => key[at] === part)

function compare(one: RowKey, other: RowKey): number {
  for (const [at, part] of one.entries()) {
    const against = other[at]
    if (against === undefined) return 1
    if (part === against) continue
    if (typeof part !== typeof against) return typeof part === 'number' ? -1 : 1
    return part < against ? -1 : 1
  }
  return one.length - other.length
}

/** Bytes as the engine hands them to a transport. */
export function bodyOf(content: string | Uint8Array): Body {
  const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  return { size: bytes.length, sha256, read: async (from, to) => bytes.slice(from, to) }
}

/** What a download brings, to its end. */
export async function allOf({ pieces }: { readonly pieces: AsyncIterable<Uint8Array> }): Promise<Uint8Array> {
  const all: Uint8Array[] = []
  for await (const piece of pieces) all.push(piece)
  return new Uint8Array(Buffer.concat(all))
}
