/**
 * The world, passed in. Everything that the engine and the transports do to it goes through here, so that the simulator
 * can be the world: only this file and the store drivers touch globals.
 */

/** A socket that is being opened. Text frames only: binary ones are reported as `garbage`. */
export interface Socket {
  send(text: string): void
  close(code?: number, reason?: string): void
}

export interface SocketEvents {
  open(): void
  message(text: string): void
  garbage?(): void
  /** Called exactly once, also when the connection could not be made (1006). */
  close(code: number, reason: string): void
}

/** SHA-256 of bytes that come in pieces. */
export interface Hasher {
  update(bytes: Uint8Array): void
  /** 64 lower-case hexadecimal digits; nothing may follow. */
  hex(): string
}

export interface Channel {
  post(message: unknown): void
  listen(hear: (message: unknown) => void): () => void
  close(): void
}

export interface Locks {
  /** Whether every context that can open the same store sees these locks. False: only this process does. */
  readonly everywhere: boolean
  /**
   * Runs `work` while holding the exclusive lock `name`. Waits for it unless `steal`. `lost` aborts when somebody steals
   * it; a frozen holder hears that only when it runs again, hence the fencing epoch in the store.
   */
  hold(
    name: string,
    options: { signal: AbortSignal; steal?: boolean },
    work: (lost: AbortSignal) => Promise<void>,
  ): Promise<void>
}

/** The browser's say over what a site keeps. Numbers are estimates, in bytes, and may be wrong (F22). */
export interface Storage {
  /** Whether the browser has promised not to throw the site's data away. */
  persisted(): Promise<boolean>
  /** Asks for that promise; some browsers ask the user. Absent in workers. */
  persist?(): Promise<boolean>
  estimate(): Promise<{ readonly usage?: number; readonly quota?: number }>
}

/** Small texts in a place of their own: what a store says of itself is compared with them (I10). */
export interface Marks {
  get(name: string): string | undefined
  set(name: string, text: string | undefined): void
}

export interface Platform {
  /** Milliseconds since 1970 by this machine's clock, which may be wrong and may jump. */
  now(): number
  /** Milliseconds that only ever grow, from an arbitrary start; stands still while the machine sleeps. */
  monotonic(): number
  /** Resolves after `ms`; rejects with the signal's reason when aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
  /** In [0, 1). */
  random(): number
  uuid(): string
  /** SHA-256, as 64 lower-case hexadecimal digits. */
  digest(bytes: Uint8Array): Promise<string>
  /** The same for more bytes than fit into memory at once, which WebCrypto cannot do. */
  hasher(): Promise<Hasher>
  fetch(request: Request): Promise<Response>
  /** `headers` are sent only where the platform can (Node); `url` already carries what a browser needs. */
  socket(url: string, headers: { readonly [name: string]: string }, events: SocketEvents): Socket
  readonly locks: Locks
  channel(name: string): Channel
  /** Calls back when a try is worth it: the network came back, the page became visible. Returns how to stop. */
  wakes(hear: () => void): () => void
  /** Absent where nobody but the user takes data away, as in Node, and where the browser does not say. */
  readonly storage?: Storage
  /** Absent where there is no such place, as in workers. */
  readonly marks?: Marks
}

/** By how much the wall clock is ahead of the steady one. Where that changes it was set, or the device slept. */
export const aheadOfSteady = (platform: Pick<Platform, 'now' | 'monotonic'>): number =>
  platform.now() - platform.monotonic()

const inNode = typeof process === 'object' && process.versions?.node !== undefined

/** The real world: browsers, workers and Node alike. */
export function platform(): Platform {
  return {
    now: () => Date.now(),
    monotonic: () => performance.now(),
    sleep,
    random: () => Math.random(),
    uuid: () => crypto.randomUUID(),
    async digest(bytes) {
      const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>))
      return Array.from(hash, byte => byte.toString(16).padStart(2, '0')).join('')
    },
    async hasher() {
      const [{ sha256 }, { bytesToHex }] = await Promise.all([
        import('@noble/hashes/sha2.js'),
        import('@noble/hashes/utils.js'),
      ])
      const hash = sha256.create()
      return { update: bytes => void hash.update(bytes), hex: () => bytesToHex(hash.digest()) }
    },
    fetch: request => fetch(request),
    socket: realSocket,
    // Node's own locks, where it has them, end with the process too.
    locks: inNode || navigator.locks === undefined ? processLocks : webLocks(navigator.locks),
    channel: realChannel,
    wakes: realWakes,
    ...realStorage(),
    ...realMarks(),
  }
}

// Longer timers overflow into no timer at all.
const longestTimer = 2 ** 31 - 1

function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason)
    const stop = () => {
      clearTimeout(timer)
      reject(signal!.reason)
    }
    const timer = setTimeout(
      () => {
        signal?.removeEventListener('abort', stop)
        resolve()
      },
      Math.min(Math.max(0, ms), longestTimer),
    )
    signal?.addEventListener('abort', stop, { once: true })
  })
}

function realSocket(url: string, headers: { readonly [name: string]: string }, events: SocketEvents): Socket {
  // Node's WebSocket (undici) takes headers in its second argument; browsers take protocols there, and ignore none.
  const socket = inNode ? new WebSocket(url, { headers } as unknown as string[]) : new WebSocket(url)
  let closed = false
  const close = (code: number, reason: string) => {
    if (closed) return
    closed = true
    events.close(code, reason)
  }
  socket.onopen = () => events.open()
  socket.onmessage = ({ data }) => (typeof data === 'string' ? events.message(data) : events.garbage?.())
  socket.onclose = ({ code, reason }) => close(code, reason)
  socket.onerror = () => {} // a close event follows, without a reason as the standard wants it
  return {
    send(text) {
      if (socket.readyState === WebSocket.OPEN) socket.send(text)
    },
    close: (code = 1000, reason = '') => socket.close(code, reason),
  }
}

function webLocks(manager: LockManager): Locks {
  return {
    everywhere: true,
    async hold(name, { signal, steal }, work) {
      const lost = new AbortController()
      // `steal` and `signal` exclude each other in the standard: a stealer does not wait.
      const options: LockOptions = steal ? { steal } : { signal }
      let inside: Promise<void> | undefined
      try {
        await manager.request(name, options, () => {
          inside = work(lost.signal)
          return inside
        })
      } catch (error) {
        lost.abort(error)
        if (inside === undefined) throw error
        await inside
      }
    },
  }
}

interface Waiting {
  start(): void
}

// Names of this process. Other processes are told apart by the beat in the store, not by this.
const held = new Map<string, { readonly lost: AbortController; readonly queue: Waiting[] }>()

const processLocks: Locks = {
  everywhere: false,
  async hold(name, { signal, steal }, work) {
    signal.throwIfAborted()
    const lost = new AbortController()
    const before = held.get(name)
    if (before !== undefined && !steal) {
      await new Promise<void>((resolve, reject) => {
        const waiting: Waiting = { start: resolve }
        before.queue.push(waiting)
        signal.addEventListener('abort', () => {
          const at = before.queue.indexOf(waiting)
          if (at >= 0) before.queue.splice(at, 1)
          reject(signal.reason)
        })
      })
    }
    if (steal) before?.lost.abort()
    const queue = before?.queue ?? []
    const mine = { lost, queue }
    held.set(name, mine)
    try {
      await work(lost.signal)
    } finally {
      if (held.get(name) === mine) {
        const next = queue.shift()
        if (next === undefined) held.delete(name)
        else next.start()
      }
    }
  },
}

function realChannel(name: string): Channel {
  const channel = new BroadcastChannel(name)
  // In Node an open channel keeps the process alive.
  ;(channel as unknown as { unref?: () => void }).unref?.()
  return {
    post: message => channel.postMessage(message),
    listen(hear) {
      // A frozen page of Chromium's gets messages, but no answer from its database: a transaction begun there keeps every
      // other tab waiting until it thaws. Its timers stand still too.
      const listener = ({ data }: MessageEvent) => void setTimeout(() => listening && hear(data))
      let listening = true
      channel.addEventListener('message', listener)
      return () => {
        listening = false
        channel.removeEventListener('message', listener)
      }
    },
    close: () => channel.close(),
  }
}

function realStorage(): { storage?: Storage } {
  const manager = inNode ? undefined : globalThis.navigator?.storage // absent where the page came by plain http
  if (manager === undefined) return {}
  const storage: Storage = {
    persisted: () => manager.persisted(),
    estimate: () => manager.estimate(),
    ...(typeof manager.persist === 'function' && { persist: () => manager.persist() }),
  }
  return { storage }
}

function realMarks(): { marks?: Marks } {
  if (inNode) return {}
  try {
    const { localStorage } = globalThis // throws where the site may keep nothing
    if (localStorage === undefined) return {}
    const marks: Marks = {
      get: name => localStorage.getItem(name) ?? undefined,
      set: (name, text) => (text === undefined ? localStorage.removeItem(name) : localStorage.setItem(name, text)),
    }
    return { marks }
  } catch {
    return {}
  }
}

function realWakes(hear: () => void): () => void {
  if (typeof addEventListener !== 'function') return () => {}
  const visible = () => {
    if (typeof document === 'undefined' || document.visibilityState === 'visible') hear()
  }
  addEventListener('online', hear)
  addEventListener('pageshow', hear)
  if (typeof document !== 'undefined') document.addEventListener('visibilitychange', visible)
  return () => {
    removeEventListener('online', hear)
    removeEventListener('pageshow', hear)
    if (typeof document !== 'undefined') document.removeEventListener('visibilitychange', visible)
  }
}
