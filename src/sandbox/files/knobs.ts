/** How this server differs from the next one: the contract leaves these open, or the vendor's docs contradict themselves. */
export type Knobs = {
  /** Children items carry hash and version, or neither. */
  readonly listing: 'full' | 'lean'
  /** What `metadata` of a change row carries: ours, the two keys of the vendor's sample, or there is none. */
  readonly metadata: 'full' | 'lean' | 'absent'
  /** How positions are written: a JSON integer, an integer beyond 2^53, or a string. */
  readonly cursors: 'integer' | 'huge' | 'text'
  /** The superset body, or `{detail}` alone. */
  readonly errors: 'rich' | 'bare'
  /** Whether a 409 on apply says which change it means. */
  readonly refusals: 'index' | 'batch'
  /** What a browser may read of the headers; with `seenAs: 'browser'` every in-process caller is treated as one. */
  readonly cors: 'strict' | 'lax'
  readonly seenAs: 'server' | 'browser'
  /** Points per minute and token, or no limit. */
  readonly rateLimit: number | null
  readonly maxFileBytes: number
  readonly maxChanges: number
  readonly maxBodyBytes: number
}

export const standard: Knobs = {
  listing: 'full',
  metadata: 'full',
  cursors: 'integer',
  errors: 'rich',
  refusals: 'index',
  cors: 'strict',
  seenAs: 'server',
  rateLimit: null,
  maxFileBytes: 1024 ** 3,
  maxChanges: 1000,
  maxBodyBytes: 4 * 1024 ** 2,
}
