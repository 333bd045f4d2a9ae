import { may } from '../access.ts'
import { writtenConflict } from '../conflicts.ts'
import { invalid, notFound } from '../errors.ts'
import { resolve } from '../resolve.ts'
import type { App, Server } from '../server.ts'
import { strategy } from '../wire.ts'

export function conflictRoutes(app: App, { state, commit }: Server): void {
  app.get('/api/v1/sync/conflicts', c => {
    const user = c.get('user')
    const [device_id, share_id] = [c.req.query('device_id'), c.req.query('share_id')]
    const resolved = boolean(c.req.query('include_resolved'))
    const found = state.conflicts
      .all()
      .filter(it => it.user_id === user.id && may(state, user, it.share_id, 'READ'))
      .filter(it => device_id === undefined || it.device_id === device_id)
      .filter(it => share_id === undefined || it.share_id === share_id)
      .filter(it => resolved || it.resolution === null)
    return c.json(found.map(writtenConflict))
  })

  app.post('/api/v1/sync/conflicts/:id/resolve', c => {
    const user = c.get('user')
    const conflict = state.conflicts.get(c.req.param('id'))
    if (conflict?.user_id !== user.id || !may(state, user, conflict.share_id, 'READ')) throw notFound('conflict')
    const resolution = strategy(c.req.query('resolution'), ['query', 'resolution'])
    if (!resolution) throw invalid(['query', 'resolution'], 'required')
    return c.json(writtenConflict(commit(() => resolve(state, user, conflict, resolution))))
  })
}

function boolean(text: string | undefined): boolean {
  if (text === undefined || /^(false|0)$/i.test(text)) return false
  if (/^(true|1)$/i.test(text)) return true
  throw invalid(['query', 'include_resolved'], 'must be true or false')
}
