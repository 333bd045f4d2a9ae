/** The contract of judging: pure, total, and the same on both sides of a worker boundary. */
import type { Base, Change, Field, FieldRule, Key, RemoteRecord, Rule, Stamp, Verdict } from './model.ts'

/** One record that both sides changed since `base`. At least one side has a value. */
export interface Case extends Key {
  readonly rule: Rule
  /** `null`: there never was a common state (both sides created it). */
  readonly base: Base | null
  readonly local: Change
  readonly remote: RemoteRecord
  /** Fields judged as one; absent: the whole record is one. */
  readonly facets?: { readonly [facet: string]: readonly string[] }
  /** Whether a copy can be kept beside the remote's record. */
  readonly copies: boolean
  /** Two times closer than this many milliseconds do not say who was later. */
  readonly uncertainty: number
}

export interface Judgement {
  readonly verdict: Verdict
  /** Something of one side is in neither the result nor a copy: the inbox keeps it. */
  readonly loses: 'local' | 'remote' | 'parts' | 'nothing'
  /** Decided by time, inside the clock's uncertainty. */
  readonly uncertain?: true
}

export interface Resolver {
  /** One judgement per case, in order. */
  judge(cases: readonly Case[]): Promise<readonly Judgement[]>
}

/** One field that both sides changed. `undefined` drops the field, `ask` leaves the whole record to the user. */
export type MergeField = (
  base: Field | undefined,
  local: Field | undefined,
  remote: Field | undefined,
  when: {
    readonly localAt: Stamp
    readonly remoteAt: number | Stamp | undefined
    readonly change: string
    readonly version: unknown
  },
) => { readonly field: Field | undefined } | 'ask'

/** A strategy for whole records. */
export type Judge = (one: Case, fields: FieldRules) => Judgement

export type FieldRules = { readonly [name in FieldRule]?: MergeField }
