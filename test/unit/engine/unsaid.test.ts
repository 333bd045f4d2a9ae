/** A remote that does not say whose a state is: it may be our own, sent before, or what somebody made of that. */
import { describe, expect, test } from 'vitest'
import type { Rule, Value } from '../../../src/model.ts'
import { deviceOf, mustAgree } from './device.ts'
import { fakeOf } from './kit.ts'

const merge: Rule = { fields: { tags: 'UNION' }, otherwise: 'LAST_WRITER_WINS', onDelete: 'KEEP_BOTH' }

/** What is sent for `a` arrives and is not answered; then `a` is edited here, and `theirs` is what the feed shows. */
async function inDoubt(rule: Rule, made: Value, edited: Value | null, theirs: Value | null) {
  const fake = fakeOf({ origins: false })
  const device = await deviceOf(fake, { rule })
  await device.pull()
  await device.put('a', made)
  fake.lose = 1
  await expect(device.push()).rejects.toThrow()
  fake.put('a', theirs)
  fake.log.splice(0, 1) // a feed of states does not show what came before
  await device.put('a', edited)
  expect(await device.sync()).toBe(true)
  expect(await device.values()).toEqual(fake.values())
  await mustAgree(device)
  return { fake, inbox: await device.inbox() }
}

describe('an edit of what was created in doubt', () => {
  test.each([
    ['CLIENT_WINS', { a: { n: 2 } }, 'remote'],
    ['KEEP_BOTH', { a: { n: 2 } }, 'remote'],
    ['SERVER_WINS', {}, 'local'],
  ] as const)('is in conflict with its delete, and the inbox says so: %s (I5)', async (rule, left, loses) => {
    const { fake, inbox } = await inDoubt(rule, { n: 1 }, { n: 2 }, null)
    expect(fake.values()).toEqual(left)
    expect(inbox).toMatchObject([
      { base: { value: { n: 1 } }, local: { value: { n: 2 } }, theirs: { value: null }, loses },
    ])
  })

  test('goes together with another part that somebody changed in it (I4)', async () => {
    const made = { a: 1, b: 1, tags: ['x'] }
    const theirs = { a: 1, b: 9, tags: ['x', 'y'] }
    const { fake, inbox } = await inDoubt(merge, made, { a: 2, b: 1, tags: ['x'] }, theirs)
    expect(fake.values()).toMatchObject({ a: { a: 2 } })
    expect(inbox.map(({ base }) => base?.value)).toEqual([{ a: 1 }])
  })

  test('is an edit of it, when that is what the feed shows (I4)', async () => {
    const { fake, inbox } = await inDoubt('SERVER_WINS', { n: 1 }, { n: 2 }, { n: 1 })
    expect([fake.values(), inbox]).toEqual([{ a: { n: 2 } }, []])
  })

  test('clashes with what somebody else created there meanwhile (I5)', async () => {
    const { fake, inbox } = await inDoubt('SERVER_WINS', { n: 1 }, { n: 2 }, { n: 9 })
    expect([fake.values(), inbox]).toMatchObject([{ a: { n: 9 } }, [{ base: null, loses: 'local' }]])
  })
})

test('what was deleted in doubt and made again is no conflict with that delete (I4)', async () => {
  const fake = fakeOf({ origins: false })
  fake.put('a', { n: 1 })
  const device = await deviceOf(fake, { rule: 'SERVER_WINS' })
  await device.pull()
  await device.put('a', null)
  fake.lose = 1
  await expect(device.push()).rejects.toThrow()
  await device.put('a', { n: 2 })
  await device.sync()
  expect([fake.values(), await device.inbox()]).toEqual([{ a: { n: 2 } }, []])
})

describe('at a remote that guards nothing', () => {
  test.each([
    ['SERVER_WINS', { a: { n: 1 } }, 'local'],
    ['KEEP_BOTH', { a: { n: 1 } }, 'local'],
    ['CLIENT_WINS', {}, 'remote'],
  ] as const)('what was deleted here and is back is a conflict: %s (I4)', async (rule, left, loses) => {
    const fake = fakeOf({ guard: 'none', origins: false })
    fake.put('a', { n: 1 })
    const device = await deviceOf(fake, { rule })
    await device.pull()
    await device.put('a', null)
    await device.sync()
    fake.put('a', { n: 1 }) // a creation that arrives a second time
    await device.sync()
    expect([fake.values(), await device.values()]).toEqual([left, left])
    expect(await device.inbox()).toMatchObject([{ local: { value: null }, theirs: { value: { n: 1 } }, loses }])
  })

  test('a device whose change is run over insists once, and then gives way (I12)', async () => {
    const fake = fakeOf({ guard: 'none', origins: false })
    fake.put('a', { n: 0 })
    const device = await deviceOf(fake, { rule: 'CLIENT_WINS' })
    await device.pull()
    await device.put('a', { n: 1 })
    // Another, who insists as well: whatever we put there, theirs is what the feed shows next.
    fake.answer = ({ change }) => {
      fake.put('a', { n: 9 })
      return { change, state: 'accepted', version: 0 }
    }
    expect(await device.sync()).toBe(true)
    expect([fake.sent.length, await device.values(), fake.values()]).toEqual([2, { a: { n: 9 } }, { a: { n: 9 } }])
    const [first, second] = await device.inbox()
    expect([first, second].map(one => one?.loses).sort()).toEqual(['local', 'remote'])
  })
})
