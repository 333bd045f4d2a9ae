/** What the simulator found at a remote that guards nothing, each as the shortest story that shows it. */
import { describe, expect, test } from 'vitest'
import { SyncError } from '../../../src/errors.ts'
import type { Rule } from '../../../src/model.ts'
import { deviceOf, mustAgree } from './device.ts'
import { fakeOf } from './kit.ts'

const unguarded = { guard: 'none', origins: false } as const

/** A value of the remote that a device has replaced by its own. */
async function replaced() {
  const fake = fakeOf(unguarded)
  fake.put('a', { n: 0 })
  const device = await deviceOf(fake, { rule: 'SERVER_WINS' })
  await device.pull()
  await device.put('a', { n: 1 })
  await device.sync()
  return { fake, device }
}

describe('at a remote that guards nothing', () => {
  test.each<Rule>(['SERVER_WINS', 'MANUAL', 'KEEP_BOTH'])(
    'taking back a change that ran over another is in conflict with that other under %s (I5)',
    async rule => {
      const fake = fakeOf(unguarded)
      const device = await deviceOf(fake, { rule })
      await device.pull()
      await device.put('a', { n: 1 })
      fake.meanwhile = () => {
        fake.put('a', { n: 9 })
      }
      fake.afterwards = () => device.put('a', null)
      await device.push()
      fake.meanwhile = fake.afterwards = undefined
      await device.sync()
      const asks = rule === 'MANUAL'
      const [item] = await device.inbox()
      expect(item).toMatchObject({
        local: { value: null },
        theirs: { value: { n: 9 } },
        state: asks ? 'open' : 'settled',
      })
      await device.startOver()
      await device.sync()
      expect(await device.inbox()).toEqual([item])
      expect(await device.values()).toEqual(asks ? {} : { a: { n: 9 } })
      await mustAgree(device)
    },
  )

  test('what a change ran over is put back under SERVER_WINS, and the inbox keeps the change', async () => {
    const fake = fakeOf(unguarded)
    fake.put('a', { n: 0 })
    const device = await deviceOf(fake, { rule: 'SERVER_WINS' })
    await device.pull()
    const [change] = await device.put('a', { n: 1 })
    fake.meanwhile = () => {
      fake.meanwhile = undefined
      fake.put('a', { n: 9 })
    }
    await device.sync()
    expect([await device.values(), fake.values()]).toEqual([{ a: { n: 9 } }, { a: { n: 9 } }])
    expect(await device.inbox()).toMatchObject([{ theirs: { value: { n: 9 } }, local: { value: { n: 1 } } }])
    expect(await device.outcome(change!)).not.toBe('lost')
    await mustAgree(device)
  })

  test('a question about what a change ran over stays open when the remote goes on, about what is there now (I5)', async () => {
    const fake = fakeOf(unguarded)
    fake.put('a', { n: 0 })
    const device = await deviceOf(fake, { rule: 'MANUAL' })
    await device.pull()
    await device.put('a', { n: 1 })
    fake.meanwhile = () => {
      fake.meanwhile = undefined
      fake.put('a', { n: 9 })
    }
    await device.sync()
    fake.put('a', { n: 2 })
    await device.sync()
    expect(await device.inbox()).toMatchObject([
      { state: 'open', local: { value: { n: 2 } }, theirs: { value: { n: 9 } } },
    ])
    expect([await device.values(), fake.values()]).toEqual([{ a: { n: 2 } }, { a: { n: 2 } }])
    await mustAgree(device)
  })

  test.each([
    ['an edit', 'KEEP_BOTH', { n: 9 }],
    ['an edit', 'MANUAL', { n: 9 }],
    ['a delete', 'KEEP_BOTH', null],
    ['a delete', 'SERVER_WINS', null],
  ] as const)('what a late request of ours runs over is in the inbox, once: %s, %s (I5)', async (_, rule, theirs) => {
    const fake = fakeOf(unguarded)
    const device = await deviceOf(fake, { rule })
    await device.pull()
    for (const n of [1, 2]) {
      await device.put('a', { n })
      await device.sync()
    }
    await device.put('a', { n: 3 })
    fake.failSends = [new SyncError('network', 'The request is lost.')]
    await expect(device.push()).rejects.toThrow()
    const shown = fake.put('a', theirs)
    const late = fake.put('a', { n: 1 }) // the first request comes again
    await device.pull()
    fake.repeat(shown)
    fake.repeat(late)
    await device.sync()
    const told = (await device.inbox()).filter(({ local }) => local.value?.n === 1)
    expect(told).toMatchObject([{ local: { value: { n: 1 } }, theirs: { value: theirs }, loses: 'remote' }])
    await mustAgree(device)
  })

  test('what a log shows before the state that is known may be what a change of ours ran over: it is told (I5)', async () => {
    const { fake, device } = await replaced()
    const known = fake.put('a', { n: 7 })
    await device.pull()
    await device.put('a', { n: 8 })
    const { cursor } = await device.checkpoint()
    await device.land({ records: [{ ...known, value: { n: 5 }, version: 'before' }, known], cursor: cursor! }, cursor)
    expect((await device.inbox()).map(({ theirs }) => theirs.value)).toContainEqual({ n: 5 })
  })

  test('a value that we replaced is a conflict when it is shown again, once and not for ever', async () => {
    const { fake, device } = await replaced()
    fake.put('a', { n: 0 })
    await device.sync()
    expect(await device.inbox()).toMatchObject([{ local: { value: { n: 1 } }, theirs: { value: { n: 0 } } }])
    fake.put('a', { n: 2 })
    await device.sync()
    fake.put('a', { n: 0 })
    await device.sync()
    expect(await device.inbox()).toHaveLength(1)
    expect([await device.values(), fake.values()]).toEqual([{ a: { n: 0 } }, { a: { n: 0 } }])
  })
})
