import { applyBatch } from '../apply.ts'
import { ApiError } from '../errors.ts'
import { writeCursor } from '../log.ts'
import type { App, Server } from '../server.ts'
import { applyBody } from '../wire.ts'

export function applyRoutes(app: App, { state, knobs, commit }: Server): void {
  app.post('/api/v1/sync/apply', async c => {
    const body = applyBody(await c.req.raw.text(), knobs())
    try {
      const { applied, conflicts, position } = commit(() => applyBatch(state, c.get('user'), body))
      return c.json({ applied, conflicts, cursor: writeCursor(position, knobs()) })
    } catch (error) {
      if (knobs().refusals === 'index' || !(error instanceof ApiError) || error.status !== 409) throw error
      throw new ApiError('SYNC_CONFLICT', 'version mismatch')
    }
  })
}
