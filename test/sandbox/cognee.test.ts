import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { type CogneeOptions, cogneeSandbox } from '../../src/sandbox/cognee/sandbox.ts'
import { type Api, type Json, virtualWorld } from './kit.ts'

const second = 1_000
const hash = (text: string) => createHash('md5').update(text).digest('hex')

function scene(options: Partial<CogneeOptions> = {}) {
  const world = virtualWorld()
  const sandbox = cogneeSandbox({ world, ...options })
  const { admin } = sandbox
  const ada = admin.addUser('ada@example.com')
  const api: Api = async (method, path, body, headers = { 'x-api-key': ada.key }) => {
    const raw = body instanceof FormData || typeof body === 'string' ? body : body && JSON.stringify(body)
    const json = typeof raw === 'string' ? { 'content-type': 'application/json' } : {}
    const init = { method, headers: { ...json, ...headers }, ...(raw !== undefined && { body: raw as string }) }
    const response = await sandbox.fetch(new Request(`http://sandbox${path}`, init))
    const text = await response.text()
    const isJson = response.headers.get('content-type')?.includes('json')
    return { status: response.status, body: isJson && text ? JSON.parse(text) : text, headers: response.headers }
  }
  const cloud = (method: string, path: string, body?: unknown) =>
    api(method, `/cloud${path}`, body, { 'x-api-key': sandbox.inspect().cloudKey })
  const sync = (body: unknown = {}) => api('POST', '/api/v1/sync', body)
  const status = async (): Promise<Json> => (await api('GET', '/api/v1/sync/status')).body
  const pass = async (ms: number) => {
    await world.pass(ms)
    sandbox.tick()
  }
  return { world, sandbox, admin, ada, api, cloud, sync, status, pass, notes: admin.addDataset(ada.user_id, 'notes') }
}

const running = { error: 'Sync operation already in progress' }

describe('access', () => {
  test('is by key, by token and by cookie, and 401 without; a token ends after an hour', async () => {
    const { api, ada, pass } = scene()
    const form = 'username=ada%40example.com&password=secret'
    const login = await api('POST', '/api/v1/auth/login', form, { 'content-type': 'application/x-www-form-urlencoded' })
    expect(login.body.token_type).toBe('bearer')
    const token = login.body.access_token
    expect(login.headers.get('set-cookie')).toContain(`auth_token=${token}`)
    const ways = [
      { 'x-api-key': ada.key },
      { authorization: `Bearer ${token}` },
      { cookie: `a=b; auth_token=${token}` },
    ]
    const me = async (headers: Record<string, string>) =>
      (await api('GET', '/api/v1/auth/me', undefined, headers)).status
    for (const way of ways) expect(await me(way)).toBe(200)
    expect(await me({ authorization: `Bearer ${ada.key}` })).toBe(401)
    expect((await api('GET', '/api/v1/auth/me', undefined, {})).body).toEqual({ detail: 'Unauthorized' })
    await pass(3_600_001)
    expect(await Promise.all(ways.map(me))).toEqual([200, 401, 401])
    const wrong = await api('POST', '/api/v1/auth/login', 'username=x', {})
    expect([wrong.status, wrong.body]).toEqual([400, { detail: 'LOGIN_BAD_CREDENTIALS' }])
  })
})

describe('a sync', () => {
  test('is told as started, runs by percent, and is not told when it has ended', async () => {
    const { admin, ada, notes, sync, status, pass, sandbox } = scene()
    admin.addData(notes, 'a.txt', 'one')
    expect(await status()).toEqual({ has_running_sync: false, running_sync_count: 0 })
    const { status: code, body } = await sync({ dataset_ids: [notes, notes] })
    expect(code).toBe(200)
    expect(body).toEqual({
      run_id: expect.any(String),
      status: 'started',
      dataset_ids: [notes],
      dataset_names: ['notes'],
      message: expect.stringContaining(body.run_id),
      timestamp: '2026-05-02T08:00:00.000000+00:00',
      user_id: ada.user_id,
    })
    await pass(second)
    expect((await status()).latest_running_sync).toMatchObject({
      run_id: body.run_id,
      dataset_name: 'notes',
      dataset_names: ['notes'],
      progress_percentage: 80,
    })
    await pass(10 * second)
    expect(await status()).toEqual({ has_running_sync: false, running_sync_count: 0 })
    expect(sandbox.inspect().runs[0]).toMatchObject({ status: 'completed', uploaded: 1 })
    expect(admin.cloud(notes)).toEqual([hash('one')])
  })

  test.each([{}, '', 'null', { dataset_ids: null }, { dataset_ids: [] }, { datasetIds: [] }])(
    'of %j means everything',
    async body => {
      const { sync, notes } = scene()
      expect((await sync(body)).body.dataset_ids).toEqual([notes])
    },
  )

  test('is a union by content: each side gets what it lacks, and a deleted document comes back', async () => {
    const { admin, notes, sync, pass, sandbox } = scene()
    const id = admin.addData(notes, 'a.txt', 'one')
    admin.addToCloud(notes, 'b', 'two')
    await sync()
    await pass(10 * second)
    expect(admin.cloud(notes)).toEqual([hash('one'), hash('two')].sort())
    admin.removeData(id)
    await sync()
    await pass(10 * second)
    expect(
      sandbox
        .inspect()
        .data.map(({ md5 }) => md5)
        .sort(),
    ).toEqual([hash('one'), hash('two')].sort())
  })

  test('skips a dataset that is empty here, whatever the cloud has', async () => {
    const { admin, notes, sync, pass, sandbox } = scene()
    admin.addToCloud(notes, 'b', 'two')
    await sync()
    await pass(10 * second)
    expect(sandbox.inspect().data).toEqual([])
  })

  test('beside another of the same user is refused with the details of that, before ids are looked at', async () => {
    const { admin, ada, notes, sync } = scene()
    const run_id = admin.startRun(ada.user_id, [notes])
    const { status, body } = await sync({ dataset_ids: ['00000000-0000-4000-8000-000000000000'] })
    expect([status, body]).toEqual([
      409,
      {
        ...running,
        details: {
          run_id,
          status: 'already_running',
          dataset_ids: [notes],
          dataset_names: ['notes'],
          message: expect.stringContaining(run_id),
          timestamp: expect.any(String),
          progress_percentage: 0,
        },
      },
    ])
  })

  test('with a cloud that is down ends well all the same, with nothing there', async () => {
    const { admin, notes, sync, pass, sandbox } = scene({ knobs: { cloudDown: true } })
    admin.addData(notes, 'a.txt', 'one')
    await sync()
    await pass(10 * second)
    expect(sandbox.inspect().runs[0]).toMatchObject({ status: 'completed', progress: 100, uploaded: 0 })
    expect(admin.cloud(notes)).toEqual([])
  })

  test('whose upload fails ends well all the same', async () => {
    const { admin, notes, sync, pass, sandbox } = scene()
    admin.addData(notes, 'a.txt', 'one')
    admin.failUploads(1)
    await sync()
    await pass(10 * second)
    expect([sandbox.inspect().runs[0]!.status, admin.cloud(notes)]).toEqual(['completed', []])
  })

  test('whose process died is under way for ever', async () => {
    const { admin, sync, status, pass } = scene()
    await sync()
    admin.crashRun()
    await pass(24 * 3_600_000)
    expect((await status()).running_sync_count).toBe(1)
    expect((await sync()).status).toBe(409)
  })

  const unknown = '00000000-0000-4000-8000-000000000000'
  test.each([
    ['documented', 404, { error: 'Dataset not found.' }, 403, { error: 'Sync permission denied.' }],
    ['code', 409, { error: 'Cloud sync operation failed.' }, 409, { error: 'Cloud sync operation failed.' }],
  ] as const)('of what is unknown or not allowed is refused: %s', async (refusals, missing, why, denied, because) => {
    const { admin, sync, ada } = scene({ knobs: { refusals } })
    const bob = admin.addUser('bob@example.com')
    const theirs = admin.addDataset(bob.user_id, 'theirs')
    admin.share(theirs, ada.user_id, 'read')
    const [one, other] = [await sync({ dataset_ids: [unknown] }), await sync({ dataset_ids: [theirs] })]
    expect([one.status, one.body, other.status, other.body]).toEqual([missing, why, denied, because])
  })

  test('of what is no id is 400 with a list, of no JSON too', async () => {
    const { sync, api, ada } = scene()
    const { status, body } = await sync({ dataset_ids: ['x'] })
    expect([status, body.detail[0].type, body.detail[0].loc]).toEqual([400, 'uuid_parsing', ['body', 'dataset_ids', 0]])
    expect((await sync('{')).status).toBe(400)
    const plain = { 'x-api-key': ada.key, 'content-type': 'text/plain' }
    expect((await api('POST', '/api/v1/sync', '{}', plain)).status).toBe(400)
  })

  test('says 409, 413 and 429 where it should', async () => {
    const { admin, notes, sync, sandbox, api } = scene({ knobs: { cloudDown: true, cloudChecked: true } })
    admin.addData(notes, 'a.txt', 'x'.repeat(100))
    expect((await sync()).body).toEqual({ error: 'Cloud service unavailable.' })
    sandbox.set({ cloudDown: false, maxDatasetBytes: 99 })
    const large = await sync()
    expect([large.status, large.body]).toEqual([413, { error: 'Dataset too large for current cloud plan.' }])
    sandbox.set({ rateLimit: 2 })
    await api('GET', '/api/v1/datasets')
    await api('GET', '/api/v1/datasets')
    const slow = await sync()
    expect([slow.status, slow.headers.get('retry-after'), slow.body]).toEqual([
      429,
      '60',
      { error: 'Rate limit exceeded.' },
    ])
  })

  test('is answered with a map, or with a 500 after it began, where that is asked for', async () => {
    const { sync, sandbox, admin } = scene({ knobs: { shape: 'map' } })
    const [[key, value]] = Object.entries((await sync()).body) as [[string, Json]]
    expect(value.run_id).toBe(key)
    admin.forgetRuns()
    sandbox.set({ shape: 'broken' })
    const broken = await sync()
    expect([broken.status, broken.body, sandbox.inspect().runs.length]).toEqual([500, 'Internal Server Error', 1])
  })
})

describe('documents', () => {
  test('are added by content, listed, read in parts and deleted', async () => {
    const { api, notes } = scene()
    const form = () => {
      const data = new FormData()
      data.append('data', new File(['hello world'], 'hello.md', { type: 'text/markdown' }))
      data.append('datasetId', notes)
      return data
    }
    const { body } = await api('POST', '/api/v1/add', form())
    const id = body.data_ingestion_info[0].data_id
    expect((await api('POST', '/api/v1/add', form())).body.data_ingestion_info[0].data_id).toBe(id)
    const [listed] = (await api('GET', `/api/v1/datasets/${notes}/data`)).body
    expect(listed).toMatchObject({ id, name: 'hello', extension: 'md', datasetId: notes })
    const raw = `/api/v1/datasets/${notes}/data/${id}/raw`
    expect((await api('GET', raw)).body).toBe('hello world')
    const { ada } = { ada: (await api('GET', '/api/v1/auth/me')).body }
    expect(ada.email).toBe('ada@example.com')
    expect((await api('DELETE', `/api/v1/datasets/${notes}/data/${id}`)).status).toBe(200)
    expect((await api('DELETE', `/api/v1/datasets/${notes}/data/${id}`)).status).toBe(200)
    const gone = await api('GET', raw)
    expect([gone.status, gone.body.detail]).toEqual([404, expect.stringContaining('[DataNotFoundError]')])
    expect((await api('POST', '/api/v1/add', new FormData())).status).toBe(400)
  })

  test('of datasets that are unknown or not shared are forbidden', async () => {
    const { api, admin } = scene()
    const theirs = admin.addDataset(admin.addUser('bob@example.com').user_id, 'theirs')
    const answer = await api('GET', `/api/v1/datasets/${theirs}/data`)
    expect([answer.status, answer.body.detail]).toEqual([403, expect.stringContaining('[PermissionDeniedError]')])
    expect((await api('DELETE', `/api/v1/datasets/${theirs}/data/x`)).status).toBe(401)
  })

  test('of one name are one dataset', async () => {
    const { api, notes } = scene()
    expect((await api('POST', '/api/v1/datasets', { name: 'notes' })).body.id).toBe(notes)
    expect((await api('GET', `/api/v1/datasets/status?dataset=${notes}`)).body).toEqual({
      [notes]: 'DATASET_PROCESSING_COMPLETED',
    })
    await api('DELETE', `/api/v1/datasets/${notes}`)
    expect((await api('GET', '/api/v1/datasets')).body).toEqual([])
  })
})

describe('the cloud', () => {
  test('takes, compares, gives by hash and prunes, for its own key only', async () => {
    const { cloud, api, notes } = scene()
    expect((await api('POST', '/cloud/api/api-keys/check')).status).toBe(401)
    const form = (md5: string) => {
      const data = new FormData()
      data.append('file', new File(['one'], 'one'))
      data.append('md5', md5)
      return data
    }
    const at = `/api/sync/${notes}`
    expect((await cloud('PUT', `${at}/data/d1`, form(hash('two')))).status).toBe(400)
    expect((await cloud('PUT', `${at}/data/d1`, form(hash('one')))).status).toBe(200)
    const diff = await cloud('POST', `${at}/diff`, { dataset_id: notes, hashes: [hash('two')] })
    expect(diff.body).toEqual({ missing_on_remote: [hash('two')], missing_on_local: [hash('one')] })
    const got = await cloud('GET', `${at}/data/${hash('one')}`)
    expect([got.body, got.headers.get('x-file-name')]).toEqual(['one', 'one'])
    expect((await cloud('PUT', `${at}?prune=true`, { items: [] })).body.deleted_database_entries).toBe(1)
    expect((await cloud('GET', `${at}/data/${hash('one')}`)).status).toBe(404)
  })
})
