import { sameBase, sameValue } from '../equal.ts'
import type { Base, Value } from '../model.ts'

/**
 * What a remote's record means to us. Pure, and the only place where a conflict is born.
 *
 * - `known`: nothing new
 * - `adopt`: the remote moved on; take it as the record, or as the base of what waits
 * - `agree`: both sides came to the same value
 * - `conflict`: both sides left the base, in different directions
 */
export function reconcile(
  base: Base | null | undefined,
  waiting: { readonly value: Value | null } | undefined,
  remote: Base,
): 'known' | 'adopt' | 'agree' | 'conflict' {
  if (base != null && sameBase(base, remote)) return 'known'
  if (waiting === undefined) return 'adopt'
  if (sameValue(waiting.value, remote.value)) return 'agree'
  // Another version of the value that the local side started from: nobody's write is in question.
  if (sameValue(base?.value ?? null, remote.value)) return 'adopt'
  return 'conflict'
}
