import type { Cors } from '../cors.ts'

/** How this project differs from the next one: what the documents leave open, and what a bad day brings. */
export type Knobs = {
  /** How 429 and 5xx are put: the envelope, a plain string under `error`, or no body. */
  readonly errors: 'object' | 'string' | 'empty'
  /** Whether 429 says when to come back. */
  readonly retryAfter: boolean
  /** Rates, concurrency and volume as documented, a fraction of them, or none. */
  readonly limits: number | null
  /** How long the server works on a request, in milliseconds from-to: what concurrency is counted over. */
  readonly work: Span
  readonly cors: Cors
  readonly seenAs: 'server' | 'browser'
  readonly maxRequestBytes: number
  readonly records: RecordKnobs
}

export type RecordKnobs = {
  /** Milliseconds until what was written can be read, from-to: the order of the feed is that of becoming visible. */
  readonly visibleAfter: Span
  /** `hasNext` says the truth, or only that the page came out full. */
  readonly hasNext: 'exact' | 'full-page'
  readonly maxPageBytes: number
  readonly maxFilterBytes: number
  /** Rows that one sync looks at: a filter that matches few gives short and empty pages that promise more. */
  readonly scan: number
  /** Milliseconds that a tombstone is shown. */
  readonly tombstonesKept: number
  /** What becomes of an exact duplicate in an immutable stream. */
  readonly duplicates: 'discard' | 'store'
  /** Probability that a page of more than one begins with what the page before ended with. */
  readonly redeliver: number
  /** How far `initializeCursor` is off, in milliseconds: positive begins too early. */
  readonly drift: number
  /** Whether a drained poll answers with a new cursor. */
  readonly freshCursor: boolean
  /** Probability that one item of a write fails, with one of the codes. */
  readonly fail: number
  readonly failCodes: readonly (409 | 500 | 503)[]
}

export type Span = readonly [from: number, to: number]

export const DAY = 24 * 3_600_000

export const standard: Knobs = {
  errors: 'object',
  retryAfter: true,
  limits: null,
  work: [0, 0],
  cors: 'strict',
  seenAs: 'server',
  maxRequestBytes: 10_000_000,
  records: {
    visibleAfter: [0, 0],
    hasNext: 'exact',
    maxPageBytes: 10_000_000,
    maxFilterBytes: 20_000_000,
    scan: 100_000,
    tombstonesKept: 3 * DAY,
    duplicates: 'discard',
    redeliver: 0,
    drift: 0,
    freshCursor: false,
    fail: 0,
    failCodes: [409, 500, 503],
  },
}

export type Turn = Partial<Omit<Knobs, 'records'>> & { readonly records?: Partial<RecordKnobs> }

export const turned = (knobs: Knobs, { records, ...rest }: Turn): Knobs => ({
  ...knobs,
  ...rest,
  records: { ...knobs.records, ...records },
})
