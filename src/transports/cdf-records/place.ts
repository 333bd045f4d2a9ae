/** Where we are in a stream, as it is stored. */
import { SyncError } from '../../errors.ts'
import type { Json } from '../../model.ts'
import { count, flag, text } from '../shared/shape.ts'

export interface Place {
  readonly cursor: string
  /** The first walk is not at its end. */
  readonly walk: boolean
  /** When this place was given out, to the hour: milliseconds since 1970 by the server's clock. */
  readonly since: number
  /** The question that it answers, as a hash. */
  readonly asked: string
}

/** Throws `cursor-invalid` where it belongs to another question. */
export function readPlace(json: Json, asked: string): Place {
  const cursor = text(json, 'cursor')
  const walk = flag(json, 'walk')
  const since = count(json, 'since')
  if (cursor === undefined || walk === undefined || since === undefined || text(json, 'asked') !== asked) {
    throw new SyncError('cursor-invalid', 'Another part of the stream is read now. It is read from its start.')
  }
  return { cursor, walk, since, asked }
}
