/** Every answer of Cognee that is no success, row by row, and what the user sees of it. */
import { afterEach, describe, expect, test } from 'vitest'
import { scene, text } from './cognee-kit.ts'
import { closeAll } from './served.ts'

afterEach(closeAll)

const minute = 60_000
const says = (error: string) => ({ error })
const answer = (method: string, path: RegExp, status: number, body: unknown) => ({
  method,
  path,
  before: { status, body: typeof body === 'string' ? body : JSON.stringify(body) },
})

describe('a sync', () => {
  const invalid = { detail: [{ type: 'uuid_parsing', loc: ['body'], msg: 'Input should be a valid UUID' }], body: {} }
  test.each([
    ['400 validation', 400, invalid, /It says: Input should be a valid UUID/],
    ['400 documented', 400, says('Invalid sync request.'), /It says: Invalid sync request/],
    ['403 no permission', 403, says('Sync permission denied.'), /You may not sync one of these datasets/],
    ['404 unknown dataset', 404, says('Dataset not found.'), /One of these datasets does not exist/],
    ['404 as a message', 404, { message: 'No dataset' }, /It says: No dataset/],
    ['409 for both of these', 409, says('Cloud sync operation failed.'), /It says: Cloud sync operation failed/],
    ['413 too large', 413, says('Dataset too large for current cloud plan.'), /too large for your plan/],
  ] as const)('%s: failed, needs the user, and is not asked for again', async (_, status, body, sees) => {
    const { world, sandbox, sync, posts } = await scene()
    sandbox.weather.next(answer('POST', /\/sync$/, status, body))
    const job = await sync()
    await world.pass(2 * minute)
    const reason = expect.stringMatching(sees)
    expect(await job.report.get()).toMatchObject({ state: 'failed', needs: 'user', reason })
    expect([posts(), sandbox.inspect().runs.length]).toEqual([1, 0])
  })

  const other = { ...says('Sync operation already in progress'), details: { run_id: 'x', status: 'already_running' } }
  test.each([
    ['401 credentials', 401, { detail: 'Unauthorized' }, 'needs-auth'],
    ['409 another run', 409, other, 'busy'],
    ['409 no cloud', 409, says('Cloud service unavailable.'), 'busy'],
    ['429 too many', 429, says('Rate limit exceeded.'), 'throttled'],
    ['500 in front of a start', 500, 'Internal Server Error', 'server'],
    ['503 not ready', 503, { status: 'not ready' }, 'server'],
  ] as const)('%s: waits, says why, and goes on by itself', async (_, status, body, code) => {
    const { world, sandbox, sync } = await scene()
    sandbox.weather.next({ ...answer('POST', /\/sync$/, status, body), times: status === 401 ? 2 : 1 })
    const job = await sync()
    await world.pass(300)
    expect(await job.report.get()).toMatchObject({ state: 'queued', failure: { code } })
    await world.pass(2 * minute)
    expect(await job.report.get()).toMatchObject({ state: 'done' })
    expect(sandbox.inspect().runs).toHaveLength(1)
  })
})

describe('the status of a sync', () => {
  test.each([
    ['401', 401, { detail: 'Unauthorized' }, 'needs-auth'],
    ['429', 429, says('Rate limit exceeded.'), 'throttled'],
    ['500', 500, says('Failed to get sync status overview'), 'server'],
    ['a shape that is not its own', 200, {}, 'protocol'],
  ] as const)('%s: since when nothing is known is said, and the end is found', async (_, status, body, code) => {
    const { world, sandbox, sync } = await scene({ perDataset: 10_000 })
    const job = await sync()
    await world.pass(500)
    sandbox.weather.next({ ...answer('GET', /\/sync\/status$/, status, body), times: 4 })
    await world.pass(2_000)
    expect(await job.report.get()).toMatchObject({
      state: 'running',
      failure: { code },
      unknownSince: expect.any(Number),
    })
    await world.pass(5 * minute)
    expect(await job.report.get()).toMatchObject({ state: 'done' })
  })
})

describe('a list', () => {
  const denied = { detail: 'Request owner does not have necessary permission: [read] [PermissionDeniedError]' }
  test.each([
    ['401 of datasets', /\/datasets$/, 401, { detail: 'Unauthorized' }, 'needs-auth'],
    ['429 of datasets', /\/datasets$/, 429, says('Rate limit exceeded.'), 'waiting'],
    ['500 of datasets', /\/datasets$/, 500, { detail: 'Error retrieving datasets: x' }, 'waiting'],
    ['500 of documents', /\/data$/, 500, { detail: 'x' }, 'waiting'],
    ['501 of bytes', /\/raw$/, 501, { detail: 'Storage not supported' }, 'waiting'],
  ] as const)('%s: the status says so, and what is here stays', async (_, path, status, body, phase) => {
    const { world, sandbox, admin, notes, db, cloud } = await scene()
    cloud.sync()
    await world.pass(minute)
    admin.addData(notes, 'late.txt', 'late')
    sandbox.weather.next({ ...answer('GET', path, status, body), times: 1_000 })
    cloud.sync()
    await world.pass(5_000)
    expect((await cloud.status.get()).phase).toBe(phase)
    expect(await db.data.documents.list()).toHaveLength(3)
    sandbox.weather.clear()
    await cloud.resume()
    await world.pass(10 * minute)
    expect(await db.data.documents.list()).toHaveLength(4)
    expect((await cloud.status.get()).phase).toBe('synced')
  })

  test.each([
    ['403 of documents: nothing is taken for deleted', /\/data$/, 403, denied],
    ['404 of documents: nothing is taken for deleted', /\/data$/, 404, { detail: 'Dataset not found' }],
    ['409 of their status: they are here without it', /\/datasets\/status$/, 409, says('Unable to retrieve')],
    ['404 of bytes: the document is here without them', /\/raw$/, 404, { detail: 'Raw file not found on disk' }],
  ] as const)('%s', async (_, path, status, body) => {
    const { world, sandbox, admin, notes, db, cloud } = await scene()
    cloud.sync()
    await world.pass(minute)
    if (status === 404 && path.source.includes('raw')) admin.addData(notes, 'late.txt', 'late')
    sandbox.weather.next({ ...answer('GET', path, status, body), times: 20 })
    cloud.sync()
    await world.pass(5_000)
    expect((await db.data.documents.list()).length).toBeGreaterThanOrEqual(3)
    expect(await db.data.datasets.list()).toHaveLength(2)
    expect((await cloud.status.get()).phase).toBe('synced')
  })
})

describe('a document that is added', () => {
  test.each([
    ['400 no dataset', 400, { ...says('Either datasetId or datasetName must be provided.'), detail: null }, /Either/],
    ['400 labels', 400, { detail: 'Two labels for one file. [LabelCountMismatchError]' }, /Two labels/],
    ['413 too large', 413, { detail: 'Too large' }, /Too large|answered 413/],
  ] as const)('%s: is held, and says why', async (_, status, body, sees) => {
    const { world, sandbox, db, notes, cloud } = await scene()
    sandbox.weather.next(answer('POST', /\/add$/, status, body))
    await db.data.documents.write('mine', text('mine'), { dataset: notes, name: 'mine' })
    await world.pass(minute)
    const [row] = await db.outbox.list()
    expect(row).toMatchObject({ state: 'held', reason: { message: expect.stringMatching(sees) } })
    expect((await cloud.status.get()).phase).toBe('needs-user')
  })

  test.each([
    ['401 credentials', 401, { detail: 'Unauthorized' }],
    ['429 too many', 429, says('Rate limit exceeded.')],
    ['500 pipeline', 500, { ...says('Pipeline run errored'), detail: 'x' }],
    ['500 permission', 500, { ...says('Internal server error'), detail: 'PermissionDeniedError' }],
    ['503 not ready', 503, { status: 'not ready' }],
  ] as const)('%s: waits, and is there once in the end', async (_, status, body) => {
    const { world, sandbox, db, notes } = await scene()
    sandbox.weather.next({ ...answer('POST', /\/add$/, status, body), times: 4 })
    await db.data.documents.write('mine', text('mine'), { dataset: notes, name: 'mine' })
    await world.pass(1_000)
    expect((await db.outbox.list()).map(({ state }) => state)).toEqual(['waiting'])
    await world.pass(10 * minute)
    expect(sandbox.inspect().data.filter(({ name }) => name === 'mine')).toHaveLength(1)
    expect(await db.outbox.list()).toEqual([])
  })
})

describe('a deletion', () => {
  const foreign = { detail: 'Dataset x not accessible. [UnauthorizedDataAccessError]' }
  const denied = { detail: 'Request owner does not have necessary permission: [delete] [PermissionDeniedError]' }
  test.each([
    ['401 of a document that is not ours', 'documents', /\/data\/[^/]+$/, 401, foreign],
    ['403 of a document', 'documents', /\/data\/[^/]+$/, 403, denied],
    ['403 of a dataset', 'datasets', /\/datasets\/[^/]+$/, 403, denied],
  ] as const)('%s: is held, and says why', async (_, what, path, status, body) => {
    const { world, sandbox, db, cloud } = await scene()
    cloud.sync()
    await world.pass(minute)
    sandbox.weather.next({ ...answer('DELETE', path, status, body), times: 2 })
    const [one] = await db.data[what].list()
    await db.data[what].delete(one!.id)
    await world.pass(minute)
    expect((await db.outbox.list())[0]).toMatchObject({
      state: 'held',
      reason: { code: 'forbidden', message: expect.stringMatching(/may not delete/) },
    })
  })
})

describe('the cloud', () => {
  test.each([
    ['401 key', 401, { detail: 'Unauthorized' }, 'needs-auth'],
    ['429', 429, says('slow down'), 'throttled'],
    ['503 down', 503, { detail: 'Service unavailable' }, 'server'],
  ] as const)('%s: nothing is called done before it was asked', async (_, status, body, code) => {
    const { world, sandbox, sync } = await scene()
    sandbox.weather.next({ ...answer('POST', /\/diff$/, status, body), times: 8 })
    const job = await sync()
    await world.pass(9_000)
    expect(await job.report.get()).toMatchObject({ state: 'running', failure: { code } })
    await world.pass(5 * minute)
    expect(await job.report.get()).toMatchObject({ state: 'done' })
  })
})
