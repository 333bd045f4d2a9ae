/** How this server differs from the next one: where Cognee's documentation and its code disagree. */
export type Knobs = {
  /** What a started run is answered with: the flat object, a map of it, or a 500 after it was started, as stock servers do. */
  readonly shape: 'flat' | 'map' | 'broken'
  /** An unknown or forbidden dataset in a run: 404 and 403 as documented, or one 409 for both. */
  readonly refusals: 'documented' | 'code'
  /** How the status names the datasets of a run: one name, lists, or both. */
  readonly status: 'documented' | 'code' | 'both'
  /** Times of runs with an offset, or without one (meaning UTC). */
  readonly times: 'zoned' | 'naive'
  /** The cloud cannot be reached. */
  readonly cloudDown: boolean
  /** Whether that is noticed before a run is started, and answered with 409. */
  readonly cloudChecked: boolean
  /** What the plan allows one dataset, in bytes; more is a 413. */
  readonly maxDatasetBytes: number | null
  /** Requests per minute and user, or no limit. */
  readonly rateLimit: number | null
  /** How long a run needs for one dataset, in milliseconds. */
  readonly perDataset: number
  /** How long a token lives, in milliseconds. */
  readonly tokenLife: number
  readonly cors: 'strict' | 'lax'
  readonly seenAs: 'server' | 'browser'
}

export const standard: Knobs = {
  shape: 'flat',
  refusals: 'documented',
  status: 'both',
  times: 'zoned',
  cloudDown: false,
  cloudChecked: false,
  maxDatasetBytes: null,
  rateLimit: null,
  perDataset: 1_000,
  tokenLife: 3_600_000,
  cors: 'strict',
  seenAs: 'server',
}
