import { ApiError, type Code } from './errors.ts'
import type { Case } from './examine.ts'
import type { Change, Resource } from './state.ts'

/** A 409 on apply, with what the client needs to understand it. */
export function refusal(code: Code, reason: string, change: Change, server: Resource | undefined): ApiError {
  const message = code === 'SYNC_VERSION_STALE' ? 'base_version_id is outdated' : reason
  return new ApiError(code, message, {
    reason,
    resource_id: change.resource_id ?? server?.id ?? null,
    current_version_id: server?.version_id ?? null,
    ...(server && server.id !== change.resource_id ? { holder_id: server.id } : {}),
  })
}

/** What strict mode says to each clash. A base that is not current is said first, whatever else is wrong. */
export const REFUSALS: Record<Case, { readonly code: Code; readonly reason: string }> = {
  'update/update': { code: 'SYNC_VERSION_STALE', reason: 'stale' },
  'update/delete': { code: 'SYNC_CONFLICT', reason: 'deleted' },
  'delete/update': { code: 'SYNC_VERSION_STALE', reason: 'stale' },
  'create/create': { code: 'SYNC_CONFLICT', reason: 'path taken' },
  'create file/create folder': { code: 'SYNC_CONFLICT', reason: 'path taken' },
  'move/move': { code: 'SYNC_VERSION_STALE', reason: 'stale' },
  'move/delete': { code: 'SYNC_CONFLICT', reason: 'deleted' },
  'delete/move': { code: 'SYNC_VERSION_STALE', reason: 'stale' },
  'move/name taken': { code: 'SYNC_CONFLICT', reason: 'path taken' },
  'move/cycle': { code: 'SYNC_CONFLICT', reason: 'cycle' },
  'delete folder/child changed': { code: 'SYNC_CONFLICT', reason: 'folder not empty' },
  'into a deleted folder': { code: 'SYNC_CONFLICT', reason: 'parent missing' },
}
