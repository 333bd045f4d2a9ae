import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { filesSandbox } from '../../src/sandbox/files/sandbox.ts'
import { sqlite } from '../../src/sandbox/sqlite.ts'
import { bytes, client, SYNC, scene, talk, virtualWorld } from './kit.ts'

const folder = mkdtempSync(join(tmpdir(), 'sandbox-'))
afterAll(() => rmSync(folder, { recursive: true }))
let files = 0
const path = () => join(folder, `${++files}.db`)

test('a restart of the server loses nothing that was answered', async () => {
  const db = path()
  const before = await scene({ db: sqlite(db) })
  const { admin, api, share, token } = before
  const item = before.created('/a.txt', 'one')
  const made = (await before.push(item, 'one')).body.applied[0]
  admin.edit(share, '/a.txt', 'two')
  admin.createFolder(share, '/dir')
  admin.remove(share, '/dir')
  await before.push(before.updated({ ...made, version_id: item.version_id }, 'mine'), 'mine', 'MANUAL')
  await api('GET', `${SYNC}/status?share_id=${share}&device_id=dev_1`)
  await api('PUT', `${SYNC}/devices/dev_1/preferences/${share}`, { excluded_folders: ['fld_1'] })
  await api('PUT', `${SYNC}/upload/ver_half?share_id=${share}`, bytes('ha'), { 'content-range': 'bytes 0-1/4' })
  const told = before.sandbox.inspect()
  before.sandbox.close()

  const sandbox = filesSandbox({ world: virtualWorld(), db: sqlite(db) })
  const { cursorOf, bytes: _, ...state } = sandbox.inspect()
  expect(JSON.stringify(state)).toBe(JSON.stringify({ ...told, cursorOf: undefined, bytes: undefined }))
  expect(cursorOf(before.user_id, 'dev_1', share)).toEqual({ position: 5, last_sync_at: null })

  const again = client(request => sandbox.fetch(request), token)
  const { apply, changes } = talk(again, share, 'dev_1')
  expect((await apply([item])).body.applied[0]).toEqual(made)
  expect((await changes(0)).body.changes).toHaveLength(5)
  expect((await again('GET', `${SYNC}/download/${made.resource_id}`)).body).toBe('two')
  const rest = { 'content-range': 'bytes 2-3/4' }
  expect((await again('PUT', `${SYNC}/upload/ver_half?share_id=${share}`, bytes('lf'), rest)).status).toBe(201)
  sandbox.close()
})

test('a refused batch leaves no trace on the disk', async () => {
  const db = path()
  const before = await scene({ db: sqlite(db) })
  const file = before.admin.createFile(before.share, '/a', 'one')
  before.admin.edit(before.share, '/a', 'two')
  const stale = before.updated(file, 'three')
  await before.upload(stale.version_id, 'three')
  expect((await before.apply([before.folder('/dir'), stale])).status).toBe(409)
  before.sandbox.close()
  const after = filesSandbox({ world: virtualWorld(), db: sqlite(db) })
  expect(after.inspect().tree[before.share]?.map(it => it.path)).toEqual(['/a'])
  after.close()
})

test('a restored backup is what the next start finds', async () => {
  const db = path()
  const before = await scene({ db: sqlite(db) })
  const backup = before.admin.backup()
  before.admin.createFile(before.share, '/a', 'lost')
  before.admin.restoreBackup(backup)
  before.sandbox.close()
  const after = filesSandbox({ world: virtualWorld(), db: sqlite(db) })
  expect(after.inspect().tree[before.share]).toEqual([])
  expect(after.inspect().log).toHaveLength(1)
  after.close()
})
