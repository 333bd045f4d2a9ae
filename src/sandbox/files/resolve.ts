import { deviceKey, may } from './access.ts'
import { needs } from './apply.ts'
import { fileConflict, unpin } from './conflicts.ts'
import type { Desk, Effect } from './effects.ts'
import { ApiError } from './errors.ts'
import { examine } from './examine.ts'
import { childrenOf } from './paths.ts'
import type { Conflict, State, Strategy, User } from './state.ts'
import { plain, VERDICTS } from './verdicts.ts'
import { bringsContent } from './wire.ts'

/** Settles an open conflict against what the server holds now, not what it held when the conflict arose. */
export function resolve(state: State, user: User, conflict: Conflict, resolution: Strategy): Conflict {
  if (conflict.resolution === resolution) return conflict
  if (conflict.resolution !== null) throw new ApiError('SYNC_CONFLICT', 'conflict is already resolved otherwise')

  const { change, share_id, device_id } = conflict
  const device_name = state.devices.get(deviceKey(user, device_id))?.device_name ?? ''
  const desk: Desk = { state, user, share_id, device_id, device_name, change }
  const finding = examine({
    state,
    share_id,
    change,
    sha256: bringsContent(change) ? (change.checksum_sha256 ?? undefined) : undefined,
    rebased: { ids: new Map(), paths: new Map() },
    // The question was about what is in the folder, and it is asked about what is in it now.
    touched: folder => childrenOf(state, share_id, folder.id).length > 0,
  })
  const lacking = needs(change, finding).find(permission => !may(state, user, share_id, permission))
  if (lacking) throw new ApiError('FORBIDDEN', `${lacking} permission required`)

  const effect = effectOf(desk, finding, resolution)
  if (effect?.outcome === 'conflict') throw new ApiError('SYNC_CONFLICT', 'there are too many copies already')
  for (const it of effect?.removed ?? []) fileConflict(desk, it, resolution)
  unpin(state, conflict.client_version_id)
  const settled: Conflict = { ...conflict, resolution }
  state.conflicts.put(settled.id, settled)
  return settled
}

function effectOf(desk: Desk, finding: ReturnType<typeof examine>, resolution: Strategy): Effect | undefined {
  if (resolution === 'MANUAL' || resolution === 'SERVER_WINS') return undefined
  if (finding.is === 'clear') return plain(desk, finding.server, finding.place, finding.stale)
  if (finding.is !== 'clash') return undefined
  return VERDICTS[finding.case][resolution]({ ...desk, ...finding })
}
