import type { Case, Judge } from '../resolver.ts'
import { ask, changes, clashes, type Facet, give } from './facets.ts'

/**
 * The remote keeps the id, the local value whole becomes a copy. An edit beats a delete and stays under its id. What
 * cannot be kept twice, such as the place of a file, is the remote's.
 */
export const keepBoth: Judge = one => {
  if (one.local.value === null) return { verdict: { take: 'remote' }, loses: 'nothing' }
  if (one.remote.value === null) {
    if (!worthCopy(one, changes(one, 'local'))) return give(one, 'remote')
    return { verdict: { take: 'local' }, loses: 'nothing' }
  }
  if (!worthCopy(one, clashes(one))) return give(one, 'remote')
  if (!one.copies) return ask('KEEP_BOTH needs a copy, and there can be none here.')
  return { verdict: { take: 'both' }, loses: 'nothing' }
}

function worthCopy({ doubles }: Case, facets: readonly Facet[]): boolean {
  return facets.some(({ name }) => name === undefined || doubles === undefined || doubles.includes(name))
}
