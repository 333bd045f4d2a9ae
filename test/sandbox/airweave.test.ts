import { describe, expect, test } from 'vitest'
import { airweaveScene, frames, MINUTE, SECOND } from './airweave-kit.ts'
import { type Json, settle } from './kit.ts'

const counters = (job: Json) => [job.entities_inserted, job.entities_updated, job.entities_deleted, job.entities_failed]

describe('access', () => {
  test('no key is 401, a bad or expired one 403, and that comes before everything else', async () => {
    const { api, admin, key, sandbox } = airweaveScene()
    const bare = await sandbox.fetch('http://sandbox/sources')
    expect([bare.status, await bare.json()]).toEqual([401, { detail: 'No valid authentication provided' }])
    const bad = await api('GET', '/source-connections/no-uuid', undefined, { 'x-api-key': 'wrong' })
    expect([bad.status, bad.body]).toEqual([403, { detail: 'Invalid or expired API key' }])
    admin.expireKey(key)
    const expired = await api('GET', '/sources')
    expect([expired.status, expired.body]).toEqual([403, { detail: 'API key has expired' }])
  })

  test('every path answers with and without a slash at its end, and an unknown one is 404', async () => {
    const { api } = airweaveScene()
    expect((await api('GET', '/sources')).body).toEqual((await api('GET', '/sources/')).body)
    expect((await api('GET', '/nowhere')).status).toBe(404)
  })

  test('the limit is a sliding minute over all calls, with headers on each answer', async () => {
    const { api, world } = airweaveScene({ knobs: { rateLimit: 3 } })
    const first = await api('GET', '/sources')
    expect(first.headers.get('ratelimit-limit')).toBe('3')
    expect(first.headers.get('ratelimit-remaining')).toBe('2')
    await world.pass(20 * SECOND)
    await api('GET', '/sources')
    await api('GET', '/sources')
    const refused = await api('GET', '/sources')
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '41'])
    expect(refused.body.detail).toBe(
      'Rate limit exceeded. Please retry after 40.00 seconds. Limit: 3 requests per second.',
    )
    await world.pass(40 * SECOND)
    expect((await api('GET', '/sources')).status).toBe(200)
    expect((await api('GET', '/sources')).status).toBe(429)
  })

  test('without a limit the headers say 9999', async () => {
    const { headers } = await airweaveScene().api('GET', '/sources')
    expect([headers.get('ratelimit-limit'), headers.get('ratelimit-remaining')]).toEqual(['9999', '9999'])
  })
})

describe('connections', () => {
  test('are created, listed by collection, read, changed and deleted', async () => {
    const { api, collection } = airweaveScene()
    const body = { short_name: 'stub', readable_collection_id: collection, name: 'Stub one', sync_immediately: false }
    const made = await api('POST', '/source-connections', body)
    expect(made.status).toBe(200)
    expect(made.body).toMatchObject({ name: 'Stub one', status: 'active', sync: null, auth: { method: 'direct' } })
    const { id } = made.body
    expect((await api('GET', `/source-connections?collection=${collection}`)).body).toMatchObject([{ id }])
    expect((await api('GET', '/source-connections?collection=other')).body).toEqual([])
    expect((await api('PATCH', `/source-connections/${id}`, { name: 'Stub two' })).body.name).toBe('Stub two')
    expect((await api('DELETE', `/source-connections/${id}`)).body.id).toBe(id)
    const gone = await api('GET', `/source-connections/${id}`)
    expect([gone.status, gone.body]).toEqual([404, { detail: 'Source connection not found' }])
  })

  test.each([
    ['an unknown source', { short_name: 'nope' }, 404, { detail: "Source 'nope' not found" }],
    ['an unknown collection', { readable_collection_id: 'nope' }, 404, { detail: 'Collection not found' }],
    ['bad credentials', { authentication: { credentials: { key: 'bad' } } }, 400, { detail: 'Invalid credentials' }],
    [
      'a sub-hourly schedule of a source without cursor',
      { schedule: { cron: '*/10 * * * *' } },
      400,
      { detail: 'Sub-hourly schedules are only supported for continuous sources' },
    ],
    ['a short name', { name: 'abc' }, 422, { errors: [{ 'body.name': 'String should have 4 to 42 characters' }] }],
    [
      'unknown credentials',
      { authentication: { credentials: {}, other: 1 } },
      422,
      { errors: [{ 'body.authentication': 'Extra inputs are not permitted' }] },
    ],
  ])('%s is refused', async (_, wrong, status, body) => {
    const { api, collection } = airweaveScene()
    const answer = await api('POST', '/source-connections', {
      short_name: 'stub',
      readable_collection_id: collection,
      ...wrong,
    })
    expect([answer.status, answer.body]).toEqual([status, body])
  })

  test('an empty change is 422, in the shape that the description has where that is asked for', async () => {
    const { api, admin, collection } = airweaveScene({ knobs: { validation: 'spec' } })
    const { status, body } = await api('PATCH', `/source-connections/${admin.connect(collection)}`, {})
    expect([status, body.detail[0].loc]).toEqual([422, ['body']])
  })
})

describe('a run', () => {
  test('waits, works and ends; counters and the end come only then, times are without a zone', async () => {
    const { admin, collection, entities, run, jobs, pass } = airweaveScene()
    const id = admin.connect(collection, { entities: entities([1, 2, 3]) })
    const { status, body } = await run(id)
    expect(status).toBe(200)
    expect(body).toEqual({
      id: expect.any(String),
      source_connection_id: id,
      status: 'pending',
      started_at: null,
      completed_at: null,
      duration_seconds: null,
      entities_inserted: 0,
      entities_updated: 0,
      entities_deleted: 0,
      entities_failed: 0,
      error: null,
      error_category: null,
      error_details: null,
    })
    await pass(750)
    expect((await jobs(id))[0]).toMatchObject({ status: 'running', completed_at: null, entities_inserted: 0 })
    await pass(SECOND)
    const [done] = await jobs(id)
    expect(done).toMatchObject({ status: 'completed', entities_inserted: 3, duration_seconds: 0.4 })
    expect(done.completed_at).toMatch(/^2026-05-02T08:00:00\.900000$/)
  })

  test.each([
    ['code', 400],
    ['spec', 409],
  ] as const)('beside another is refused: %s says %i', async (conflicts, expected) => {
    const { admin, collection, run, pass } = airweaveScene({ knobs: { conflicts } })
    const id = admin.connect(collection)
    await run(id)
    const early = await run(id)
    expect([early.status, early.body.detail]).toEqual([expected, expect.stringContaining('already pending')])
    admin.stick(id, 'running')
    await pass(SECOND)
    const late = await run(id)
    expect([late.status, late.body.detail]).toEqual([expected, expect.stringContaining('already running')])
  })

  test('compares by hash: absent, changed, the same, twice in one run', async () => {
    const { admin, collection, entities, run, jobs, pass, sandbox } = airweaveScene()
    const id = admin.connect(collection, { entities: entities([1, 2, 3]) })
    await run(id)
    await pass(MINUTE)
    admin.setEntities(id, [...entities([2], 'second'), ...entities([3, 4])])
    admin.giveTwice(id, ['e3'])
    await run(id)
    await pass(MINUTE)
    expect(counters((await jobs(id))[0])).toEqual([1, 1, 1, 1])
    expect(sandbox.inspect().jobs.at(-1)!.live.kept).toBe(1)
    expect(
      admin
        .entities(id)
        .map(({ text }) => text)
        .sort(),
    ).toEqual(['first 3', 'first 4', 'second 2'])
  })

  test('with a cursor reads on from the last success, and only a forced one cleans up', async () => {
    const { api, admin, collection, run, jobs, pass } = airweaveScene()
    const id = admin.connect(collection, { short_name: 'incremental_stub', config: { entity_count: 5 } })
    const go = async (query = '') => {
      await run(id, query)
      await pass(MINUTE)
      return counters((await jobs(id))[0])
    }
    const configure = (entity_count: number) => api('PATCH', `/source-connections/${id}`, { config: { entity_count } })
    expect(await go()).toEqual([6, 0, 0, 0])
    await configure(10)
    expect(await go()).toEqual([5, 1, 0, 0])
    expect(await go()).toEqual([0, 0, 0, 0])
    await configure(3)
    expect(await go()).toEqual([0, 1, 0, 0])
    expect(await go('?force_full_sync=true')).toEqual([0, 0, 7, 0])
  })

  test('that fails or is cancelled keeps what it stored and moves no cursor', async () => {
    const { admin, collection, run, jobs, cancel, pass } = airweaveScene()
    const id = admin.connect(collection, { short_name: 'incremental_stub', config: { entity_count: 9 } })
    admin.failNext(id, { after: 4, error: 'The source went away.' })
    await run(id)
    await pass(MINUTE)
    const [failed] = await jobs(id)
    expect(failed).toMatchObject({ status: 'failed', error: 'The source went away.', completed_at: null })
    expect(counters(failed)).toEqual([4, 0, 0, 0])
    const { body } = await run(id)
    await pass(500 + 250)
    expect((await cancel(id, body.id)).body.status).toBe('cancelling')
    await pass(SECOND)
    const [cancelled] = await jobs(id)
    expect(cancelled).toMatchObject({ status: 'cancelled', entities_inserted: 0, error: null })
    expect(cancelled.completed_at).not.toBeNull()
    await run(id)
    await pass(MINUTE)
    expect(counters((await jobs(id))[0])).toEqual([6, 0, 0, 0])
    expect(admin.entities(id)).toHaveLength(10)
  })

  test('is cancelled at once while it waits, and cannot be cancelled twice', async () => {
    const { admin, collection, run, cancel, pass } = airweaveScene()
    const id = admin.connect(collection)
    const { body } = await run(id)
    expect((await cancel(id, body.id)).body.status).toBe('cancelled')
    const again = await cancel(id, body.id)
    expect([again.status, again.body]).toEqual([400, { detail: 'Cannot cancel job in cancelled state' }])
    const second = (await run(id)).body
    await pass(550)
    await cancel(id, second.id)
    expect((await cancel(id, second.id)).body.detail).toBe('Cannot cancel job in cancelling state')
    expect((await cancel(id, '00000000-0000-4000-8000-000000000000')).status).toBe(404)
  })

  test('with bad credentials fails with a category, and pauses the sync until there are others', async () => {
    const { api, admin, collection, run, jobs, pass } = airweaveScene()
    const id = admin.connect(collection, { schedule: { cron: '0 * * * *' } })
    admin.failNext(id, { error: 'The key was revoked.', category: 'api_key_invalid' })
    await run(id)
    await pass(MINUTE)
    expect((await jobs(id))[0]).toMatchObject({ status: 'failed', error_category: 'api_key_invalid' })
    expect((await api('GET', `/source-connections/${id}`)).body).toMatchObject({
      status: 'needs_reauth',
      error_category: 'api_key_invalid',
    })
    const paused = await run(id)
    expect([paused.status, paused.body]).toEqual([409, { detail: 'Cannot trigger sync: sync is paused' }])
    await pass(120 * MINUTE)
    expect(await jobs(id)).toHaveLength(1)
    await api('PATCH', `/source-connections/${id}`, { authentication: { credentials: { key: 'good' } } })
    expect((await run(id)).status).toBe(200)
  })

  test.each([
    ['pending', 3, 'stuck in transitional state'],
    ['running', 15, 'no activity for 15+ minutes'],
    ['cancelling', 3, 'stuck in transitional state'],
  ] as const)('that is stuck %s is swept after %i minutes', async (state, minutes, why) => {
    const { admin, collection, entities, run, cancel, jobs, pass } = airweaveScene()
    const id = admin.connect(collection, { entities: entities([1, 2, 3, 4, 5, 6, 7, 8, 9]) })
    admin.stick(id, state)
    const { body } = await run(id)
    await pass(700)
    if (state === 'cancelling') await cancel(id, body.id)
    await pass(minutes * MINUTE - SECOND)
    expect((await jobs(id))[0].status).toBe(state)
    await pass(2 * SECOND)
    expect((await jobs(id))[0]).toMatchObject({ status: 'cancelled', error: expect.stringContaining(why) })
  })

  test('is started by a schedule too, and is then in the way of others', async () => {
    const { admin, collection, jobs, run, pass } = airweaveScene()
    const id = admin.connect(collection, { short_name: 'incremental_stub', schedule: { cron: '*/5 * * * *' } })
    await pass(5 * MINUTE + 100)
    expect((await jobs(id)).map(({ status }) => status)).toEqual(['pending'])
    expect((await run(id)).status).toBe(400)
    await pass(10 * MINUTE)
    expect(await jobs(id)).toHaveLength(3)
  })

  test('says its status in upper case, nothing of a category, and times with a zone where that is asked for', async () => {
    const { admin, collection, run, jobs, pass } = airweaveScene({
      knobs: { statuses: 'upper', errorCategory: false, times: 'zoned' },
    })
    const id = admin.connect(collection)
    expect((await run(id)).body.status).toBe('PENDING')
    await pass(MINUTE)
    const [job] = await jobs(id)
    expect(job.status).toBe('COMPLETED')
    expect(job.completed_at).toMatch(/Z$/)
    expect(Object.hasOwn(job, 'error_category')).toBe(false)
  })
})

describe('search', () => {
  test('finds chunks, by job and by sync, a page at a time', async () => {
    const { api, admin, collection, entities, run, pass } = airweaveScene({ knobs: { chunk: 4 } })
    const id = admin.connect(collection, { entities: entities([1, 2, 3]) })
    const first = (await run(id)).body
    await pass(MINUTE)
    admin.setEntities(id, [...entities([1], 'second'), ...entities([2, 3])])
    const second = (await run(id)).body
    await pass(MINUTE)
    const { sync_id } = (await api('GET', `/source-connections/${id}`)).body
    const search = async (job: string, more = {}): Promise<Json[]> => {
      const conditions = [
        { field: 'airweave_system_metadata.sync_id', operator: 'equals', value: sync_id },
        { field: 'airweave_system_metadata.sync_job_id', operator: 'equals', value: job },
      ]
      const body = { query: '*', filter: [{ conditions }], ...more }
      return (await api('POST', `/collections/${collection}/search/instant`, body)).body.results
    }
    const changed = await search(second.id)
    expect(changed.map(({ entity_id }) => entity_id).sort()).toEqual(['e1__chunk_0', 'e1__chunk_1'])
    const texts = changed.sort((one, other) => (one.entity_id < other.entity_id ? -1 : 1))
    expect(texts.map(({ textual_representation }) => textual_representation).join('')).toBe('second 1')
    const kept = await search(first.id)
    expect(kept).toHaveLength(4)
    expect([...(await search(first.id, { limit: 3 })), ...(await search(first.id, { limit: 3, offset: 3 }))]).toEqual(
      kept,
    )
  })

  test.each([
    [{ query: ' ' }, 'body.query'],
    [{ query: 'x', limit: 1001 }, 'body.limit'],
    [{ query: 'x', filter: [{ conditions: [] }] }, 'body.filter.0.conditions'],
    [
      { query: 'x', filter: [{ conditions: [{ field: 'text', operator: 'equals', value: 1 }] }] },
      'body.filter.0.conditions.0.field',
    ],
    [
      { query: 'x', filter: [{ conditions: [{ field: 'name', operator: 'in', value: 'x' }] }] },
      'body.filter.0.conditions.0.value',
    ],
  ])('refuses what does not fit: %j', async (body, at) => {
    const { api, collection } = airweaveScene()
    const answer = await api('POST', `/collections/${collection}/search/instant`, body)
    expect([answer.status, Object.keys(answer.body.errors[0])]).toEqual([422, [at]])
  })
})

describe('streams', () => {
  async function subscribed(kind: string, count = 8) {
    const scene = airweaveScene()
    const { admin, collection, entities, run, sandbox, key } = scene
    const numbers = Array.from({ length: count }, (_, at) => at)
    const id = admin.connect(collection, { entities: entities(numbers) })
    const job = (await run(id)).body.id as string
    const response = await sandbox.fetch(`http://sandbox/sync/job/${job}/${kind}`, { headers: { 'x-api-key': key } })
    const heard: Json[] = []
    void frames(response, heard).catch(() => heard.push('broken'))
    await settle()
    return { ...scene, id, job, heard, response }
  }

  test('say how far a job is before REST does, and how it ended, and stay open', async () => {
    const { heard, pass, sandbox, job, jobs, id } = await subscribed('subscribe')
    await pass(850)
    await new Promise(setImmediate)
    expect(heard).toMatchObject([
      { type: 'connected', job_id: job },
      { inserted: 3, status: null, kept: 0 },
    ])
    expect((await jobs(id))[0].entities_inserted).toBe(0)
    await pass(MINUTE)
    await new Promise(setImmediate)
    expect(heard.at(-1)).toMatchObject({ inserted: 8, status: 'completed' })
    expect(sandbox.inspect().streams).toBe(1)
    sandbox.severStreams()
    await new Promise(setImmediate)
    expect([heard.at(-1), sandbox.inspect().streams]).toEqual(['broken', 0])
  })

  test('of the other kind say a state at once', async () => {
    const { heard, pass } = await subscribed('subscribe-state')
    await pass(MINUTE)
    await new Promise(setImmediate)
    expect(heard.map(({ type }) => type).slice(0, 2)).toEqual(['connected', 'entity_state'])
    expect(heard.at(-1)).toMatchObject({ type: 'sync_complete', is_complete: true, final_status: 'completed' })
  })

  test('carry a heartbeat only when there is something to say after a pause', async () => {
    const { heard, pass } = await subscribed('subscribe')
    await pass(40 * SECOND)
    await new Promise(setImmediate)
    expect(heard.filter(({ type }) => type === 'heartbeat')).toHaveLength(1)
  })
})

test('deleting a connection ends its job, and what it synced is not found any more', async () => {
  const { api, admin, collection, entities, run, pass, sandbox } = airweaveScene()
  const id = admin.connect(collection, { entities: entities([1, 2, 3, 4]) })
  await run(id)
  await pass(750)
  await api('DELETE', `/source-connections/${id}`)
  await pass(MINUTE)
  expect(sandbox.inspect().jobs.map(({ status }) => status)).toEqual(['cancelled'])
  expect((await api('POST', `/collections/${collection}/search/instant`, { query: '*' })).body.results).toEqual([])
})
