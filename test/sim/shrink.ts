/** Makes a failing seed smaller: fewer operations and devices first, then single operations, then whole fault families. */
import { type Family, familyNames } from './faults.ts'
import { type Op, type Options, optionsOf, planOf, type Wish } from './plan.ts'
import { runSeed } from './run-seed.ts'
import type { Engine } from './sim.ts'

export interface Small {
  readonly options: Options
  readonly plan: readonly Op[]
  readonly without: readonly Family[]
  readonly message: string
}

/** `budget` in CPU milliseconds. */
export async function shrink(
  seed: string,
  wish: Wish,
  engine: Engine,
  invariant: string,
  budget: number,
): Promise<Small> {
  const start = process.cpuUsage()
  const spent = () => {
    const { user, system } = process.cpuUsage(start)
    return (user + system) / 1000 > budget
  }
  const attempt = async (options: Options, plan: readonly Op[]): Promise<string | undefined> => {
    const { failures } = await runSeed(options, engine, { plan })
    return failures.find(one => one.invariant === invariant)?.message
  }

  let options = optionsOf(seed, wish)
  let plan = planOf(options)
  let message = (await attempt(options, plan)) ?? 'does not fail again'

  ladder: for (const [ops, devices] of [
    [1, 2],
    [2, 2],
    [3, 2],
    [5, 2],
    [8, 2],
    [12, 2],
    [12, 3],
  ] as const) {
    if (ops >= options.ops && devices >= options.devices) break
    for (let n = 0; n < 25 && !spent(); n++) {
      const other = optionsOf(n === 0 ? seed : `${seed}.${n}`, { ...wish, strategy: options.strategy, ops, devices })
      const found = await attempt(other, planOf(other))
      if (found === undefined) continue
      options = other
      plan = planOf(other)
      message = found
      break ladder
    }
  }

  for (let size = Math.ceil(plan.length / 2); size >= 1 && !spent(); size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < plan.length && !spent(); ) {
      const fewer = plan.filter((_, n) => n < at || n >= at + size)
      const found = await attempt(options, fewer)
      if (found === undefined) at += size
      else {
        plan = fewer
        message = found
      }
    }
  }

  const without: Family[] = [...(wish.without ?? [])]
  for (const family of familyNames) {
    if (options.rates[family] === 0 || spent()) continue
    const calmer = { ...options, rates: { ...options.rates, [family]: 0 } }
    const found = await attempt(calmer, plan)
    if (found === undefined) continue
    options = calmer
    message = found
    without.push(family)
  }
  return { options, plan, without, message }
}
