/** The contract of the jobs facet of a transport: work that the remote does by itself, and how it is told of. */
import type { Json } from './model.ts'
import type { Io } from './transport.ts'

/** How far a job is, as the remote says it; see `jobEnds` for which states are the last. */
export interface JobReport {
  readonly state:
    | 'queued'
    | 'running'
    | 'cancelling'
    | 'done'
    /** It ended, and some of its work could not be done. */
    | 'partial'
    | 'failed'
    | 'cancelled'
    /** The remote knows nothing of it any more. */
    | 'vanished'
    /** It ended, and whether it did its work cannot be told. */
    | 'finished-unverified'
  /** From 0 to 1. It may go back: remotes begin anew by themselves. */
  readonly progress?: number
  readonly counters?: { readonly [name: string]: number }
  readonly reason?: string
  /** Nothing comes of asking again before somebody acts: new credentials, a larger plan. */
  readonly needs?: 'user'
  /** What else the API says of it. */
  readonly details?: Json
}

export const jobEnds: readonly JobReport['state'][] = [
  'done',
  'partial',
  'failed',
  'cancelled',
  'vanished',
  'finished-unverified',
]

/**
 * A request for a job that may have had its effect: when it was first wanted, by the remote's time as far as that is known,
 * and what was there before.
 */
export interface Asked {
  readonly at: number
  readonly mark?: Json
  /** How often it was sent. */
  readonly times: number
}

/**
 * Work that the remote does for us. The engine asks once: what was asked and not answered is looked for before it is
 * asked again. `Request` is plain data, because it is stored.
 */
export interface Jobs<Request = Json> {
  /** Why this cannot be asked for at all, in words for the app. Pure. */
  refuses?(request: Request): string | undefined
  /**
   * Throws `busy` where another job is in the way: it is looked for then, and joined if it does the same. What is thrown
   * with another code of no effect, and not because of the network, ends the job as failed.
   */
  start(request: Request, io: Io): Promise<{ readonly id: string; readonly report?: JobReport }>
  /**
   * Before asking (no `asked`): the id of a job under way that does the same, else a mark by which later jobs are told
   * from earlier ones. After a doubt: the id of a job that is newer than the mark, and so the one that was asked for;
   * `unsure` says why it may be another that does less, and that it is `done` is not said then. Or how it `ended`, where
   * a remote keeps no list, nothing is under way, and nothing would come of asking again.
   */
  find(
    request: Request,
    asked: Asked | undefined,
    io: Io,
  ): Promise<{
    readonly id?: string
    readonly unsure?: string
    readonly ended?: JobReport
    readonly mark?: Json
  }>
  /** What one job at a time works on. Default: all that the remote has. Pure. */
  place?(request: Request): string
  check(id: string, request: Request, io: Io): Promise<JobReport>
  /**
   * Hears reports until the remote ends it; losing some costs time only, because `check` goes on beside it. That a job
   * has ended is believed to `check` alone.
   */
  watch?(id: string, request: Request, hear: (report: JobReport) => void, io: Io): Promise<void>
  /** Resolves also where the job has ended already. */
  cancel?(id: string, request: Request, io: Io): Promise<void>
  /** Milliseconds between checks: the first pause, and the longest. Default 1,000 and 15,000. */
  readonly pauses?: readonly [first: number, longest: number]
}
