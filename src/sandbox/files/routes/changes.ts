import { iso } from '../../world.ts'
import { deviceKey, knownDevice, visibleShare } from '../access.ts'
import { hasOpen } from '../conflicts.ts'
import { invalid } from '../errors.ts'
import { page, readCursor, rowsBetween, tenantOf, writeCursor, written } from '../log.ts'
import type { App, Server } from '../server.ts'
import type { Cursor } from '../state.ts'
import { type Ctx, required } from './query.ts'

export function changeRoutes(app: App, { state, knobs, commit }: Server): void {
  app.get('/api/v1/sync/changes', c => {
    const user = c.get('user')
    const share_id = c.req.query('share_id') ?? null
    if (share_id !== null) visibleShare(state, user, share_id)
    const limit = limitOf(c.req.query('limit'))
    const tenant = tenantOf(state, user.tenant_id)
    const cursor = c.req.query('cursor')
    const after = cursor === undefined ? tenant.head : readCursor(cursor, tenant, knobs())
    const { rows, position, has_more } = page(state, user, { share_id, after, limit })
    const changes = rows.map(row => written(row.change, knobs()))
    return c.json({ changes, cursor: writeCursor(position, knobs()), has_more, share_id })
  })

  app.get('/api/v1/sync/status', c => {
    const { user, share_id, device_id, key } = scope(c)
    const { head } = tenantOf(state, user.tenant_id)
    const cursor = state.cursors.get(key) ?? commit(() => store(key, { position: head, last_sync_at: null }))
    const rows = rowsBetween(state, tenantOf(state, user.tenant_id), cursor.position, head)
    return c.json({
      ...answer(cursor),
      pending_changes: rows.filter(row => row.share_id === share_id).length,
      has_conflicts: hasOpen(state, user.id, device_id, share_id),
    })
  })

  app.post('/api/v1/sync/cursor', c => {
    const { user, device, key } = scope(c)
    const asked = readCursor(required(c, 'position'), tenantOf(state, user.tenant_id), knobs())
    const stored = state.cursors.get(key) ?? { position: 0, last_sync_at: null }
    if (!device.is_active || asked < stored.position) return c.json(answer(stored))
    return c.json(answer(commit(() => store(key, { position: asked, last_sync_at: state.now() }))))
  })

  function store(key: string, cursor: Cursor): Cursor {
    state.cursors.put(key, cursor)
    return cursor
  }

  function answer({ position, last_sync_at }: Cursor) {
    return {
      cursor_position: writeCursor(position, knobs()),
      last_sync_at: last_sync_at === null ? null : iso(last_sync_at),
    }
  }

  function scope(c: Ctx) {
    const user = c.get('user')
    const [share_id, device_id] = [required(c, 'share_id'), required(c, 'device_id')]
    const device = knownDevice(state, user, device_id)
    visibleShare(state, user, share_id)
    return { user, share_id, device_id, device, key: `${deviceKey(user, device_id)}/${share_id}` }
  }
}

function limitOf(text: string | undefined): number {
  if (text === undefined) return 1000
  const limit = Number(text)
  if (!/^\d+$/.test(text) || limit < 1 || limit > 5000) throw invalid(['query', 'limit'], 'must be 1..5000')
  return limit
}
