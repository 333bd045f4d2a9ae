/** The Platform of one tab, as the simulated world gives it. */
import { createHash } from 'node:crypto'
import type { Channel, Locks, Platform, Socket, SocketEvents } from '../../src/platform.ts'
import type { Owner } from './heap.ts'
import type { Random } from './random.ts'
import type { World } from './world.ts'

/** One machine: its tabs share a clock, locks, channels and a disk. */
export interface Machine {
  readonly name: string
  /** How wrong its clock is, in milliseconds; a fault may change it at any time. */
  skew: number
  lives: number
  readonly locks: Map<string, Lock>
  readonly listeners: Set<Listener>
  readonly wakes: Set<{ readonly owner: Owner; readonly hear: () => void }>
}

interface Lock {
  holder: Holder | undefined
  readonly waiting: Waiter[]
}
interface Holder {
  readonly owner: Owner
  readonly lost: AbortController
}
interface Waiter {
  readonly owner: Owner
  readonly grant: () => void
}
interface Listener {
  readonly owner: Owner
  readonly channel: object
  readonly name: string
  readonly hear: (message: unknown) => void
}

/** The ways out of a machine. */
export interface Ways {
  fetch(owner: Owner, machine: Machine, request: Request): Promise<Response>
  socket(
    owner: Owner,
    machine: Machine,
    url: string,
    headers: { readonly [name: string]: string },
    events: SocketEvents,
  ): Socket
}

export function machineOf(name: string, skew: number): Machine {
  return { name, skew, lives: 0, locks: new Map(), listeners: new Set(), wakes: new Set() }
}

export function platformOf(world: World, machine: Machine, owner: Owner, ways: Ways): Platform {
  // Another life draws other numbers, or it would make the ids of the one before.
  machine.lives++
  const random = world.stream(`platform/${owner.name}/${machine.lives}`)
  return {
    now: () => world.now() + machine.skew,
    monotonic: () => world.elapsed(),
    sleep: (ms, signal) => sleep(world, owner, ms, signal),
    random,
    uuid: () => uuid(random),
    digest: async bytes => createHash('sha256').update(bytes).digest('hex'),
    async hasher() {
      const hash = createHash('sha256')
      return { update: bytes => void hash.update(bytes), hex: () => hash.digest('hex') }
    },
    fetch: request => ways.fetch(owner, machine, request),
    socket: (url, headers, events) => ways.socket(owner, machine, url, headers, events),
    locks: locksOf(world, machine, owner),
    channel: name => channelOf(world, machine, owner, name),
    wakes: hear => listen(owner, machine.wakes, { owner, hear }),
  }
}

/** Something happened that makes a try worth it: the network came back, the machine woke up. */
export function wake(world: World, machine: Machine): void {
  for (const { owner, hear } of machine.wakes) world.post(owner, 1, 'wake', hear)
}

function sleep(world: World, owner: Owner, ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason)
    if (!(ms >= 0)) return reject(new RangeError(`sleep(${ms})`))
    const end = () => {
      cancel()
      reject(signal?.reason)
    }
    const cancel = world.post(owner, Math.max(1, ms), 'timer', () => {
      signal?.removeEventListener('abort', end)
      resolve()
    })
    signal?.addEventListener('abort', end, { once: true })
  })
}

export function uuid(random: Random): string {
  const hex = Array.from({ length: 32 }, () => Math.floor(random() * 16).toString(16))
  hex[12] = '4'
  hex[16] = '89ab'[Math.floor(random() * 4)]!
  const text = hex.join('')
  return [text.slice(0, 8), text.slice(8, 12), text.slice(12, 16), text.slice(16, 20), text.slice(20)].join('-')
}

/** Like Web Locks: a dead holder's lock passes on soon, a frozen holder's only by stealing. */
function locksOf(world: World, machine: Machine, owner: Owner): Locks {
  return {
    everywhere: true,
    hold(name, { signal, steal }, work) {
      const lock = machine.locks.get(name) ?? { holder: undefined, waiting: [] }
      machine.locks.set(name, lock)
      return new Promise((resolve, reject) => {
        if (signal.aborted) return reject(signal.reason)
        const give = () => {
          signal.removeEventListener('abort', leave)
          const holder: Holder = { owner, lost: new AbortController() }
          lock.holder = holder
          const release = () => {
            const at = owner.last.indexOf(release)
            if (at >= 0) owner.last.splice(at, 1)
            if (lock.holder === holder) {
              lock.holder = undefined
              next(lock)
            }
          }
          owner.last.push(release)
          world.post(owner, 1, 'lock', () => {
            let result: Promise<void>
            try {
              result = work(holder.lost.signal)
            } catch (error) {
              result = Promise.reject(error)
            }
            result.then(resolve, reject).then(release)
          })
        }
        const waiter: Waiter = { owner, grant: give }
        const leave = () => {
          lock.waiting.splice(lock.waiting.indexOf(waiter), 1)
          reject(signal.reason)
        }
        if (steal && lock.holder) {
          const robbed = lock.holder
          lock.holder = undefined
          world.post(robbed.owner, 1, 'robbed', () => robbed.lost.abort(new DOMException('stolen', 'AbortError')))
        }
        if (!lock.holder) return give()
        lock.waiting.push(waiter)
        signal.addEventListener('abort', leave, { once: true })
      })
    },
  }
}

function next(lock: Lock): void {
  for (;;) {
    const waiter = lock.waiting.shift()
    if (!waiter) return
    if (waiter.owner.state === 'dead') continue
    waiter.grant()
    return
  }
}

/** Like BroadcastChannel: everyone else on this machine hears it, also other channel objects of the same tab. */
function channelOf(world: World, machine: Machine, owner: Owner, name: string): Channel {
  const channel = {}
  const mine = new Set<() => void>()
  return {
    post(message) {
      for (const listener of machine.listeners) {
        if (listener.name !== name || listener.channel === channel) continue
        const copy: unknown = structuredClone(message)
        world.post(listener.owner, 0.2, 'message', () => {
          if (machine.listeners.has(listener)) listener.hear(copy)
        })
      }
    },
    listen(hear) {
      const stop = listen(owner, machine.listeners, { owner, channel, name, hear })
      mine.add(stop)
      return stop
    },
    close() {
      for (const stop of mine) stop()
    },
  }
}

function listen<T>(owner: Owner, set: Set<T>, entry: T): () => void {
  set.add(entry)
  const stop = () => void set.delete(entry)
  owner.last.push(stop)
  return stop
}
