/**
 * A store in memory: for tests, for scripts, and where nothing durable is to be had. A `MemoryDisk` outlives the stores
 * on it, so that several contexts, a crash and a reopening can be played. Everything settles in microtasks.
 */
import type { Scope, Shape, Store, StoreDriver, Writer } from '../store.ts'
import { checkedReader, checkedWriter, checkNames } from './shared/checked.ts'
import {
  checkSameShape,
  checkShape,
  closedStore,
  everything,
  indexesLeft,
  indexesOf,
  migrationsFrom,
  newerStore,
  scopeNames,
} from './shared/shape.ts'
import { type Tables, tablesWriter, takeBack, type Undo } from './shared/tables.ts'
import { type Listeners, listeners, touchLog } from './shared/touches.ts'
import { all, type Turns, turns } from './shared/turns.ts'

export interface MemoryDisk {
  readonly id: string
  /**
   * All contexts die at once: what was not committed is gone, their promises never settle and their stores stay dead.
   * `lose` takes the newest relaxed commits away too, as a power cut may: never one that a strict commit followed.
   */
  crash(lose?: number): void
  /** For the stores on it. */
  readonly contents: { readonly databases: Map<string, Database>; life: Life }
}

interface Database {
  version: number
  collections: Shape['collections']
  readonly tables: Tables
  /** How to take back the newest relaxed commits that no strict one followed. */
  relaxed: readonly Undo[]
}

/** What dies in a crash. */
interface Life {
  over: boolean
  readonly unfinished: Set<Undo>
  readonly turns: Map<string, Turns>
  readonly watchers: Map<string, Listeners>
}

/** More relaxed commits than this are never lost. */
const mostLost = 100

/** `id` is part of the names of the stores on it; a random one by default. */
export function memoryDisk(id: string = crypto.randomUUID()): MemoryDisk {
  const contents = { databases: new Map<string, Database>(), life: newLife() }
  return {
    id,
    contents,
    crash: (lose = 0) => {
      contents.life.over = true
      for (const undo of contents.life.unfinished) takeBack(undo)
      for (const database of contents.databases.values()) {
        if (lose > 0) for (const undo of database.relaxed.slice(-lose).reverse()) takeBack(undo)
        database.relaxed = []
      }
      contents.life = newLife()
    },
  }
}

/** The same name on the same disk is the same data. Without `disk` the store is alone. */
export function memory(name = 'memory', { disk = memoryDisk() }: { disk?: MemoryDisk } = {}): StoreDriver {
  return { name: `${disk.id}/${name}`, open: shape => openMemory(name, disk, shape) }
}

async function openMemory(name: string, { contents }: MemoryDisk, shape: Shape): Promise<Store> {
  checkShape(shape)
  const { life } = contents
  const lanes = once(life.turns, name, turns)
  const watchers = once(life.watchers, name, listeners)
  const database = once(contents.databases, name, newDatabase)
  const newer = () => database.version > shape.version
  const indexes: ReturnType<typeof indexesOf> = name =>
    newer() ? indexesLeft(database.collections, shape, database.version)(name) : indexesOf(shape)(name)
  const stops = new Set<() => void>()
  const running = new Set<Promise<unknown>>()
  let closed = false

  /** Runs `work` in its turn; what it leaves in `undo` is taken back if it throws. */
  async function transaction<T>(
    names: readonly string[],
    write: boolean,
    work: (raw: Writer, ended: () => boolean, undo: Undo) => Promise<T>,
  ): Promise<T> {
    const leave = await lanes.take(names, write)
    if (life.over) return never()
    const undo: Undo = []
    let ended = false
    life.unfinished.add(undo)
    try {
      const raw = tablesWriter(database.tables, undo, async act => (life.over ? never() : act()))
      const result = await work(raw, () => ended, undo)
      return life.over ? never() : result
    } catch (error) {
      if (life.over) return never()
      takeBack(undo)
      throw error
    } finally {
      ended = true
      life.unfinished.delete(undo)
      leave()
    }
  }

  function begin<T>(scope: Scope, write: boolean, work: Parameters<typeof transaction<T>>[2]): Promise<T> {
    if (closed) return Promise.reject(closedStore())
    const result = transaction(scopeNames(scope), write, async (...tools) => {
      if (write && newer()) throw newerStore(database.version, shape.version)
      checkNames(scope, indexes)
      return work(...tools)
    })
    const settled = result.catch(() => {}) // the caller has the error
    running.add(settled)
    void settled.then(() => running.delete(settled))
    return result
  }

  await transaction([all], true, (raw, ended, undo) => upgrade(database, shape, raw, ended, undo))
  return {
    durable: false,
    newer,
    read: (scope, work) => begin(scope, false, (raw, ended) => work(checkedReader(raw, { scope, indexes, ended }))),
    write: (scope, work, { durability = 'strict' } = {}) =>
      begin(scope, true, async (raw, ended, undo) => {
        const touches = touchLog()
        const result = await work(checkedWriter(raw, { scope, indexes, ended }, touches))
        if (life.over) return never()
        database.relaxed = durability === 'strict' ? [] : [...database.relaxed, [...undo]].slice(-mostLost)
        if (touches.list().length > 0) watchers.tell(touches.list())
        return result
      }),
    watch: listener => {
      const stop = watchers.add(listener)
      stops.add(stop)
      return stop
    },
    close: async () => {
      closed = true
      for (const stop of stops) stop()
      await Promise.all(running)
    },
  }
}

async function upgrade(database: Database, shape: Shape, raw: Writer, ended: () => boolean, undo: Undo): Promise<void> {
  const { version, collections } = database
  if (version > shape.version) return
  if (version === shape.version) return checkSameShape(collections, shape)
  undo.push(() => Object.assign(database, { version, collections }))
  Object.assign(database, { version: shape.version, collections: { ...collections, ...shape.collections } })
  if (version === 0) return
  const scope = everything(database.collections)
  const writer = checkedWriter(raw, { scope, indexes: indexesOf(shape), ended }, touchLog())
  for (const migrate of migrationsFrom(version, shape)) await migrate(writer, scope.records)
}

function once<Thing>(things: Map<string, Thing>, name: string, make: () => Thing): Thing {
  const thing = things.get(name) ?? make()
  things.set(name, thing)
  return thing
}

function newDatabase(): Database {
  return { version: 0, collections: {}, tables: new Map(), relaxed: [] }
}

function newLife(): Life {
  return { over: false, unfinished: new Set(), turns: new Map(), watchers: new Map() }
}

/** Code of a dead context does not go on. */
function never(): Promise<never> {
  return new Promise(() => {})
}
