/** One class, a closed list of codes, and one table that says what the engine does about each. */

/** `then`: what the engine does next. `effect`: whether a request that failed so may have taken effect. */
export interface Reaction {
  readonly then:
    | 'retry' // after a growing, jittered pause
    | 'wait-for-auth' // the queue is kept until the app has a token
    | 'start-over' // forget the cursor, walk everything, sweep at the end
    | 'join-again' // register as a new device, then start over
    | 'pause' // until the app or the user acts
    | 'hold' // quarantine the one change, the rest flows
    | 'stop' // this engine must not go on
    | 'throw' // to the caller: nothing was stored
  readonly effect: 'none' | 'maybe'
}

/** Every code and the engine's reaction to it. A code is chosen where the foreign thing enters, never from a message. */
export const reactions = {
  // a remote that cannot be reached, or does not answer as its API says
  network: { then: 'retry', effect: 'maybe' },
  timeout: { then: 'retry', effect: 'maybe' },
  server: { then: 'retry', effect: 'maybe' },
  truncated: { then: 'retry', effect: 'maybe' },
  'not-the-api': { then: 'retry', effect: 'maybe' },
  protocol: { then: 'retry', effect: 'maybe' },
  throttled: { then: 'retry', effect: 'none' },
  busy: { then: 'retry', effect: 'none' },
  late: { then: 'retry', effect: 'none' },
  'remote-full': { then: 'retry', effect: 'none' },
  // a remote that answers no
  'needs-auth': { then: 'wait-for-auth', effect: 'none' },
  forbidden: { then: 'pause', effect: 'none' },
  missing: { then: 'pause', effect: 'none' },
  misconfigured: { then: 'pause', effect: 'none' },
  'cursor-invalid': { then: 'start-over', effect: 'none' },
  'device-gone': { then: 'join-again', effect: 'none' },
  conflict: { then: 'retry', effect: 'none' },
  rejected: { then: 'hold', effect: 'none' },
  'too-large': { then: 'hold', effect: 'none' },
  'mass-delete': { then: 'pause', effect: 'none' },
  // a store that fails
  'storage-full': { then: 'retry', effect: 'none' },
  'storage-unavailable': { then: 'retry', effect: 'none' },
  'storage-newer': { then: 'stop', effect: 'none' },
  // the engine's own life
  'stale-leader': { then: 'stop', effect: 'none' },
  aborted: { then: 'stop', effect: 'maybe' },
  // the app's own calls
  'invalid-value': { then: 'throw', effect: 'none' },
  'not-found': { then: 'throw', effect: 'none' },
  'already-exists': { then: 'throw', effect: 'none' },
  'schema-mismatch': { then: 'throw', effect: 'none' },
  'too-many': { then: 'throw', effect: 'none' },
  unsupported: { then: 'throw', effect: 'none' },
  closed: { then: 'throw', effect: 'none' },
  bug: { then: 'pause', effect: 'maybe' },
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
