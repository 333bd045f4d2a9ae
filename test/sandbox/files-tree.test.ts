import { expect, test } from 'vitest'
import { client, hash, SYNC, scene } from './kit.ts'

test('the caller is told of every share it may read, with its role', async () => {
  const { admin, api, share, user_id } = await scene()
  admin.addShare('Foreign', admin.addUser('Bob').user_id)
  const { body } = await api('GET', '/api/v1/users/me/shares')
  expect(body).toEqual({
    shares: [
      { id: share, name: 'Docs', type: 'team', role: 'owner', owner_id: user_id, quota_bytes: null, used_bytes: 0 },
    ],
    total: 1,
  })
})

test('children are listed with hash and version, sorted by name', async () => {
  const { admin, api, share } = await scene()
  const folder = admin.createFolder(share, '/b')
  const file = admin.createFile(share, '/a.txt', 'hello')
  const { body } = await api('GET', `/api/v1/folders/root/children?share_id=${share}`)
  expect(body).toEqual({
    items: [
      {
        id: file.resource_id,
        name: 'a.txt',
        type: 'file',
        size: 5,
        mime_type: 'text/plain',
        modified_at: '2026-05-02T08:00:00.000Z',
        checksum_sha256: hash('hello'),
        version_id: file.version_id,
      },
      {
        id: folder.resource_id,
        name: 'b',
        type: 'folder',
        modified_at: '2026-05-02T08:00:00.000Z',
        version_id: folder.version_id,
      },
    ],
    path: '/',
    total: 2,
  })
})

test('a lean listing leaves hash and version to the file itself', async () => {
  const { admin, api, share } = await scene({ knobs: { listing: 'lean' } })
  const folder = admin.createFolder(share, '/b')
  const file = admin.createFile(share, '/b/a.txt', 'hello')
  const list = await api('GET', `/api/v1/folders/${folder.resource_id}/children?share_id=${share}`)
  expect(list.body.path).toBe('/b')
  expect(Object.keys(list.body.items[0])).toEqual(['id', 'name', 'type', 'size', 'mime_type', 'modified_at'])

  const meta = await api('GET', `/api/v1/files/${file.resource_id}`)
  expect(meta.body).toMatchObject({
    checksum_sha256: hash('hello'),
    version: 1,
    version_id: file.version_id,
    path: '/b/a.txt',
    folder_id: folder.resource_id,
  })
})

test('a call without a token that is good is refused with 401', async () => {
  const { admin, sandbox, token } = await scene()
  const anonymous = client(request => sandbox.fetch(request), 'nonsense')
  expect((await anonymous('GET', '/api/v1/users/me/shares')).body.error.code).toBe('AUTH_TOKEN_INVALID')
  admin.revokeToken(token)
  expect((await client(request => sandbox.fetch(request), token)('GET', '/api/v1/users/me/shares')).status).toBe(401)
})

test('the test decides which tokens are good, and for whom', async () => {
  const { sandbox, token, user_id } = await scene()
  sandbox.acceptTokens(it => (it === 'fresh' ? user_id : undefined))
  const status = async (it: string) =>
    (await client(request => sandbox.fetch(request), it)('GET', '/api/v1/users/me/shares')).status
  expect([await status(token), await status('fresh')]).toEqual([401, 200])
})

test('what the caller cannot see does not exist', async () => {
  const { admin, api } = await scene()
  const foreign = admin.addShare('Foreign', admin.addUser('Bob').user_id)
  const file = admin.createFile(foreign, '/secret', 'x')
  const answers = await Promise.all([
    api('GET', `/api/v1/folders/root/children?share_id=${foreign}`),
    api('GET', `/api/v1/files/${file.resource_id}`),
    api('GET', `${SYNC}/changes?share_id=${foreign}`),
    api('GET', `${SYNC}/download/${file.resource_id}`),
  ])
  expect(answers.map(it => [it.status, it.body.error.code])).toEqual(answers.map(() => [404, 'NOT_FOUND']))
})

test.each([
  ['an upload', 'PUT', `${SYNC}/upload/ver_big?share_id=shr_1`, new Uint8Array(300_000), undefined],
  ['a batch', 'POST', `${SYNC}/apply`, '{"device_id":"dev_1","share_id":"shr_1","changes":[]}', undefined],
  ['a pull', 'GET', `${SYNC}/changes?cursor=0`, null, undefined],
  ['a download', 'GET', `${SYNC}/download/fil_1`, null, undefined],
  ['a refusal', 'GET', `${SYNC}/changes?cursor=x`, null, undefined],
  ['a repeated request', 'POST', `${SYNC}/devices/dev_1/heartbeat`, null, { again: 0 }],
  ['a lost answer', 'POST', `${SYNC}/devices/dev_1/heartbeat`, null, { after: 'lose-answer' }],
  ['a short body', 'GET', `${SYNC}/changes?cursor=0`, null, { spoil: 'short' }],
  ['a body that breaks off', 'GET', `${SYNC}/changes?cursor=0`, null, { spoil: 'cut' }],
] as const)(
  '%s in the same process settles without leaving the microtask queue',
  async (_, method, path, body, fault) => {
    const { sandbox, token, admin, share } = await scene({ knobs: { seenAs: 'browser' } })
    admin.createFile(share, '/a', 'x'.repeat(300_000))
    if (fault) sandbox.weather.next(fault)
    let done = false
    const finish = () => {
      done = true
    }
    const headers = { authorization: `Bearer ${token}` }
    const request = new Request(`http://sandbox${path}`, { method, headers, body })
    sandbox
      .fetch(request)
      .then(it => it.arrayBuffer())
      .then(finish, finish)
    for (let turn = 0; turn < 200; turn++) await null
    expect(done).toBe(true)
  },
)
