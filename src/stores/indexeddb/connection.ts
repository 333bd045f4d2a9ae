/**
 * The connection to a database: opened with patience, dropped when it is lost or in the way of an upgrade, opened again
 * when it is next needed. Nothing is ever deleted here.
 */
import { wrap } from 'idb'
import { asSyncError, SyncError } from '../../errors.ts'
import type { Platform } from '../../platform.ts'
import type { Shape } from '../../store.ts'
import { checkedWriter } from '../shared/checked.ts'
import { checkSameShape, everything, indexesOf, migrationsFrom, mostVersions, newerStore } from '../shared/shape.ts'
import { touchLog } from '../shared/touches.ts'
import { idbError } from './errors.ts'
import { lawful } from './lawful.ts'
import type { Layout } from './layout.ts'

export interface Database {
  readonly name: string
  readonly factory: IDBFactory
  readonly ranges: typeof IDBKeyRange
  readonly layout: Layout
  readonly shape: Shape
  readonly platform: Platform
  /** Called when newer code upgrades the database: what was read of it may be otherwise now. */
  upgraded(): void
}

export interface Connection {
  readonly idb: IDBDatabase
  /** The version and the collections of a database that newer code has upgraded: it is only read. */
  readonly newer: { readonly version: number; readonly collections: Shape['collections'] } | undefined
  /** Resolves when the browser has closed it by itself. */
  readonly gone: Promise<void>
  isGone(): boolean
  /** Closes it; whoever needs one next opens another. */
  drop(): void
}

export interface Connections {
  /** The one that is open, or a new one. */
  take(): Promise<Connection>
  close(): Promise<void>
}

/** For an answer to `open`, in milliseconds. Twice: the first one after a start of the browser may get none. */
const patience = 10_000

export function connections(database: Database): Connections {
  let current: { readonly connection: Promise<Connection> } | undefined

  function start(): { readonly connection: Promise<Connection> } {
    const slot = {
      connection: connect(database, () => {
        if (current === slot) current = undefined
      }),
    }
    return slot
  }

  return {
    take: () => {
      current ??= start()
      return current.connection
    },
    close: async () => {
      const open = await current?.connection.catch(() => undefined) // its failure is known to whoever took it
      open?.drop()
    },
  }
}

async function connect(database: Database, forget: () => void): Promise<Connection> {
  let idb: IDBDatabase
  try {
    idb = await open(database)
  } catch (error) {
    forget()
    throw error
  }
  const { layout, shape } = database
  const version = idb.version % mostVersions
  const newer = version > shape.version ? { version, collections: layout.collections(idb) } : undefined
  let gone = false
  const closed = new Promise<void>(resolve => {
    idb.addEventListener('close', () => {
      gone = true
      forget()
      resolve()
    })
  })
  const drop = () => {
    forget()
    idb.close()
  }
  // Transactions that have begun come to their end: the upgrade elsewhere waits for them, and for nothing more.
  idb.addEventListener('versionchange', ({ newVersion }) => {
    drop()
    if (newVersion !== null) database.upgraded()
  })
  return { idb, newer, gone: closed, isGone: () => gone, drop }
}

async function open(database: Database): Promise<IDBDatabase> {
  const { layout, shape } = database
  try {
    return checked(await answerOf(database, layout.format * mostVersions + shape.version), database)
  } catch (error) {
    if (asSyncError(error).code !== 'storage-newer') throw error
    return checked(await answerOf(database, undefined), database)
  }
}

/** Without a version whatever is there, to be read. */
async function answerOf(database: Database, version: number | undefined): Promise<IDBDatabase> {
  let opening: Opening | undefined
  for (let attempt = 0; attempt < 2; attempt++) {
    opening ??= ask(database, version)
    const idb = await within(database.platform, patience, opening)
    if (idb) return idb
    if (opening.state() === 'silent') {
      opening.abandon()
      opening = undefined
    }
  }
  opening?.abandon()
  throw opening
    ? new SyncError('storage-unavailable', 'Another tab keeps the older version of the store open: close it.', {
        details: { reason: 'blocked' },
      })
    : new SyncError('storage-unavailable', 'The browser does not answer: load the page again.', {
        details: { reason: 'silent' },
      })
}

interface Opening {
  readonly opened: Promise<IDBDatabase>
  state(): 'silent' | 'blocked' | 'upgrading'
  /** What comes of it after all is closed at once. */
  abandon(): void
}

function ask(database: Database, version: number | undefined): Opening {
  const { factory, name } = database
  let state: ReturnType<Opening['state']> = 'silent'
  let abandoned = false
  let failure: unknown
  const request = asked(() => (version === undefined ? factory.open(name) : factory.open(name, version)))
  request.addEventListener('blocked', () => {
    state = 'blocked'
  })
  request.addEventListener('upgradeneeded', event => {
    const transaction = request.transaction!
    // Without a version nothing is made where nothing is.
    if (abandoned || version === undefined) return transaction.abort()
    state = 'upgrading'
    upgrade(database, request.result, transaction, event.oldVersion).catch(error => {
      failure = error
      abort(transaction)
    })
  })
  const opened = wrap(request).then(
    () => {
      const idb = request.result
      if (!abandoned && failure === undefined) return idb
      idb.close()
      throw failure ?? new SyncError('aborted', 'Nobody waits for this connection any more.')
    },
    error => {
      throw failure ?? idbError(error)
    },
  )
  opened.catch(() => {}) // an abandoned one has nobody to tell
  return {
    opened,
    state: () => state,
    abandon: () => {
      abandoned = true
    },
  }
}

/** A site that may keep nothing is refused at once. */
function asked<Request>(ask: () => Request): Request {
  try {
    return ask()
  } catch (error) {
    throw idbError(error)
  }
}

/** Nothing when the time is over; but an upgrade that has begun may take as long as it needs. */
async function within(platform: Platform, ms: number, opening: Opening): Promise<IDBDatabase | undefined> {
  const enough = new AbortController()
  const late = platform.sleep(ms, enough.signal).then(() => undefined)
  late.catch(() => {}) // the answer was there first
  try {
    const idb = await Promise.race([opening.opened, late])
    return idb ?? (opening.state() === 'upgrading' ? await opening.opened : undefined)
  } finally {
    enough.abort()
  }
}

async function upgrade(database: Database, idb: IDBDatabase, transaction: IDBTransaction, from: number): Promise<void> {
  const { layout, shape, ranges } = database
  const version = from % mostVersions
  if (version > shape.version) throw newerStore(version, shape.version)
  layout.build(idb, transaction, shape)
  if (version === 0) return
  await lawful(transaction, layout.writer(transaction, ranges), async raw => {
    const collections = layout.collections(idb, transaction)
    const scope = everything(collections)
    const terms = { scope, indexes: indexesOf({ ...shape, collections }), ended: () => false }
    const writer = checkedWriter(raw, terms, touchLog())
    for (const migrate of migrationsFrom(version, shape)) await migrate(writer, scope.records)
  })
}

/** Two schemas under one version: said before anything is asked of it. */
function checked(idb: IDBDatabase, { layout, shape }: Database): IDBDatabase {
  const format = Math.floor(idb.version / mostVersions)
  try {
    if (format > layout.format) throw newerStore(`in format ${format}`, layout.format)
    if (idb.version % mostVersions <= shape.version) checkSameShape(layout.collections(idb), shape)
    return idb
  } catch (error) {
    idb.close()
    throw idbError(error)
  }
}

/** Does nothing to one that has ended. */
export function abort(transaction: IDBTransaction): void {
  try {
    transaction.abort()
  } catch {
    // It has: there is nothing left to take back.
  }
}
