/** One vendor's schemas over a whole test file: they find nothing, and each deviation from them is needed. */
import { expect, test } from 'vitest'
import { type Deviation, type Exchange, type Judge, judgeOf } from './schemas.ts'

export interface Court {
  /** `strict`: what was asked is judged even where it was refused. */
  hear(exchange: Exchange, strict: boolean): void
  /** The last tests of the file. `operations`: all that must have been judged. */
  verdict(operations: readonly string[]): void
}

export function courtOf(name: string, prefix: RegExp, deviations: readonly Deviation[]): Court {
  const judge = judgeOf(name, prefix, deviations)
  const faults = new Set<string>()
  /** The same judge but for one deviation each, until it has shown that it is needed. */
  const without = new Map<Deviation, Judge>()
  for (const one of judge === undefined ? [] : deviations) {
    const others = deviations.filter(other => other !== one)
    without.set(one, judgeOf(name, prefix, others)!)
  }

  return {
    hear(exchange, strict) {
      for (const fault of judge?.faults(exchange, strict) ?? []) faults.add(fault)
      for (const [one, stern] of without) if (stern.faults(exchange, strict).length > 0) without.delete(one)
    },
    verdict(operations) {
      const judging = test.runIf(judge) // without the vendor's schemas there is no judge, and `judgeOf` has said so
      judging('found nothing, and looked at every operation that is used', () => {
        expect([...faults]).toEqual([])
        expect([...judge!.counts.keys()].sort()).toEqual(operations)
      })
      judging('are followed but for what is listed, each of which is needed', () => {
        for (const { where, why } of deviations) console.log(`Deviation from ${name}: ${where}. ${why}`)
        expect([...without.keys()].map(({ where }) => where)).toEqual([])
      })
    },
  }
}
