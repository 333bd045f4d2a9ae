/** Every answer of Airweave that is no success, row by row, and what the user sees of it. */
import { afterEach, describe, expect, test } from 'vitest'
import { runs, scene } from './airweave-kit.ts'
import { closeAll } from './served.ts'

afterEach(closeAll)

const minute = 60_000
type Row = readonly [row: string, status: number, body: unknown, sees: string | RegExp]
const detail = (text: string) => ({ detail: text })
const answer = (path: RegExp, status: number, body: unknown) => ({
  path,
  before: { status, body: JSON.stringify(body) },
})

describe('a run', () => {
  const ends: readonly Row[] = [
    ['400 usage limit', 400, detail('Usage limit exceeded for entities: 100/100'), /It says: Usage limit exceeded/],
    [
      '400 payment status',
      400,
      detail("Action 'entities' is not allowed due to payment status: past_due"),
      /It says: Action 'entities' is not allowed due to payment status/,
    ],
    ['403 permission', 403, detail('Forbidden for members'), /does not allow .* It says: Forbidden for members/],
    ['404 no connection', 404, detail('Source connection not found'), /There is no such source connection/],
    ['404 no sync behind it', 404, detail('No sync found for this source connection'), /It says: No sync found/],
    ['404 no collection', 404, detail('Collection not found'), /It says: Collection not found/],
    ['409 paused', 409, detail('Cannot trigger sync: sync is paused'), /This connection is paused: renew/],
    ['413 body too large', 413, detail('Request body too large'), /answered 413/],
    ['422 as the code sends it', 422, { errors: [{ 'query.force_full_sync': 'no boolean' }] }, /does not start/],
    ['422 of the domain', 422, detail('No such mode'), /It says: No such mode/],
    ['422 as published', 422, { detail: [{ loc: ['query'], msg: 'no boolean', type: 'bool' }] }, /does not start/],
  ]
  test.each(ends)('%s: failed, needs the user, and is not asked for again', async (_, status, body, sees) => {
    const { world, sandbox, run, device } = await scene()
    sandbox.weather.next(answer(/\/run$/, status, body))
    const job = await run()
    await world.pass(2 * minute)
    const reason = expect.stringMatching(sees)
    expect(await job.report.get()).toMatchObject({ state: 'failed', needs: 'user', reason })
    expect([sandbox.inspect().jobs.length, runs(device.requests)]).toEqual([0, 1])
  })

  const waits: readonly Row[] = [
    ['401 missing key', 401, detail('No valid authentication provided'), 'needs-auth'],
    ['401 token refresh', 401, detail('Token could not be refreshed'), 'needs-auth'],
    ['403 bad key', 403, detail('Invalid or expired API key'), 'needs-auth'],
    ['403 expired key', 403, detail('API key has expired'), 'needs-auth'],
    ['429 rate limit', 429, detail('Rate limit exceeded. Please retry after 12.34 seconds.'), 'throttled'],
    ['500 internal', 500, detail('Internal Server Error: KeyError: x'), 'server'],
    ['502 no workers', 502, detail('Failed to request cancellation from Temporal'), 'server'],
    ['503 no model', 503, detail('LLM not configured'), 'server'],
    ['504 timeout', 504, detail('Request timeout after 60 seconds'), 'server'],
    ['400 pending, and nothing to be seen', 400, detail('a sync job is already pending'), 'busy'],
    ['400 running, and nothing to be seen', 400, detail('a sync job is already running'), 'busy'],
    ['409 as published', 409, detail('A sync job is already running'), 'busy'],
  ]
  test.each(waits)('%s: waits, says why, and goes on by itself', async (_, status, body, sees) => {
    const { world, sandbox, run } = await scene()
    sandbox.weather.next({ ...answer(/\/run$/, status, body), times: status === 401 ? 2 : 1 })
    const job = await run()
    await world.pass(300)
    expect(await job.report.get()).toMatchObject({ state: 'queued', failure: { code: sees } })
    await world.pass(2 * minute)
    expect(await job.report.get()).toMatchObject({ state: 'done' })
    expect(sandbox.inspect().jobs).toHaveLength(1)
  })
})

describe('a job that is looked at', () => {
  test.each([
    ['401', 401, detail('Unauthorized'), 'needs-auth'],
    ['403 bad key', 403, detail('Invalid or expired API key'), 'needs-auth'],
    ['403 permission', 403, detail('Forbidden for members'), 'forbidden'],
    ['429', 429, detail('Rate limit exceeded.'), 'throttled'],
    ['500', 500, detail('Internal Server Error'), 'server'],
    ['504', 504, detail('Request timeout after 60 seconds'), 'server'],
  ] as const)('%s: since when nothing is known is said, and it is found again', async (_, status, body, code) => {
    const { world, sandbox, run } = await scene({ perEntity: 20_000 })
    const job = await run()
    await world.pass(2_000)
    sandbox.weather.next({ ...answer(/\/jobs$/, status, body), times: 4 })
    await world.pass(4_000)
    const { state, failure, unknownSince } = await job.report.get()
    expect([['queued', 'running'].includes(state), failure?.code]).toEqual([true, code])
    expect(unknownSince).toBeLessThanOrEqual(world.now())
    await world.pass(10 * minute)
    expect(await job.report.get()).toMatchObject({ state: 'done' })
  })

  test('404 no connection: it has vanished', async () => {
    const { world, sandbox, run } = await scene({ perEntity: 20_000 })
    const job = await run()
    await world.pass(2_000)
    sandbox.weather.next({ ...answer(/\/jobs$/, 404, detail('Source connection not found')), times: 9 })
    await world.pass(10_000)
    expect(await job.report.get()).toMatchObject({ state: 'vanished', reason: expect.any(String) })
  })
})

describe('a cancel', () => {
  test.each([
    ['404 no such job', 404, detail('Sync job not found')],
    ['400 it is over', 400, detail('Cannot cancel job in completed state')],
    ['400 for the second time', 400, detail('Cannot cancel job in cancelling state')],
    ['409 as published', 409, detail('Cannot cancel job in completed state')],
  ] as const)('%s: was told, and the job ends as it ends', async (_, status, body) => {
    const { world, sandbox, run } = await scene({ perEntity: 5_000 })
    const job = await run()
    await world.pass(3_000)
    sandbox.weather.next(answer(/\/cancel$/, status, body))
    await job.cancel()
    await world.pass(minute)
    expect(await job.report.get()).toMatchObject({ state: 'done', cancel: 'sent' })
  })

  test('502 no workers: waits, and is told again', async () => {
    const { world, sandbox, run } = await scene({ perEntity: 20_000 })
    const job = await run()
    await world.pass(3_000)
    sandbox.weather.next(answer(/\/cancel$/, 502, detail('Failed to request cancellation from Temporal')))
    await job.cancel()
    await world.pass(100)
    expect(await job.report.get()).toMatchObject({ cancel: 'wished', failure: { code: 'server' } })
    await world.pass(minute)
    expect(await job.report.get()).toMatchObject({ state: 'cancelled' })
  })
})

describe('a job that failed', () => {
  test.each([
    ['oauth_credentials_expired', 'Sign in to the source again.'],
    ['api_key_invalid', 'Give the connection another key of the source.'],
    ['auth_provider_account_gone', 'Connect the account anew.'],
    ['auth_provider_credentials_invalid', 'Renew the credentials at the provider of the account.'],
  ] as const)('%s: needs the user, and what to do is said (F91)', async (category, advice) => {
    const { world, admin, id, run } = await scene()
    admin.failNext(id, { error: 'Refused.', category })
    const job = await run()
    await world.pass(minute)
    expect(await job.report.get()).toMatchObject({ state: 'failed', needs: 'user', reason: `Refused. ${advice}` })
  })

  test('no category: failed, with its error, and nothing for the user to do', async () => {
    const { world, admin, id, run } = await scene()
    admin.failNext(id, { error: 'The source went away.' })
    const job = await run()
    await world.pass(minute)
    const report = await job.report.get()
    expect(report).toMatchObject({ state: 'failed', reason: 'The source went away.' })
    expect(report.needs).toBeUndefined()
  })
})
