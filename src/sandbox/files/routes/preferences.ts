import { deviceKey, knownDevice, visibleShare } from '../access.ts'
import { invalid } from '../errors.ts'
import type { App, Server } from '../server.ts'
import type { Preference, User } from '../state.ts'
import { type Loc, object, parse, string } from '../wire.ts'

const PREFERENCES = '/api/v1/sync/devices/:id/preferences'

export function preferenceRoutes(app: App, { state, sockets, commit }: Server): void {
  app.get(PREFERENCES, c => {
    const device = knownDevice(state, c.get('user'), c.req.param('id'))
    return c.json(listOf(c.get('user'), device.device_id))
  })

  app.put(`${PREFERENCES}/:share_id`, async c => {
    const user = c.get('user')
    const { device_id } = knownDevice(state, user, c.req.param('id'))
    const share = visibleShare(state, user, c.req.param('share_id'))
    const body = object(parse(await c.req.raw.text()), ['body'])
    const [preference] = put([preferenceOf(user, device_id, share.id, body, ['body'])])
    return c.json(written(preference!))
  })

  app.put(PREFERENCES, async c => {
    const user = c.get('user')
    const { device_id } = knownDevice(state, user, c.req.param('id'))
    const { preferences } = object(parse(await c.req.raw.text()), ['body'])
    if (!Array.isArray(preferences)) throw invalid(['body', 'preferences'], 'must be a list')
    const all = preferences.map((value, index) => {
      const loc = ['body', 'preferences', index]
      const item = object(value, loc)
      return preferenceOf(user, device_id, visibleShare(state, user, string(item, 'share_id', loc)).id, item, loc)
    })
    put(all)
    return c.json(listOf(user, device_id))
  })

  function put(preferences: readonly Preference[]): readonly Preference[] {
    commit(() => {
      for (const it of preferences) state.preferences.put(`${it.user_id}/${it.device_id}/${it.share_id}`, it)
    })
    for (const it of preferences) sockets.preferenceUpdated(state.users.get(it.user_id)!, it.device_id, it.share_id)
    return preferences
  }

  function listOf(user: User, device_id: string) {
    return { preferences: state.preferences.by('device', deviceKey(user, device_id)).map(written) }
  }
}

function preferenceOf(
  user: User,
  device_id: string,
  share_id: string,
  body: Readonly<Record<string, unknown>>,
  loc: Loc,
): Preference {
  const { sync_enabled = true } = body
  if (typeof sync_enabled !== 'boolean') throw invalid([...loc, 'sync_enabled'], 'must be a boolean')
  return {
    user_id: user.id,
    device_id,
    share_id,
    sync_enabled,
    selected_folders: folders(body, 'selected_folders', loc),
    excluded_folders: folders(body, 'excluded_folders', loc),
  }
}

function folders(body: Readonly<Record<string, unknown>>, key: string, loc: Loc): readonly string[] {
  const value = body[key] ?? []
  if (!Array.isArray(value) || !value.every(it => typeof it === 'string')) {
    throw invalid([...loc, key], 'must be a list of strings')
  }
  return value
}

const written = ({ share_id, sync_enabled, selected_folders, excluded_folders }: Preference) => ({
  share_id,
  sync_enabled,
  selected_folders,
  excluded_folders,
})
