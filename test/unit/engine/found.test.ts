/** What the simulator found, each as the shortest story that shows it. */
import { describe, expect, test } from 'vitest'
import type { Rule } from '../../../src/model.ts'
import { deviceOf, mustAgree } from './device.ts'
import { type Fake, type FakeOptions, fakeOf, file, folder, tree, worldOf } from './kit.ts'

const treeFake = (options: FakeOptions = {}) => fakeOf({ name: 'tree', source: tree, ...options })

describe('a record that was only moved into a folder which the remote deleted', () => {
  /** The app moved `w` into `f`, which the remote deleted with `x` in it. */
  async function movedIn(rule: Rule) {
    const fake = treeFake()
    fake.put('f', folder('f'))
    fake.put('x', file('x', 'f'))
    const { version } = fake.put('w', file('w'))
    const device = await deviceOf(fake, { rule })
    await device.pull()
    await device.put('w', file('w', 'f'))
    fake.deleteTree('f')
    await device.pull()
    return { fake, device, version }
  }

  test('keeps its id and its base under KEEP_BOTH, and the folder comes back for it', async () => {
    const { fake, device, version } = await movedIn('KEEP_BOTH')
    expect((await device.rows()).find(({ id }) => id === 'w')).toMatchObject({ base: { value: file('w'), version } })
    await device.sync()
    expect(fake.values()).toEqual({ f: folder('f'), w: file('w', 'f') })
    expect(await device.values()).toEqual(fake.values())
    await mustAgree(device)
  })

  test('goes back to where the remote has it under SERVER_WINS', async () => {
    const { fake, device } = await movedIn('SERVER_WINS')
    expect([await device.values(), await device.rows()]).toEqual([{ w: file('w') }, []])
    await device.sync()
    expect(fake.values()).toEqual({ w: file('w') })
    await mustAgree(device)
  })
})

describe('a change whose answer was lost', () => {
  test('is accepted when the feed names it as what came before, and what came after it is news', async () => {
    const fake = fakeOf()
    fake.put('a', { n: 0 })
    const device = await deviceOf(fake, { rule: 'KEEP_BOTH' })
    await device.pull()
    const [change] = await device.put('a', { n: 1 })
    fake.lose = 1
    await expect(device.push()).rejects.toThrow()
    const { version } = fake.log.pop()!
    fake.put('a', { n: 2 }, { past: [{ origin: change!, version }] })
    await device.sync()
    expect([await device.values(), fake.values()]).toEqual([{ a: { n: 2 } }, { a: { n: 2 } }])
    expect([await device.inbox(), await device.outcome(change!)]).toEqual([[], 'accepted'])
    await mustAgree(device)
  })
})

describe('what a receipt shows ahead of the feed (I4)', () => {
  /** Somebody made `a` and edited it; we made one too, and were refused by what was there then. */
  async function ahead(page: number) {
    const fake = fakeOf({ page })
    const device = await deviceOf(fake, { rule: 'KEEP_BOTH' })
    await device.pull()
    fake.put('a', { n: 1 })
    fake.put('a', { n: 2 })
    await device.put('a', { n: 9 })
    await device.push()
    expect(await device.value('a')).toEqual({ n: 2 })
    return { fake, device }
  }

  test.each([100, 1])('is not taken back by what came before it, %i rows a page', async page => {
    const { fake, device } = await ahead(page)
    await device.put('a', { n: 3 })
    await device.sync()
    expect(await device.value('a')).toEqual({ n: 3 })
    expect((await device.inbox()).map(({ local }) => local.value)).toEqual([{ n: 9 }])
    expect(fake.values().a).toEqual({ n: 3 })
    await mustAgree(device)
  })

  test('is followed by news, which comes once, also from a feed that never showed it', async () => {
    const { fake, device } = await ahead(1)
    fake.log.pop()
    fake.put('a', { n: 4 })
    await device.pull()
    expect(await device.value('a')).toEqual({ n: 4 })
    expect(await device.inbox()).toHaveLength(1)
    await device.sync()
    await mustAgree(device)
  })

  test('clashes with news of an edit that was made meanwhile', async () => {
    const { fake, device } = await ahead(1)
    await device.put('a', { n: 3 })
    fake.put('a', { n: 4 })
    await device.sync()
    const clashes = (await device.inbox()).map(({ local, theirs }) => `${local.value?.n} with ${theirs.value?.n}`)
    expect(clashes.sort()).toEqual(['3 with 4', '9 with 2'])
    await mustAgree(device)
  })
})

describe('what a feed of states shows while a creation is under way', () => {
  /** The creation of `a` has no outcome yet, and a pull showed somebody else's `a` meanwhile. */
  async function seenMeanwhile(more: object) {
    const world = worldOf()
    const fake = fakeOf({ guard: 'key' })
    const device = await deviceOf(fake, { rule: 'KEEP_BOTH', world })
    await device.pull()
    await device.put('a', { n: 1 })
    fake.answer = ({ change }) => ({ change, state: 'unknown' })
    await device.push()
    fake.put('a', { n: 9 }, more)
    await device.pull()
    expect(await device.rows()).toMatchObject([{ state: 'sent', seen: { value: { n: 9 } } }])
    await world.pass(60_000)
    fake.answer = undefined
    return { fake, device }
  }

  /** The feed does not show that it went. */
  const goes = (fake: Fake) => {
    fake.put('a', null)
    fake.log.pop()
  }

  test('is gone when the creation is accepted, where the feed tells all that came before', async () => {
    const { fake, device } = await seenMeanwhile({ past: [] })
    goes(fake)
    await device.push()
    expect([await device.values(), await device.rows()]).toEqual([{ a: { n: 1 } }, []])
    await device.sync()
    expect([await device.values(), await device.inbox()]).toEqual([{ a: { n: 1 } }, []])
  })

  test('came before the creation when the next pull shows its echo', async () => {
    const { fake, device } = await seenMeanwhile({})
    goes(fake)
    await device.push()
    expect(await device.rows()).toMatchObject([{ taken: 3, seen: { value: { n: 9 } } }])
    await device.sync()
    expect([await device.values(), fake.values()]).toEqual([{ a: { n: 1 } }, { a: { n: 1 } }])
    expect([await device.rows(), await device.inbox()]).toEqual([[], []])
    await mustAgree(device)
  })

  test('came after the creation when the next pull shows no echo', async () => {
    const { fake, device } = await seenMeanwhile({})
    fake.answer = ({ change }) => ({ change, state: 'accepted', version: 0 })
    await device.push()
    expect(await device.rows()).toMatchObject([{ taken: 0 }])
    expect(await device.value('a')).toEqual({ n: 1 })
    await device.sync()
    expect([await device.values(), fake.values()]).toEqual([{ a: { n: 9 } }, { a: { n: 9 } }])
    expect([await device.rows(), await device.inbox()]).toEqual([[], []])
    await mustAgree(device)
  })

  test.each(['listing', 'row'])('is no news when a %s says that there is nothing, as before', async how => {
    const world = worldOf()
    const fake = fakeOf({ guard: 'key' })
    fake.put('a', { n: 0 })
    const device = await deviceOf(fake, { world })
    await device.pull()
    fake.put('a', null)
    await device.pull()
    await device.put('a', { n: 1 })
    fake.answer = ({ change }) => ({ change, state: 'unknown' })
    await device.push()
    if (how === 'listing') await device.startOver()
    else fake.put('a', null)
    await device.pull()
    expect(await device.rows()).toMatchObject([{ state: 'sent', seen: { value: null } }])
    fake.answer = undefined
    await world.pass(60_000)
    await device.push()
    fake.log.pop() // no echo
    await device.sync()
    expect([await device.values(), fake.values()]).toEqual([{ a: { n: 1 } }, { a: { n: 1 } }])
    expect([await device.rows(), await device.inbox()]).toEqual([[], []])
  })
})

test('a creation in doubt that a log shows to be deleted was made before, and is gone when it is accepted (I3)', async () => {
  const world = worldOf()
  const fake = fakeOf({ guard: 'key' })
  const device = await deviceOf(fake, { world })
  await device.pull()
  await device.put('a', { n: 1 })
  fake.lose = 1
  await expect(device.push()).rejects.toThrow()
  await device.startOver()
  fake.whilePulling = () => {
    fake.whilePulling = undefined
    fake.put('a', null, { past: [] })
  }
  await device.pull()
  expect(await device.rows()).toMatchObject([{ state: 'sent', seen: { value: null } }])
  fake.answer = ({ change }) => ({ change, state: 'accepted', version: 1 }) // it remembers the key
  await world.pass(60_000)
  await device.sync()
  expect([await device.values(), fake.values(), await device.rows()]).toEqual([{}, {}, []])
  await mustAgree(device)
})

describe('an earlier life of a record that we made anew, shown after our creation was accepted (I3)', () => {
  async function madeAnew(rule: Rule) {
    const fake = fakeOf()
    const device = await deviceOf(fake, { rule })
    await device.pull()
    await device.put('a', { n: 1 })
    fake.put('a', { n: 9 })
    fake.put('a', null)
    await device.push()
    return { fake, device }
  }

  test('gives way to our own row behind it', async () => {
    const { fake, device } = await madeAnew('KEEP_BOTH')
    await device.sync()
    expect([await device.values(), fake.values()]).toEqual([{ a: { n: 1 } }, { a: { n: 1 } }])
    expect([await device.inbox(), await device.meta('a')]).toMatchObject([[], { version: 3 }])
    await mustAgree(device)
  })

  test('gives way to an edit of it that waits', async () => {
    const { fake, device } = await madeAnew('CLIENT_WINS')
    await device.put('a', { n: 2 })
    await device.pull()
    expect(await device.rows()).toMatchObject([{ base: { value: { n: 1 }, version: 3 } }])
    await device.sync()
    expect([await device.values(), fake.values()]).toEqual([{ a: { n: 2 } }, { a: { n: 2 } }])
    await mustAgree(device)
  })

  test('is news again once our row was shown, or a listing shows another', async () => {
    const { fake, device } = await madeAnew('KEEP_BOTH')
    await device.pull()
    fake.put('a', { n: 2 })
    await device.pull()
    fake.repeat(fake.log[2]!)
    await device.pull()
    expect(await device.values()).toEqual({ a: { n: 2 } })
    const other = await madeAnew('KEEP_BOTH')
    other.fake.put('a', { n: 2 })
    await other.device.startOver()
    await other.device.pull()
    other.fake.repeat(other.fake.log[2]!)
    await other.device.pull()
    expect(await other.device.values()).toEqual({ a: { n: 2 } })
  })

  test('is none once our row was shown below an edit', async () => {
    const fake = fakeOf()
    const device = await deviceOf(fake, { rule: 'CLIENT_WINS' })
    await device.pull()
    await device.put('a', { n: 1 })
    await device.push()
    await device.put('a', { n: 3 })
    await device.pull()
    fake.put('a', { n: 2 })
    fake.repeat(fake.log[0]!)
    await device.pull()
    expect(await device.rows()).toMatchObject([{ base: { value: { n: 2 } } }])
  })
})

test.each([
  ['SERVER_WINS', {}],
  ['KEEP_BOTH', {}],
  ['SERVER_WINS', { guard: 'none', origins: false }],
  ['KEEP_BOTH', { guard: 'none', origins: false }],
] as const)(
  'what a log shows of a record before the state that a listing had is no conflict with an edit of that state (I4, %s, %j)',
  async (rule, options) => {
    const fake = fakeOf(options)
    const device = await deviceOf(fake, { rule })
    fake.whilePulling = () => {
      fake.whilePulling = undefined
      for (const n of [1, 2, 3]) fake.put('a', { n })
    }
    fake.spoil = page => {
      if (page.snapshot === undefined) throw new Error('gone')
      return page
    }
    await expect(device.pull()).rejects.toThrow('gone')
    fake.spoil = undefined
    await device.put('a', { n: 4 })
    await device.sync()
    expect([await device.values(), fake.values()]).toEqual([{ a: { n: 4 } }, { a: { n: 4 } }])
    expect(await device.inbox()).toEqual([])
    await mustAgree(device)
  },
)

test('a change in doubt of what is gone by now, and that cannot be sent again, is in conflict with that (I12)', async () => {
  const world = worldOf()
  const fake = fakeOf({ guard: 'key' })
  fake.put('a', { n: 0 })
  const device = await deviceOf(fake, { rule: 'SERVER_WINS', world })
  await device.pull()
  await device.put('a', { n: 1 })
  fake.answer = ({ change }) => ({ change, state: 'unknown' })
  await device.push()
  fake.rows.delete('a')
  await device.startOver()
  await device.pull()
  fake.answer = ({ change }) => ({ change, state: 'later', notBefore: 0, reason: 'Its folder is not there.' })
  for (let n = 0; n < 5; n++) {
    await world.pass(60_000)
    await device.sync()
  }
  expect([await device.values(), await device.rows()]).toEqual([{}, []])
  expect(await device.inbox()).toMatchObject([{ local: { value: { n: 1 } }, loses: 'local' }])
  await mustAgree(device)
})

test('two devices that bring back one record are judged by what was there before the deletion', async () => {
  const world = worldOf()
  const fake = fakeOf()
  fake.put('a', { x: 0, y: 0 })
  const one = await deviceOf(fake, { rule: 'MERGE', world, id: 'device-1' })
  const two = await deviceOf(fake, { rule: 'MERGE', world, id: 'device-2' })
  await one.pull()
  await two.pull()
  await two.put('a', { x: 0, y: 1 })
  await one.put('a', { x: 1, y: 0 })
  fake.put('a', null)
  await one.pull()
  await two.pull()
  await one.sync()
  await two.sync()
  await one.sync()
  expect(fake.values()).toEqual({ a: { x: 1, y: 1 } })
  expect([await one.values(), await two.values()]).toEqual([fake.values(), fake.values()])
})

describe('a field that the remote fills in', () => {
  async function filledIn(meanwhile?: object) {
    const fake = fakeOf()
    const device = await deviceOf(fake, { rule: 'KEEP_BOTH' })
    await device.put('a', { n: 1 })
    await device.sync()
    if (meanwhile !== undefined) await device.put('a', meanwhile as never)
    const filled = { ...fake.log[0]!, value: { n: 1, by: 'server' } }
    fake.rows.set('a', filled)
    fake.repeat(filled)
    await device.pull()
    return { fake, device }
  }

  test('of our own record is taken over', async () => {
    const { device } = await filledIn()
    expect([await device.values(), await device.inbox()]).toEqual([{ a: { n: 1, by: 'server' } }, []])
  })

  test('of our own record is taken over below a newer edit, which is no conflict', async () => {
    const { fake, device } = await filledIn({ n: 2 })
    expect(await device.values()).toEqual({ a: { n: 2, by: 'server' } })
    await device.sync()
    expect([fake.values(), await device.inbox()]).toEqual([{ a: { n: 2, by: 'server' } }, []])
    await mustAgree(device)
  })
})

test('a rename beside a clash of content goes to the record that stays, and the content to the copy', async () => {
  const fake = treeFake()
  fake.put('x', file('x', 'root', 'base'))
  const device = await deviceOf(fake, { rule: 'KEEP_BOTH' })
  await device.pull()
  const [change] = await device.put('x', file('new', 'root', 'mine'))
  fake.put('x', file('x', 'root', 'theirs'))
  await device.sync()
  const copy = expect.objectContaining({ sha: 'mine', name: 'new copy 1' })
  expect(fake.values()).toEqual({ x: file('new', 'root', 'theirs'), [`${change}-copy`]: copy })
  expect(await device.values()).toEqual(fake.values())
  await mustAgree(device)
})

test('an edit of bytes is in no clash with a rename, although the remote says of these when it got them', async () => {
  const source = {
    ...tree,
    facets: { location: ['parent', 'name'], content: ['sha', 'written'] },
    doubles: ['content'],
  }
  const fake = fakeOf({ name: 'tree', source })
  const device = await deviceOf(fake, { rule: 'KEEP_BOTH' })
  await device.pull()
  await device.put('x', { ...file('x', 'root', 'one'), written: 9 })
  await device.push()
  fake.put('x', { ...file('theirs', 'root', 'one'), written: 1 })
  await device.put('x', { ...file('mine', 'root', 'two'), written: 10 })
  await device.sync()
  expect(fake.values()).toMatchObject({ x: { name: 'theirs', sha: 'two' } })
  expect(Object.keys(fake.values())).toEqual(['x'])
  expect(await device.inbox()).toMatchObject([
    { local: { value: { name: 'mine' } }, theirs: { value: { name: 'theirs' } } },
  ])
  expect(await device.values()).toEqual(fake.values())
  await mustAgree(device)
})

test('a file that was sent with its folder is in it under the new id as soon as both are accepted', async () => {
  const fake = treeFake({ rename: id => `srv-${id}` })
  const device = await deviceOf(fake)
  await device.pull()
  await device.put('f', folder('f'))
  await device.put('x', file('x', 'f'))
  await device.push()
  expect(fake.sent).toHaveLength(1)
  expect(await device.values()).toEqual({ 'srv-f': folder('f'), 'srv-x': file('x', 'srv-f') })
})

test.each(['it was made under', 'the remote shows to be deleted'])(
  'what is put into a folder by the id that %s goes into what it is now',
  async how => {
    const fake = treeFake({ rename: id => `the ${id}` })
    const device = await deviceOf(fake, { rule: 'KEEP_BOTH' })
    await device.pull()
    await device.put('f', folder('work'))
    await device.sync()
    if (how === 'the remote shows to be deleted') fake.put('f', null)
    await device.pull()
    await device.put('a', file('a', 'f'))
    await device.put('b', file('b'))
    await device.put('b', file('b', 'f'))
    expect(await device.values()).toMatchObject({ a: { parent: 'the f' }, b: { parent: 'the f' } })
    await device.sync()
    expect(fake.values()).toMatchObject({ 'the a': { parent: 'the f' }, 'the b': { parent: 'the f' } })
    await mustAgree(device)
  },
)

test('what is put into a folder that was made and deleted before it was ever sent brings it back', async () => {
  const fake = treeFake()
  const device = await deviceOf(fake, { rule: 'KEEP_BOTH' })
  await device.pull()
  await device.put('f', folder('f'))
  await device.put('f', null)
  await device.put('x', file('x', 'f'))
  expect(await device.sync()).toBe(true)
  expect(await device.values()).toEqual(fake.values())
  expect(fake.values()).toEqual({ f: folder('f'), x: file('x', 'f') })
  await mustAgree(device)
})

test.each<Rule>(['KEEP_BOTH', 'SERVER_WINS', 'CLIENT_WINS'])(
  'a new folder with the name of a file is renamed under %s, and what is in it stays in it',
  async rule => {
    const fake = treeFake()
    const device = await deviceOf(fake, { rule })
    await device.pull()
    await device.put('mine', folder('a'))
    await device.put('x', file('x', 'mine'))
    fake.put('theirs', file('a'))
    await device.sync()
    expect(fake.values()).toEqual({ mine: folder('a copy 1'), x: file('x', 'mine'), theirs: file('a') })
    expect(await device.values()).toEqual(fake.values())
    await mustAgree(device)
  },
)

test.each<Rule>(['CLIENT_WINS', 'SERVER_WINS', 'KEEP_BOTH', 'LAST_WRITER_WINS'])(
  'an edit that was taken in a later life, whose versions began anew, shows what it ran over under %s (I3, I5)',
  async rule => {
    const fake = fakeOf()
    const first = fake.put('a', { n: 0 })
    const device = await deviceOf(fake, { rule })
    await device.pull()
    await device.put('a', { n: 1 })
    fake.meanwhile = () => {
      fake.meanwhile = undefined
      fake.put('a', null)
      fake.put('a', { n: 9 }, { version: first.version })
    }
    await device.sync()
    await device.sync()
    expect(await device.values()).toEqual(fake.values())
    expect(await device.inbox()).toMatchObject([{ local: { value: { n: 1 } }, theirs: { value: { n: 9 } } }])
    await mustAgree(device)
  },
)

test('a delete that did not hold, because our edit began another life there, is in the inbox (I5)', async () => {
  const fake = fakeOf()
  fake.put('a', { n: 0 })
  const device = await deviceOf(fake, { rule: 'SERVER_WINS' })
  await device.pull()
  await device.put('a', { n: 1 })
  fake.answer = ({ change, id, value }) => {
    fake.answer = undefined
    fake.put(id, null)
    const remote = fake.put(id, value)
    return { change, state: 'settled', verdict: { take: 'local' }, remote, lost: { id, value: null, version: 'gone' } }
  }
  await device.sync()
  await device.sync()
  expect([await device.values(), fake.values()]).toEqual([{ a: { n: 1 } }, { a: { n: 1 } }])
  expect(await device.inbox()).toMatchObject([
    { base: { value: { n: 0 } }, local: { value: { n: 1 } }, theirs: { value: null }, loses: 'remote', by: 'remote' },
  ])
  await mustAgree(device)
})

test('what was made, could not go yet, and was deleted here since does not wait for ever (I12)', async () => {
  const fake = fakeOf()
  const device = await deviceOf(fake)
  await device.pull()
  await device.put('a', { n: 1 })
  fake.answer = ({ change, value }) =>
    value === null
      ? undefined
      : { change, state: 'later', notBefore: device.world.now() + 5_000, reason: 'Its folder is not there yet.' }
  fake.afterwards = () => {
    fake.afterwards = undefined
    return device.put('a', null)
  }
  for (let time = 0; time < 5; time++) {
    await device.sync()
    await device.world.pass(10_000)
  }
  expect([await device.rows(), await device.values(), fake.values()]).toEqual([[], {}, {}])
})
