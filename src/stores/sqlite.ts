/**
 * The durable store of Node, on `node:sqlite`: one file for any number of handles, threads and processes. SQLite is
 * synchronous and `work` awaits nothing foreign, so that a transaction begins and ends within one turn of the event loop.
 */
import { SyncError } from '../errors.ts'
import type { Locks, Platform } from '../platform.ts'
import type { Scope, Shape, Store, StoreDriver, Writer } from '../store.ts'
import { checkedReader, checkedWriter, checkNames, ended as endedError } from './shared/checked.ts'
import { countCommit, type Run, setState, state, watching } from './shared/commits.ts'
import { fileLocks } from './shared/lock-file.ts'
import {
  checkSameShape,
  checkShape,
  closedStore,
  everything,
  indexesLeft,
  indexesOf,
  migrationsFrom,
  mostVersions,
  newerStore,
} from './shared/shape.ts'
import {
  createCollection,
  createIndex,
  createTables,
  dropIndex,
  isBusy,
  type Sql,
  sqliteError,
  sqlOf,
  sqlWriter,
} from './shared/sql.ts'
import { touchLog } from './shared/touches.ts'
import { all, turns } from './shared/turns.ts'

/** How the tables are laid out. Kept in the file with the app's version: format * mostVersions + version. */
const format = 1
/** For a lock that somebody else holds, in milliseconds. */
const patience = 10_000
/** Often: another process that writes without a rest leaves gaps of microseconds only. In milliseconds. */
const tryEvery = 2

/** Needs Node 22.13; elsewhere `open` fails with 'unsupported'. Relative paths are relative to the working folder. */
export function sqlite(file: string): StoreDriver {
  const path = builtin('node:path')?.resolve(file) ?? file
  return { name: path, open: (shape, platform) => openSqlite(path, shape, platform) }
}

async function openSqlite(path: string, shape: Shape, platform: Platform): Promise<Store> {
  checkShape(shape)
  const sql = await connect(path, platform)
  try {
    const run = transactions(sql, platform)
    const collections = await run(true, 'strict', ended => upgrade(sql, shape, ended))
    return storeOf(path, sql, run, shape, collections, platform)
  } catch (error) {
    sql.close()
    throw error
  }
}

function storeOf(
  path: string,
  sql: Sql,
  run: Run,
  shape: Shape,
  collections: Shape['collections'],
  platform: Platform,
): Store {
  const raw = sqlWriter(sql, collections)
  let version = versionOf(sql)
  let indexes = indexesIn(sql, shape, version)
  const news = watching(path, sql, run, platform)
  const open = new Set<Promise<unknown>>()
  let closing: Promise<void> | undefined

  function begin<T>(
    write: boolean,
    scope: Scope,
    durability: 'strict' | 'relaxed',
    work: (ended: () => boolean) => Promise<T>,
  ) {
    if (closing) return Promise.reject(closedStore())
    const result = run(write, durability, async ended => {
      const found = versionOf(sql)
      if (found !== version) indexes = indexesIn(sql, shape, found)
      version = found
      if (write && version > shape.version) throw newerStore(version, shape.version)
      checkNames(scope, indexes)
      return work(ended)
    })
    const settled = result.catch(() => {}) // the caller has the error
    open.add(settled)
    void settled.then(() => open.delete(settled))
    return result
  }

  return {
    durable: true,
    newer: () => version > shape.version,
    locks: lockBeside(path, platform),
    ...placeOf(path),
    read: (scope, work) => begin(false, scope, 'strict', ended => work(checkedReader(raw, { scope, indexes, ended }))),
    write: async (scope, work, { durability = 'strict' } = {}) => {
      const touches = touchLog()
      let commit = 0
      const result = await begin(true, scope, durability, async ended => {
        const done = await work(checkedWriter(raw, { scope, indexes, ended }, touches))
        if (touches.list().length > 0) commit = countCommit(sql)
        return done
      })
      if (commit > 0) news.committed(commit, touches.list())
      return result
    },
    watch: news.watch,
    close: () => {
      closing ??= (async () => {
        await Promise.all(open)
        await news.close()
        sql.close()
      })()
      return closing
    },
  }
}

/** One after the other on one connection: what is under way there is seen by nobody else there. */
function transactions(sql: Sql, platform: Platform): Run {
  const lane = turns()
  let synchronous = ''
  return async (write, durability, work) => {
    const leave = await lane.take([all], true)
    let ended = false
    try {
      const wanted = durability === 'strict' ? 'FULL' : 'NORMAL'
      if (write && wanted !== synchronous) sql.run(`PRAGMA synchronous = ${wanted}`)
      if (write) synchronous = wanted
      await patiently(platform, () => sql.run(write ? 'BEGIN IMMEDIATE' : 'BEGIN'))
      try {
        const result = await withinThisTurn(work(() => ended))
        sql.run('COMMIT')
        return result
      } catch (error) {
        rollBack(sql)
        throw error
      }
    } finally {
      ended = true
      leave()
    }
  }
}

/** What awaits only us has settled before the event loop turns. Whoever awaits more would hold the lock of all others. */
function withinThisTurn<T>(running: Promise<T>): Promise<T> {
  let turn: NodeJS.Immediate
  const turned = new Promise<never>((_, reject) => {
    turn = setImmediate(() => reject(endedError()))
  })
  return Promise.race([running, turned]).finally(() => clearImmediate(turn))
}

function rollBack(sql: Sql): void {
  try {
    sql.run('ROLLBACK')
  } catch {
    // A full disk or an I/O error has rolled back already; the error that led here says so.
  }
}

async function connect(path: string, platform: Platform): Promise<Sql> {
  const library = builtin('node:sqlite')
  if (!library) throw new SyncError('unsupported', 'There is no node:sqlite here: use Node 22.13 or newer.')
  return patiently(platform, () => {
    let sql: Sql | undefined
    try {
      sql = sqlOf(new library.DatabaseSync(path))
      sql.get('PRAGMA journal_mode = WAL')
      sql.run('PRAGMA cache_size = -16000') // kibibytes: random ids touch many pages
      return sql
    } catch (error) {
      sql?.close()
      throw sqliteError(error)
    }
  })
}

/** Tries again while somebody else holds the lock. Never by SQLite's own timeout: that would stop the event loop. */
async function patiently<T>(platform: Platform, act: () => T): Promise<T> {
  for (let waited = 0; ; waited += tryEvery) {
    try {
      return act()
    } catch (error) {
      if (!isBusy(error) || waited > patience) throw error
      await platform.sleep(tryEvery * (0.5 + platform.random() / 2))
    }
  }
}

/** Brings the tables to the shape, in one transaction with the migrations; gives the collections that there are. */
async function upgrade(sql: Sql, shape: Shape, ended: () => boolean): Promise<Shape['collections']> {
  const version = versionOf(sql)
  const before = version === 0 ? {} : collectionsIn(sql)
  if (version > shape.version) return before
  if (version === shape.version) {
    checkSameShape(before, shape)
    return before
  }
  if (version === 0) createTables(sql)
  const collections = { ...before, ...shape.collections }
  for (const [name, { index }] of Object.entries(shape.collections)) {
    const old = Object.hasOwn(before, name) ? before[name]!.index : undefined
    if (!old) createCollection(sql, name)
    for (const field of old ?? []) if (!index.includes(field)) dropIndex(sql, name, field)
    for (const field of new Set(index)) if (!old?.includes(field)) createIndex(sql, name, field)
  }
  setState(sql, 'collections', JSON.stringify(collections))
  if (version === 0) setState(sql, 'commits', 0)
  sql.run(`PRAGMA user_version = ${format * mostVersions + shape.version}`)
  if (version === 0) return collections
  const scope = everything(collections)
  const raw = sqlWriter(sql, collections)
  const writer: Writer = checkedWriter(raw, { scope, indexes: indexesOf({ ...shape, collections }), ended }, touchLog())
  for (const migrate of migrationsFrom(version, shape)) await migrate(writer, scope.records)
  countCommit(sql)
  return collections
}

/** Of the app, 0 for a new file. Throws 'storage-newer' where the tables are of a later format. */
function versionOf(sql: Sql): number {
  const found = sql.get('PRAGMA user_version')!.user_version as number
  if (found >= (format + 1) * mostVersions) throw newerStore(`in format ${Math.floor(found / mostVersions)}`, format)
  return found % mostVersions
}

function collectionsIn(sql: Sql): Shape['collections'] {
  return JSON.parse(state(sql, 'collections') as string) as Shape['collections']
}

function indexesIn(sql: Sql, shape: Shape, version: number): ReturnType<typeof indexesOf> {
  return version > shape.version ? indexesLeft(collectionsIn(sql), shape, version) : indexesOf(shape)
}

/** In `<file>-lead`, which holds nothing. */
function lockBeside(path: string, platform: Platform): Locks {
  const [sqlite, fs] = [builtin('node:sqlite')!, builtin('node:fs')!]
  const file = `${path}-lead`
  const remove = () => {
    try {
      fs.rmSync(file, { force: true })
      return true
    } catch {
      return false
    }
  }
  return fileLocks({ open: () => sqlOf(new sqlite.DatabaseSync(file)), remove }, platform)
}

/** A copy is another file. (When a file was made is no help: some systems tell the time of its last change instead.) */
function placeOf(path: string): { place?: string } {
  const { ino } = builtin('node:fs')!.statSync(path, { bigint: true })
  return ino === 0n ? {} : { place: String(ino) }
}

/** Not an import: a bundler for the browser would follow it. */
function builtin<Name extends keyof BuiltIns>(name: Name): BuiltIns[Name] | undefined {
  return globalThis.process?.getBuiltinModule?.(name) as BuiltIns[Name] | undefined
}

interface BuiltIns {
  readonly 'node:sqlite': typeof import('node:sqlite')
  readonly 'node:path': typeof import('node:path')
  readonly 'node:fs': typeof import('node:fs')
}
