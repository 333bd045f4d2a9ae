import { expect, test } from 'vitest'
import { client, type Json, SYNC, scene } from './kit.ts'

const types = (body: Json) => body.changes.map((it: Json) => `${it.change_type} ${it.new_path}`)

test('without a cursor the feed starts now: no rows, only the head', async () => {
  const { admin, share, changes } = await scene()
  admin.createFile(share, '/a', 'x')
  expect((await changes()).body).toEqual({ changes: [], cursor: 2, has_more: false, share_id: share })
})

test('cursor 0 replays everything', async () => {
  const { admin, share, changes } = await scene()
  admin.createFile(share, '/a', 'x')
  admin.edit(share, '/a', 'y')
  expect(types((await changes(0)).body)).toEqual(['created /', 'created /a', 'updated /a'])
})

test('the cursor is the last position scanned: a page may be empty and there is more', async () => {
  const { admin, user_id, changes } = await scene()
  const other = admin.addShare('Other', user_id)
  admin.createFile(other, '/b', 'x')
  expect((await changes(1, '&limit=1')).body).toMatchObject({ changes: [], cursor: 2, has_more: true })
  expect((await changes(2, '&limit=1')).body).toMatchObject({ changes: [], cursor: 3, has_more: false })
})

test('without a share the feed covers every readable share, and says when one comes or goes', async () => {
  const { admin, api, sandbox, user_id } = await scene()
  const bob = admin.addUser('Bob')
  const theirs = admin.addShare('Theirs', bob.user_id)
  admin.createFile(theirs, '/before', 'x')
  admin.grant(theirs, user_id, 'reader')
  admin.createFile(theirs, '/during', 'x')
  admin.revoke(theirs, user_id)
  admin.createFile(theirs, '/after', 'x')

  const rows = async (it: typeof api) => {
    const { body } = await it('GET', `${SYNC}/changes?cursor=1`)
    expect(body.share_id).toBeNull()
    return body.changes.map((row: Json) => `${row.resource_type} ${row.change_type} ${row.new_path}`)
  }
  expect(await rows(api)).toEqual(['share created /', 'share deleted null'])
  expect(await rows(client(request => sandbox.fetch(request), bob.token))).toEqual([
    'share created /',
    'file created /before',
    'file created /during',
    'file created /after',
  ])
})

test.each([
  ['abc', 'malformed'],
  ['-1', 'malformed'],
  ['1.5', 'malformed'],
  ['99', 'unknown'],
])('the cursor %s is refused as %s', async (cursor, reason) => {
  const { changes } = await scene()
  const { status, body } = await changes(cursor)
  expect([status, body.error.code, body.error.details.reason]).toEqual([400, 'SYNC_CURSOR_INVALID', reason])
})

test('a cursor that compaction overtook is expired', async () => {
  const { admin, share, changes } = await scene()
  admin.createFile(share, '/a', 'x')
  admin.createFile(share, '/b', 'x')
  admin.compact('tnt_1', 2)
  expect((await changes(0)).body.error.details.reason).toBe('expired')
  expect((await changes(1)).body.error.details.reason).toBe('expired')
  expect(types((await changes(2)).body)).toEqual(['created /b'])
})

test.each(['0', '5001', 'x', '-3'])('the limit %s is 422', async limit => {
  const { changes } = await scene()
  expect((await changes(0, `&limit=${limit}`)).status).toBe(422)
})

test('positions can be text, or integers that no JavaScript number holds', async () => {
  const { sandbox, changes, api, share, token } = await scene({ knobs: { cursors: 'text' } })
  expect((await changes()).body.cursor).toBe('p1')
  expect((await changes('p0')).body.changes).toHaveLength(1)
  expect((await changes('1')).status).toBe(400)

  sandbox.set({ cursors: 'huge' })
  const raw = await sandbox.fetch(
    new Request(`http://sandbox${SYNC}/changes?share_id=${share}`, { headers: { authorization: `Bearer ${token}` } }),
  )
  expect(await raw.text()).toContain('"cursor":9007199254740994,')
  expect((await changes('9007199254740993')).body.changes).toHaveLength(1)
  expect((await changes('9007199254740995')).body.error.details.reason).toBe('unknown')
  expect((await api('POST', `${SYNC}/cursor?share_id=${share}&device_id=dev_1&position=9007199254740994`)).status).toBe(
    200,
  )
})

test('rows can carry less metadata, or none', async () => {
  const { admin, sandbox, share, changes } = await scene({ knobs: { metadata: 'lean' } })
  admin.createFile(share, '/a', 'x')
  expect((await changes(1)).body.changes[0].metadata).toEqual({ size: 1, mime_type: 'text/plain' })
  sandbox.set({ metadata: 'absent' })
  expect(Object.keys((await changes(1)).body.changes[0])).not.toContain('metadata')
})

test('the first status puts the cursor at the head, and counts from there', async () => {
  const { admin, api, share, world } = await scene()
  admin.createFile(share, '/a', 'x')
  const status = async () => (await api('GET', `${SYNC}/status?share_id=${share}&device_id=dev_1`)).body
  expect(await status()).toEqual({ cursor_position: 2, last_sync_at: null, pending_changes: 0, has_conflicts: false })
  admin.edit(share, '/a', 'y')
  expect(await status()).toMatchObject({ cursor_position: 2, pending_changes: 1 })

  world.set(world.now() + 1000)
  const moved = await api('POST', `${SYNC}/cursor?share_id=${share}&device_id=dev_1&position=3`)
  expect(moved.body).toEqual({ cursor_position: 3, last_sync_at: '2026-05-02T08:00:01.000Z' })
  expect(await status()).toMatchObject({ cursor_position: 3, pending_changes: 0 })
})

test('the stored cursor never goes back, never beyond the head, and stands still for an inactive device', async () => {
  const { admin, api, share, user_id } = await scene()
  admin.createFile(share, '/a', 'x')
  const post = (position: unknown) =>
    api('POST', `${SYNC}/cursor?share_id=${share}&device_id=dev_1&position=${position}`)
  await post(2)
  expect((await post(1)).body.cursor_position).toBe(2)
  expect((await post(3)).status).toBe(400)
  expect((await post('x')).status).toBe(400)
  admin.createFile(share, '/b', 'x')
  admin.setDeviceActive(user_id, 'dev_1', false)
  expect(await post(3)).toMatchObject({ status: 200, body: { cursor_position: 2 } })
  admin.removeDevice(user_id, 'dev_1')
  expect((await post(3)).status).toBe(404)
})

test('after a restore from backup the head is behind, and versions and positions come again', async () => {
  const { admin, share, changes, sandbox } = await scene()
  const backup = admin.backup()
  const lost = admin.createFile(share, '/a', 'lost')
  expect((await changes(2)).status).toBe(200)
  admin.restoreBackup(backup)
  expect((await changes(2)).body.error.details.reason).toBe('unknown')
  expect(admin.createFile(share, '/other', 'x')).toEqual(lost)
  expect(sandbox.inspect().tree[share]?.map(it => it.path)).toEqual(['/other'])
})
