/** All rows of a collection as one number of them and one sum, whatever their order; so nobody holds 100,000 to compare. */
import { createHash } from 'node:crypto'

export interface Sum {
  readonly count: number
  readonly sum: string
}

export function summing() {
  const sum = Buffer.alloc(32)
  let count = 0
  return {
    add(id: string, value: object) {
      const hash = createHash('sha256')
        .update(sorted([id, value]))
        .digest()
      for (const [at, byte] of hash.entries()) sum[at] = (sum[at] ?? 0) ^ byte
      count++
    },
    end: (): Sum => ({ count, sum: sum.toString('hex') }),
  }
}

/** As JSON, with the fields in the order of their names. */
function sorted(value: unknown): string {
  return JSON.stringify(value, (_, held: unknown) =>
    typeof held === 'object' && held !== null && !Array.isArray(held)
      ? Object.fromEntries(Object.entries(held).sort(([one], [other]) => (one < other ? -1 : 1)))
      : held,
  )
}
