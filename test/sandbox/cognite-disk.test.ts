import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { serve } from '../../src/sandbox/serve.ts'
import { sqlite } from '../../src/sandbox/sqlite.ts'
import { plant, reading, talker, verbs } from './cognite-kit.ts'
import { client } from './kit.ts'

test('what was written is there after the process, in order and to the last digit, the pending too', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sandbox-'))
  try {
    const db = () => sqlite(join(folder, 'x.db'))
    const first = plant({ db: db() })
    await first.ingest('live', reading('a', { count: 9007199254740993n }), reading('b'), reading('c'))
    await first.upsert(reading('a', { count: -9223372036854775808n }))
    first.sandbox.set({ records: { visibleAfter: [1_000, 1_000] } })
    await first.remove('b')
    const { body } = await first.sync()
    expect(body.items.map((it: { externalId: string }) => it.externalId)).toEqual(['b', 'c', 'a'])
    first.sandbox.close()

    const { cogniteSandbox } = await import('../../src/sandbox/cognite/sandbox.ts')
    const again = cogniteSandbox({ world: first.world, project: 'p', db: db() })
    const { sync, names } = verbs(talker(again, 'ada'))
    expect((await sync()).body).toEqual(body)
    first.world.set(first.world.now() + 1_000)
    expect(await names()).toEqual(['c', 'a', '-b'])
    again.close()
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('is served over real HTTP', async () => {
  const { sandbox, admin } = plant()
  const server = await serve({ cognite: sandbox })
  try {
    await admin.ingest('live', [reading('a') as Parameters<typeof admin.ingest>[1][number]])
    const api = client(fetch, 'ada', server.urls.cognite)
    const { status, body } = await api('POST', '/api/v1/projects/p/streams/live/records/sync', {
      initializeCursor: '1h-ago',
    })
    expect([status, body.items.length]).toEqual([200, 1])
  } finally {
    await server.close()
  }
})
