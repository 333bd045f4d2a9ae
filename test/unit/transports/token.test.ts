/** One refresh for all requests that were refused together, and another one when that did not help. */
import { expect, test } from 'vitest'
import type { SyncError } from '../../../src/errors.ts'
import { http } from '../../../src/transports/shared/http.ts'
import { client } from '../../conformance/transport-io.ts'

/** The app holds `first` until it is asked for a new one; then it gives what is next, and keeps it unless `forgetful`. */
function remote(first: string, next: readonly string[], forgetful = false) {
  const asked: boolean[] = []
  const sent: string[] = []
  const left = [...next]
  let held = first
  let arrived = () => {}
  const calls = http({
    url: 'https://api.test',
    token({ refresh }) {
      asked.push(refresh)
      const token = refresh ? (left.shift() ?? held) : held
      if (!forgetful) held = token
      return token
    },
  })
  const one = client({
    transport: { name: 'x', sources: {} },
    now: () => 0,
    async fetch(request) {
      const token = request.headers.get('authorization')?.slice(7) ?? ''
      sent.push(token)
      arrived()
      return token === 'good' ? Response.json({}) : new Response(null, { status: 401 })
    },
  })
  return {
    asked,
    sent,
    onArrival(hear: () => void) {
      arrived = hear
    },
    get: () =>
      calls.send({ method: 'GET', route: '/x', want: 'json' }, one.io()).then(
        () => 'ok',
        (error: SyncError) => error.code,
      ),
  }
}

test('all requests that were refused together share one refresh', async () => {
  const { get, asked, sent } = remote('old', ['good'])
  expect(await Promise.all([get(), get(), get()])).toEqual(['ok', 'ok', 'ok'])
  expect(asked.filter(refresh => refresh)).toHaveLength(1)
  expect(sent).toEqual(['old', 'old', 'old', 'good', 'good', 'good'])
})

test('a refusal that comes late does not ask again for what was refreshed meanwhile', async () => {
  const { get, asked, onArrival } = remote('old', ['good', 'never'])
  let second: Promise<string> | undefined
  onArrival(() => {
    second ??= get() // sent with the old token, refused after the first has got the new one
  })
  expect([await get(), await second]).toEqual(['ok', 'ok'])
  expect(asked.filter(refresh => refresh)).toHaveLength(1)
})

test('a token that did not help is not handed out for ever, though the app keeps giving the old one', async () => {
  const { get, asked } = remote('old', ['bad', 'good'], true)
  expect(await get()).toBe('needs-auth')
  expect(await get()).toBe('ok')
  expect(asked).toEqual([false, true, false, true])
})
