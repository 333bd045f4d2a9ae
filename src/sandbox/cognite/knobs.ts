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
  readonly instances: InstanceKnobs
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

export type InstanceKnobs = {
  /** The status of a version conflict: the documents say 409, what is seen lately is 400. */
  readonly conflictCode: 400 | 409
  /** Skipped items are left out of the answer, or come with the version that stands. */
  readonly skipped: 'absent' | 'standing'
  /** `sort` in a sync's select is ignored with a notice, or refused. */
  readonly sortInSelect: 'notice' | 'refuse'
  /** Sync and query with more rows than this in all run out of time. */
  readonly timeoutAbove: number | null
  /** Probability that a write meets another one's lock. */
  readonly contend: number
  /** A new life counts its versions from 1, or goes on from the tombstone. */
  readonly newLife: 'anew' | 'goes-on'
  /** How far `lastUpdatedTime` of a change lies behind, in milliseconds: transactions that took long. */
  readonly behind: Span
  /** Probability that a page repeats what the page before ended with. */
  readonly redeliver: number
  /** Pages come in no order. */
  readonly shuffle: boolean
  /** Milliseconds that a tombstone is kept, and that a cursor is good for. */
  readonly tombstonesKept: number
  readonly cursorsKept: number
  /** How times read back: as `+00:00`, or as they were written. */
  readonly timestamps: 'offset' | 'verbatim'
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
  instances: {
    conflictCode: 400,
    skipped: 'absent',
    sortInSelect: 'notice',
    timeoutAbove: null,
    contend: 0,
    newLife: 'anew',
    behind: [0, 0],
    redeliver: 0,
    shuffle: false,
    tombstonesKept: 3 * DAY,
    cursorsKept: 3 * DAY,
    timestamps: 'offset',
  },
}

export type Turn = Partial<Omit<Knobs, 'records' | 'instances'>> & {
  readonly records?: Partial<RecordKnobs>
  readonly instances?: Partial<InstanceKnobs>
}

export const turned = (knobs: Knobs, { records, instances, ...rest }: Turn): Knobs => ({
  ...knobs,
  ...rest,
  records: { ...knobs.records, ...records },
  instances: { ...knobs.instances, ...instances },
})
