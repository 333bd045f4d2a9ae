/**
 * Gather, judge, commit. Judging may cross to a worker, so it never happens inside a transaction (law 2): a pass that
 * meets a conflict it has no verdict for writes nothing, the cases are judged, and the pass runs again. A record edited
 * meanwhile is another case, and is judged again.
 */
import { sameBase, sameData, sameValue } from '../equal.ts'
import { SyncError } from '../errors.ts'
import type { Case, Judgement, Resolver } from '../resolver.ts'

/** The verdict for a case, once it is known. `undefined`: leave the record alone, this pass will not be written. */
export type Judged = (label: string, one: Case) => Judgement | undefined

export interface Pass {
  readonly judged: Judged
  /** To be called before the first write: throws when a verdict is missing. */
  complete(): void
}

class Unjudged extends Error {
  readonly cases: ReadonlyMap<string, Case>
  constructor(cases: ReadonlyMap<string, Case>) {
    super('A conflict waits for its verdict.')
    this.cases = cases
  }
}

/** Passes after which somebody edits faster than we judge; then the walk ends, and begins again after a pause. */
const mostEdits = 20
/** A record that clashes with many rows of one page is judged row by row: each stands on what became of the last. */
const mostPasses = 2_000

export async function withVerdicts<T>(resolver: Resolver, pass: (one: Pass) => Promise<T>): Promise<T> {
  const verdicts = new Map<string, { readonly one: Case; readonly judgement: Judgement }>()
  for (let passes = 0, edits = 0; passes < mostPasses && edits < mostEdits; passes++) {
    const missing = new Map<string, Case>()
    const judged: Judged = (label, one) => {
      const name = nameOf(label, one)
      const known = verdicts.get(name)
      if (known !== undefined && sameCase(known.one, one)) return known.judgement
      missing.set(name, one)
      return undefined
    }
    const complete = () => {
      if (missing.size > 0) throw new Unjudged(missing)
    }
    try {
      return await pass({ judged, complete })
    } catch (error) {
      if (!(error instanceof Unjudged)) throw error
      const cases = [...error.cases]
      const answers = await resolver.judge(cases.map(([, one]) => one))
      if (cases.some(([name]) => !verdicts.has(name))) edits++
      for (const [at, [name, one]] of cases.entries()) verdicts.set(name, { one, judgement: answers[at]! })
    }
  }
  throw new SyncError(
    'busy',
    'Records are edited faster than their conflicts can be judged. The next try comes by itself.',
  )
}

// A stamp is bound to one content of its record, and the label to one record of the page. Change ids are not in it: one
// that was made in this pass is another in the next.
const nameOf = (label: string, { collection, id, local }: Case): string =>
  [label, collection, id, local.at.time, local.at.device].join('\n')

// What the row before it in the page left is another base, or another value to judge.
const sameCase = (one: Case, other: Case): boolean =>
  sameData(one.base, other.base) && sameValue(one.local.value, other.local.value) && sameBase(one.remote, other.remote)
