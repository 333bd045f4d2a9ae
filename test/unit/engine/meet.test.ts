import { describe, expect, test } from 'vitest'
import type { Rule, Value } from '../../../src/model.ts'
import { createResolver } from '../../../src/strategies/index.ts'
import { deviceOf, mustAgree } from './device.ts'
import { type FakeOptions, fakeOf, worldOf } from './kit.ts'

/** A device that has `a` at { n: 1 }, edited it to { n: 2 }, while the remote went on to `theirs`. */
async function clash(rule: Rule, mine: Value | null, theirs: Value | null, options: FakeOptions = { times: true }) {
  const world = worldOf()
  const fake = fakeOf(options)
  fake.put('a', { n: 1 }, { at: world.now() - 9 })
  const device = await deviceOf(fake, { rule, world })
  await device.pull()
  const [change] = await device.put('a', mine)
  fake.put('a', theirs, { at: world.now() + 100_000 })
  return { fake, device, change: change! }
}

describe('a clash', () => {
  test('under LAST_WRITER_WINS the later write stays, and the inbox keeps the other', async () => {
    const { fake, device, change } = await clash('LAST_WRITER_WINS', { n: 2 }, { n: 3 })
    expect(await device.sync()).toBe(true)
    expect([await device.values(), fake.values()]).toEqual([{ a: { n: 3 } }, { a: { n: 3 } }])
    expect(await device.inbox()).toMatchObject([
      { state: 'settled', local: { change, value: { n: 2 } }, theirs: { value: { n: 3 } }, loses: 'local' },
    ])
    expect(await device.outcome(change)).toBe('conflicted')
    expect(fake.sent).toEqual([])
    await mustAgree(device)
  })

  test('under CLIENT_WINS the local edit goes out on the new base', async () => {
    const { fake, device, change } = await clash('CLIENT_WINS', { n: 2 }, { n: 3 })
    await device.sync()
    expect([await device.values(), fake.values()]).toEqual([{ a: { n: 2 } }, { a: { n: 2 } }])
    expect(fake.sent.flat()).toMatchObject([{ base: { value: { n: 3 }, version: 2 }, value: { n: 2 } }])
    expect(await device.inbox()).toMatchObject([{ state: 'settled', loses: 'remote', theirs: { value: { n: 3 } } }])
    expect(await device.outcome(change)).toBe('accepted')
  })

  test('under SERVER_WINS the remote stays', async () => {
    const { fake, device } = await clash('SERVER_WINS', { n: 2 }, { n: 3 })
    await device.sync()
    expect([await device.values(), fake.values()]).toEqual([{ a: { n: 3 } }, { a: { n: 3 } }])
    expect(await device.inbox()).toMatchObject([{ loses: 'local', local: { value: { n: 2 } } }])
  })

  test('under KEEP_BOTH the remote keeps the id and the local value becomes a copy, named in the inbox', async () => {
    const { fake, device, change } = await clash('KEEP_BOTH', { n: 2 }, { n: 3 })
    await device.sync()
    const copy = `${change}-copy`
    expect(fake.values()).toEqual({ a: { n: 3 }, [copy]: { n: 2 } })
    expect(await device.values()).toEqual(fake.values())
    expect(await device.inbox()).toMatchObject([{ copy, loses: 'nothing', state: 'settled' }])
    expect(await device.outcome(change)).toBe('conflicted')
    await mustAgree(device)
  })

  test('under MANUAL waits for an answer; what else is to send flows on', async () => {
    const { fake, device, change } = await clash('MANUAL', { n: 2 }, { n: 3 })
    await device.put('b', { n: 5 })
    await device.sync()
    expect(fake.values()).toEqual({ a: { n: 3 }, b: { n: 5 } })
    expect(await device.value('a')).toEqual({ n: 2 })
    expect(await device.rows()).toMatchObject([{ state: 'asked', change, seen: { value: { n: 3 } } }])
    expect(await device.inbox()).toMatchObject([{ state: 'open', theirs: { value: { n: 3 } } }])
    await mustAgree(device)
  })

  test('under MERGE each side keeps the fields that it alone changed', async () => {
    const { fake, device } = await clash('MERGE', { n: 1, mine: true }, { n: 1, theirs: true })
    await device.sync()
    expect(fake.values()).toEqual({ a: { n: 1, mine: true, theirs: true } })
    expect(await device.values()).toEqual(fake.values())
    expect(await device.inbox()).toEqual([])
  })

  test.each<[Rule, Value | null]>([
    ['KEEP_BOTH', { n: 2 }],
    ['CLIENT_WINS', { n: 2 }],
    ['SERVER_WINS', null],
  ])('of an edit with a deletion under %s leaves %j', async (rule, left) => {
    const { fake, device } = await clash(rule, { n: 2 }, null)
    await device.sync()
    expect(fake.values()).toEqual(left === null ? {} : { a: left })
    expect(await device.values()).toEqual(fake.values())
    expect((await device.inbox()).map(({ state }) => state)).toEqual(['settled'])
    await mustAgree(device)
  })

  test.each<[Rule, Value | null]>([
    ['KEEP_BOTH', { n: 3 }],
    ['CLIENT_WINS', null],
    ['SERVER_WINS', { n: 3 }],
  ])('of a deletion with an edit under %s leaves %j', async (rule, left) => {
    const { fake, device } = await clash(rule, null, { n: 3 })
    await device.sync()
    expect(fake.values()).toEqual(left === null ? {} : { a: left })
    expect(await device.values()).toEqual(fake.values())
    await mustAgree(device)
  })

  test('of two edits to the same value is none', async () => {
    const { fake, device, change } = await clash('MANUAL', { n: 2 }, { n: 2 })
    await device.sync()
    expect([fake.sent, await device.inbox(), await device.rows()]).toEqual([[], [], []])
    expect(await device.outcome(change)).toBe('accepted')
  })

  test('with another version of the same value moves the base and nothing else', async () => {
    const { fake, device, change } = await clash('MANUAL', { n: 2 }, { n: 1 })
    await device.pull()
    expect(await device.inbox()).toEqual([])
    expect(await device.rows()).toMatchObject([{ change, base: { value: { n: 1 }, version: 2 } }])
    await device.sync()
    expect(fake.values()).toEqual({ a: { n: 2 } })
  })

  test('is judged again when the record was edited while it was being judged', async () => {
    const world = worldOf()
    const fake = fakeOf()
    const seen: (Value | null)[] = []
    const resolver = createResolver()
    fake.put('a', { n: 1 })
    const device = await deviceOf(fake, {
      rule: 'KEEP_BOTH',
      world,
      resolver: {
        async judge(cases) {
          seen.push(...cases.map(one => one.local.value))
          if (seen.length === 1) await device.put('a', { n: 5 })
          return resolver.judge(cases)
        },
      },
    })
    await device.pull()
    await device.put('a', { n: 2 })
    fake.put('a', { n: 3 })
    await device.sync()
    expect(seen).toEqual([{ n: 2 }, { n: 5 }])
    expect(Object.values(fake.values())).toEqual([{ n: 3 }, { n: 5 }])
  })

  test('that is met twice in one page is judged on what each row meets', async () => {
    const world = worldOf()
    const fake = fakeOf({ times: true })
    fake.put('a', { x: 0, y: 0, z: 0 }, { at: world.now() - 9 })
    const bases: unknown[] = []
    const resolver = createResolver()
    const device = await deviceOf(fake, {
      rule: 'MERGE',
      world,
      resolver: {
        judge: cases => {
          bases.push(...cases.map(one => [one.base?.version, one.remote.version]))
          return resolver.judge(cases)
        },
      },
    })
    await device.pull()
    await device.put('a', { x: 1, y: 0, z: 0 })
    fake.put('a', { x: 0, y: 1, z: 0 }, { at: world.now() + 1 })
    fake.put('a', { x: 0, y: 0, z: 1 }, { at: world.now() + 2 })
    await device.sync()
    expect(bases.at(-1)).toEqual([2, 3])
    expect(await device.values()).toEqual({ a: { x: 1, y: 0, z: 1 } })
    expect(fake.values()).toEqual({ a: { x: 1, y: 0, z: 1 } })
  })
})

test('a record that clashes with many rows of one page is judged with each of them', async () => {
  const fake = fakeOf()
  fake.put('a', { n: 0 })
  const device = await deviceOf(fake, { rule: 'CLIENT_WINS' })
  await device.pull()
  await device.put('a', { n: -1 })
  for (let n = 1; n <= 40; n++) fake.put('a', { n })
  await device.sync()
  expect(fake.values()).toEqual({ a: { n: -1 } })
  expect((await device.inbox()).map(({ theirs }) => theirs.value?.n).toSorted((a, b) => Number(a) - Number(b))).toEqual(
    Array.from({ length: 40 }, (_, at) => at + 1),
  )
})

describe('a question that is open', () => {
  test('shows what the remote has by now', async () => {
    const { fake, device } = await clash('MANUAL', { n: 2 }, { n: 3 })
    await device.sync()
    fake.put('a', { n: 4 })
    await device.sync()
    expect(await device.inbox()).toMatchObject([{ state: 'open', theirs: { value: { n: 4 }, version: 3 } }])
    expect(await device.rows()).toMatchObject([{ state: 'asked', seen: { version: 3 } }])
    await mustAgree(device)
  })

  test('is closed when the remote comes to the same value', async () => {
    const { fake, device } = await clash('MANUAL', { n: 2 }, { n: 3 })
    await device.sync()
    fake.put('a', { n: 2 })
    await device.sync()
    expect(await device.inbox()).toMatchObject([{ state: 'settled', loses: 'nothing' }])
    expect(await device.rows()).toEqual([])
  })

  test('is closed when the remote goes back to what the edit began from', async () => {
    const { fake, device } = await clash('MANUAL', { n: 2 }, { n: 3 })
    await device.sync()
    fake.put('a', { n: 1 })
    await device.sync()
    expect((await device.inbox()).map(({ state }) => state)).toEqual(['settled'])
    expect(fake.values()).toEqual({ a: { n: 2 } })
  })

  test('is closed when the remote goes back to the very state that the edit began from', async () => {
    const { fake, device } = await clash('MANUAL', { n: 2 }, { n: 3 })
    await device.sync()
    fake.put('a', { n: 1 }, { version: 1 })
    await device.sync()
    expect((await device.inbox()).map(({ state }) => state)).toEqual(['settled'])
    expect(fake.values()).toEqual({ a: { n: 2 } })
  })
})

describe('what a device did itself', () => {
  test('is recognized in the feed when the answer was lost', async () => {
    const fake = fakeOf()
    const device = await deviceOf(fake, { rule: 'KEEP_BOTH' })
    const [change] = await device.put('a', { n: 1 })
    fake.lose = 1
    await expect(device.push()).rejects.toMatchObject({ code: 'network' })
    expect(await device.rows()).toMatchObject([{ state: 'sent' }])
    await device.sync()
    expect([fake.sent.length, await device.inbox()]).toEqual([1, []])
    expect(await device.outcome(change!)).toBe('accepted')
    await mustAgree(device)
  })

  test('is recognized with an edit that was made meanwhile, which goes on from it', async () => {
    const fake = fakeOf()
    const device = await deviceOf(fake, { rule: 'KEEP_BOTH' })
    await device.put('a', { n: 1 })
    fake.lose = 1
    await expect(device.push()).rejects.toThrow()
    await device.put('a', { n: 2 })
    await device.sync()
    expect([fake.values(), await device.inbox()]).toEqual([{ a: { n: 2 } }, []])
  })

  test('is recognized by its value where the feed does not say whose it is', async () => {
    const fake = fakeOf({ origins: false })
    const device = await deviceOf(fake, { rule: 'KEEP_BOTH' })
    await device.put('a', { n: 1 })
    fake.lose = 1
    await expect(device.push()).rejects.toThrow()
    await device.put('a', { n: 2 })
    await device.sync()
    expect([fake.values(), await device.inbox()]).toEqual([{ a: { n: 2 } }, []])
  })

  test('is recognized in a conflict that shows it, with an edit that was made meanwhile', async () => {
    const fake = fakeOf()
    fake.put('a', { n: 0 })
    const device = await deviceOf(fake, { rule: 'KEEP_BOTH' })
    await device.pull()
    await device.put('a', { n: 1 })
    fake.lose = 1
    await expect(device.push()).rejects.toThrow()
    await device.put('a', { n: 2 })
    // The feed is late: it does not show the effect yet.
    const [late] = fake.log.splice(1)
    await device.sync(1)
    fake.log.push(late!)
    await device.sync()
    expect([fake.values(), await device.inbox()]).toEqual([{ a: { n: 2 } }, []])
    await mustAgree(device)
  })

  test('comes back under another id, and record, changes and the old id follow it', async () => {
    const fake = fakeOf({ rename: id => `srv-${id}` })
    const device = await deviceOf(fake)
    const [change] = await device.put('a', { n: 1 })
    fake.lose = 1
    await expect(device.push()).rejects.toThrow()
    await device.put('a', { n: 2 })
    await device.sync()
    expect(fake.values()).toEqual({ 'srv-a': { n: 2 } })
    expect(await device.values()).toEqual(fake.values())
    expect(await device.alias('a')).toEqual({ to: 'srv-a' })
    expect(await device.outcome(change!)).toBe('accepted')
    await mustAgree(device)
  })

  test('changes nothing when its steps are shown', async () => {
    const fake = fakeOf()
    const device = await deviceOf(fake)
    await device.pull()
    const [change] = await device.put('a', { n: 1 })
    fake.lose = 1
    await expect(device.push()).rejects.toThrow()
    const effect = fake.log.pop()!
    fake.put('a', { n: 0 }, { origin: `${change}_1` })
    fake.repeat(effect)
    await device.pull()
    expect(await device.values()).toEqual({ a: { n: 1 } })
    expect([await device.rows(), await device.inbox()]).toEqual([[], []])
  })

  test('changes nothing when the feed repeats it after it was replaced', async () => {
    const fake = fakeOf()
    const device = await deviceOf(fake, { rule: 'KEEP_BOTH' })
    await device.put('a', { n: 1 })
    await device.sync()
    await device.put('a', { n: 2 })
    await device.sync()
    fake.repeat(fake.log[0]!)
    await device.put('a', { n: 3 })
    await device.sync()
    expect([fake.values(), await device.inbox()]).toEqual([{ a: { n: 3 } }, []])
  })

  test('is a conflict when a listing shows it after it was replaced: the remote went back', async () => {
    const fake = fakeOf()
    const device = await deviceOf(fake, { rule: 'CLIENT_WINS' })
    await device.put('a', { n: 1 })
    await device.sync()
    await device.put('a', { n: 2 })
    await device.sync()
    fake.rows.set('a', fake.log[0]!)
    fake.log.length = 0
    await device.startOver()
    await device.pull()
    expect(await device.inbox()).toMatchObject([{ local: { value: { n: 2 } }, theirs: { value: { n: 1 } } }])
    await device.sync()
    expect(fake.values()).toEqual({ a: { n: 2 } })
    await mustAgree(device)
  })

  test('is a conflict that is judged once, however long judging takes', async () => {
    const world = worldOf()
    const resolver = createResolver()
    const fake = fakeOf()
    const device = await deviceOf(fake, {
      rule: 'CLIENT_WINS',
      world,
      resolver: {
        judge(cases) {
          world.jump(1)
          return resolver.judge(cases)
        },
      },
    })
    await device.put('a', { n: 1 })
    await device.sync()
    fake.put('a', { n: 2 })
    await device.pull()
    fake.rows.set('a', fake.log[0]!)
    fake.log.length = 0
    await device.startOver()
    await device.sync()
    expect(fake.values()).toEqual({ a: { n: 2 } })
    expect(await device.inbox()).toHaveLength(1)
  })

  test('stands when the same rows come twice around it, in and after flight', async () => {
    const fake = fakeOf()
    fake.put('a', { n: 0 })
    fake.put('a', { n: 1 })
    const device = await deviceOf(fake, { rule: 'KEEP_BOTH' })
    await device.pull()
    await device.put('a', { n: 2 })
    fake.lose = 1
    await expect(device.push()).rejects.toThrow()
    // The feed begins again two rows earlier.
    const effect = fake.log.pop()!
    fake.repeat(fake.log[0]!)
    fake.repeat(fake.log[1]!)
    fake.repeat(effect)
    await device.sync()
    expect([await device.values(), await device.inbox()]).toEqual([{ a: { n: 2 } }, []])
  })
})

describe('rows that come late', () => {
  test('are passed over where the remote says which is newer', async () => {
    const fake = fakeOf({ orders: true })
    const first = fake.put('a', { n: 1 })
    fake.put('a', { n: 2 })
    const device = await deviceOf(fake)
    await device.pull()
    fake.repeat(first)
    await device.pull()
    expect(await device.values()).toEqual({ a: { n: 2 } })
  })

  test('are passed over below an edit that moved on to a newer one', async () => {
    const fake = fakeOf({ orders: true })
    fake.put('a', { n: 1 })
    const device = await deviceOf(fake, { rule: 'CLIENT_WINS' })
    await device.pull()
    await device.put('a', { n: 9 })
    const second = fake.put('a', { n: 2 })
    fake.put('a', { n: 3 })
    await device.pull()
    const before = await device.inbox()
    fake.repeat(second)
    await device.pull()
    expect(await device.inbox()).toEqual(before)
    expect(await device.rows()).toMatchObject([{ base: { version: 3 } }])
  })

  test('are passed over after an accepted edit, whose echo came without its order', async () => {
    const fake = fakeOf({ orders: true })
    fake.put('a', { n: 1 })
    const second = fake.put('a', { n: 2 })
    const device = await deviceOf(fake)
    await device.sync()
    await device.put('a', { n: 3 })
    await device.sync()
    fake.repeat(second)
    await device.pull()
    expect(await device.values()).toEqual({ a: { n: 3 } })
  })
})

describe('what the remote shows while a change is under way', () => {
  test('is kept, and met when the change is refused', async () => {
    const fake = fakeOf({ shows: false })
    fake.put('a', { n: 0 })
    const device = await deviceOf(fake, { rule: 'KEEP_BOTH' })
    await device.pull()
    const [change] = await device.put('a', { n: 1 })
    fake.answer = ({ change }) => ({ change, state: 'unknown' })
    fake.meanwhile = () => fake.put('a', { n: 2 })
    await device.push()
    fake.meanwhile = undefined
    fake.answer = undefined
    await device.pull()
    expect(await device.rows()).toMatchObject([{ state: 'sent', seen: { value: { n: 2 } } }])
    await device.sync()
    expect(fake.values()).toEqual({ a: { n: 2 }, [`${change}-copy`]: { n: 1 } })
    expect(await device.values()).toEqual(fake.values())
    await mustAgree(device)
  })

  test('is met when the change is refused for good', async () => {
    const fake = fakeOf({ shows: false })
    fake.put('a', { n: 0 })
    const device = await deviceOf(fake, { rule: 'SERVER_WINS' })
    await device.pull()
    await device.put('a', { n: 1 })
    fake.answer = ({ change }) => ({ change, state: 'unknown' })
    fake.meanwhile = () => fake.put('a', { n: 2 })
    await device.push()
    fake.meanwhile = undefined
    await device.pull()
    fake.answer = ({ change }) => ({ change, state: 'rejected', code: 'forbidden', reason: 'No.' })
    await device.sync()
    expect([await device.values(), await device.rows()]).toEqual([{ a: { n: 2 } }, []])
    expect(await device.inbox()).toMatchObject([{ local: { value: { n: 1 } }, loses: 'local' }])
  })

  test('is forgotten when the remote shows the base again', async () => {
    const fake = fakeOf({ origins: false })
    const base = fake.put('a', { n: 0 })
    const device = await deviceOf(fake, { rule: 'KEEP_BOTH' })
    await device.pull()
    await device.put('a', { n: 1 })
    fake.answer = ({ change }) => ({ change, state: 'unknown' })
    await device.push()
    fake.answer = undefined
    fake.put('a', { n: 7 })
    fake.put('a', base.value, { version: base.version })
    await device.pull()
    await device.sync()
    expect([fake.values(), await device.inbox()]).toEqual([{ a: { n: 1 } }, []])
    expect(await device.values()).toEqual({ a: { n: 1 } })
  })

  test('does not lose an edit that was made after a refusal', async () => {
    const fake = fakeOf({ shows: false })
    fake.put('a', { n: 0 })
    const device = await deviceOf(fake, { rule: 'SERVER_WINS' })
    await device.pull()
    const [first] = await device.put('a', { n: 1 })
    fake.put('a', { n: 2 })
    await device.push()
    expect(await device.rows()).toMatchObject([{ state: 'waiting', refused: true }])
    const [second] = await device.put('a', { n: 3 })
    await device.sync()
    expect([await device.values(), fake.values()]).toEqual([{ a: { n: 2 } }, { a: { n: 2 } }])
    expect(await device.inbox()).toMatchObject([{ local: { value: { n: 3 } }, loses: 'local' }])
    expect([await device.outcome(first!), await device.outcome(second!)]).toEqual(['conflicted', 'conflicted'])
    await mustAgree(device)
  })

  test('does not lose an edit that was made after a refusal when both come to the same', async () => {
    const fake = fakeOf({ shows: false })
    fake.put('a', { n: 0 })
    const device = await deviceOf(fake, { rule: 'SERVER_WINS' })
    await device.pull()
    await device.put('a', { n: 1 })
    fake.put('a', { n: 1 })
    await device.push()
    await device.put('a', { n: 3 })
    await device.sync()
    expect([await device.values(), fake.values()]).toEqual([{ a: { n: 3 } }, { a: { n: 3 } }])
    expect(await device.inbox()).toEqual([])
  })
})

describe('a pulled value that does not fit', () => {
  const misfit = (_: string, value: unknown) => ((value as Value).n === 'bad' ? 'n is bad' : undefined)

  test('is kept, marked and passed', async () => {
    const fake = fakeOf()
    fake.put('a', { n: 'bad' })
    fake.put('b', { n: 1 })
    const device = await deviceOf(fake, { misfit })
    await device.pull()
    expect(await device.values()).toEqual({ a: { n: 'bad' }, b: { n: 1 } })
    expect((await device.meta('a'))?.misfit).toBe('n is bad')
    expect(device.notices).toHaveLength(1)
    fake.put('a', { n: 2 })
    await device.pull()
    expect((await device.meta('a'))?.misfit).toBeUndefined()
  })

  test('is seen again when it was replaced here', async () => {
    const fake = fakeOf()
    fake.put('a', { n: 'bad' })
    const device = await deviceOf(fake, { misfit })
    await device.pull()
    await device.put('a', { n: 2 })
    expect((await device.meta('a'))?.misfit).toBeUndefined()
  })

  test('does not mark a record that has a newer value', async () => {
    const fake = fakeOf({ orders: true })
    const bad = fake.put('a', { n: 'bad' })
    fake.put('a', { n: 2 })
    const device = await deviceOf(fake, { misfit })
    await device.pull()
    fake.repeat(bad)
    await device.pull()
    expect(await device.value('a')).toEqual({ n: 2 })
    expect((await device.meta('a'))?.misfit).toBeUndefined()
  })
})
