import { ApiError, notFound } from './errors.ts'
import type { Device, Resource, Role, Share, State, User } from './state.ts'

const READ = 1
const WRITE = 2
const DELETE = 4
const CREATE = 8

export type Permission = 'READ' | 'WRITE' | 'DELETE' | 'CREATE'

const BITS: Record<Permission, number> = { READ, WRITE, DELETE, CREATE }
const GRANTED: Record<Role, number> = {
  reader: READ,
  contributor: READ | WRITE | DELETE | CREATE,
  admin: 63,
  owner: 63,
}

export function roleIn(state: State, user: User, share_id: string): Role | undefined {
  const share = state.shares.get(share_id)
  if (!share || share.deleted || share.tenant_id !== user.tenant_id) return undefined
  return state.members.get(`${share_id}/${user.id}`)?.role
}

export function may(state: State, user: User, share_id: string, permission: Permission): boolean {
  const role = roleIn(state, user, share_id)
  return role !== undefined && (GRANTED[role] & BITS[permission]) !== 0
}

/** What the caller cannot read does not exist for it. */
export function visibleShare(state: State, user: User, share_id: string): Share {
  const share = state.shares.get(share_id)
  if (!share || !may(state, user, share_id, 'READ')) throw notFound('share')
  return share
}

export function visibleResource(state: State, user: User, id: string, kind: Resource['kind']): Resource {
  const resource = state.resources.get(id)
  if (resource?.kind !== kind || !may(state, user, resource.share_id, 'READ')) throw notFound(kind)
  return resource
}

export function demand(state: State, user: User, share_id: string, permission: Permission): void {
  if (!may(state, user, share_id, permission)) throw new ApiError('FORBIDDEN', `${permission} permission required`)
}

export const deviceKey = (user: User, device_id: string): string => `${user.id}/${device_id}`

export function knownDevice(state: State, user: User, device_id: string): Device {
  const device = state.devices.get(deviceKey(user, device_id))
  if (!device || device.removed) throw notFound('device')
  return device
}
