/** How this server differs from the next one: where Airweave's published description and its code disagree. */
export type Knobs = {
  /** What an impossible run or cancel is answered with: 400 as the code does, or 409 as the description says. */
  readonly conflicts: 'code' | 'spec'
  /** The body of a 422: `{errors: [{path: message}]}` as the code sends, or `{detail: [{loc, msg, type}]}`. */
  readonly validation: 'code' | 'spec'
  /** How a job's status is written: on the wire it is lower case, in the prose upper case. */
  readonly statuses: 'lower' | 'upper'
  /** Times of jobs and connections come without a zone, and mean UTC. */
  readonly times: 'naive' | 'zoned'
  /** Older servers do not say why a job failed. */
  readonly errorCategory: boolean
  /** Requests per minute, or no limit. Plans have 10, 100 and 250. */
  readonly rateLimit: number | null
  /** Whether schedules start jobs by themselves. */
  readonly schedules: boolean
  /** What a browser may read of the headers; with `seenAs: 'browser'` every in-process caller is treated as one. */
  readonly cors: 'strict' | 'lax'
  readonly seenAs: 'server' | 'browser'
  /** How long a job waits, needs for one entity, and needs to stop, in milliseconds. */
  readonly startAfter: number
  readonly perEntity: number
  readonly cancelAfter: number
  /** Most characters of one chunk: longer entities come in several. */
  readonly chunk: number
  readonly maxBodyBytes: number
}

export const standard: Knobs = {
  conflicts: 'code',
  validation: 'code',
  statuses: 'lower',
  times: 'naive',
  errorCategory: true,
  rateLimit: null,
  schedules: true,
  cors: 'strict',
  seenAs: 'server',
  startAfter: 500,
  perEntity: 100,
  cancelAfter: 500,
  chunk: 200,
  maxBodyBytes: 10 * 1024 ** 2,
}
