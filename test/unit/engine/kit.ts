/** A small remote in memory that keeps the transport contract, and a world whose clock the test moves. */
import { createHash } from 'node:crypto'
import { equal } from '../../../src/equal.ts'
import type { Base, Change, Json, Receipt, RemoteRecord, Value } from '../../../src/model.ts'
import type { Locks, Platform } from '../../../src/platform.ts'
import type { Io, Nudge, Page, Source, Transport } from '../../../src/transport.ts'

export const turns = async (count = 12): Promise<void> => {
  for (let at = 0; at < count; at++) await new Promise(resolve => setImmediate(resolve))
}

interface Timer {
  readonly at: number
  readonly fire: () => void
}

/** One context's way to the world: a tab that can be frozen. */
export interface Tab {
  readonly platform: Platform
  frozen: boolean
  /** Wakes it as a browser does when the network comes back. */
  wake(): void
}

export type World = ReturnType<typeof worldOf>

export function worldOf(start = 1_000_000_000_000) {
  let steady = 0
  let skew = 0
  let ids = 0
  const tabs: { readonly tab: Tab; readonly timers: Set<Timer> }[] = []
  const locks = locksOf()
  const fetched: string[] = []

  const world = {
    fetched,
    now: () => start + steady + skew,
    /** Sets the wall clock on or back, as a person or a time server does. */
    jump(ms: number) {
      skew += ms
    },
    uuid: () => `id-${String(++ids).padStart(5, '0')}`,

    /** Lets time pass, timer by timer. */
    async pass(ms: number): Promise<void> {
      const end = steady + ms
      await turns()
      for (;;) {
        const due = tabs
          .filter(({ tab }) => !tab.frozen)
          .flatMap(({ timers }) => [...timers].map(timer => ({ timer, timers })))
          .sort((one, other) => one.timer.at - other.timer.at)[0]
        if (due === undefined || due.timer.at > end) break
        steady = Math.max(steady, due.timer.at)
        due.timers.delete(due.timer)
        due.timer.fire()
        await turns()
      }
      steady = end
    },

    tab(): Tab {
      const timers = new Set<Timer>()
      const wakes = new Set<() => void>()
      const platform: Platform = {
        now: world.now,
        monotonic: () => steady,
        sleep: (ms, signal) =>
          new Promise((resolve, reject) => {
            if (signal?.aborted) return reject(signal.reason)
            const timer: Timer = {
              at: steady + Math.max(0, ms),
              fire() {
                signal?.removeEventListener('abort', stop)
                resolve()
              },
            }
            const stop = () => {
              timers.delete(timer)
              reject(signal?.reason)
            }
            timers.add(timer)
            signal?.addEventListener('abort', stop, { once: true })
          }),
        random: () => 0.5,
        uuid: world.uuid,
        digest: async bytes => createHash('sha256').update(bytes).digest('hex'),
        async hasher() {
          const hash = createHash('sha256')
          return { update: bytes => void hash.update(bytes), hex: () => hash.digest('hex') }
        },
        fetch: async request => {
          fetched.push(`${request.method} ${new URL(request.url).pathname}`)
          return new Response(null)
        },
        socket: () => ({ send() {}, close() {} }),
        locks,
        channel: () => ({ post() {}, listen: () => () => {}, close() {} }),
        wakes(hear) {
          wakes.add(hear)
          return () => wakes.delete(hear)
        },
      }
      const tab: Tab = {
        platform,
        frozen: false,
        wake: () => {
          for (const hear of wakes) hear()
        },
      }
      tabs.push({ tab, timers })
      return tab
    },
  }
  return world
}

function locksOf(): Locks {
  const held = new Map<string, { lost: AbortController; queue: (() => void)[] }>()
  return {
    everywhere: true,
    async hold(name, { signal, steal }, work) {
      const lost = new AbortController()
      const before = held.get(name)
      if (before !== undefined && !steal) {
        await new Promise<void>((resolve, reject) => {
          before.queue.push(resolve)
          signal.addEventListener('abort', () => {
            before.queue.splice(before.queue.indexOf(resolve), 1)
            reject(signal.reason)
          })
        })
      }
      before?.lost.abort()
      const mine = { lost, queue: before?.queue ?? [] }
      held.set(name, mine)
      try {
        await work(lost.signal)
      } finally {
        if (held.get(name) === mine) {
          held.delete(name)
          mine.queue.shift()?.()
        }
      }
    },
  }
}

export const notes = {
  copy: (_key, value, change) => ({ id: `${change.change}-copy`, value }),
} as const satisfies Source

/** Folders and files; a file has `sha`. */
export const tree = {
  parent: 'parent',
  name: 'name',
  folder: (value: Value) => value.kind === 'folder',
  body: 'sha',
  facets: { location: ['parent', 'name'], content: ['sha'] },
  copy: (_key, value, change, siblings) => {
    const name = [1, 2, 3].map(n => `${String(value.name)} copy ${n}`).find(one => !siblings.includes(one))
    return name === undefined ? undefined : { id: `${change.change}-copy`, value: { ...value, name } }
  },
} as const satisfies Source

export const folder = (name: string, parent = 'root'): Value => ({ kind: 'folder', name, parent })
export const file = (name: string, parent = 'root', sha = `sha of ${name}`): Value => ({
  kind: 'file',
  name,
  parent,
  sha,
})

export interface FakeOptions {
  readonly guard?: 'key' | 'version' | 'none'
  /** The name of the source. */
  readonly name?: string
  readonly source?: Source
  /** Rows say whose change they are. Default true. */
  readonly origins?: boolean
  /** Rows say when they were written. Default false. */
  readonly times?: boolean
  readonly orders?: boolean
  /** Records on a page. Default 100. */
  readonly page?: number
  readonly most?: number
  /** Conflicts say what the remote has. Default true. */
  readonly shows?: boolean
  /** The id that the remote gives to a new record. */
  readonly rename?: (id: string) => string
}

/** The listing is at this id; the log goes on from the head that it began with. */
interface Walk {
  readonly after: string
  readonly head: number
}

export type Fake = ReturnType<typeof fakeOf>

export function fakeOf(options: FakeOptions = {}) {
  const { guard = 'version', name = 'notes', source = notes, origins = true, page = 100, shows = true } = options
  const rows = new Map<string, RemoteRecord>()
  const log: RemoteRecord[] = []
  const sent: Change[][] = []
  const pulled: (Json | undefined)[] = []
  const landed: Json[] = []
  const heard: ((nudge: Nudge) => void)[] = []
  let version = 0
  /** New ids: by device and the id that it knows, and by the change that made the record. */
  const names = new Map<string, string>()
  const made = new Map<string, string>()

  const remote = {
    rows,
    log,
    /** What each `send` brought. */
    sent,
    /** The cursors that were pulled from. */
    pulled,
    landed,
    joins: 0,
    /** The cursor reaches back to here. */
    floor: 0,
    /** Thrown by the next pulls, and by the next sends before they do anything; gone with use. */
    failPulls: [] as Error[],
    failSends: [] as Error[],
    failJoins: [] as Error[],
    /** So many sends take effect and their answers are lost. */
    lose: 0,
    /** Runs while a send is under way, before it takes effect. */
    meanwhile: undefined as ((changes: readonly Change[]) => unknown) | undefined,
    /** Runs after it took effect and before the answer is there. */
    afterwards: undefined as (() => unknown) | undefined,
    /** Runs while a page is being fetched. */
    whilePulling: undefined as (() => unknown) | undefined,
    /** The receipt of a change, instead of the usual. */
    answer: undefined as ((change: Change) => Receipt | undefined) | undefined,
    /** Each page before it is given. */
    spoil: undefined as ((page: Page) => Page) | undefined,

    /** Somebody else writes, or deletes with `null`. */
    put(id: string, value: Value | null, more: Partial<RemoteRecord> = {}): RemoteRecord {
      return write({ collection: name, id, value, version: ++version, ...more })
    },
    /** A folder goes, with all that is in it, and one row says so. */
    deleteTree(id: string, more: Partial<RemoteRecord> = {}): void {
      const gone = [id]
      for (const up of gone) for (const [below, row] of rows) if (row.value?.parent === up) gone.push(below)
      for (const below of gone) rows.delete(below)
      write({ collection: name, id, value: null, version: ++version, subtree: true, ...more })
    },
    /** Shows a row once more, as a feed that repeats itself. */
    repeat(row: RemoteRecord): void {
      log.push(row)
    },
    /** What is live, by id. */
    values: (): { [id: string]: Value } =>
      Object.fromEntries([...rows].filter(([, row]) => row.value !== null).map(([id, row]) => [id, row.value!])),
    nudge(nudge: Nudge = 'changed') {
      for (const hear of heard) hear(nudge)
    },
    transport: undefined as unknown as Transport,
  }

  function write(row: RemoteRecord): RemoteRecord {
    const full = { ...row, ...(options.orders && row.order === undefined && { order: Number(row.version) }) }
    rows.set(row.id, full)
    log.push(full)
    return full
  }

  function take(change: Change): Receipt {
    const anew = options.rename !== undefined && change.base === null
    const id = anew ? (made.get(change.change) ?? options.rename!(change.id)) : nameOf(change, change.id)
    made.set(change.change, id)
    const present = rows.get(id)
    if (guard === 'key' && present?.origin === change.change) {
      return { change: change.change, state: 'accepted', version: present.version }
    }
    if (guard !== 'none' && !equal(versionOf(present), versionOf(change.base))) {
      return { change: change.change, state: 'conflict', ...(shows && present && { remote: present }) }
    }
    const { parent } = change.value ?? {}
    const up = typeof parent === 'string' ? nameOf(change, parent) : undefined
    if (up !== undefined && up !== 'root' && rows.get(up)?.value == null) {
      return { change: change.change, state: 'conflict' }
    }
    const value = up === undefined ? change.value : { ...change.value, parent: up }
    if (anew) names.set(`${change.at.device}/${change.id}`, id)
    const row = write({
      collection: name,
      id,
      value,
      version: ++version,
      ...(origins && { origin: change.change }),
      ...(options.times && { at: change.at }),
    })
    return { change: change.change, state: 'accepted', version: row.version, ...(id !== change.id && { id }) }
  }

  const nameOf = ({ at }: Change, id: string): string => names.get(`${at.device}/${id}`) ?? id

  async function* pages(from: Json | undefined, io: Io): AsyncIterable<Page> {
    pulled.push(from)
    const failure = remote.failPulls.shift()
    if (failure !== undefined) throw failure
    const give = (one: Page) => remote.spoil?.(one) ?? one
    let at = typeof from === 'number' ? from : undefined
    if (at === undefined) {
      let walk = (from as unknown as Walk | undefined) ?? { after: '', head: log.length }
      at = walk.head
      for (let last = false; !last; ) {
        await io.fetch('https://fake.test/list')
        await remote.whilePulling?.()
        const live = [...rows.values()].filter(row => row.value !== null && row.id > walk.after)
        const records = live.sort((one, other) => (one.id < other.id ? -1 : 1)).slice(0, page)
        last = records.length === live.length
        walk = { after: records.at(-1)?.id ?? '', head: at }
        yield give({
          records,
          snapshot: true,
          cursor: last ? at : { ...walk },
          ...(last && { complete: [{ source: name }] }),
        })
      }
    }
    for (let end = false; !end; ) {
      await io.fetch('https://fake.test/changes')
      await remote.whilePulling?.()
      const records = log.slice(at, at + page)
      at += records.length
      end = at >= log.length
      yield give({ records, cursor: at })
    }
  }

  remote.transport = {
    name: 'fake',
    sources: { [name]: source },
    pull: {
      pages,
      async landed(cursor) {
        landed.push(cursor)
      },
    },
    push: {
      most: options.most ?? 100,
      guard,
      async send(changes, io) {
        await io.fetch('https://fake.test/send', { method: 'POST' })
        sent.push([...changes])
        const failure = remote.failSends.shift()
        if (failure !== undefined) throw failure
        await remote.meanwhile?.(changes)
        const receipts = changes.map(change => remote.answer?.(change) ?? take(change))
        await remote.afterwards?.()
        if (remote.lose > 0) {
          remote.lose--
          const { SyncError } = await import('../../../src/errors.ts')
          throw new SyncError('network', 'The answer was lost.')
        }
        return { receipts }
      },
    },
    nudges: {
      listen: (hear, io) =>
        new Promise((_, reject) => {
          heard.push(hear)
          io.signal.addEventListener('abort', () => reject(io.signal.reason), { once: true })
        }),
    },
    async join() {
      remote.joins++
      const failure = remote.failJoins.shift()
      if (failure !== undefined) throw failure
    },
  }
  return remote
}

const versionOf = (base: Base | null | undefined): Json => (base?.value == null ? null : base.version)
