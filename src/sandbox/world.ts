/** What a sandbox may ask of the outside: it reads no clock, waits for no timer and throws no dice of its own. */
export type World = {
  readonly now: () => number
  readonly sleep: (ms: number) => Promise<void>
  readonly random: () => number
}

/** SHA-256 as lower-case hex, synchronous so that an in-process call settles in the microtask queue. */
export type Digest = (bytes: Uint8Array) => string

export const iso = (ms: number): string => new Date(ms).toISOString()
