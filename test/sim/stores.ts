/** Store A: the memory driver on a disk per machine, each operation and each commit a step that a crash can fall before. */
import { SyncError } from '../../src/errors.ts'
import type { Reader, Store, StoreDriver, Writer } from '../../src/store.ts'
import { type MemoryDisk, memory, memoryDisk } from '../../src/stores/memory.ts'
import type { Faults } from './faults.ts'
import type { Owner } from './heap.ts'
import type { World } from './world.ts'

/** The disk of one machine. */
export interface Disk {
  /** A driver for one incarnation of a tab. */
  driver(owner: Owner): StoreDriver
  /** For the judge: opens without any delay or fault. */
  plain(): StoreDriver
  /** All tabs of the machine died; `lose` takes relaxed commits away, as a power cut does. */
  crash(lose: number): void
  /** Everything is gone (cleared site data). */
  wipe(): void
  /** What was on it before it was wiped, for the judge. */
  wiped(): readonly StoreDriver[]
  /** Whose steps the work of its databases is, where that is not the tabs' own. */
  tasks?(): Owner
}

export function memoryDiskOf(world: World, faults: Faults, name: string): Disk {
  let disk: MemoryDisk = memoryDisk(name)
  const wiped: StoreDriver[] = []
  let commits = 0
  const plain = () => memory('app', { disk })

  const hop = (owner: Owner, label: string): Promise<void> =>
    new Promise(done => void world.post(owner, 0.02 + world.dice('hop', commits) * 0.1, label, done))

  /** Every operation of a transaction becomes a step of its tab. */
  const stepwise = <T extends object>(target: T, owner: Owner): T =>
    new Proxy(target, {
      get(of, name) {
        const member: unknown = Reflect.get(of, name)
        if (typeof member !== 'function') return member
        return async (...args: unknown[]) => {
          await hop(owner, `db ${String(name)}`)
          return Reflect.apply(member, of, args)
        }
      },
    })
  const tools = <T extends Reader>(tx: T, owner: Owner): T =>
    ({ records: (of: string) => stepwise(tx.records(of), owner), rows: space => stepwise(tx.rows(space), owner) }) as T

  const wrap = (store: Store, owner: Owner): Store => {
    const dead = new Promise<never>((_, reject) => owner.last.push(() => reject(new Error('crashed'))))
    dead.catch(() => undefined)
    // After a crash the caller's promises never settle, and the inner transaction is taken back.
    const settle = async <T>(result: Promise<T>, label: string): Promise<T> => {
      try {
        const value = await result
        await hop(owner, label)
        return value
      } catch (error) {
        await hop(owner, 'db abort')
        throw error
      }
    }
    return {
      durable: true,
      newer: () => store.newer(),
      async read(scope, work) {
        await hop(owner, 'db begin')
        return settle(
          store.read(scope, tx => Promise.race([work(tools(tx, owner)), dead])),
          'db end',
        )
      },
      async write(scope, work, options) {
        await hop(owner, 'db begin')
        const commit = async (tx: Writer) => {
          const result = await work(tools(tx, owner))
          await hop(owner, 'db commit')
          commits++
          if (faults.happens('quota', name, commits)) throw new SyncError('storage-full', 'The disk is full.')
          return result
        }
        return settle(
          store.write(scope, tx => Promise.race([commit(tx), dead]), options),
          'db committed',
        )
      },
      watch(listener) {
        let listening = true
        const stop = store.watch(touched => {
          if (faults.happens('quiet', name, commits)) return
          world.post(owner, 0.3, 'db watch', () => listening && listener(touched))
        })
        owner.last.push(stop)
        return () => {
          listening = false
          stop()
        }
      },
      close: async () => {
        await store.close()
        await hop(owner, 'db close')
      },
    }
  }

  return {
    plain,
    driver: owner => {
      const inner = plain()
      return {
        name: inner.name,
        open: async (shape, platform) => {
          await hop(owner, 'db open')
          return wrap(await inner.open(shape, platform), owner)
        },
      }
    },
    crash: lose => disk.crash(lose),
    wiped: () => wiped,
    wipe: () => {
      const old = disk
      wiped.push(memory('app', { disk: old }))
      disk.crash()
      disk = memoryDisk(name)
    },
  }
}
