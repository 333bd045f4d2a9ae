import { beforeEach, expect, test } from 'vitest'
import { putBody, putPiece, stagedName } from '../../../src/ledger/bodies.ts'
import { grace, type InboxEntry, type Meta, type OutboxRow } from '../../../src/ledger/rows.ts'
import { shed } from '../../../src/ledger/shed.ts'
import type { Value } from '../../../src/model.ts'
import type { Store, Writer } from '../../../src/store.ts'
import { memory } from '../../../src/stores/memory.ts'
import { storePlatform } from '../../conformance/store/platform.ts'

const all = { records: ['files', 'drafts'], rows: ['bodies', 'outbox', 'inbox', 'meta'] as const }
const fields = new Map([
  ['files', { field: 'sha', remote: true }],
  ['drafts', { field: 'sha', remote: false }],
])
const now = 1_000_000_000_000

let store: Store
beforeEach(async () => {
  const collections = { files: { index: [] }, drafts: { index: [] } }
  store = await memory().open({ version: 1, collections, migrations: {} }, storePlatform())
})

const write = <T>(work: (tx: Writer) => Promise<T>) => store.write(all, work)
const record = (tx: Writer, collection: string, id: string, value: Value | null, meta: Meta) =>
  tx.records(collection).putMany([{ id, value, meta }])
const change = (tx: Writer, id: string, row: Partial<OutboxRow>) =>
  tx.rows('outbox').putMany([{ key: ['files', id, 1], row: { collection: 'files', id, generation: 1, ...row } }])
const entry = (tx: Writer, id: string, row: Partial<InboxEntry>) =>
  tx
    .rows('inbox')
    .putMany([{ key: [id], row: { id, base: null, local: {}, theirs: {}, state: 'open', at: now, ...row } }])

const bodies = async () => {
  const rows = await store.read(all, tx => tx.rows('bodies').list())
  return [...new Set(rows.map(({ key }) => key[0]))]
}
const conflicts = async () => (await store.read(all, tx => tx.rows('inbox').list())).map(({ key }) => key[0])

test('bytes that a remote has go, and all that is only here stays (F5)', async () => {
  await write(async tx => {
    const names = ['agreed', 'new', 'edited', 'draft', 'mine', 'theirs', 'base', 'below', 'nobody', 'gone']
    for (const sha of names) await putBody(tx, sha, new Uint8Array(3), 1)
    await record(tx, 'files', 'a', { sha: 'agreed' }, { generation: 1, version: 1 })
    await record(tx, 'files', 'n', { sha: 'new' }, { generation: 0 })
    // A synced file with other bytes since: what waits to be sent names them.
    await record(tx, 'files', 'e', { sha: 'edited' }, { generation: 1, version: 1, open: [1, 1] })
    await change(tx, 'e', { value: { sha: 'edited' }, base: { value: { sha: 'nobody' }, version: 1 } })
    await record(tx, 'drafts', 'd', { sha: 'draft' }, { generation: 0 })
    await entry(tx, 'c', {
      local: { change: 'x', value: { sha: 'mine' }, at: { time: 1, device: 'd' } },
      theirs: { collection: 'files', id: 'c', value: { sha: 'theirs' }, version: 1 },
      base: { value: { sha: 'base' }, version: 1 },
      below: [{ id: 'f', value: { sha: 'below' } }],
    })
    expect(await shed(tx, fields, now)).toBe(true)
  })
  expect(await bodies()).toEqual(['base', 'below', 'draft', 'edited', 'mine', 'new', 'nobody', 'theirs'])
  expect(await write(tx => shed(tx, fields, now))).toBe(false)
})

test('no more bytes go than are needed for what comes next, the oldest first', async () => {
  await write(async tx => {
    for (const [at, sha] of ['third', 'first', 'second'].entries()) {
      await putBody(tx, sha, new Uint8Array(40 * 2 ** 20), [3, 1, 2][at]!)
      await record(tx, 'files', sha, { sha }, { generation: 1, version: 1 })
    }
  })
  expect(await write(tx => shed(tx, fields, now))).toBe(true)
  expect(await bodies()).toEqual(['third'])
})

test('bytes that are under way, or are being written, stay', async () => {
  await write(async tx => {
    const half = { size: 9, have: 3, at: 'coming', since: 1 }
    await putPiece(tx, 'coming', half, new Uint8Array(3))
    await record(tx, 'files', 'a', { sha: 'coming' }, { generation: 1, version: 1 })
    await putPiece(tx, stagedName('s'), { ...half, at: 'staged' }, new Uint8Array(3))
  })
  expect(await write(tx => shed(tx, fields, now))).toBe(false)
  expect(await bodies()).toEqual(['coming', 'staged'])
})

test('without such bytes settled conflicts go, once their first week is over; open ones never do', async () => {
  await write(async tx => {
    const old = now - grace - 1
    await entry(tx, 'open', { at: 0 })
    await entry(tx, 'young', { state: 'settled', at: now - grace + 1 })
    await entry(tx, 'old', { state: 'settled', at: old, until: now + grace })
    await entry(tx, 'undone', { state: 'undone', at: old })
    await putBody(tx, 'nobody', new Uint8Array(3), 1)
  })
  expect(await write(tx => shed(tx, fields, now))).toBe(true)
  expect(await conflicts()).toEqual(['old', 'open', 'undone', 'young'])
  // No clock that can be relied on: nothing is old.
  expect(await write(tx => shed(tx, fields, 0))).toBe(false)
  expect(await write(tx => shed(tx, fields, now))).toBe(true)
  expect(await conflicts()).toEqual(['open', 'young'])
  expect(await write(tx => shed(tx, fields, now))).toBe(false)
})
