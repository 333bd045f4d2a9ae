import { afterEach, describe, expect, test } from 'vitest'
import { bytesOf, closeDrives, driveApp } from './drive-app.ts'

afterEach(closeDrives)

const devicesOf = (it: Awaited<ReturnType<typeof driveApp>>) =>
  it.server.inspect().devices.map(({ device_id, removed, is_active }) => ({ device_id, removed, is_active }))

describe('a device that was removed elsewhere (I27)', () => {
  test('registers anew and lists everything; nothing that was written meanwhile is lost, on either side', async () => {
    const it = await driveApp()
    const id = it.db.device.id
    it.admin.removeDevice(it.owner.user_id, id)
    await it.rows.write(it.idAt('/f/g/x'), bytesOf('mine'))
    await it.rows.put('fld_my-own-k-00', { share: it.share, parent: it.idAt('/h'), name: 'k', kind: 'folder' })
    await it.rows.delete(it.idAt('/f/y'))
    it.admin.createFile(it.share, '/h/theirs', 'theirs')
    it.requests.length = 0
    await it.sync()
    await it.sync()
    expect(devicesOf(it)).toEqual([{ device_id: id, removed: false, is_active: true }])
    expect(it.paths()).toEqual(['/f', '/f/g', '/f/g/x', '/h', '/h/k', '/h/theirs'])
    expect(it.text('/f/g/x')).toBe('mine')
    expect(await it.names()).toEqual(['f', 'g', 'h', 'k', 'theirs', 'x'])
    expect([(await it.status()).phase, await it.db.conflicts.list()]).toEqual(['synced', []])
    // All is listed, behind a head that was taken before (I25).
    const reads = it.requests.filter(({ path }) => path.endsWith('/changes') || path.endsWith('/children'))
    expect(reads[0]?.path).toMatch(/changes$/)
    expect(reads.filter(({ path }) => path.endsWith('/children')).length).toBeGreaterThan(0)
  })

  test('notices it by itself, with nothing to send and nobody asking', async () => {
    const it = await driveApp()
    it.admin.removeDevice(it.owner.user_id, it.db.device.id)
    it.admin.createFile(it.share, '/h/theirs', 'theirs')
    await it.world.pass(130_000)
    expect(devicesOf(it)).toMatchObject([{ removed: false }])
    expect(await it.names()).toContain('theirs')
  })

  test('and comes back keeps to what was chosen for it', async () => {
    const it = await driveApp()
    await it.db.remotes.drive.api.setPreference({ share: it.share, excluded: [it.idAt('/f')] })
    await it.sync()
    expect(await it.names()).toEqual(['h'])
    it.admin.removeDevice(it.owner.user_id, it.db.device.id)
    await it.sync()
    await it.sync()
    expect([await it.names(), it.paths().length]).toEqual([['h'], 5])
  })

  test('by the app itself goes on as another would', async () => {
    const it = await driveApp()
    await it.db.remotes.drive.api.removeDevice({ id: it.db.device.id })
    await it.sync()
    await it.sync()
    expect([devicesOf(it).length, (await it.status()).phase]).toEqual([1, 'synced'])
  })
})

describe('a device that was switched off elsewhere', () => {
  test('sees what others do, keeps what it has to send, and sends it when it is on again', async () => {
    const it = await driveApp()
    it.admin.setDeviceActive(it.owner.user_id, it.db.device.id, false)
    await it.rows.write(it.idAt('/f/y'), bytesOf('mine'))
    it.admin.createFile(it.share, '/h/theirs', 'theirs')
    await it.sync()
    expect(await it.names()).toContain('theirs')
    expect([(await it.status()).phase === 'synced', it.text('/f/y')]).toEqual([false, 'first /f/y'])
    it.admin.setDeviceActive(it.owner.user_id, it.db.device.id, true)
    await it.world.pass(120_000)
    await it.sync()
    expect([(await it.status()).phase, it.text('/f/y')]).toEqual(['synced', 'mine'])
    expect(devicesOf(it)).toMatchObject([{ is_active: true }])
  })

  test('does not switch itself on by registering', async () => {
    const it = await driveApp()
    it.admin.setDeviceActive(it.owner.user_id, it.db.device.id, false)
    await it.world.pass(200_000)
    expect(devicesOf(it)).toMatchObject([{ is_active: false }])
  })
})

test('a device that runs says so every minute (heartbeat)', async () => {
  const it = await driveApp()
  const before = it.server.inspect().devices[0]!.last_seen_at
  it.requests.length = 0
  await it.world.pass(185_000)
  expect(it.requests.filter(({ path }) => path.endsWith('/heartbeat'))).toHaveLength(3)
  expect(it.server.inspect().devices[0]!.last_seen_at).toBeGreaterThan(before)
})
