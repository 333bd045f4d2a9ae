import type { Desk } from './effects.ts'
import { ApiError } from './errors.ts'
import { contentNamed } from './staging.ts'
import type { Resource, State } from './state.ts'
import { bringsContent } from './wire.ts'

export function demandQuota({ state, user, share_id, change }: Desk, server: Resource | undefined): void {
  const quota = state.shares.get(share_id)?.quota_bytes ?? null
  if (quota === null || !bringsContent(change)) return
  const sha256 = contentNamed(state, user, change)
  const bytes = sha256 === undefined ? undefined : state.contents.get(sha256)
  const size = bytes?.length ?? state.staged.by('sha256', `${user.id}/${sha256}`)[0]?.total ?? 0
  const freed = server && !server.deleted ? (server.content?.size ?? 0) : 0
  if (usedBytes(state, share_id) - freed + size > quota) throw new ApiError('QUOTA_EXCEEDED', 'share quota exceeded')
}

export function usedBytes(state: State, share_id: string): number {
  return state.resources.by('share', share_id).reduce((sum, it) => sum + (it.deleted ? 0 : (it.content?.size ?? 0)), 0)
}
