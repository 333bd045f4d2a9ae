import { expect, test } from 'vitest'
import type { Client } from '../../conformance/transport-io.ts'
import { type Drive, drive, states } from './drive.ts'

const folders = { notes: '/app/notes' }

async function pair(d: Drive): Promise<[Client, Client]> {
  return [await d.device('device-1', { folders }), await d.device('device-2', { folders })]
}

const note = (d: Drive, id: string, title: string | null, by?: Client) =>
  d.change(id, title === null ? null : { title }, by?.agreed.get('notes')?.get(id), 'notes')

test('the first writer makes the folder, and another device reads its records', async () => {
  const d = drive()
  const [one, two] = await pair(d)
  const value = {
    title: 'Hi',
    big: 9007199254740993n,
    bytes: new Uint8Array([0, 255]),
    deep: { $int: 'no', list: [1n] },
  }
  const change = d.change('n1', value, undefined, 'notes')
  expect(await d.send(one, change)).toEqual([{ change: change.change, state: 'accepted', version: change.change }])
  expect(d.text('/app/notes/.tidemark.json')).toBe('{"format":1,"shards":16}\n')
  await one.pull()
  await two.pull()
  const record = {
    collection: 'notes',
    id: 'n1',
    value,
    version: change.change,
    at: change.at,
    origin: change.change,
    past: [],
    told: true,
  }
  expect(one.live('notes')).toEqual({ n1: { collection: 'notes', id: 'n1', value, version: change.change } })
  expect(two.live('notes')).toEqual({ n1: record })
  expect(Object.values(two.live('tree')).map(({ value }) => value?.name)).toEqual(['app'])
})

test('records edited on both sides are a conflict with the remote record, and others in the shard go through', async () => {
  const d = drive()
  const [one, two] = await pair(d)
  const first = Array.from({ length: 40 }, (_, n) => note(d, `n${n}`, 'first'))
  await d.send(one, ...first)
  await one.pull()
  await two.pull()
  const theirs = note(d, 'n1', 'theirs', two)
  expect(states(await d.send(two, theirs))).toEqual(['accepted'])
  const mine = Array.from({ length: 40 }, (_, n) => note(d, `n${n}`, 'mine', one))
  const receipts = await d.send(one, ...mine)
  expect(receipts.filter(({ state }) => state === 'accepted')).toHaveLength(39)
  expect(receipts[1]).toEqual({
    change: mine[1]!.change,
    state: 'conflict',
    remote: {
      collection: 'notes',
      id: 'n1',
      value: { title: 'theirs' },
      version: theirs.change,
      at: theirs.at,
      origin: theirs.change,
      past: [{ origin: first[1]!.change, version: first[1]!.change }],
      told: true,
    },
  })
})

test('a write whose answer was lost is accepted although somebody has gone on from it', async () => {
  const d = drive()
  const [one, two] = await pair(d)
  const lost = note(d, 'n1', 'mine')
  await d.send(one, lost)
  await two.pull()
  await d.send(two, note(d, 'n1', 'theirs, over mine', two))
  expect(await d.send(one, lost)).toEqual([{ change: lost.change, state: 'accepted', version: lost.change }])
  await one.pull()
  expect(one.live('notes').n1?.value).toEqual({ title: 'theirs, over mine' })
})

test('sent twice is done once, and a deleted record is deleted everywhere', async () => {
  const d = drive()
  const [one, two] = await pair(d)
  const made = note(d, 'n1', 'first')
  await d.send(one, made)
  const writes = d.server.inspect().log.length
  expect(states(await d.send(one, made))).toEqual(['accepted'])
  expect(d.server.inspect().log.length).toBe(writes)
  await one.pull()
  await two.pull()
  const gone = note(d, 'n1', null, two)
  expect(await d.send(two, gone)).toEqual([{ change: gone.change, state: 'accepted', version: 'deleted' }])
  expect(states(await d.send(two, gone))).toEqual(['accepted'])
  await one.pull()
  expect(one.agreed.get('notes')?.get('n1')).toEqual({ collection: 'notes', id: 'n1', value: null, version: 'deleted' })
})

test('a lost shard file asks before it deletes', async () => {
  const d = drive()
  const [one] = await pair(d)
  await d.send(one, note(d, 'n1', 'first'))
  await one.pull()
  const shard = d.paths()!.find(path => /\d\.json$/.test(path))!
  d.admin.remove(d.share, shard)
  const pages = await one.pull()
  expect(pages.filter(({ suspicious }) => suspicious !== undefined).map(({ records }) => records)).toEqual([
    [{ collection: 'notes', id: 'n1', value: null, version: 'deleted' }],
  ])
})

test('a lost folder asks before it deletes, with the folder above it too', async () => {
  const d = drive()
  const [one] = await pair(d)
  await d.send(one, note(d, 'n1', 'first'), note(d, 'n2', 'second'))
  await one.pull()
  d.admin.remove(d.share, '/app')
  const pages = await one.pull()
  const asks = pages.filter(({ suspicious }) => suspicious !== undefined)
  expect(asks.flatMap(({ records }) => records.map(({ id }) => id)).sort()).toEqual(['n1', 'n2'])
})

test('an unreadable shard pauses its own records and deletes nothing', async () => {
  const d = drive()
  const [one] = await pair(d)
  await d.send(one, note(d, 'n1', 'first'))
  await one.pull()
  const shard = d.paths()!.find(path => /\d\.json$/.test(path))!
  d.admin.edit(d.share, shard, '[{"id":"n1"')
  await one.pull()
  expect(Object.keys(one.live('notes'))).toEqual(['n1'])
  expect(one.notices.map(({ code }) => code)).toEqual(['unreadable'])
  const receipts = await d.send(one, note(d, 'n1', 'second', one), note(d, 'other', 'x'))
  expect(states(receipts)).toEqual(['later', 'accepted'])
})

test('foreign files are reported and stay out of the tree', async () => {
  const d = drive()
  const [one] = await pair(d)
  await d.send(one, note(d, 'n1', 'first'))
  d.admin.createFile(d.share, '/app/notes/readme.txt', 'hello')
  d.admin.createFolder(d.share, '/app/notes/sub')
  d.admin.createFile(d.share, '/app/notes/sub/x.txt', 'hello')
  await one.pull()
  expect(one.notices.map(({ code }) => code)).toEqual(['foreign', 'foreign'])
  expect(Object.values(one.live('tree')).map(({ value }) => value?.name)).toEqual(['app'])
  const fresh = d.stranger('device-3', { folders })
  await fresh.transport.join!(fresh.io())
  const pages = await fresh.pull()
  expect(pages.flatMap(({ records }) => records).filter(({ collection }) => collection === 'tree')).toHaveLength(1)
  expect(Object.values(fresh.live('tree')).map(({ value }) => value?.name)).toEqual(['app'])
  expect(Object.keys(fresh.live('notes'))).toEqual(['n1'])
})

test('two first writers at the same time end in one folder', async () => {
  const d = drive()
  const [one, two] = await pair(d)
  const both = await Promise.all([d.send(one, note(d, 'a', '1')), d.send(two, note(d, 'b', '2'))])
  expect(both.flatMap(states)).toEqual(['accepted', 'accepted'])
  expect(d.paths()!.filter(path => path.endsWith('.tidemark.json'))).toHaveLength(1)
  await one.pull()
  await two.pull()
  expect(Object.keys(one.live('notes')).sort()).toEqual(['a', 'b'])
  expect(Object.keys(two.live('notes')).sort()).toEqual(['a', 'b'])
})

test('a folder that moves out of the records folder is listed', async () => {
  const d = drive()
  const [one] = await pair(d)
  await d.send(one, note(d, 'n1', 'first'))
  d.admin.createFolder(d.share, '/app/notes/sub')
  d.admin.createFile(d.share, '/app/notes/sub/x.txt', 'hello')
  await one.pull()
  d.admin.move(d.share, '/app/notes/sub', '/sub')
  d.admin.move(d.share, '/sub', '/sub2')
  await one.pull()
  expect(
    Object.values(one.live('tree'))
      .map(({ value }) => value?.name)
      .sort(),
  ).toEqual(['app', 'sub2', 'x.txt'])
  d.admin.move(d.share, '/sub2', '/app/notes/sub')
  await one.pull()
  expect(Object.values(one.live('tree')).map(({ value }) => value?.name)).toEqual(['app'])
})

test('one record that is too much is refused, and the others in its shard go through', async () => {
  const d = drive({ maxFileBytes: 4000 })
  const [one] = await pair(d)
  const many = Array.from({ length: 30 }, (_, n) => note(d, `n${n}`, n === 7 ? 'x'.repeat(5000) : 'small'))
  const receipts = await d.send(one, ...many)
  expect(receipts.flatMap((receipt, n) => (receipt.state === 'accepted' ? [] : [[n, receipt.state]]))).toEqual([
    [7, 'rejected'],
  ])
})

test('a writer that keeps losing gives up for now', async () => {
  const d = drive()
  const [one] = await pair(d)
  await d.send(one, note(d, 'n1', 'first'))
  d.server.weather.next({ path: /apply$/, before: 409, times: 99 })
  expect(states(await d.send(one, note(d, 'n1', 'second', one)))).toEqual(['later'])
  const tries = one.requests.filter(({ url }) => url.endsWith('/apply')).length
  expect(tries).toBe(4 + 5)
})
