import { describe, expect, test } from 'vitest'
import type { Rule } from '../../../src/model.ts'
import { mustAgree } from './device.ts'
import { type DriveWorld, driveWorld, hashOf } from './drive-device.ts'

/** /a { b { x }, y }, c { d { z } }, top */
function planted(): DriveWorld {
  const it = driveWorld()
  for (const path of ['/a', '/a/b', '/c', '/c/d']) it.admin.createFolder(it.share, path)
  for (const path of ['/a/b/x', '/a/y', '/c/d/z', '/top']) it.admin.createFile(it.share, path, path)
  return it
}

const effects = (it: DriveWorld) =>
  it.requests.filter(({ method, path }) => method === 'POST' && path.endsWith('/apply')).length

describe('what is not selected any more', () => {
  test('goes from the store, and nothing of it is deleted at the server (I11)', async () => {
    const it = planted()
    const one = await it.device('device-1')
    const before = it.paths()
    await one.choose({ excluded: [it.idAt('/a')] })
    expect(await one.sync()).toBe(true)
    expect(await one.paths()).toEqual(['/c', '/c/d', '/c/d/z', '/top'])
    expect([it.paths(), effects(it), await one.rows(), await one.inbox()]).toEqual([before, 0, [], []])
    await mustAgree(one)
  })

  test('is no deletion for the brake, however much it is (I10b)', async () => {
    const it = driveWorld()
    it.admin.createFolder(it.share, '/big')
    for (let at = 0; at < 60; at++) it.admin.createFile(it.share, `/big/f${at}`, String(at))
    const one = await it.device('device-1')
    await one.choose({ excluded: [it.idAt('/big')] })
    await one.pull()
    expect(await one.paths()).toEqual([])
    expect((await one.checkpoint()).brake).toBeUndefined()
    await one.choose({})
    await one.pull()
    expect(await one.paths()).toHaveLength(61)
  })

  test('stays while it has unsynced changes, with the folders over it, and goes when they are there', async () => {
    const it = planted()
    const one = await it.device('device-1')
    const x = it.idAt('/a/b/x')
    const value = it.file('x', 'mine', it.idAt('/a/b'))
    await one.upload('mine')
    const [change] = await one.put(x, value)
    await one.choose({ excluded: [it.idAt('/a')] })
    await one.pull()
    expect(await one.paths()).toEqual(['/a', '/a/b', '/a/b/x', '/c', '/c/d', '/c/d/z', '/top'])
    expect(await one.value(x)).toEqual(value)
    await mustAgree(one)
    await one.push()
    expect(await one.outcome(change!)).toBe('accepted')
    expect(it.server.inspect().tree[it.share]?.find(({ id }) => id === x)?.sha256).toBe(hashOf('mine'))
    await one.pull()
    expect(await one.paths()).toEqual(['/c', '/c/d', '/c/d/z', '/top'])
    expect(it.paths()).toHaveLength(8)
    await mustAgree(one)
  })

  test.each<Rule>(['KEEP_BOTH', 'SERVER_WINS', 'CLIENT_WINS', 'LAST_WRITER_WINS'])(
    'and is edited at the server too is a conflict as elsewhere, under %s (I5)',
    async rule => {
      const it = planted()
      const one = await it.device('device-1', { rule })
      const x = it.idAt('/a/b/x')
      await one.upload('mine')
      const [change] = await one.put(x, it.file('x', 'mine', it.idAt('/a/b')))
      await one.choose({ excluded: [it.idAt('/a')] })
      await one.pull()
      it.world.jump(5_000)
      it.admin.edit(it.share, '/a/b/x', 'theirs')
      expect(await one.sync()).toBe(true)
      expect(await one.outcome(change!)).not.toBe('lost')
      const bytes = it.server.inspect().versions.map(({ content }) => content?.sha256)
      const kept = (await one.inbox()).map(({ local }) => local.value?.sha256)
      expect([...bytes, ...kept]).toContain(hashOf('mine'))
      expect([...bytes, ...kept]).toContain(hashOf('theirs'))
      await one.pull()
      expect(await one.paths()).toEqual(['/c', '/c/d', '/c/d/z', '/top'])
      await mustAgree(one)
    },
  )

  test('is asked about as elsewhere, and stays so long (MANUAL)', async () => {
    const it = planted()
    const one = await it.device('device-1', { rule: 'MANUAL' })
    const x = it.idAt('/a/b/x')
    await one.put(x, it.file('x', 'mine', it.idAt('/a/b')))
    await one.choose({ excluded: [it.idAt('/a')] })
    it.admin.edit(it.share, '/a/b/x', 'theirs')
    await one.pull()
    await one.pull()
    expect(await one.inbox()).toMatchObject([{ record: x, state: 'open' }])
    expect(await one.paths()).toContain('/a/b/x')
    await mustAgree(one)
  })

  test('is not taken for deleted by a walk that starts over, edited or deleted here (I11)', async () => {
    const it = planted()
    const one = await it.device('device-1', { rule: 'KEEP_BOTH' })
    const [x, y] = [it.idAt('/a/b/x'), it.idAt('/a/y')]
    const value = it.file('x', 'mine', it.idAt('/a/b'))
    await one.upload('mine')
    await one.put(x, value)
    const [deletion] = await one.put(y, null)
    await one.choose({ excluded: [it.idAt('/a')] })
    await one.pull()
    await one.startOver()
    await one.pull()
    expect(await one.value(x)).toEqual(value)
    expect(await one.inbox()).toEqual([])
    expect(await one.outcome(deletion!)).toBeUndefined()
    expect(await one.sync()).toBe(true)
    expect([await one.outcome(deletion!), it.paths().includes('/a/y')]).toEqual(['accepted', false])
    expect(it.paths()).toContain('/a/b/x')
    expect(await one.sync()).toBe(true)
    expect(await one.paths()).toEqual(['/c', '/c/d', '/c/d/z', '/top'])
    await mustAgree(one)
  })

  test('and moved by the app into what is selected comes along', async () => {
    const it = planted()
    const one = await it.device('device-1')
    const x = it.idAt('/a/b/x')
    const row = (await one.value(x))!
    await one.put(x, { ...row, parent: it.idAt('/c') })
    await one.choose({ excluded: [it.idAt('/a')] })
    expect(await one.sync()).toBe(true)
    expect(it.paths()).toContain('/c/x')
    await one.pull()
    expect(await one.paths()).toEqual(['/c', '/c/d', '/c/d/z', '/c/x', '/top'])
    await mustAgree(one)
  })

  test('takes nothing along that was moved out by others, and leaves nothing of what came in', async () => {
    const it = planted()
    const one = await it.device('device-1')
    await one.choose({ selected: [it.idAt('/a')] })
    await one.pull()
    await one.upload('mine')
    await one.put(it.idAt('/a/b/x'), it.file('x', 'mine', it.idAt('/a/b')))
    it.admin.move(it.share, '/a/b', '/c/d/b')
    await one.pull()
    // What is not synced yet shows where it is by now.
    expect(await one.paths()).toEqual(['/a', '/a/y', '/c', '/c/d', '/c/d/b', '/c/d/b/x', '/top'])
    expect(await one.sync()).toBe(true)
    await one.pull()
    expect(await one.paths()).toEqual(['/a', '/a/y', '/top'])
    expect(it.server.inspect().tree[it.share]?.find(({ path }) => path === '/c/d/b/x')?.sha256).toBe(hashOf('mine'))
    await mustAgree(one)
  })
})

describe('what is not synced to this device and in the way', () => {
  test('holds the deletion of a folder, which says why', async () => {
    const it = planted()
    const one = await it.device('device-1')
    await one.choose({ excluded: [it.idAt('/a/b')] })
    await one.pull()
    const [change] = (await one.put(it.idAt('/a'), null)).slice(-1)
    await one.sync()
    const row = (await one.rows()).find(({ id }) => id === it.idAt('/a'))
    expect([row?.state, row?.reason?.message]).toEqual(['held', expect.stringContaining('not synced to this device')])
    expect(await one.outcome(change!)).not.toBe('lost')
    expect(it.paths()).toContain('/a/b/x')
    await mustAgree(one)
  })

  test('holds a name that is taken there', async () => {
    const it = planted()
    const one = await it.device('device-1')
    await one.choose({ excluded: [it.idAt('/a')] })
    await one.pull()
    await one.upload('mine')
    await one.put('fil_my-own-a-00', it.file('A', 'mine'))
    await one.sync()
    expect(await one.rows()).toMatchObject([{ id: 'fil_my-own-a-00', state: 'held', reason: { code: 'unsupported' } }])
    expect(await one.paths()).toContain('/A')
  })

  test('becomes one with a folder of the same name, and takes in what is put there', async () => {
    const it = planted()
    const one = await it.device('device-1')
    await one.choose({ excluded: [it.idAt('/a')] })
    await one.pull()
    await one.upload('mine')
    await one.put('fld_my-own-a-00', it.folder('a'))
    await one.put('fil_my-own-f-00', it.file('f', 'mine', 'fld_my-own-a-00'))
    expect(await one.sync()).toBe(true)
    expect(it.paths()).toEqual(['/a', '/a/b', '/a/b/x', '/a/f', '/a/y', '/c', '/c/d', '/c/d/z', '/top'])
    await one.pull()
    expect(await one.paths()).toEqual(['/c', '/c/d', '/c/d/z', '/top'])
    await mustAgree(one)
  })
})

describe('a share that is switched off for this device', () => {
  test('is neither pulled nor pushed, keeps what is here, and catches up when it is on again', async () => {
    const it = planted()
    const one = await it.device('device-1', { rule: 'KEEP_BOTH' })
    await one.choose({ enabled: false })
    await one.upload('mine')
    const [change] = await one.put(it.idAt('/top'), it.file('top', 'mine'))
    it.admin.remove(it.share, '/c')
    it.admin.createFile(it.share, '/new', 'new')
    expect(await one.sync()).toBe(true)
    expect([effects(it), (await one.rows()).map(({ state }) => state)]).toEqual([0, ['waiting']])
    expect(await one.paths()).toEqual(['/a', '/a/b', '/a/b/x', '/a/y', '/c', '/c/d', '/c/d/z', '/top'])

    await one.choose({ enabled: true })
    await one.pull()
    expect(await one.paths()).toEqual(['/a', '/a/b', '/a/b/x', '/a/y', '/new', '/top'])
    await it.world.pass(61_000)
    expect(await one.sync()).toBe(true)
    expect(await one.outcome(change!)).toBe('accepted')
    expect(await one.paths()).toEqual(it.paths())
    await mustAgree(one)
  })
})

describe('a choice made elsewhere', () => {
  test('by another client of the account is followed', async () => {
    const it = planted()
    const one = await it.device('device-1')
    const two = await it.device('device-2')
    const { api } = two.transport
    const { ioFor } = await import('../../../src/engine/io.ts')
    const io = ioFor(two.on, { signal: two.on.signal })
    await api.setPreferences({ device: 'device-1', preferences: [{ share: it.share, excluded: ['/a'] }] }, io)
    await one.pull()
    expect(await one.paths()).toEqual(['/c', '/c/d', '/c/d/z', '/top'])
    await two.pull()
    expect(await two.paths()).toEqual(it.paths())
  })
})

test('a share that was lost and comes back is listed anew: what was deleted meanwhile is gone here too (I11)', async () => {
  const it = planted()
  const guest = it.admin.addUser('Bob')
  it.admin.grant(it.share, guest.user_id, 'contributor')
  const one = await it.device('device-1', { shares: 'all', token: () => guest.token })
  it.admin.revoke(it.share, guest.user_id)
  await one.pull()
  expect(await one.paths()).toHaveLength(8)
  it.admin.remove(it.share, '/a')
  it.admin.createFile(it.share, '/new', 'new')
  it.admin.grant(it.share, guest.user_id, 'contributor')
  await one.pull()
  expect(await one.paths()).toEqual(['/c', '/c/d', '/c/d/z', '/new', '/top'])
  await mustAgree(one)
})
