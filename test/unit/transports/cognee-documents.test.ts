import { afterEach, describe, expect, test } from 'vitest'
import { scene, text } from './cognee-kit.ts'
import { closeAll } from './served.ts'

afterEach(closeAll)

const second = 1_000
const minute = 60 * second

describe('datasets and documents', () => {
  test('are here, with hash, size and the status of the server', async () => {
    const { db, notes } = await scene()
    expect((await db.data.datasets.list()).map(({ value }) => [value.name, value.status]).sort()).toEqual([
      ['notes', 'DATASET_PROCESSING_COMPLETED'],
      ['plans', 'DATASET_PROCESSING_COMPLETED'],
    ])
    const all = await db.data.documents.list()
    expect(
      all
        .filter(({ value }) => value.dataset === notes)
        .map(({ value }) => [value.name, value.extension, value.size])
        .sort(),
    ).toEqual([
      ['one', 'txt', 3],
      ['two', 'md', 3],
    ])
    expect(all.every(({ value }) => /^[0-9a-f]{64}$/.test(value.sha256 ?? ''))).toBe(true)
  })

  test('are read once each, and news come with the next look', async () => {
    const { world, admin, notes, db, device, cloud } = await scene()
    const raws = () => device.requests.filter(({ path }) => path.endsWith('/raw')).length
    expect(raws()).toBe(3)
    const id = admin.addData(notes, 'four.txt', 'four')
    admin.setPipeline(notes, 'DATASET_PROCESSING_ERRORED')
    cloud.sync()
    await world.pass(5 * second)
    expect(raws()).toBe(4)
    expect(await db.data.documents.get(id)).toMatchObject({ name: 'four', size: 4 })
    expect(await db.data.datasets.get(notes)).toMatchObject({ status: 'DATASET_PROCESSING_ERRORED' })
    admin.removeData(id)
    cloud.sync()
    await world.pass(5 * second)
    expect(await db.data.documents.get(id)).toBeUndefined()
  })

  test('that are cut short on the way are read again, also where nothing says how long they are; an empty one is empty', async () => {
    const { world, sandbox, admin, notes, db, cloud } = await scene()
    const raw = { path: /\/raw$/, spoil: 'short' } as const
    sandbox.weather.next(raw)
    admin.addData(notes, 'long.txt', 'a text that is long')
    admin.addData(notes, 'empty.txt', '')
    cloud.sync()
    await world.pass(minute)
    const sizes = (await db.data.documents.list()).map(({ value }) => [value.name, value.size])
    expect(sizes).toContainEqual(['long', 19])
    expect(sizes).toContainEqual(['empty', 0])
    sandbox.set({ seenAs: 'browser' })
    sandbox.weather.next(raw)
    const id = admin.addData(notes, 'more.txt', 'another long text')
    cloud.sync()
    await world.pass(minute)
    expect(await db.data.documents.get(id)).toMatchObject({ size: 17 })
  })

  test('are made, added and deleted here, offline too, and arrive once', async () => {
    const { world, sandbox, notes, db, device, cloud } = await scene()
    device.state.offline = true
    await db.data.datasets.put('mine', { name: 'mine' })
    const added = await db.data.documents.write('d1', text('from here'), {
      dataset: notes,
      name: 'here',
      extension: 'txt',
    })
    await world.pass(minute)
    device.state.offline = false
    sandbox.weather.next({ method: 'POST', path: /\/add$/, after: 'lose-answer' })
    sandbox.weather.next({ method: 'POST', path: /\/datasets$/, after: 'lose-answer' })
    cloud.sync()
    await world.pass(5 * minute)
    expect((await db.outbox.list()).map(({ id, state, reason }) => [id, state, reason?.message])).toEqual([])
    expect(await added.settled()).toBe('accepted')
    expect(sandbox.inspect().datasets.filter(({ name }) => name === 'mine')).toHaveLength(1)
    expect(sandbox.inspect().data.filter(({ name }) => name === 'here')).toHaveLength(1)
    expect((await db.data.datasets.list()).filter(({ value }) => value.name === 'mine')).toHaveLength(1)
    expect((await db.data.documents.list()).filter(({ value }) => value.name === 'here')).toHaveLength(1)
    expect(await db.data.documents.read('d1')).toEqual(text('from here'))
    await db.data.documents.delete('d1')
    await world.pass(minute)
    expect(sandbox.inspect().data.filter(({ name }) => name === 'here')).toEqual([])
  })

  test('deleted here while their bytes are on the way are deleted there, too (I1)', async () => {
    const { world, sandbox, db, notes } = await scene()
    sandbox.weather.next({ path: /\/add$/, answerLatency: 5 * second })
    await db.data.documents.write('mine', text('mine'), { dataset: notes, name: 'mine' })
    await world.pass(second)
    expect(sandbox.inspect().data.some(({ name }) => name === 'mine')).toBe(true)
    await db.data.documents.delete('mine')
    await world.pass(2 * minute)
    expect(sandbox.inspect().data.some(({ name }) => name === 'mine')).toBe(false)
    expect((await db.data.documents.list()).some(({ value }) => value.name === 'mine')).toBe(false)
    expect(await db.outbox.list()).toEqual([])
  })

  test('deleted here while their receipt has to wait are deleted there, too (I1)', async () => {
    const { world, sandbox, db, notes } = await scene()
    sandbox.weather.next({ path: /\/add$/, answerLatency: 5 * second })
    await db.data.documents.write('mine', text('mine'), { dataset: notes, name: 'mine' })
    await world.pass(second)
    await db.data.documents.delete('mine')
    // The pull reads it, and the look for the receipt may not.
    sandbox.weather.next({ path: /\/raw$/, latency: 1 })
    sandbox.weather.next({ path: /\/raw$/, before: { status: 429, retryAfter: 20 } })
    await world.pass(5 * minute)
    expect(sandbox.weather.pending()).toBe(0)
    expect(sandbox.inspect().data.some(({ name }) => name === 'mine')).toBe(false)
    expect((await db.data.documents.list()).some(({ value }) => value.name === 'mine')).toBe(false)
    expect(await db.outbox.list()).toEqual([])
  })

  test('deleted there between their receipt and the next look are gone here, and so are datasets (I3)', async () => {
    const { world, sandbox, admin, db, notes, ada } = await scene()
    sandbox.weather.set({ path: /\/datasets$/, latency: [3 * second, 3 * second] })
    await db.data.datasets.put('made', { name: 'made' })
    await db.data.documents.write('mine', text('mine'), { dataset: notes, name: 'mine' })
    for (let waited = 0; waited < 60 && (await db.outbox.list()).length > 0; waited++) await world.pass(second)
    const { data, datasets } = sandbox.inspect()
    admin.removeData(data.find(({ name }) => name === 'mine')!.id)
    const url = `https://cognee.example/api/v1/datasets/${datasets.find(({ name }) => name === 'made')!.id}`
    await sandbox.fetch(new Request(url, { method: 'DELETE', headers: { authorization: `Bearer ${ada.token}` } }))
    await world.pass(5 * minute)
    expect(sandbox.inspect().datasets.map(({ name }) => name)).toEqual(['notes', 'plans'])
    expect((await db.data.documents.list()).some(({ value }) => value.name === 'mine')).toBe(false)
    expect((await db.data.datasets.list()).map(({ value }) => value.name).sort()).toEqual(['notes', 'plans'])
  })

  test('deleted there before their receipt are gone, and nothing waits for ever (I12)', async () => {
    const { world, sandbox, admin, db, notes } = await scene()
    sandbox.weather.next({ path: /\/add$/, answerLatency: 5 * second })
    await db.data.documents.write('mine', text('mine'), { dataset: notes, name: 'mine' })
    await world.pass(second)
    admin.removeData(sandbox.inspect().data.find(({ name }) => name === 'mine')!.id)
    await world.pass(5 * minute)
    expect(sandbox.inspect().data.some(({ name }) => name === 'mine')).toBe(false)
    expect((await db.data.documents.list()).some(({ value }) => value.name === 'mine')).toBe(false)
    expect(await db.outbox.list()).toEqual([])
  })

  test('cannot be changed, only replaced, and say so', async () => {
    const { world, db, notes, cloud } = await scene()
    const write = await db.data.datasets.patch(notes, { name: 'other' })
    cloud.sync()
    await world.pass(10 * second)
    expect(await write.settled()).toBe('quarantined')
    expect((await db.outbox.list())[0]!.reason).toMatchObject({ message: expect.stringMatching(/cannot rename/) })
  })

  test('are refused with the reason: too large, in no dataset, without bytes', async () => {
    const { world, db, notes, cloud, device } = await scene({}, { mostBytes: 8 })
    await db.data.documents.write('big', text('more than eight bytes'), { dataset: notes, name: 'big' })
    await db.data.documents.write('lost', text('x'), { dataset: 'nowhere', name: 'lost' })
    await db.data.documents.put('bare', { dataset: notes, name: 'bare' })
    cloud.sync()
    await world.pass(minute)
    const reasons = Object.fromEntries((await db.outbox.list()).map(({ id, reason }) => [id, reason?.code]))
    expect(reasons).toEqual({ big: 'too-large', lost: 'invalid', bare: 'content-missing' })
    expect(device.requests.filter(({ path }) => path.endsWith('/add'))).toEqual([])
  })

  test('of which the server keeps other bytes than were sent are told about', async () => {
    const { world, sandbox, db, notes, cloud } = await scene()
    sandbox.weather.next({ path: /\/raw$/, spoil: { rewrite: body => body.replace('sent', 'kept') }, times: 9 })
    await db.data.documents.write('mine', text('as sent'), { dataset: notes, name: 'mine' })
    await world.pass(minute)
    expect((await cloud.status.get()).notices).toMatchObject([
      { code: 'remark', message: expect.stringMatching(/keeps other bytes of document/) },
    ])
  })

  test('are read four at a time at most', async () => {
    const { world, sandbox, admin, device, notes, cloud } = await scene()
    for (let n = 0; n < 12; n++) admin.addData(notes, `${n}.txt`, `number ${n}`)
    sandbox.weather.set({ path: /\/raw$/, latency: [second, second] })
    const from = world.now()
    cloud.sync()
    await world.pass(minute)
    const times = device.requests.filter(({ at, path }) => at >= from && path.endsWith('/raw')).map(({ at }) => at)
    expect(times).toHaveLength(12)
    for (const at of times) expect(times.filter(one => one >= at && one < at + 900).length).toBeLessThanOrEqual(4)
  })

  test('more than a limit allows in a minute are here in the end: what was read is not read again (I12)', async () => {
    const { world, sandbox, admin, db, device, notes, cloud } = await scene()
    for (let n = 0; n < 20; n++) admin.addData(notes, `${n}.txt`, `number ${n}`)
    sandbox.set({ rateLimit: 14 })
    const from = world.now()
    cloud.sync()
    await world.pass(10 * minute)
    expect(await db.data.documents.list()).toHaveLength(23)
    const raws = device.requests.filter(({ at, path }) => at >= from && path.endsWith('/raw'))
    expect(raws.length).toBeLessThan(40)
  })

  test('of more datasets than a limit allows in a minute are all looked at, again and again (I12)', async () => {
    const { world, sandbox, admin, ada, db, cloud } = await scene()
    const made: string[] = []
    for (let n = 0; n < 20; n++) made.push(admin.addDataset(ada.user_id, `more ${n}`))
    const first = made.map(dataset => admin.addData(dataset, 'first.txt', `first of ${dataset}`))
    sandbox.set({ rateLimit: 14 })
    cloud.sync()
    await world.pass(20 * minute)
    expect(await db.data.documents.list()).toHaveLength(23)
    for (const dataset of made) admin.addData(dataset, 'second.txt', `second of ${dataset}`)
    await world.pass(20 * minute)
    expect(await db.data.documents.list()).toHaveLength(43)
    for (const id of first) admin.removeData(id)
    await world.pass(20 * minute)
    expect(await db.data.documents.list()).toHaveLength(23)
  })

  test('are not called synced while a limit keeps a part of them from being looked at', async () => {
    const { world, sandbox, admin, ada, db, cloud } = await scene()
    for (let n = 0; n < 8; n++) admin.addDataset(ada.user_id, `more ${n}`)
    cloud.sync()
    await world.pass(2 * minute)
    expect((await cloud.status.get()).phase).toBe('synced')
    sandbox.set({ rateLimit: 14 })
    await world.pass(minute)
    cloud.sync()
    await world.pass(second)
    const [first] = (await db.data.datasets.list()).map(({ id }) => id).sort()
    admin.addData(first!, 'new.txt', 'new')
    sandbox.set({ rateLimit: null })
    cloud.sync()
    for (let phase = ''; phase !== 'synced'; ) {
      await world.pass(second)
      phase = (await cloud.status.get()).phase
    }
    expect(await db.data.documents.list()).toHaveLength(4)
  })

  test('are not taken from the login page of a network, however often that comes', async () => {
    const { world, sandbox, admin, db, notes, cloud } = await scene()
    admin.addData(notes, 'late.txt', 'late')
    sandbox.weather.next({ path: /\/raw$/, spoil: 'html', times: 6 })
    cloud.sync()
    await world.pass(5 * minute)
    const found = (await db.data.documents.list()).find(({ value }) => value.name === 'late')
    expect(found?.value).toMatchObject({ size: 4 })
  })

  test('are not deleted by the login page of a network (F48)', async () => {
    const { world, sandbox, admin, db, notes, cloud } = await scene()
    admin.addData(notes, 'gone.txt', 'gone')
    cloud.sync()
    await world.pass(minute)
    const { id } = (await db.data.documents.list()).find(({ value }) => value.name === 'gone')!
    const page = { status: 200, body: '<html>', contentType: 'text/html' }
    sandbox.weather.next({ method: 'DELETE', before: page, times: 2 })
    await db.data.documents.delete(id)
    await world.pass(5 * minute)
    expect(sandbox.inspect().data.map(({ name }) => name)).not.toContain('gone')
  })

  test('whose bytes cannot be had are here without them, and the others are not held up', async () => {
    const { world, admin, notes, db, cloud } = await scene({}, { mostBytes: 8 })
    admin.addData(notes, 'big.txt', 'more than eight bytes')
    cloud.sync()
    await world.pass(10 * second)
    const big = (await db.data.documents.list()).find(({ value }) => value.name === 'big')
    expect(big!.value.sha256).toBeUndefined()
    expect((await cloud.status.get()).notices).toContainEqual(expect.objectContaining({ code: 'unreadable' }))
  })
})
