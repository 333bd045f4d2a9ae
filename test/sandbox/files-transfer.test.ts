import { expect, test } from 'vitest'
import { bytes, client, hash, key, register, SYNC, scene, talk } from './kit.ts'

test('an upload answers 201, the same bytes again 200, other bytes 409', async () => {
  const { upload } = await scene()
  const first = await upload('ver_u', 'hello')
  expect([first.status, first.body]).toEqual([201, { version_id: 'ver_u', size: 5, checksum_sha256: hash('hello') }])
  expect((await upload('ver_u', 'hello')).status).toBe(200)
  expect((await upload('ver_u', 'other')).body.error.code).toBe('SYNC_CONFLICT')
})

test('a late repetition of an upload that was applied already is harmless', async () => {
  const { api, share, upload, push, created, sandbox } = await scene()
  const item = created('/a', 'hello')
  await push(item, 'hello')
  expect((await upload(String(item.version_id), 'hello')).status).toBe(200)
  expect((await upload(String(item.version_id), 'other')).status).toBe(409)
  const piece = { 'content-range': 'bytes 3-4/5' }
  const late = await api('PUT', `${SYNC}/upload/${item.version_id}?share_id=${share}`, bytes('lo'), piece)
  expect(late.body).toEqual({ version_id: item.version_id, size: 5, checksum_sha256: hash('hello') })
  expect(sandbox.inspect().staged).toEqual([])
})

test('bytes that do not match their checksum are not staged', async () => {
  const { api, share, sandbox } = await scene()
  const answer = await api('PUT', `${SYNC}/upload/ver_u?share_id=${share}`, bytes('hello'), {
    'x-checksum-sha256': hash('other'),
  })
  expect(answer.status).toBe(422)
  expect(sandbox.inspect().staged).toEqual([])
})

test('an upload goes on where it stopped, and a piece sent twice does no harm', async () => {
  const { api, share, apply, created } = await scene()
  const put = (text: string, range: string) =>
    api('PUT', `${SYNC}/upload/ver_p?share_id=${share}`, bytes(text), { 'content-range': range })
  const offset = async () => (await api('HEAD', `${SYNC}/upload/ver_p?share_id=${share}`)).headers.get('upload-offset')

  expect(await put('hel', 'bytes 0-2/8')).toMatchObject({ status: 202, body: { received: 3 } })
  expect(await put('hel', 'bytes 0-2/8')).toMatchObject({ status: 202, body: { received: 3 } })
  expect(await offset()).toBe('3')
  expect((await put('!', 'bytes 7-7/8')).status).toBe(416)
  expect((await put('lo wo', 'bytes 3-6/8')).status).toBe(422)
  expect((await put('HEL', 'bytes 0-2/8')).status).toBe(409)
  const item = created('/a', 'hello wo', { version_id: 'ver_p' })
  expect((await apply([item])).status).toBe(422)
  expect(await put('lo wo', 'bytes 3-7/8')).toMatchObject({ status: 201, body: { size: 8 } })
  expect((await apply([item])).status).toBe(200)
})

test('staged bytes are private, and expire when they are left alone for a day', async () => {
  const { admin, sandbox, share, world, upload, api, apply, created } = await scene()
  const bob = admin.addUser('Bob')
  admin.grant(share, bob.user_id, 'contributor')
  const theirs = client(request => sandbox.fetch(request), bob.token)
  await register(theirs, 'dev_b')
  await upload('ver_u', 'hello')
  expect((await theirs('HEAD', `${SYNC}/upload/ver_u?share_id=${share}`)).status).toBe(404)
  const foreign = talk(theirs, share, 'dev_b')
  expect((await foreign.apply([foreign.created('/a', 'hello')])).status).toBe(422)

  world.set(world.now() + 24 * 60 * 60 * 1000)
  expect((await api('HEAD', `${SYNC}/upload/ver_u?share_id=${share}`)).status).toBe(404)
  expect((await apply([created('/a', 'hello')])).body.error.code).toBe('CONTENT_MISSING')
  sandbox.sweep()
  expect(sandbox.inspect().staged).toEqual([])
})

test('a file over the cap is 413', async () => {
  const { upload } = await scene({ knobs: { maxFileBytes: 4 } })
  expect((await upload('ver_u', 'hello')).status).toBe(413)
})

test('a whole download names its version and its hash', async () => {
  const { admin, api, share } = await scene()
  const file = admin.createFile(share, '/é "a".txt', 'hello')
  const { status, body, headers } = await api('GET', `${SYNC}/download/${file.resource_id}`)
  expect([status, body]).toEqual([200, 'hello'])
  expect(Object.fromEntries(headers)).toMatchObject({
    'content-length': '5',
    'content-type': 'text/plain',
    'content-disposition': `attachment; filename="_ _a_.txt"; filename*=UTF-8''${encodeURIComponent('é "a".txt')}`,
    'accept-ranges': 'bytes',
    etag: `"${file.version_id}"`,
    'x-checksum-sha256': hash('hello'),
  })
})

test.each([
  ['bytes=1-2', 206, 'el', 'bytes 1-2/5'],
  ['bytes=3-', 206, 'lo', 'bytes 3-4/5'],
  ['bytes=-2', 206, 'lo', 'bytes 3-4/5'],
  ['bytes=-99', 206, 'hello', 'bytes 0-4/5'],
  ['bytes=3-99', 206, 'lo', 'bytes 3-4/5'],
  ['bytes=0-1,3-4', 200, 'hello', null],
  ['lines=1-2', 200, 'hello', null],
  ['bytes=-', 200, 'hello', null],
])('the range %s gives %i', async (range, status, text, contentRange) => {
  const { admin, api, share } = await scene()
  const file = admin.createFile(share, '/a', 'hello')
  const answer = await api('GET', `${SYNC}/download/${file.resource_id}`, undefined, { range })
  expect([answer.status, answer.body, answer.headers.get('content-range')]).toEqual([status, text, contentRange])
})

test.each(['bytes=5-', 'bytes=9-12', 'bytes=3-2', 'bytes=-0'])(
  'the range %s is 416 and tells the size',
  async range => {
    const { admin, api, share } = await scene()
    const file = admin.createFile(share, '/a', 'hello')
    const { status, headers } = await api('GET', `${SYNC}/download/${file.resource_id}`, undefined, { range })
    expect([status, headers.get('content-range')]).toEqual([416, 'bytes */5'])
  },
)

test('any range of an empty file is 416', async () => {
  const { admin, api, share } = await scene()
  const file = admin.createFile(share, '/a', '')
  expect((await api('GET', `${SYNC}/download/${file.resource_id}`)).body).toBe('')
  expect((await api('GET', `${SYNC}/download/${file.resource_id}`, undefined, { range: 'bytes=0-' })).status).toBe(416)
})

test('the range may stand in the query; the header wins; bad numbers are 422', async () => {
  const { admin, api, share } = await scene()
  const file = admin.createFile(share, '/a', 'hello')
  const get = (query: string, headers = {}) =>
    api('GET', `${SYNC}/download/${file.resource_id}?${query}`, undefined, headers)
  expect((await get('range_start=1&range_end=2')).body).toBe('el')
  expect((await get('range_start=3')).body).toBe('lo')
  expect((await get('range_end=1')).body).toBe('he')
  expect((await get('range_start=1', { range: 'bytes=0-0' })).body).toBe('h')
  expect((await get('range_start=one')).status).toBe(422)
})

test('a resumed download goes on only while the version is the same', async () => {
  const { admin, api, share } = await scene()
  const file = admin.createFile(share, '/a', 'hello')
  const get = (headers: Record<string, string>) =>
    api('GET', `${SYNC}/download/${file.resource_id}`, undefined, headers)
  const etag = `"${file.version_id}"`
  expect((await get({ range: 'bytes=3-', 'if-range': etag })).status).toBe(206)
  expect((await get({ 'if-none-match': etag })).status).toBe(304)
  admin.edit(share, '/a', 'HELLO')
  expect(await get({ range: 'bytes=3-', 'if-range': etag })).toMatchObject({ status: 200, body: 'HELLO' })
  expect((await get({ 'if-none-match': etag })).status).toBe(200)
})

test('an old version is asked for by number or by id', async () => {
  const { admin, api, share } = await scene()
  const file = admin.createFile(share, '/a', 'one')
  admin.edit(share, '/a', 'two')
  const get = (version: string) => api('GET', `${SYNC}/download/${file.resource_id}?version=${version}`)
  expect((await get('1')).body).toBe('one')
  expect((await get(file.version_id)).body).toBe('one')
  expect((await get('2')).body).toBe('two')
  expect((await get('3')).status).toBe(404)
  expect((await get('latest')).status).toBe(422)
})

test('a deleted file is 410, an unknown one 404', async () => {
  const { admin, api, share } = await scene()
  const file = admin.createFile(share, '/a', 'one')
  admin.remove(share, '/a')
  expect((await api('GET', `${SYNC}/download/${file.resource_id}`)).body.error.code).toBe('GONE')
  expect((await api('GET', `${SYNC}/download/fil_${key()}`)).status).toBe(404)
})
