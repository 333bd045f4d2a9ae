import { equal } from '../equal.ts'
import type { Field, Value } from '../model.ts'

/**
 * `mine` was made from `from`, and the remote made `to` of that: what the local side did not touch follows. Pure. A
 * field that the remote adds or fixes is nobody's edit.
 */
export function carry(from: Value | null, mine: Value | null, to: Value | null): Value | null {
  if (from === null || mine === null || to === null) return mine
  const carried: { [field: string]: Field } = {}
  for (const field of new Set([...Object.keys(mine), ...Object.keys(to)])) {
    const side = equal(mine[field], from[field]) ? to : mine
    const value = side[field]
    if (value !== undefined)
      Object.defineProperty(carried, field, { value, enumerable: true, configurable: true, writable: true })
  }
  return carried
}
