import { expect, test } from 'vitest'
import { client, hash, type Json, key, register, START, SYNC, scene, talk } from './kit.ts'

test('a staged file is created, appears in the tree and as one row of the log', async () => {
  const { push, created, sandbox, share, changes, user_id } = await scene()
  const item = created('/a.txt', 'hello', { resource_id: key('fil') })
  const { body } = await push(item, 'hello')
  expect(body).toEqual({
    applied: [
      {
        version_id: item.version_id,
        resource_id: item.resource_id,
        outcome: 'applied',
        new_path: '/a.txt',
        change_id: 'chg_2',
      },
    ],
    conflicts: [],
    cursor: 2,
  })
  expect(sandbox.inspect().tree[share]).toEqual([
    {
      path: '/a.txt',
      id: item.resource_id,
      kind: 'file',
      version_id: item.version_id,
      sha256: hash('hello'),
      size: 5,
      modified_at: START,
    },
  ])
  expect((await changes(1)).body).toEqual({
    changes: [
      {
        id: 'chg_2',
        tenant_id: 'tnt_1',
        share_id: share,
        resource_type: 'file',
        resource_id: item.resource_id,
        change_type: 'created',
        changed_by: user_id,
        changed_at: '2026-05-02T08:00:00.000Z',
        old_path: null,
        new_path: '/a.txt',
        version_id: item.version_id,
        metadata: {
          size: 5,
          mime_type: 'application/octet-stream',
          checksum_sha256: hash('hello'),
          modified_at: '2026-05-02T08:00:00.000Z',
          parent_id: null,
          name: 'a.txt',
          device_id: 'dev_1',
        },
      },
    ],
    cursor: 2,
    has_more: false,
    share_id: share,
  })
})

test('update, rename, move and delete each write one row of their kind', async () => {
  const { admin, share, apply, push, updated, moved, deleted, changes, sandbox } = await scene()
  const file = admin.createFile(share, '/a.txt', 'one')
  admin.createFolder(share, '/dir')
  const from = (await changes()).body.cursor

  const edit = updated(file, 'two')
  await push(edit, 'two')
  const rename = moved({ ...file, version_id: edit.version_id }, '/b.txt', { change_type: 'renamed' })
  await apply([rename])
  const move = moved({ ...file, version_id: rename.version_id }, '/dir/b.txt')
  await apply([move])
  await apply([deleted({ ...file, version_id: move.version_id })])

  const rows = (await changes(from)).body.changes
  expect(rows.map((it: Json) => [it.change_type, it.old_path, it.new_path])).toEqual([
    ['updated', '/a.txt', '/a.txt'],
    ['renamed', '/a.txt', '/b.txt'],
    ['moved', '/b.txt', '/dir/b.txt'],
    ['deleted', '/dir/b.txt', null],
  ])
  expect(sandbox.inspect().tree[share]?.map(it => it.path)).toEqual(['/dir'])
})

test('a folder move is one row; what is inside moves with it', async () => {
  const { admin, share, apply, moved, changes, sandbox } = await scene()
  const folder = admin.createFolder(share, '/dir')
  admin.createFile(share, '/dir/a.txt', 'x')
  const from = (await changes()).body.cursor
  await apply([moved({ ...folder }, '/other', { resource_type: 'folder', change_type: 'renamed' })])
  expect((await changes(from)).body.changes).toHaveLength(1)
  expect(sandbox.inspect().tree[share]?.map(it => it.path)).toEqual(['/other', '/other/a.txt'])
})

test('a batch may build on its own earlier items', async () => {
  const { apply, upload, folder, created, sandbox, share } = await scene()
  const dir = folder('/dir', { resource_id: key('fld') })
  const file = created('/dir/a.txt', 'x', { metadata: { parent_id: dir.resource_id } })
  await upload(file.version_id, 'x')
  const { body } = await apply([dir, file])
  expect(body.applied.map((it: Json) => it.outcome)).toEqual(['applied', 'applied'])
  expect(sandbox.inspect().tree[share]?.map(it => it.path)).toEqual(['/dir', '/dir/a.txt'])
})

test('strict: one stale item refuses the whole batch and says which', async () => {
  const { admin, share, apply, folder, updated, upload, sandbox } = await scene()
  const file = admin.createFile(share, '/a.txt', 'one')
  const newer = admin.edit(share, '/a.txt', 'two')
  const before = sandbox.inspect()
  const stale = updated(file, 'three')
  await upload(stale.version_id, 'three')
  const { status, body } = await apply([folder('/dir'), stale])
  expect(status).toBe(409)
  expect(body.error).toEqual({
    code: 'SYNC_VERSION_STALE',
    message: 'base_version_id is outdated',
    details: { index: 1, reason: 'stale', resource_id: file.resource_id, current_version_id: newer.version_id },
  })
  expect(body.detail).toBe('base_version_id is outdated')
  expect(sandbox.inspect().log).toEqual(before.log)
  expect(sandbox.inspect().tree).toEqual(before.tree)
})

test.each([
  ['a name that differs only in case', '/A.TXT'],
  ['the very path', '/a.txt'],
])('strict: creating onto %s is 409 path taken', async (_, path) => {
  const { admin, share, push, created } = await scene()
  const held = admin.createFile(share, '/a.txt', 'one')
  const { status, body } = await push(created(path, 'two'), 'two')
  expect([status, body.error.code, body.error.details.reason]).toEqual([409, 'SYNC_CONFLICT', 'path taken'])
  expect(body.error.details.current_version_id).toBe(held.version_id)
})

test('strict: what was deleted cannot be updated, a folder cannot move into itself, a parent must exist', async () => {
  const { admin, share, apply, push, updated, moved, created } = await scene()
  const gone = admin.createFile(share, '/gone', 'x')
  admin.remove(share, '/gone')
  const dir = admin.createFolder(share, '/dir')
  admin.createFolder(share, '/dir/sub')
  const reasons = [
    await push(updated(gone, 'y'), 'y'),
    await apply([moved(dir, '/dir/sub/dir', { resource_type: 'folder' })]),
    await push(created('/nowhere/a', 'z'), 'z'),
  ].map(({ status, body }) => [status, body.error.code, body.error.details.reason])
  expect(reasons).toEqual([
    [409, 'SYNC_CONFLICT', 'deleted'],
    [409, 'SYNC_CONFLICT', 'cycle'],
    [409, 'SYNC_CONFLICT', 'parent missing'],
  ])
})

test('strict: a folder with live children is not deleted', async () => {
  const { admin, share, apply, deleted, sandbox } = await scene()
  const dir = admin.createFolder(share, '/dir')
  const child = admin.createFile(share, '/dir/a', 'x')
  const refused = await apply([deleted(dir, { resource_type: 'folder' })])
  expect([refused.status, refused.body.error.details.reason]).toEqual([409, 'folder not empty'])
  const both = await apply([deleted(child), deleted(dir, { resource_type: 'folder' })])
  expect(both.status).toBe(200)
  expect(sandbox.inspect().tree[share]).toEqual([])
})

test('the identical batch sent again is answered from memory', async () => {
  const { push, apply, created, sandbox } = await scene()
  const item = created('/a.txt', 'x')
  const first = await push(item, 'x')
  const again = await apply([item])
  expect(again.body).toEqual(first.body)
  expect(sandbox.inspect().effects[item.version_id]).toBe(1)
  expect(sandbox.inspect().log).toHaveLength(2)
})

test('a refused batch is not remembered: it may be sent again with the same keys', async () => {
  const { admin, share, apply, folder, deleted } = await scene()
  const dir = admin.createFolder(share, '/dir')
  admin.createFile(share, '/dir/a', 'x')
  const batch = [folder('/other'), deleted(dir, { resource_type: 'folder' })]
  expect((await apply(batch)).status).toBe(409)
  admin.remove(share, '/dir/a')
  expect((await apply(batch)).body.applied.map((it: Json) => it.outcome)).toEqual(['applied', 'applied'])
})

test('a key that already stands for another change is refused', async () => {
  const { push, apply, created } = await scene()
  const item = created('/a.txt', 'x')
  await push(item, 'x')
  const { status, body } = await apply([{ ...item, new_path: '/b.txt' }])
  expect([status, body.error.details.reason]).toEqual([409, 'version_id reused'])
})

test('what is so already is a noop, even in strict mode and on an old base', async () => {
  const { admin, share, apply, deleted, updated, moved, folder, created, sandbox } = await scene()
  const gone = admin.createFile(share, '/gone', 'x')
  admin.remove(share, '/gone')
  const file = admin.createFile(share, '/a', 'one')
  admin.edit(share, '/a', 'two')
  const dir = admin.createFolder(share, '/dir')
  const log = sandbox.inspect().log.length
  const { body } = await apply([
    deleted(gone),
    updated(file, 'two'),
    moved(file, '/a', { change_type: 'renamed' }),
    folder('/dir'),
    folder('/DIR', { resource_id: key('fld') }),
    created('/a', 'two', { resource_id: key('fil') }),
  ])
  expect(body.applied.map((it: Json) => [it.outcome, it.resource_id])).toEqual([
    ['noop', gone.resource_id],
    ['noop', file.resource_id],
    ['noop', file.resource_id],
    ['noop', dir.resource_id],
    ['remapped', dir.resource_id],
    ['remapped', file.resource_id],
  ])
  expect(sandbox.inspect().log).toHaveLength(log)
})

test('content that is staged nowhere and stored nowhere is 422 CONTENT_MISSING, and nothing is done', async () => {
  const { apply, created, folder, sandbox } = await scene()
  const { status, body } = await apply([folder('/dir'), created('/a', 'never sent')])
  expect([status, body.error.code, body.error.details.index]).toEqual([422, 'CONTENT_MISSING', 1])
  expect(sandbox.inspect().log).toHaveLength(1)
})

test('content that the caller can read already needs no upload; content of strangers does', async () => {
  const { admin, share, apply, created } = await scene()
  admin.createFile(share, '/mine', 'known')
  const foreign = admin.addShare('Foreign', admin.addUser('Bob').user_id)
  admin.createFile(foreign, '/theirs', 'secret')
  expect((await apply([created('/copy', 'known')])).status).toBe(200)
  expect((await apply([created('/guess', 'secret')])).status).toBe(422)
})

test('bytes staged under one key serve a rebased change with another', async () => {
  const { admin, share, apply, upload, updated } = await scene()
  const file = admin.createFile(share, '/a', 'one')
  const stale = updated(file, 'mine')
  const newer = admin.edit(share, '/a', 'two')
  await upload(stale.version_id, 'mine')
  expect((await apply([stale])).status).toBe(409)
  expect((await apply([updated({ ...file, version_id: newer.version_id }, 'mine')])).status).toBe(200)
})

test.each([
  [
    'a folder update',
    (it: Json) => it.updated({ resource_id: 'fld_1', version_id: 'ver_1' }, 'x', { resource_type: 'folder' }),
  ],
  ['a share', (it: Json) => it.folder('/a', { resource_type: 'share' })],
  ['an unknown change type', (it: Json) => it.folder('/a', { change_type: 'exploded' })],
  ['a path with ..', (it: Json) => it.folder('/a/../b')],
  ['a relative path', (it: Json) => it.folder('a')],
  ['a name over 255 bytes', (it: Json) => it.folder(`/${'ä'.repeat(128)}`)],
  ['an update without base', (it: Json) => it.updated({ resource_id: 'fil_1', version_id: null }, 'x')],
  ['a minted id that is too short', (it: Json) => it.folder('/a', { resource_id: 'fld_1' })],
])('%s is 422 before anything is done', async (_, item) => {
  const it = await scene()
  const { status, body } = await it.apply([it.folder('/first'), item(it)])
  expect([status, body.error.code]).toEqual([422, 'VALIDATION_ERROR'])
  expect(body.detail[0].loc.slice(0, 3)).toEqual(['body', 'changes', 1])
  expect(it.sandbox.inspect().log).toHaveLength(1)
})

test('an unknown strategy is 422, a batch over 1000 is 413', async () => {
  const { apply, folder } = await scene()
  expect((await apply([], 'COIN_TOSS')).status).toBe(422)
  const many = Array.from({ length: 1001 }, (_, index) => folder(`/${index}`))
  expect((await apply(many)).body.error.code).toBe('PAYLOAD_TOO_LARGE')
})

test('a reader may not write: strict refuses the batch, a strategy only the change', async () => {
  const { admin, sandbox, share } = await scene()
  const bob = admin.addUser('Bob')
  admin.grant(share, bob.user_id, 'reader')
  const api = client(request => sandbox.fetch(request), bob.token)
  await register(api, 'dev_b')
  const { apply, folder } = talk(api, share, 'dev_b')
  const item = folder('/dir')
  expect((await apply([item])).body.error.code).toBe('FORBIDDEN')
  expect((await apply([item], 'SERVER_WINS')).body.applied[0].outcome).toBe('forbidden')
  admin.grant(share, bob.user_id, 'contributor')
  expect((await apply([item], 'SERVER_WINS')).body.applied[0].outcome).toBe('applied')
})

test('an inactive device may not apply, a removed one is not found', async () => {
  const { admin, user_id, apply, folder } = await scene()
  admin.setDeviceActive(user_id, 'dev_1', false)
  expect((await apply([folder('/dir')])).status).toBe(403)
  admin.removeDevice(user_id, 'dev_1')
  expect((await apply([folder('/dir')])).status).toBe(404)
})

test('a share over its quota is 507', async () => {
  const { admin, share, push, created, apply } = await scene()
  admin.createFile(share, '/a', 'four')
  admin.setShare(share, { quota_bytes: 6 })
  expect((await push(created('/b', 'four more'), 'four more')).status).toBe(422)
  expect((await apply([created('/copy', 'four')])).body.error.code).toBe('QUOTA_EXCEEDED')
})

test('a server that refuses per batch names neither change nor reason', async () => {
  const { admin, share, push, updated, sandbox } = await scene({ knobs: { refusals: 'batch', errors: 'bare' } })
  const file = admin.createFile(share, '/a', 'one')
  admin.edit(share, '/a', 'two')
  const { status, body } = await push(updated(file, 'x'), 'x')
  expect([status, body]).toEqual([409, { detail: 'version mismatch' }])
  sandbox.set({ errors: 'rich' })
  expect((await push(updated(file, 'x'), 'x')).body.error.details).toEqual({})
})

test('a device of another user with the same id is another device', async () => {
  const { admin, sandbox, share, api } = await scene()
  const bob = admin.addUser('Bob')
  admin.grant(share, bob.user_id, 'contributor')
  await register(
    client(request => sandbox.fetch(request), bob.token),
    'dev_1',
    'Other',
  )
  const { body } = await api('GET', `${SYNC}/devices`)
  expect(body.map((it: Json) => it.device_name)).toEqual(['Laptop'])
})
