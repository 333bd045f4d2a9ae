/** The contract of judging: pure, total, and the same on both sides of a worker boundary. */
import type { Base, Change, Field, FieldRule, Json, Key, RemoteRecord, Rule, Stamp, Verdict } from './model.ts'

/** One record that both sides changed since `base`. At least one side has a value. */
export interface Case extends Key {
  readonly rule: Rule
  /** `null`: there never was a common state (both sides created it). */
  readonly base: Base | null
  readonly local: Change
  readonly remote: RemoteRecord
  /** Fields judged as one; absent: the whole record is one. */
  readonly facets?: { readonly [facet: string]: readonly string[] }
  /**
   * The facets worth a copy under KEEP_BOTH; absent: all of them. A file's content can be kept twice, the place of one
   * file cannot: a clash over the place alone goes to the remote. Fields named in no facet are always worth a copy.
   */
  readonly doubles?: readonly string[]
  /** Whether a copy can be kept beside the remote's record. */
  readonly copies: boolean
  /** Two times closer than this many milliseconds do not say who was later. */
  readonly uncertainty: number
}

export interface Judgement {
  readonly verdict: Verdict
  /**
   * Something of one side is in neither the result nor a copy: the inbox keeps it. Told by facets (by fields, where the
   * rule is one for fields): one that a side changed and that is not in the result as that side had it. `parts`: such
   * are missing, and the result is a mixture of both sides.
   */
  readonly loses: 'local' | 'remote' | 'parts' | 'nothing'
  /** Decided by time, inside the clock's uncertainty. */
  readonly uncertain?: true
  /** Why it is left to the user, where more is to say than that the rule asks. */
  readonly reason?: string
}

export interface Resolver {
  /** One judgement per case, in order. */
  judge(cases: readonly Case[]): Promise<readonly Judgement[]>
}

/**
 * One field that both sides changed, differently. Pure: it changes nothing that it is given and answers the same to the
 * same. `ask` leaves the whole record to the user; so does an exception, with its message as the reason.
 */
export type MergeField = (
  base: Field | undefined,
  local: Field | undefined,
  remote: Field | undefined,
  when: When,
) => FieldAnswer | 'ask'

export interface FieldAnswer {
  /** `undefined` drops the field. */
  readonly field: Field | undefined
  /**
   * Whether a change of one side is not in it. Absent: told by its look: a field that equals what one side or the base
   * had dropped the other's change, anything new mixes both.
   */
  readonly loses?: boolean | undefined
  /** Decided by time, inside the clock's uncertainty. */
  readonly uncertain?: boolean | undefined
}

/** When and by which changes the two sides were written. */
export interface When {
  readonly localAt: Stamp
  readonly remoteAt: number | Stamp | undefined
  /** The local change, and the one whose effect the remote's row is. */
  readonly change: string
  readonly origin: string | undefined
  /** The remote's. */
  readonly version: Json
  /** Two times closer than this many milliseconds do not say who was later. */
  readonly uncertainty: number
}

/** A strategy for whole records. */
export type Judge = (one: Case, fields: FieldRules) => Judgement

export type FieldRules = { readonly [name in FieldRule]?: MergeField }
