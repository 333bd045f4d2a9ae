/** One class, a closed list of codes, and one table that says what the engine does about each. */

/** `next`: what the engine does next. `effect`: whether a request that failed so may have taken effect. */
export interface Reaction {
  readonly next:
    | 'retry' // after a growing, jittered pause
    | 'wait-for-auth' // the queue is kept until the app has a token
    | 'start-over' // forget the cursor, walk everything, sweep at the end
    | 'join-again' // register as a new device, then start over
    | 'show' // to the user, and looked at again now and then
    | 'pause' // until the app acts
    | 'hold' // quarantine the one change, the rest flows
    | 'stop' // this engine must not go on
    | 'throw' // to the caller: nothing was stored
  readonly effect: 'none' | 'maybe'
}

/** Every code and the engine's reaction to it. A code is chosen where the foreign thing enters, never from a message. */
export const reactions = {
  // a remote that cannot be reached, or does not answer as its API says
  network: { next: 'retry', effect: 'maybe' },
  timeout: { next: 'retry', effect: 'maybe' },
  server: { next: 'retry', effect: 'maybe' },
  truncated: { next: 'retry', effect: 'maybe' },
  'not-the-api': { next: 'retry', effect: 'maybe' },
  protocol: { next: 'retry', effect: 'maybe' },
  throttled: { next: 'retry', effect: 'none' },
  busy: { next: 'retry', effect: 'none' },
  late: { next: 'retry', effect: 'none' },
  'remote-full': { next: 'retry', effect: 'none' },
  'switched-off': { next: 'retry', effect: 'none' },
  // a remote that answers no
  'needs-auth': { next: 'wait-for-auth', effect: 'none' },
  forbidden: { next: 'show', effect: 'none' },
  missing: { next: 'show', effect: 'none' },
  misconfigured: { next: 'show', effect: 'none' },
  'cursor-invalid': { next: 'start-over', effect: 'none' },
  'device-gone': { next: 'join-again', effect: 'none' },
  conflict: { next: 'retry', effect: 'none' },
  rejected: { next: 'hold', effect: 'none' },
  'too-large': { next: 'hold', effect: 'none' },
  'mass-delete': { next: 'pause', effect: 'none' },
  // a store that fails
  'storage-full': { next: 'retry', effect: 'none' },
  'storage-unavailable': { next: 'retry', effect: 'none' },
  'storage-newer': { next: 'stop', effect: 'none' },
  // the engine's own life
  'stale-leader': { next: 'stop', effect: 'none' },
  aborted: { next: 'stop', effect: 'maybe' },
  // a page and its worker
  'worker-unavailable': { next: 'retry', effect: 'maybe' },
  outdated: { next: 'stop', effect: 'none' },
  // the app's own calls
  'invalid-value': { next: 'throw', effect: 'none' },
  'not-found': { next: 'throw', effect: 'none' },
  'already-exists': { next: 'throw', effect: 'none' },
  'migration-failed': { next: 'throw', effect: 'none' },
  'not-empty': { next: 'throw', effect: 'none' },
  unsynced: { next: 'throw', effect: 'none' },
  'wrong-account': { next: 'throw', effect: 'none' },
  'schema-mismatch': { next: 'throw', effect: 'none' },
  'too-many': { next: 'throw', effect: 'none' },
  unsupported: { next: 'throw', effect: 'none' },
  closed: { next: 'throw', effect: 'none' },
  bug: { next: 'show', effect: 'maybe' },
} as const satisfies Record<string, Reaction>

export type Code = keyof typeof reactions

/** A failure with a code. The message tells the reader what to do next; `cause` keeps what was caught. */
export class SyncError extends Error {
  readonly code: Code
  /** The earliest time of another try, in milliseconds since 1970, where the remote said one. */
  readonly notBefore: number | undefined
  /** Facts for the app, free of secrets. */
  readonly details: { readonly [name: string]: unknown }

  constructor(
    code: Code,
    message: string,
    more: { cause?: unknown; notBefore?: number | undefined; details?: { readonly [name: string]: unknown } } = {},
  ) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause })
    this.name = 'SyncError'
    this.code = code
    this.notBefore = more.notBefore
    this.details = more.details ?? {}
  }
}

export function reactionTo(error: SyncError): Reaction {
  return reactions[error.code]
}

/** Whatever was thrown, as a SyncError: an unknown error is a bug of ours or of a transport, and says so. */
export function asSyncError(error: unknown): SyncError {
  if (error instanceof SyncError) return error
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  return new SyncError('bug', `${message}. This is a bug: please report it with its stack.`, { cause: error })
}
