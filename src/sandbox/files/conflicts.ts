import { iso } from '../world.ts'
import type { Desk } from './effects.ts'
import { type Conflict, mint, type Resource, type State, type Strategy } from './state.ts'

/** One open conflict per device and resource: a newer client version takes the older one's place in the record. */
export function fileConflict(desk: Desk, server: Resource, resolution: Strategy | null): Conflict {
  const { state, change, user, device_id } = desk
  const open = resolution === null ? openFor(state, user.id, device_id, server.id) : undefined
  if (open && open.client_version_id !== change.version_id) unpin(state, open.client_version_id)
  const conflict: Conflict = {
    id: open?.id ?? mint(state, 'cnf'),
    share_id: desk.share_id,
    user_id: user.id,
    device_id,
    resource_type: server.kind,
    resource_id: server.id,
    client_version_id: change.version_id,
    server_version_id: server.version_id,
    created_at: open?.created_at ?? state.now(),
    resolution,
    change: { ...change, modified_at: Math.min(change.modified_at ?? state.now(), state.now()) },
  }
  state.conflicts.put(conflict.id, conflict)
  return conflict
}

/** A settled conflict's client version goes, unless the verdict made it part of the chain. */
export function unpin(state: State, version_id: string): void {
  if (state.versions.get(version_id)?.number === null) state.versions.drop(version_id)
}

/** Versions that an open conflict speaks of stay downloadable, even of a deleted file. */
export function heldByConflict(state: State, resource_id: string, version_id: string): boolean {
  return state.conflicts
    .by('resource', resource_id)
    .some(it => it.resolution === null && (it.client_version_id === version_id || it.server_version_id === version_id))
}

export function hasOpen(state: State, user_id: string, device_id: string, share_id: string): boolean {
  return state.conflicts
    .all()
    .some(
      it => it.resolution === null && it.user_id === user_id && it.device_id === device_id && it.share_id === share_id,
    )
}

export const writtenConflict = (conflict: Conflict) => ({
  id: conflict.id,
  share_id: conflict.share_id,
  device_id: conflict.device_id,
  resource_type: conflict.resource_type,
  resource_id: conflict.resource_id,
  client_version_id: conflict.client_version_id,
  server_version_id: conflict.server_version_id,
  created_at: iso(conflict.created_at),
  resolution: conflict.resolution,
})

function openFor(state: State, user_id: string, device_id: string, resource_id: string): Conflict | undefined {
  return state.conflicts
    .by('resource', resource_id)
    .find(it => it.resolution === null && it.user_id === user_id && it.device_id === device_id)
}
