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
  fetch(request: Request): Promise<Response>
  /** `headers` are sent only where the platform can (Node); `url` already carries what a browser needs. */
  socket(url: string, headers: { readonly [name: string]: string }, events: SocketEvents): Socket
  readonly locks: Locks
  channel(name: string): Channel
  /** Calls back when a try is worth it: the network came back, the page became visible. Returns how to stop. */
  wakes(hear: () => void): () => void
}
