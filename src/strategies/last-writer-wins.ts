import type { Case, Judge, MergeField, When } from '../resolver.ts'
import { give, type Side } from './facets.ts'

/** The later write wins, by a total order that is the same on every device that judges. */
export const lastWriterWins: Judge = one => {
  const { side, uncertain } = later(whenOf(one))
  return { ...give(one, side), ...(uncertain && { uncertain }) }
}

/** The field of the later write. */
export const lastWriterWinsField: MergeField = (_base, local, remote, when) => {
  const { side, uncertain } = later(when)
  return { field: side === 'local' ? local : remote, uncertain }
}

/**
 * By time, then device, then change. The remote wins where it keeps no device and the times are equal, and where it
 * keeps no time at all: what others already saw stays.
 */
function later({ localAt, remoteAt, change, origin = '', uncertainty }: When): { side: Side; uncertain: boolean } {
  if (remoteAt === undefined) return { side: 'remote', uncertain: true }
  const ahead = localAt.time - (typeof remoteAt === 'number' ? remoteAt : remoteAt.time)
  const uncertain = !(Math.abs(ahead) > uncertainty)
  if (ahead !== 0) return { side: ahead > 0 ? 'local' : 'remote', uncertain }
  if (typeof remoteAt === 'number') return { side: 'remote', uncertain }
  const byName = localAt.device === remoteAt.device ? change > origin : localAt.device > remoteAt.device
  return { side: byName ? 'local' : 'remote', uncertain }
}

/** What a rule may know about the two writes. */
export function whenOf({ local, remote, uncertainty }: Case): When {
  return {
    localAt: local.at,
    remoteAt: remote.at,
    change: local.change,
    origin: remote.origin,
    version: remote.version,
    uncertainty,
  }
}
