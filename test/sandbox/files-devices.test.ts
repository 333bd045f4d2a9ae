import { expect, test } from 'vitest'
import { register, SYNC, scene } from './kit.ts'

const DEVICES = `${SYNC}/devices`

test('a device is registered with 201, and again with 201', async () => {
  const { api, user_id, world } = await scene()
  world.set(world.now() + 1000)
  const body = { device_id: 'dev_1', device_name: 'Renamed', platform: 'web', client_version: '2.0.0' }
  const again = await api('POST', DEVICES, body)
  expect(again.status).toBe(201)
  expect((await api('GET', DEVICES)).body).toEqual([
    {
      ...body,
      user_id,
      is_active: true,
      last_seen_at: '2026-05-02T08:00:01.000Z',
      created_at: '2026-05-02T08:00:00.000Z',
    },
  ])
})

test('a platform that nobody knows is 422', async () => {
  const { api } = await scene()
  const body = { device_id: 'd', device_name: 'Toaster', platform: 'toaster', client_version: '1' }
  expect((await api('POST', DEVICES, body)).status).toBe(422)
})

test('a device is renamed and put to rest; other keys are ignored', async () => {
  const { api } = await scene()
  const { status, body } = await api('PATCH', `${DEVICES}/dev_1`, {
    device_name: 'Old',
    is_active: false,
    user_id: 'x',
  })
  expect([status, body.device_name, body.is_active]).toEqual([200, 'Old', false])
  expect((await api('PATCH', `${DEVICES}/nobody`, {})).status).toBe(404)
  expect((await api('PATCH', `${DEVICES}/dev_1`, { is_active: 'no' })).status).toBe(422)
})

test('a removed device is gone for every call, and keeps its cursor for when it comes back', async () => {
  const { admin, api, share } = await scene()
  const status = () => api('GET', `${SYNC}/status?share_id=${share}&device_id=dev_1`)
  const { cursor_position } = (await status()).body
  expect((await api('DELETE', `${DEVICES}/dev_1`)).status).toBe(204)
  admin.createFile(share, '/a', 'x')
  const calls = [
    await api('DELETE', `${DEVICES}/dev_1`),
    await status(),
    await api('POST', `${SYNC}/cursor?share_id=${share}&device_id=dev_1&position=1`),
    await api('POST', `${DEVICES}/dev_1/heartbeat`),
    await api('GET', `${DEVICES}/dev_1/preferences`),
    await api('POST', `${SYNC}/apply`, { device_id: 'dev_1', share_id: share, changes: [] }),
  ]
  expect(calls.map(it => it.status)).toEqual([404, 404, 404, 404, 404, 404])
  expect((await api('GET', DEVICES)).body).toEqual([])

  await register(api, 'dev_1')
  expect((await status()).body).toMatchObject({ cursor_position, pending_changes: 1 })
})

test('a heartbeat is noted, and does not wake an inactive device', async () => {
  const { admin, api, user_id, world } = await scene()
  admin.setDeviceActive(user_id, 'dev_1', false)
  world.set(world.now() + 5000)
  expect((await api('POST', `${DEVICES}/dev_1/heartbeat`)).status).toBe(204)
  const [device] = (await api('GET', DEVICES)).body
  expect([device.is_active, device.last_seen_at]).toEqual([false, '2026-05-02T08:00:05.000Z'])
})

test('preferences are replaced one by one, what is left out is the default', async () => {
  const { api, share } = await scene()
  const path = `${DEVICES}/dev_1/preferences`
  expect((await api('GET', path)).body).toEqual({ preferences: [] })
  const one = await api('PUT', `${path}/${share}`, { selected_folders: ['fld_2'] })
  expect(one.body).toEqual({ share_id: share, sync_enabled: true, selected_folders: ['fld_2'], excluded_folders: [] })
  await api('PUT', `${path}/${share}`, { sync_enabled: false })
  expect((await api('GET', path)).body.preferences).toEqual([
    { share_id: share, sync_enabled: false, selected_folders: [], excluded_folders: [] },
  ])
})

test('a bulk update touches the named shares only, all or nothing', async () => {
  const { admin, api, share, user_id } = await scene()
  const other = admin.addShare('Other', user_id)
  const path = `${DEVICES}/dev_1/preferences`
  await api('PUT', `${path}/${other}`, { sync_enabled: false })
  const refused = await api('PUT', path, {
    preferences: [
      { share_id: share, sync_enabled: false },
      { share_id: 'shr_no', sync_enabled: false },
    ],
  })
  expect(refused.status).toBe(404)
  expect((await api('GET', path)).body.preferences).toHaveLength(1)
  const { body } = await api('PUT', path, { preferences: [{ share_id: share, excluded_folders: ['fld_4'] }] })
  expect(body.preferences).toEqual([
    { share_id: other, sync_enabled: false, selected_folders: [], excluded_folders: [] },
    { share_id: share, sync_enabled: true, selected_folders: [], excluded_folders: ['fld_4'] },
  ])
  expect((await api('PUT', path, { preferences: [{ share_id: share, selected_folders: 'x' }] })).status).toBe(422)
})
