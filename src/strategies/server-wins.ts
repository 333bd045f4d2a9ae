import type { Judge, MergeField } from '../resolver.ts'
import { give } from './facets.ts'

/** The remote's side of every clash. */
export const serverWins: Judge = one => give(one, 'remote')

/** The remote's field. */
export const serverWinsField: MergeField = (_base, _local, remote) => ({ field: remote })
