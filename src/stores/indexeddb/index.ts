/**
 * The durable store of browsers. A commit is acknowledged on `complete`, never earlier. A connection that is lost is
 * opened again and the whole work runs again: what was not committed has left nothing behind.
 */
import { SyncError } from '../../errors.ts'
import type { Channel, Platform } from '../../platform.ts'
import type { Scope, Shape, Store, StoreDriver, Writer } from '../../store.ts'
import { checkedReader, checkedWriter, checkNames, ended } from '../shared/checked.ts'
import { checkShape, closedStore, indexesLeft, indexesOf, newerStore } from '../shared/shape.ts'
import { type Listeners, listeners, touchedIn, touchLog } from '../shared/touches.ts'
import { abort, type Connection, type Connections, connections, type Database } from './connection.ts'
import { idbError, isLost, isMissing } from './errors.ts'
import { lawful } from './lawful.ts'
import { beginNewLog } from './new-log.ts'
import { plainRows } from './plain-rows.ts'

export interface IndexedDbOptions {
  /** In place of the browser's. */
  readonly factory?: IDBFactory
  readonly keyRange?: typeof IDBKeyRange
  /** Where commits are told to the other contexts, in place of the platform's channels. */
  readonly channel?: (name: string) => Channel
  /**
   * Opened in its place where there is no IndexedDB, or it does not answer, as in some private windows: `memory()`. The
   * status says that nothing is durable then. Without it `open` fails.
   */
  readonly otherwise?: StoreDriver
}

/** How often lost connections are replaced before a transaction gives up, and the first pause in milliseconds. */
const mostTries = 5
const firstPause = 50

/** `name` is the database's. Where there is no IndexedDB, `open` fails with 'unsupported', or opens `otherwise`. */
export function indexeddb(name: string, options: IndexedDbOptions = {}): StoreDriver {
  return {
    name,
    async open(shape, platform) {
      try {
        return await openIndexedDb(name, options, shape, platform)
      } catch (error) {
        const { otherwise } = options
        if (otherwise === undefined || !isMissing(error)) throw error
        return { ...(await otherwise.open(shape, platform)), name: otherwise.name }
      }
    },
  }
}

async function openIndexedDb(
  name: string,
  options: IndexedDbOptions,
  shape: Shape,
  platform: Platform,
): Promise<Store> {
  checkShape(shape)
  const factory = options.factory ?? ownFactory()
  const ranges = options.keyRange ?? globalThis.IDBKeyRange
  if (!factory || !ranges) throw new SyncError('unsupported', 'There is no IndexedDB here: use another store.')
  const heard = listeners()
  const upgraded = () => heard.tell([{}])
  const database: Database = { name, factory, ranges, layout: plainRows, shape, platform, upgraded }
  const open = connections(database)
  if (options.factory === undefined) await beginNewLog(platform)
  const newer = await connected(open, platform, async connection => connection.newer !== undefined)
  const channelName = `tidemark/store/${name}`
  const channel = options.channel ? options.channel(channelName) : platform.channel(channelName)
  return storeOf(database, open, channel, heard, newer)
}

/** Some browsers throw where a site may keep nothing. */
function ownFactory(): IDBFactory | undefined {
  try {
    return globalThis.indexedDB
  } catch {
    return undefined
  }
}

function storeOf(
  database: Database,
  open: Connections,
  channel: Channel,
  heard: Listeners,
  newerAtFirst: boolean,
): Store {
  const { shape, platform } = database
  let newer = newerAtFirst
  let indexes = indexesOf(shape)
  const stopHearing = channel.listen(message => heard.tell(touchedIn(message)))
  const running = new Set<Promise<unknown>>()
  let closing: Promise<void> | undefined

  function begin<T>(scope: Scope, mode: Mode, work: (raw: Writer, ended: () => boolean) => Promise<T>): Promise<T> {
    if (closing) return Promise.reject(closedStore())
    const result = connected(open, platform, async connection => {
      newer = connection.newer !== undefined
      indexes = connection.newer
        ? indexesLeft(connection.newer.collections, shape, connection.newer.version)
        : indexesOf(shape)
      if (connection.newer && mode !== 'readonly') throw newerStore(connection.newer.version, shape.version)
      checkNames(scope, indexes)
      return transact(database, connection, scope, mode, work)
    })
    const settled = result.catch(() => {}) // the caller has the error
    running.add(settled)
    void settled.then(() => running.delete(settled))
    return result
  }

  return {
    durable: true,
    evictable: true,
    newer: () => newer,
    read: (scope, work) =>
      begin(scope, 'readonly', (raw, ended) => work(checkedReader(raw, { scope, indexes, ended }))),
    write: async (scope, work, { durability = 'strict' } = {}) => {
      let touches = touchLog()
      const result = await begin(scope, durability, (raw, ended) => {
        touches = touchLog()
        return work(checkedWriter(raw, { scope, indexes, ended }, touches))
      })
      const touched = touches.list()
      if (touched.length > 0) {
        heard.tell(touched)
        channel.post(touched)
      }
      return result
    },
    watch: heard.add,
    close: () => {
      closing ??= (async () => {
        await Promise.all(running)
        heard.clear()
        stopHearing()
        channel.close()
        await open.close()
      })()
      return closing
    },
  }
}

/** Does `act` with a connection, and again with another one while connections are lost. */
async function connected<T>(
  open: Connections,
  platform: Platform,
  act: (connection: Connection) => Promise<T>,
): Promise<T> {
  for (let tries = 0; ; tries++) {
    let connection: Connection | undefined
    try {
      connection = await open.take()
      return await act(connection)
    } catch (error) {
      // The `close` event comes after the aborts that it explains.
      if (error instanceof SyncError && error.code === 'storage-unavailable') await platform.sleep(0)
      if (!isLost(error) && !connection?.isGone()) throw error
      connection?.drop()
      if (tries === mostTries) throw error
      await platform.sleep(firstPause * 2 ** tries)
    }
  }
}

type Mode = 'readonly' | 'strict' | 'relaxed'

async function transact<T>(
  { layout, ranges }: Database,
  connection: Connection,
  scope: Scope,
  mode: Mode,
  work: (raw: Writer, ended: () => boolean) => Promise<T>,
): Promise<T> {
  const transaction = begun(connection, layout.stores(scope), mode)
  const { state, settled } = endOf(transaction, connection)
  let done = false
  try {
    const raw = layout.writer(transaction, ranges)
    const result = await lawful(transaction, raw, raw => work(raw, () => done || state() === 'complete'))
    done = true
    if (state() === 'complete') throw ended()
    if (mode === 'readonly') return result
    commit(transaction)
    await settled
    if (state() === 'complete') return result
    throw new SyncError('storage-unavailable', 'The browser took the transaction back.')
  } catch (error) {
    done = true
    if (state() === 'complete') throw ended(error)
    abort(transaction)
    await settled
    throw transaction.error ? idbError(transaction.error) : error
  }
}

function begun({ idb }: Connection, stores: string[], mode: Mode): IDBTransaction {
  try {
    if (mode === 'readonly') return idb.transaction(stores)
    return idb.transaction(stores, 'readwrite', { durability: mode })
  } catch (error) {
    throw idbError(error)
  }
}

function endOf(transaction: IDBTransaction, { gone }: Connection) {
  let state: 'open' | 'complete' | 'aborted' = 'open'
  const ended = new Promise<void>(resolve => {
    const becomes = (final: typeof state) => () => {
      state = final
      resolve()
    }
    transaction.addEventListener('complete', becomes('complete'))
    transaction.addEventListener('abort', becomes('aborted'))
  })
  // A lost connection may fire neither.
  return { state: () => state, settled: Promise.race([ended, gone]) }
}

/** It would commit by itself, a little later. */
function commit(transaction: IDBTransaction): void {
  try {
    transaction.commit()
  } catch {
    // It has been aborted: `settled` tells.
  }
}
