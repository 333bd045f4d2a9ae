/** What the app sees of a server that says no, over HTTP: each refusal has a name, and no data goes with it. */
import { afterEach, describe, expect, test } from 'vitest'
import { type Device, MODES, type Mode, place } from './table-kit.ts'

type Place = Awaited<ReturnType<typeof place>>
const open: Place[] = []
afterEach(async () => {
  for (const at of open.splice(0)) await at.close()
})

async function served(mode: Mode, knobs: Parameters<typeof place>[2] = {}) {
  const at = await place(mode, 'KEEP_BOTH', knobs)
  open.push(at)
  at.clock.go(at.clock.now())
  return at
}

/** A guest's device, and what it has to begin with. */
async function guest(at: Place, ...paths: string[]) {
  const bob = at.sandbox.admin.addUser('Bob')
  at.sandbox.admin.grant(at.share, bob.user_id, 'contributor')
  const one = await at.device('Tablet', bob.token)
  for (const path of paths) await one.create(path, `base ${path}`)
  await one.sync()
  return { one, bob, grant: (role: 'reader' | 'contributor') => at.sandbox.admin.grant(at.share, bob.user_id, role) }
}

const held = async (one: Device) => (await one.db.outbox.list()).map(({ state, reason }) => [state, reason?.code])

/** Runs `work` right before the first request to this path, when all that comes before it was answered. */
function rightBefore(one: Device, path: RegExp, work: () => unknown): void {
  one.state.before = request => {
    if (!path.test(new URL(request.url).pathname)) return
    delete one.state.before
    return work()
  }
}

const applies = (one: Device) => one.requests.filter(request => request.endsWith('/sync/apply')).length

describe.each([
  ['says which', { refusals: 'index', errors: 'rich' }, 2],
  ['says only that', { refusals: 'batch', errors: 'bare' }, 7],
] as const)('a batch refused with one 409 by a server that %s', (_, knobs, most) => {
  test('is split and goes on: what is not in conflict lands, and what is gets settled', async () => {
    const at = await served('worker', knobs)
    const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']
    const { one } = await guest(at, ...names)
    await one.pause()
    for (const name of names) await one.write(name, `mine ${name}`)
    const before = applies(one)
    // Not seen by the pull that comes first, so that the batch itself is refused.
    rightBefore(one, /apply$/, () => at.sandbox.admin.edit(at.share, '/c', 'theirs'))
    await one.sync()
    await one.sync()
    const tree = at.shows()
    for (const name of names) expect(tree).toContain(name === 'c' ? 'c=theirs' : `${name}=mine ${name}`)
    expect(tree).toMatch(/c \(conflicted copy Tablet [^)]*\)=mine c/)
    expect(await one.shows()).toBe(tree)
    expect(await one.inbox()).toHaveLength(1)
    // The batch, its parts, and the copy at the end.
    expect(applies(one) - before).toBeGreaterThan(1)
    expect(applies(one) - before).toBeLessThanOrEqual(most + 2)
  })
})

test('a server that settles refuses only what it cannot place: the rest of that batch lands', async () => {
  const at = await served('server')
  const { one } = await guest(at, 'a', 'b')
  await one.pause()
  await one.folder('d')
  await one.create('d/x', 'mine')
  await one.write('a', 'mine a')
  rightBefore(one, /apply$/, () => at.sandbox.admin.edit(at.share, '/b', 'theirs'))
  at.sandbox.weather.next({ path: /apply$/, before: 409 })
  await one.sync()
  await one.sync()
  expect(at.shows()).toBe('a=mine a b=theirs d/ d/x=mine')
  expect(await one.shows()).toBe(at.shows())
})

describe.each(MODES)('403, settled by the %s', mode => {
  test('of one change holds that one with its reason; with the right again it goes', async () => {
    const at = await served(mode)
    const { one, grant } = await guest(at, 'a')
    grant('reader')
    await one.move('a', 'b')
    const status = await one.sync()
    expect([status.phase, status.held, status.pending]).toEqual(['needs-user', 1, 0])
    expect(await held(one)).toEqual([['held', 'forbidden']])
    expect([await one.shows(), at.shows()]).toEqual(['b=base a', 'a=base a'])
    grant('contributor')
    const [change] = await one.db.outbox.list()
    await one.db.outbox.retry(change!.change)
    expect((await one.sync()).phase).toBe('synced')
    expect(at.shows()).toBe('b=base a')
  })

  test('of bytes keeps them, says so, and goes on by itself with the right again', async () => {
    const at = await served(mode)
    const { one, grant } = await guest(at, 'a')
    grant('reader')
    await one.write('a', 'mine')
    const status = await one.until(({ phase }) => phase === 'waiting')
    expect([status.reason?.code, status.pending, status.held]).toEqual(['forbidden', 1, 0])
    expect([await one.shows(), at.shows()]).toEqual(['a=mine', 'a=base a'])
    grant('contributor')
    expect((await one.sync()).phase).toBe('synced')
    expect(at.shows()).toBe('a=mine')
  })

  test('of the device as a whole pauses what it sends and keeps it; reading goes on', async () => {
    const at = await served(mode)
    const { one, bob } = await guest(at, 'a')
    at.sandbox.admin.setDeviceActive(bob.user_id, one.db.device.id, false)
    await one.write('a', 'mine')
    const status = await one.until(({ phase }) => phase === 'waiting')
    expect([status.reason?.code, status.pending, status.held]).toEqual(['forbidden', 1, 0])
    expect(status.nextTry).toBeGreaterThan(at.clock.now())
    at.sandbox.admin.createFile(at.share, '/b', 'theirs')
    await one.until(({ phase }) => phase === 'waiting')
    expect(await one.shows()).toContain('a=mine')
    at.sandbox.admin.setDeviceActive(bob.user_id, one.db.device.id, true)
    expect((await one.sync()).phase).toBe('synced')
    expect([await one.shows(), at.shows()]).toEqual(['a=mine b=theirs', 'a=mine b=theirs'])
  })
})

test('403 of the log pauses the remote, says so, keeps what is here, and goes on by itself', async () => {
  const at = await served('worker')
  const { one } = await guest(at, 'a')
  at.sandbox.weather.next({ path: /changes$/, before: 403 })
  await one.write('a', 'mine')
  const status = await one.until(({ phase }) => phase === 'waiting')
  expect([status.reason?.code, status.pending]).toEqual(['forbidden', 1])
  expect(await one.shows()).toBe('a=mine')
  expect((await one.sync()).phase).toBe('synced')
  expect(at.shows()).toBe('a=mine')
})

describe.each(MODES)('404, settled by the %s', mode => {
  test('of the share pauses it: nothing here is deleted, and what was written goes when it is back', async () => {
    const at = await served(mode)
    const { one, bob, grant } = await guest(at, 'a', 'b')
    at.sandbox.admin.revoke(at.share, bob.user_id)
    await one.write('a', 'mine')
    const status = await one.until(({ phase }) => phase === 'waiting')
    expect([status.reason?.code, status.pending, status.held]).toEqual(['missing', 1, 0])
    expect(await one.shows()).toBe('a=mine b=base b')
    grant('contributor')
    expect((await one.sync()).phase).toBe('synced')
    expect([await one.shows(), at.shows()]).toEqual(['a=mine b=base b', 'a=mine b=base b'])
  })

  test('of the device makes it join again: everything is looked at anew, nothing is lost (I27)', async () => {
    const at = await served(mode)
    const { one, bob } = await guest(at, 'a')
    at.sandbox.admin.removeDevice(bob.user_id, one.db.device.id)
    at.sandbox.admin.createFile(at.share, '/b', 'theirs')
    await one.write('a', 'mine')
    expect((await one.sync()).phase).toBe('synced')
    expect([await one.shows(), at.shows()]).toEqual(['a=mine b=theirs', 'a=mine b=theirs'])
    expect(one.requests.filter(request => request === 'POST /sync/devices')).toHaveLength(2)
  })
})

describe.each(MODES)('one change that cannot go, settled by the %s', mode => {
  test('413: a file that is too large is held as that, the others go', async () => {
    const at = await served(mode, { maxFileBytes: 20 })
    const { one } = await guest(at, 'a')
    await one.write('a', 'much more than twenty bytes')
    await one.create('b', 'mine')
    const status = await one.until(({ held, phase }) => held === 1 && phase !== 'syncing')
    expect(status.phase).toBe('needs-user')
    expect(await held(one)).toEqual([['held', 'too-large']])
    expect(at.shows()).toBe('a=base a b=mine')
    await one.write('a', 'shorter')
    expect((await one.sync()).phase).toBe('synced')
    expect(at.shows()).toBe('a=shorter b=mine')
  })

  test('422: what the server does not understand is held as invalid, the others go', async () => {
    const at = await served(mode)
    const { one } = await guest(at, 'a', 'b')
    await one.pause()
    await one.write('a', 'mine a')
    at.sandbox.weather.next({ path: /apply$/, before: 422 })
    const status = await one.sync()
    expect([status.phase, status.held]).toEqual(['needs-user', 1])
    expect(await held(one)).toEqual([['held', 'invalid']])
    await one.write('b', 'mine b')
    await one.until(({ pending }) => pending === 0)
    expect([await one.shows(), at.shows()]).toEqual(['a=mine a b=mine b', 'a=base a b=mine b'])
  })

  test('507: a share that is full keeps it waiting, with the reason; the others go, and it does when there is room', async () => {
    const at = await served(mode)
    const { one } = await guest(at, 'a', 'b')
    at.sandbox.admin.setShare(at.share, { quota_bytes: 20 })
    await one.pause()
    await one.write('a', 'more than there is room for')
    await one.move('b', 'c')
    await one.db.remotes.drive.resume()
    const waits = await one.until(({ phase }) => phase === 'waiting')
    expect([waits.reason?.code, waits.pending, waits.held]).toEqual(['remote-full', 1, 0])
    expect(waits.nextTry).toBeGreaterThan(at.clock.now())
    expect([await one.shows(), at.shows()]).toEqual(['a=more than there is room for c=base b', 'a=base a c=base b'])
    at.sandbox.admin.setShare(at.share, { quota_bytes: null })
    at.clock.go(at.clock.now() + 600_000)
    expect((await one.sync()).phase).toBe('synced')
    expect(at.shows()).toBe('a=more than there is room for c=base b')
  })
})

test('507 for a change whose bytes are there already waits with that as its reason', async () => {
  const at = await served('worker')
  const { one } = await guest(at, 'a')
  await one.pause()
  await one.move('a', 'b')
  at.sandbox.weather.next({ path: /apply$/, before: 507 })
  await one.db.remotes.drive.resume()
  const waits = await one.until(({ phase }) => phase === 'waiting')
  expect([waits.reason, waits.pending, waits.held]).toMatchObject([{ code: 'remote-full' }, 1, 0])
  expect(waits.nextTry).toBeGreaterThan(at.clock.now() + 30_000)
  expect(await held(one)).toEqual([['waiting', 'remote-full']])
  at.clock.go(at.clock.now() + 600_000)
  expect((await one.sync()).phase).toBe('synced')
  expect(at.shows()).toBe('b=base a')
})

test('429: nothing is asked before the time that the server said, and the app can show it', async () => {
  const at = await served('worker')
  const { one } = await guest(at, 'a')
  at.sandbox.weather.next({ path: /changes$/, before: { status: 429, retryAfter: 2 } })
  await one.write('a', 'mine')
  const status = await one.until(({ phase }) => phase === 'waiting')
  expect([status.reason?.code, status.pending]).toEqual(['throttled', 1])
  expect(status.nextTry! - at.clock.now()).toBeGreaterThan(1_000)
  const asked = one.requests.length
  const began = performance.now()
  expect((await one.sync()).phase).toBe('synced')
  expect(performance.now() - began).toBeGreaterThan(1_000)
  expect(one.requests.length).toBeGreaterThan(asked)
  expect(at.shows()).toBe('a=mine')
})

describe('the status that the server has of us', () => {
  test('is told, and asking for it moves no cursor ahead of the store (I2s)', async () => {
    const at = await served('worker')
    const { one, bob } = await guest(at, 'a')
    const cursor = () => at.sandbox.inspect().cursorOf(bob.user_id, one.db.device.id, at.share)?.position ?? 0
    const status = () => one.db.remotes.drive.api.status({ share: at.share })
    expect(await status()).toMatchObject({ pendingChanges: 0, hasConflicts: false, lastSyncAt: expect.any(Number) })
    one.state.before = ({ url }) => {
      if (url.includes('/changes')) throw new TypeError('fetch failed')
    }
    await one.until(({ phase }) => phase === 'waiting') // nothing is on its way
    const before = cursor()
    for (const name of ['b', 'c']) at.sandbox.admin.createFile(at.share, `/${name}`, 'theirs')
    expect(await status()).toMatchObject({ pendingChanges: 2 })
    expect(cursor()).toBe(before)
    delete one.state.before
    await one.sync()
    expect(await status()).toMatchObject({ pendingChanges: 0 })
  })

  test('begins with everything for a device that has told nothing yet, never with the head (I2s)', async () => {
    const at = await served('worker')
    const { one, bob } = await guest(at, 'a')
    const other = at.sandbox.admin.addShare('Other', at.owner.user_id)
    at.sandbox.admin.grant(other, bob.user_id, 'reader')
    at.sandbox.admin.createFile(other, '/x', 'theirs')
    expect((await one.db.remotes.drive.api.status({ share: other })).pendingChanges).toBeGreaterThan(0)
    expect(at.sandbox.inspect().cursorOf(bob.user_id, one.db.device.id, other)?.position).toBe(0)
  })
})

test('a share that is switched off says so: what waits for it is named, no bytes go up, and all goes on with it', async () => {
  const at = await served('worker')
  const { one } = await guest(at, 'a', 'b', 'c')
  const { api } = one.db.remotes.drive
  const on = (enabled: boolean) => api.setPreferences({ preferences: [{ share: at.share, enabled }] })
  await on(false)
  await one.sync()
  const before = one.requests.length
  await one.write('a', 'mine')
  await one.move('b', 'renamed')
  one.db.remotes.drive.sync()
  const told = await one.until(({ reason }) => reason?.code === 'switched-off')
  expect([told.phase, told.reason?.message, told.pending]).toEqual([
    'waiting',
    'This share is switched off for this device.',
    2,
  ])
  await expect
    .poll(() => held(one))
    .toEqual([
      ['waiting', 'switched-off'],
      ['waiting', 'switched-off'],
    ])
  const { id } = await one.at('a')
  expect((await one.db.explain('tree', id)).message).toBe('It waits here. This share is switched off for this device.')
  const effects = one.requests.slice(before).filter(request => /upload|apply/.test(request))
  expect([effects, at.shows()]).toEqual([[], 'a=base a b=base b c=base c'])

  // Nobody waits for the end of a pause.
  await on(true)
  expect((await one.sync()).phase).toBe('synced')
  expect([at.shows(), await held(one)]).toEqual(['a=mine c=base c renamed=base b', []])
})
