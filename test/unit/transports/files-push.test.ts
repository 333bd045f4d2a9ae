import { expect, test } from 'vitest'
import type { RemoteRecord } from '../../../src/model.ts'
import { allOf, type Client } from '../../conformance/transport-io.ts'
import { type Drive, drive, states } from './drive.ts'

const named = (one: Client, name: string): RemoteRecord =>
  Object.values(one.live('tree')).find(({ value }) => value?.name === name)!

async function write(
  d: Drive,
  from: Client,
  id: string,
  name: string,
  text: string,
  base?: RemoteRecord,
  parent?: string,
) {
  const change = d.change(id, d.file(name, text, parent), base)
  await d.upload(from, change, text)
  return change
}

test('a change of place and content is two steps and one receipt, and comes back as its own echo', async () => {
  const d = drive()
  const one = await d.device()
  const made = await write(d, one, 'fil_abcdefgh', 'a.txt', 'one')
  expect(await d.send(one, made)).toEqual([{ change: made.change, state: 'accepted', version: `ver_${made.change}` }])
  const folder = d.change('fld_abcdefgh', d.folder('docs'))
  const both = await write(d, one, 'fil_abcdefgh', 'b.txt', 'two', named(one, 'a.txt'), 'fld_abcdefgh')
  expect(states(await d.send(one, folder, both))).toEqual(['accepted', 'accepted'])
  const log = d.server.inspect().log.slice(-2)
  expect(log.map(({ change }) => [change.change_type, change.version_id])).toEqual([
    ['moved', `ver_${both.change}_1`],
    ['updated', `ver_${both.change}`],
  ])
  await one.pull()
  expect(named(one, 'b.txt')).toMatchObject({ origin: both.change, version: `ver_${both.change}` })
})

test('content alone is one step on the version it was made from', async () => {
  const d = drive()
  const one = await d.device()
  d.admin.createFile(d.share, '/a', 'one')
  await one.pull()
  const edit = await write(d, one, named(one, 'a').id, 'a', 'two', named(one, 'a'))
  expect(await d.send(one, edit)).toEqual([{ change: edit.change, state: 'accepted', version: `ver_${edit.change}` }])
  expect(d.text('/a')).toBe('two')
  const again = await write(d, one, edit.id, 'a', 'three', named(one, 'a'))
  expect(states(await d.send(one, again))).toEqual(['accepted'])
})

test('everything sent twice has one effect', async () => {
  const d = drive()
  const one = await d.device()
  const list = [
    d.change('fld_abcdefgh', d.folder('docs')),
    await write(d, one, 'fil_abcdefgh', 'a', '1', undefined, 'fld_abcdefgh'),
  ]
  const first = await d.send(one, ...list)
  expect(await d.send(one, ...list)).toEqual(first)
  await one.pull()
  const next = [
    d.change('fil_abcdefgh', d.file('b', '1'), named(one, 'a')),
    d.change('fld_abcdefgh', null, named(one, 'docs')),
  ]
  for (let times = 0; times < 2; times++) {
    const { receipts } = await one.transport.push!.send(next, one.io())
    expect(states(receipts)).toEqual(['accepted', 'accepted'])
  }
  expect(d.paths()).toEqual(['/b'])
  expect(new Set(Object.values(d.server.inspect().effects))).toEqual(new Set([1]))
})

test.each(['index', 'batch'] as const)('one conflict in a batch harms only itself, said by %s', async refusals => {
  const d = drive({ refusals, errors: refusals === 'index' ? 'rich' : 'bare' })
  const one = await d.device()
  for (const name of ['a', 'b', 'c', 'd']) d.admin.createFile(d.share, `/${name}`, name)
  await one.pull()
  const list = ['a', 'b', 'c', 'd'].map(name =>
    d.change(named(one, name).id, d.file(`${name}2`, name), named(one, name)),
  )
  for (const [at, change] of list.entries())
    list[at] = { ...change, value: { ...named(one, 'abcd'[at]!).value!, name: `${'abcd'[at]}2` } }
  d.admin.edit(d.share, '/c', 'changed')
  expect(states(await d.send(one, ...list))).toEqual(['accepted', 'accepted', 'conflict', 'accepted'])
  expect(d.paths()).toEqual(['/a2', '/b2', '/c', '/d2'])
  const sent = one.requests.filter(({ url }) => url.endsWith('/apply'))
  expect(sent).toHaveLength(refusals === 'index' ? 2 : 5)
})

test('what is in a folder waits when the folder was refused', async () => {
  const d = drive()
  const one = await d.device()
  d.admin.createFile(d.share, '/docs', 'in the way')
  const folder = d.change('fld_abcdefgh', d.folder('docs'))
  const inner = d.change('fld_inner123', d.folder('inner', 'fld_abcdefgh'))
  const file = await write(d, one, 'fil_abcdefgh', 'a', '1', undefined, 'fld_inner123')
  const other = d.change('fld_other123', d.folder('other'))
  expect(states(await d.send(one, folder, inner, file, other))).toEqual(['conflict', 'later', 'later', 'accepted'])
})

test('a folder that the server has to name takes its children along by path', async () => {
  const d = drive()
  const one = await d.device()
  const folder = d.change('mine', d.folder('docs'))
  const file = await write(d, one, 'also-mine', 'a.txt', '1', undefined, 'mine')
  const receipts = await d.send(one, folder, file)
  expect(receipts.map(receipt => receipt.state === 'accepted' && receipt.id?.slice(0, 4))).toEqual(['fld_', 'fil_'])
  expect(d.paths()).toEqual(['/docs', '/docs/a.txt'])
})

test('what was deleted there comes back under a new id, the same each time', async () => {
  const d = drive()
  const one = await d.device()
  d.admin.createFile(d.share, '/a', 'a')
  await one.pull()
  const { id } = named(one, 'a')
  d.admin.remove(d.share, '/a')
  await one.pull()
  const change = await write(d, one, id, 'a', 'kept', one.agreed.get('tree')!.get(id))
  const accepted = {
    change: change.change,
    state: 'accepted',
    version: `ver_${change.change}`,
    id: `fil_${change.change}`,
  }
  expect(await d.send(one, change)).toEqual([accepted])
  expect(await d.send(one, change)).toEqual([accepted])
  expect(d.paths()).toEqual(['/a'])
})

test('a change that finds its result there already gets the version that counts', async () => {
  const d = drive()
  const one = await d.device()
  d.admin.createFile(d.share, '/a', 'a')
  await one.pull()
  const base = named(one, 'a')
  const { version_id } = d.admin.move(d.share, '/a', '/b')
  const rename = d.change(base.id, { ...base.value, name: 'b' }, base)
  expect(await d.send(one, rename)).toEqual([{ change: rename.change, state: 'accepted', version: version_id }])
  const same = d.change('fil_abcdefgh', { ...base.value, name: 'b' })
  expect(await d.send(one, same)).toEqual([
    { change: same.change, state: 'accepted', version: version_id, id: base.id },
  ])
})

test('a folder that is not empty, a base that is old and a taken name are conflicts', async () => {
  const d = drive()
  const one = await d.device()
  d.admin.createFolder(d.share, '/docs')
  d.admin.createFile(d.share, '/a', 'a')
  d.admin.createFile(d.share, '/b', 'b')
  await one.pull()
  d.admin.createFile(d.share, '/docs/new', 'new')
  d.admin.edit(d.share, '/b', 'b2')
  const remove = d.change(named(one, 'docs').id, null, named(one, 'docs'))
  const stale = d.change(named(one, 'b').id, null, named(one, 'b'))
  const taken = await write(d, one, 'fil_abcdefgh', 'A', 'mine')
  expect(states(await d.send(one, remove, stale, taken))).toEqual(['conflict', 'conflict', 'conflict'])
})

test('refusals of one change say why, and the others go through', async () => {
  const d = drive()
  const one = await d.device()
  const hollow = d.change('fil_hollow12', d.file('x', 'never uploaded'))
  const bytesLess = d.change('fil_hollow13', { share: d.share, parent: d.share, name: 'y', kind: 'file' })
  const odd = d.change('fil_odd12345', { ...d.file('z', ''), starred: true })
  const orphan = d.change('fld_orphan12', d.folder('f', 'fld_unknown1'))
  const fine = d.change('fld_fine1234', d.folder('fine'))
  const receipts = await d.send(one, hollow, bytesLess, odd, orphan, fine)
  expect(receipts.map(receipt => [receipt.state, 'code' in receipt && receipt.code])).toEqual([
    ['rejected', 'content-missing'],
    ['rejected', 'content-missing'],
    ['rejected', 'invalid'],
    ['later', false],
    ['accepted', false],
  ])
})

test('a batch that is too large is halved', async () => {
  const d = drive({ maxChanges: 3, errors: 'bare' })
  const one = await d.device()
  const list = Array.from({ length: 10 }, (_, n) => d.change(`fld_folder0${n}`, d.folder(`f${n}`)))
  expect(new Set(states(await d.send(one, ...list)))).toEqual(new Set(['accepted']))
  expect(d.paths()).toHaveLength(10)
})

test('a reader may not write, a device switched off is told so, one that was removed joins again', async () => {
  const d = drive()
  const guest = d.admin.addUser('Bob')
  d.admin.grant(d.share, guest.user_id, 'reader')
  const one = await d.device('device-9', { token: () => guest.token })
  const change = d.change('fld_abcdefgh', d.folder('docs'))
  expect(await d.send(one, change)).toEqual([
    { change: change.change, state: 'rejected', code: 'forbidden', reason: expect.any(String) },
  ])
  d.admin.setDeviceActive(guest.user_id, 'device-9', false)
  await expect(d.send(one, change)).rejects.toMatchObject({ code: 'forbidden' })
  d.admin.removeDevice(guest.user_id, 'device-9')
  await expect(d.send(one, change)).rejects.toMatchObject({ code: 'device-gone' })
})

test('a share that is lost makes its own changes wait', async () => {
  const d = drive()
  const guest = d.admin.addUser('Bob')
  const other = d.admin.addShare('Other', d.owner.user_id)
  for (const share of [d.share, other]) d.admin.grant(share, guest.user_id, 'contributor')
  const one = await d.device('device-9', { shares: 'all', token: () => guest.token })
  d.admin.revoke(d.share, guest.user_id)
  const waits = d.change('fld_abcdefgh', d.folder('docs'))
  const goes = d.change('fld_abcdefgi', { ...d.folder('docs', other), share: other })
  expect(states(await d.send(one, waits, goes))).toEqual(['later', 'accepted'])
})

test('receipts in hand survive the request that fails after them', async () => {
  const d = drive({ maxChanges: 1, errors: 'bare' })
  const one = await d.device()
  const list = Array.from({ length: 4 }, (_, n) => d.change(`fld_folder0${n}`, d.folder(`f${n}`)))
  // Halved twice: the third single request is answered by nobody.
  let singles = 0
  const fetch = d.server.fetch
  const failing = d.stranger()
  failing.cursor = one.cursor
  const io = failing.io()
  const receipts = await failing.transport.push!.send(list, {
    ...io,
    async fetch(url, init) {
      const request = new Request(url, init)
      const body = request.method === 'POST' ? await request.clone().text() : ''
      const answer = await fetch(request)
      if (body.includes('"changes"') && answer.status === 200 && ++singles === 2) throw new TypeError('fetch failed')
      return answer
    },
  })
  expect(states(receipts.receipts)).toEqual(['accepted', 'unknown', 'later', 'later'])
  expect(states(await d.send(one, ...list))).toEqual(['accepted', 'accepted', 'accepted', 'accepted'])
  expect(d.paths()).toHaveLength(4)
})

test('a failure of the whole request throws, and nothing is said about any change', async () => {
  const d = drive()
  const one = await d.device()
  const change = d.change('fld_abcdefgh', d.folder('docs'))
  for (const [fault, code] of [
    [{ before: 'refuse' }, 'network'],
    [{ before: 503 }, 'server'],
    [{ before: { status: 429, retryAfter: 7 } }, 'throttled'],
    [{ after: 'lose-answer' }, 'network'],
  ] as const) {
    d.server.weather.next({ path: /apply$/, ...fault })
    await expect(d.send(one, change)).rejects.toMatchObject({ code })
  }
  expect(states(await d.send(one, change))).toEqual(['accepted'])
})

test('a base whose version the listing did not say is asked for, and checked', async () => {
  const d = drive({ listing: 'lean' })
  const one = await d.device()
  d.admin.createFolder(d.share, '/docs')
  await one.pull()
  const known = named(one, 'docs')
  const base: RemoteRecord = { ...known, version: { seen: null } }
  expect(states(await d.send(one, d.change(base.id, { ...base.value, name: 'docs2' }, base)))).toEqual(['accepted'])
  expect(states(await d.send(one, d.change(base.id, { ...base.value, name: 'docs3' }, base)))).toEqual(['conflict'])
})

test('bytes go up under the version that names them and come down pinned to it', async () => {
  const d = drive()
  const one = await d.device()
  const change = await write(d, one, 'fil_abcdefgh', 'a.html', '<html>one</html>')
  await d.upload(one, change, '<html>one</html>')
  await d.send(one, change)
  const base = named(one, 'a.html')
  d.admin.edit(d.share, '/a.html', 'two', { mime_type: 'text/html' })
  const html = { ...base, value: { ...base.value, mime: 'text/html' } }
  const bytes = await allOf(await one.transport.bodies!.download(base, html, 0, one.io()))
  expect(new TextDecoder().decode(bytes)).toBe('<html>one</html>')
  // An answer that ends early without an error goes on where it ended.
  d.server.weather.next({ path: /download/, spoil: 'short' })
  expect(await allOf(await one.transport.bodies!.download(base, html, 0, one.io()))).toEqual(bytes)
  for (const spoil of ['cut', 'empty', 'html'] as const) {
    d.server.weather.next({ path: /download/, spoil })
    await expect(one.transport.bodies!.download(base, base, 0, one.io()).then(allOf)).rejects.toMatchObject({
      code: spoil === 'cut' ? 'network' : spoil === 'html' ? 'not-the-api' : 'truncated',
    })
  }
})
