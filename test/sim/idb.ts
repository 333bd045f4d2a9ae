/**
 * Store B: the real IndexedDB driver on fake-indexeddb. One factory per machine; its tasks become steps of this world, in
 * order, and a tab's events wait while it is frozen and never come when it is dead.
 */
import 'fake-indexeddb/auto'
import { IDBFactory as FDBFactory, IDBTransaction as FDBTransaction } from 'fake-indexeddb'
import type { StoreDriver } from '../../src/store.ts'
import type { Faults } from './faults.ts'
import type { Owner } from './heap.ts'
import type { Disk } from './stores.ts'
import { routeImmediate, running } from './traps.ts'
import type { World } from './world.ts'

/** What the simulator knows of the insides of fake-indexeddb. */
interface RawTransaction {
  readonly db: { readonly _rawDatabase: RawDatabase }
  readonly mode: string
  _state: string
  _requests: unknown[]
  readonly _rollbackLog: (() => void)[]
  readonly _prioritizedListeners: ReadonlyMap<string, () => void>
  _start(): void
  _abort(name: string): void
}
interface RawDatabase {
  transactions: RawTransaction[]
  connections: object[]
  processTransactions(): void
}
interface RawRequest {
  readonly transaction?: RawTransaction | null
  readonly result?: unknown
}

export type MakeDriver = (name: string, factory: IDBFactory) => StoreDriver

interface Life {
  readonly world: World
  readonly faults: Faults
  readonly name: string
  factory: IDBFactory
  tasks: Owner
  commits: number
}

/** By tab, and by the part of a machine that works for its databases. */
const lives = new WeakMap<Owner, Life>()
/** By connection, and by request to open one. */
const owners = new WeakMap<object, Owner>()

const databasesOf = (factory: IDBFactory) => (factory as unknown as { _databases: Map<string, RawDatabase> })._databases

install()

export function idbDiskOf(world: World, faults: Faults, name: string, make: MakeDriver): Disk {
  const newLife = (): Owner => {
    const tasks = world.owner(`${name}.idb`)
    lives.set(tasks, life)
    return tasks
  }
  const life: Life = { world, faults, name, factory: new FDBFactory(), tasks: world.owner(''), commits: 0 }
  life.tasks = newLife()

  const wiped: StoreDriver[] = []
  const tabs = new Set<Owner>()
  const disk: Disk = {
    tasks: () => life.tasks,
    plain: () => make(name, life.factory),
    driver(owner) {
      lives.set(owner, life)
      tabs.add(owner)
      owner.last.push(() => {
        tabs.delete(owner)
        if (tabs.size === 0) disk.crash(0)
        else abandon(life, owner)
      })
      return make(name, life.factory)
    },
    crash() {
      world.crash(life.tasks)
      const databases = databasesOf(life.factory)
      for (const database of databases.values()) {
        for (const transaction of database.transactions) end(transaction)
        Object.assign(database, { transactions: [], connections: [] })
      }
      // The old connection queue may hold a promise of the dead.
      life.factory = new FDBFactory()
      for (const [key, database] of databases) databasesOf(life.factory).set(key, database)
      life.tasks = newLife()
    },
    wiped: () => wiped,
    wipe() {
      disk.crash(0)
      wiped.push(make(name, life.factory))
      life.factory = new FDBFactory()
    },
  }
  return disk
}

/** One tab died: what it had not committed is taken back, and the other tabs go on. */
function abandon(life: Life, owner: Owner): void {
  for (const database of databasesOf(life.factory).values()) {
    for (const transaction of database.transactions) {
      if (owners.get(transaction.db) !== owner) continue
      end(transaction)
      letNextOpen(life, transaction)
    }
    database.transactions = database.transactions.filter(one => one._state !== 'finished')
    database.connections = database.connections.filter(one => owners.get(one) !== owner)
    if (!running()) continue
    waking = life
    database.processTransactions()
    waking = undefined
  }
}

/** A browser takes a dead tab's upgrade back, and whoever waited to open the database has its turn. */
function letNextOpen({ world, name, tasks }: Life, { mode, _prioritizedListeners }: RawTransaction): void {
  if (mode !== 'versionchange') return
  world.lane(`${name}.idb`)(tasks, 0, 'idb', () => _prioritizedListeners.get('abort')?.())
}

let waking: Life | undefined

function end(transaction: RawTransaction): void {
  if (transaction._state === 'finished') return
  for (const undo of transaction._rollbackLog.reverse()) undo()
  Object.assign(transaction, { _state: 'finished', _requests: [], error: new DOMException('crashed', 'AbortError') })
}

function install(): void {
  const current = (world?: World): Life | undefined => {
    const owner = world?.current()
    return waking ?? (owner && lives.get(owner))
  }
  let last: World | undefined
  routeImmediate((world, run) => {
    last = world
    const life = current(world)
    if (!life) throw new Error(`setImmediate was used during a simulated step (by ${world.current()?.name})`)
    const ms = world.dice('idb', life.name, world.stats.steps) * 0.15
    world.lane(`${life.name}.idb`)(life.tasks, ms, 'idb', run)
  })
  const open = FDBFactory.prototype.open
  FDBFactory.prototype.open = function (this: IDBFactory, ...args: Parameters<typeof open>) {
    const request = open.apply(this, args)
    const owner = worldOwner()
    if (owner) owners.set(request, owner)
    return request
  }
  const worldOwner = () => last?.current()

  const transactions = FDBTransaction.prototype as unknown as RawTransaction
  const start = transactions._start
  transactions._start = function (this: RawTransaction) {
    const owner = owners.get(this.db)
    if (!owner) return start.call(this)
    if (owner.state === 'dead') {
      // It began it with its last breath, after the others were taken back.
      end(this)
      return this.db._rawDatabase.processTransactions()
    }
    const life = lives.get(owner)!
    if (owner.state === 'frozen') {
      const again = () => life.world.lane(`${life.name}.idb`)(life.tasks, 0, 'idb', () => this._start())
      owner.held.push({ time: 0, tie: 0, n: 0, owner, label: 'idb held', run: again })
      return
    }
    if (this.mode === 'readwrite' && this._requests.length === 0 && this._state !== 'finished') {
      life.commits++
      // A full disk shows at the commit: no request fails, only `abort` fires.
      if (life.faults.happens('quota', life.name, life.commits)) return this._abort('QuotaExceededError')
    }
    start.call(this)
  }

  const target = Object.getPrototypeOf(FDBTransaction.prototype) as { dispatchEvent(event: unknown): boolean }
  const dispatch = target.dispatchEvent
  target.dispatchEvent = function (this: RawRequest, event: unknown) {
    const owner = owners.get(this)
    if (owner && typeof this.result === 'object' && this.result !== null) {
      owners.set(this.result, owner)
      if (owner.state === 'dead') {
        // A dead tab's upgrade is undone, its connection closed.
        if (this.transaction) {
          end(this.transaction)
          letNextOpen(lives.get(owner)!, this.transaction)
        }
        ;(this.result as { close?(): void }).close?.()
      }
    }
    return owner?.state === 'dead' ? true : dispatch.call(this, event)
  }
}
