import { iso } from '../../world.ts'
import { deviceKey, knownDevice } from '../access.ts'
import { invalid } from '../errors.ts'
import type { App, Server } from '../server.ts'
import type { Device } from '../state.ts'
import { object, oneOf, parse, string } from '../wire.ts'

const DEVICES = '/api/v1/sync/devices'
const PLATFORMS = ['windows', 'macos', 'linux', 'ios', 'android', 'web', 'cli'] as const

export function deviceRoutes(app: App, { state, commit }: Server): void {
  app.get(DEVICES, c => {
    const devices = state.devices.by('user', c.get('user').id).filter(it => !it.removed)
    return c.json(devices.map(writtenDevice))
  })

  app.post(DEVICES, async c => {
    const user = c.get('user')
    const body = object(parse(await c.req.raw.text()), ['body'])
    const device_id = string(body, 'device_id', ['body'])
    const device: Device = {
      device_id,
      user_id: user.id,
      device_name: string(body, 'device_name', ['body']),
      platform: oneOf(body.platform, PLATFORMS, ['body', 'platform']),
      client_version: string(body, 'client_version', ['body']),
      is_active: true,
      last_seen_at: state.now(),
      created_at: state.devices.get(deviceKey(user, device_id))?.created_at ?? state.now(),
      removed: false,
    }
    return c.json(writtenDevice(put(device)), 201)
  })

  app.patch(`${DEVICES}/:id`, async c => {
    const device = knownDevice(state, c.get('user'), c.req.param('id'))
    const body = object(parse(await c.req.raw.text()), ['body'])
    const { is_active = device.is_active } = body
    if (typeof is_active !== 'boolean') throw invalid(['body', 'is_active'], 'must be a boolean')
    const device_name = body.device_name === undefined ? device.device_name : string(body, 'device_name', ['body'])
    return c.json(writtenDevice(put({ ...device, device_name, is_active })))
  })

  app.delete(`${DEVICES}/:id`, c => {
    put({ ...knownDevice(state, c.get('user'), c.req.param('id')), removed: true })
    return c.body(null, 204)
  })

  app.post(`${DEVICES}/:id/heartbeat`, c => {
    put({ ...knownDevice(state, c.get('user'), c.req.param('id')), last_seen_at: state.now() })
    return c.body(null, 204)
  })

  /** The sockets are looked through after each commit: a device that lost its place loses them. */
  function put(device: Device): Device {
    commit(() => state.devices.put(`${device.user_id}/${device.device_id}`, device))
    return device
  }
}

const writtenDevice = (device: Device) => ({
  device_id: device.device_id,
  user_id: device.user_id,
  device_name: device.device_name,
  platform: device.platform,
  client_version: device.client_version,
  is_active: device.is_active,
  last_seen_at: iso(device.last_seen_at),
  created_at: iso(device.created_at),
})
