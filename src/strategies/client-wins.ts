import type { Judge, MergeField } from '../resolver.ts'
import { give } from './facets.ts'

/** The local side of every clash. */
export const clientWins: Judge = one => give(one, 'local')

/** The local field. */
export const clientWinsField: MergeField = (_base, local) => ({ field: local })
