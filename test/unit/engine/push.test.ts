import { describe, expect, test } from 'vitest'
import type { Ground } from '../../../src/engine/ground.ts'
import { push } from '../../../src/engine/push.ts'
import { SyncError } from '../../../src/errors.ts'
import type { Change } from '../../../src/model.ts'
import { deviceOf, mustAgree } from './device.ts'
import { fakeOf, worldOf } from './kit.ts'

const many = (count: number): string[] => Array.from({ length: count }, (_, at) => `n${at}`)

describe('a change that is sent', () => {
  test('is marked in a commit before the request leaves, with epoch and deadline, and sealed', async () => {
    const fake = fakeOf()
    const device = await deviceOf(fake)
    await device.put('a', { n: 1 })
    const marks: unknown[] = []
    fake.meanwhile = async () => {
      marks.push(...(await device.rows()))
      await mustAgree(device)
    }
    await device.push()
    expect(marks).toMatchObject([
      { state: 'sent', sealed: true, epoch: 1, tries: 1, deadline: device.world.now() + 60_000, after: 0 },
    ])
  })

  test('goes out again with the same id and content when no answer came and no pull showed it', async () => {
    const fake = fakeOf()
    const device = await deviceOf(fake)
    await device.put('a', { n: 1 })
    fake.failSends.push(new SyncError('timeout', 'No answer.'))
    await expect(device.push()).rejects.toThrow()
    expect((await device.push()).state).toBe('nothing') // before it, a pull
    expect(fake.sent).toHaveLength(1)
    await device.sync()
    expect(fake.sent).toHaveLength(2)
    const bare = ({ change, value, base }: Change) => ({ change, value, base })
    expect(fake.sent[1]!.map(bare)).toEqual(fake.sent[0]!.map(bare))
  })

  test('is not sent by a leader that was robbed meanwhile', async () => {
    const fake = fakeOf()
    const device = await deviceOf(fake)
    await device.put('a', { n: 1 })
    await device.raw(tx => tx.rows('meta').putMany([{ key: ['leader'], row: { epoch: 2, beat: 1 } }]))
    await expect(device.push()).rejects.toMatchObject({ code: 'stale-leader' })
    await expect(device.pull()).rejects.toMatchObject({ code: 'stale-leader' })
    expect([fake.sent, device.world.fetched]).toEqual([[], []])
  })

  test('is not filed by a leader that was robbed while the request was under way', async () => {
    const fake = fakeOf()
    const device = await deviceOf(fake)
    await device.put('a', { n: 1 })
    fake.meanwhile = () => device.raw(tx => tx.rows('meta').putMany([{ key: ['leader'], row: { epoch: 2, beat: 1 } }]))
    await expect(device.push()).rejects.toMatchObject({ code: 'stale-leader' })
    expect(await device.rows()).toMatchObject([{ state: 'sent', epoch: 1 }])
    const next: Ground = { ...device.on, epoch: 2 }
    const { pull } = await import('../../../src/engine/pull.ts')
    await pull(next)
    expect([await device.rows(), await device.inbox()]).toEqual([[], []])
    expect(fake.values()).toEqual({ a: { n: 1 } })
  })

  test('does not leave after its deadline, nor when the clock jumped; it is prepared anew', async () => {
    const world = worldOf()
    const fake = fakeOf()
    const device = await deviceOf(fake, { world })
    await device.put('a', { n: 1 })
    const send = fake.transport.push!.send
    const slow: Ground = {
      ...device.on,
      transport: {
        ...fake.transport,
        push: {
          ...fake.transport.push!,
          async send(changes, io) {
            world.jump(365 * 24 * 3_600_000)
            return send(changes, io)
          },
        },
      },
    }
    await expect(push(slow)).rejects.toMatchObject({ code: 'late' })
    expect(fake.sent).toEqual([])
    expect(await device.rows()).toMatchObject([{ state: 'waiting', sealed: true }])
    await mustAgree(device)
    await world.pass(1_000)
    await device.sync()
    expect(fake.values()).toEqual({ a: { n: 1 } })
  })

  test('is cleared by its own answer only, not by one to an older change', async () => {
    const fake = fakeOf()
    const device = await deviceOf(fake)
    const [first] = await device.put('a', { n: 1 })
    await device.sync()
    await device.put('a', { n: 2 })
    fake.answer = () => ({ change: first!, state: 'accepted', version: 77 })
    await device.push()
    expect(await device.rows()).toMatchObject([{ state: 'sent', value: { n: 2 } }])
    expect(await device.value('a')).toEqual({ n: 2 })
  })
})

describe('a refusal', () => {
  test('without a reason waits for a pull, then meets what it brought', async () => {
    const fake = fakeOf({ shows: false })
    fake.put('a', { n: 0 })
    const device = await deviceOf(fake, { rule: 'CLIENT_WINS' })
    await device.pull()
    await device.put('a', { n: 1 })
    fake.put('a', { n: 2 })
    await device.push()
    expect(await device.rows()).toMatchObject([{ state: 'waiting', refused: true, after: 1 }])
    expect((await device.push()).state).toBe('nothing')
    await device.sync()
    expect(fake.values()).toEqual({ a: { n: 1 } })
    expect(fake.sent).toHaveLength(2)
  })

  test('folds the change and its successor into one, judged as one', async () => {
    const fake = fakeOf()
    fake.put('a', { n: 0 })
    const device = await deviceOf(fake, { rule: 'KEEP_BOTH' })
    await device.pull()
    const [first] = await device.put('a', { n: 1 })
    const seconds: string[] = []
    fake.meanwhile = async () => {
      fake.meanwhile = undefined
      fake.put('a', { n: 9 })
      seconds.push(...(await device.put('a', { n: 2 })))
    }
    await device.sync()
    expect(Object.values(fake.values())).toEqual([{ n: 9 }, { n: 2 }])
    expect(await device.inbox()).toMatchObject([{ local: { value: { n: 2 } }, base: { value: { n: 0 } } }])
    expect(await Promise.all([first!, seconds[0]!].map(device.outcome))).toEqual(['conflicted', 'conflicted'])
    await mustAgree(device)
  })

  test('that no pull explains is held in the end, and the rest flows on', async () => {
    const world = worldOf()
    const fake = fakeOf()
    const device = await deviceOf(fake, { world })
    fake.answer = ({ change, id }) => (id === 'a' ? { change, state: 'conflict' } : undefined)
    await device.put('a', { n: 1 })
    await device.put('b', { n: 1 })
    for (let round = 0; round < 20; round++) {
      await device.sync()
      await world.pass(300_000)
    }
    expect(fake.sent.flat().filter(({ id }) => id === 'a')).toHaveLength(8)
    expect(await device.rows()).toMatchObject([{ id: 'a', state: 'held', reason: { code: 'conflict' } }])
    expect(fake.values()).toEqual({ b: { n: 1 } })
  })

  test('for good holds the change with its reason, folded with what was edited meanwhile', async () => {
    const fake = fakeOf()
    const device = await deviceOf(fake)
    const [first] = await device.put('a', { n: 1 })
    const seconds: string[] = []
    fake.answer = ({ change }) => ({ change, state: 'rejected', code: 'too-large', reason: 'Too much.' })
    fake.meanwhile = async () => {
      fake.meanwhile = undefined
      seconds.push(...(await device.put('a', { n: 2 })))
    }
    expect(await device.sync()).toBe(true)
    const [row, ...more] = await device.rows()
    expect(more).toEqual([])
    expect(row).toMatchObject({ state: 'held', value: { n: 2 }, reason: { code: 'too-large', message: 'Too much.' } })
    expect(await device.change(first!)).toMatchObject({ into: row!.change })
    expect(await device.change(seconds[0]!)).toMatchObject({ into: row!.change })
    await mustAgree(device)
  })

  test('of a whole request for what is in it is put down to the one change that it is about', async () => {
    const fake = fakeOf()
    const device = await deviceOf(fake)
    for (const id of many(5)) await device.put(id, { id })
    fake.meanwhile = changes => {
      if (changes.some(({ id }) => id === 'n3')) throw new SyncError('too-large', 'Too much.')
    }
    expect(await device.sync()).toBe(true)
    expect(Object.keys(fake.values())).toEqual(['n0', 'n1', 'n2', 'n4'])
    expect(await device.rows()).toMatchObject([{ id: 'n3', state: 'held', reason: { message: 'Too much.' } }])
    await mustAgree(device)
  })
})

describe('an answer', () => {
  test('that does not mention a change leaves it sent, and it goes out at growing distances', async () => {
    const world = worldOf()
    const fake = fakeOf()
    const device = await deviceOf(fake, { world })
    fake.answer = ({ change }) => ({ change, state: 'unknown' })
    await device.put('a', { n: 1 })
    expect(await device.sync(30)).toBe(true)
    expect(fake.sent.length).toBeLessThan(10)
    expect(await device.rows()).toMatchObject([{ state: 'sent' }])
    fake.answer = undefined
    await world.pass(600_000)
    await device.sync()
    expect(fake.values()).toEqual({ a: { n: 1 } })
  })

  test('of "later" is respected, and a time in the past does not make a storm', async () => {
    const world = worldOf()
    const fake = fakeOf()
    const device = await deviceOf(fake, { world })
    const notBefore = world.now() + 30_000
    fake.answer = ({ change, id }) => ({
      change,
      state: 'later',
      notBefore: id === 'a' ? notBefore : 0,
      reason: 'Busy.',
    })
    await device.put('a', { n: 1 })
    await device.put('b', { n: 1 })
    expect(await device.sync(30)).toBe(true)
    expect(fake.sent.flat().filter(({ id }) => id === 'a')).toHaveLength(1)
    expect(fake.sent.length).toBeLessThan(10)
    fake.answer = undefined
    await world.pass(600_000)
    await device.sync()
    expect(fake.values()).toEqual({ a: { n: 1 }, b: { n: 1 } })
  })

  test('of "later", said before the clock was set back, is no reason to wait as long as the clock is behind (I12)', async () => {
    const world = worldOf()
    const fake = fakeOf()
    const device = await deviceOf(fake, { world })
    const notBefore = world.now()
    fake.answer = ({ change }) => {
      fake.answer = undefined
      world.jump(-40 * 24 * 3_600_000)
      return { change, state: 'later', notBefore, reason: 'Busy.' }
    }
    await device.put('a', { n: 1 })
    await device.sync()
    await world.pass(60_000)
    await device.sync()
    expect(fake.values()).toEqual({ a: { n: 1 } })
  })

  test('that says what the remote made of a change is what the record is', async () => {
    const fake = fakeOf()
    const device = await deviceOf(fake)
    await device.put('a', { n: 1 })
    fake.answer = ({ change, id }) => {
      const remote = fake.put(id, { n: 1, by: 'server' }, { origin: change })
      return { change, state: 'accepted', version: remote.version, remote }
    }
    await device.sync()
    expect(await device.values()).toEqual({ a: { n: 1, by: 'server' } })
  })

  test('of a remote that settled the conflict by itself is taken, and the inbox keeps what was dropped', async () => {
    const fake = fakeOf()
    fake.put('a', { n: 0 })
    const device = await deviceOf(fake, { rule: 'MANUAL' })
    await device.pull()
    const [change] = await device.put('a', { n: 1 })
    fake.answer = ({ change }) => ({
      change,
      state: 'settled',
      verdict: { take: 'remote' },
      remote: fake.put('a', { n: 2 }),
    })
    await device.sync()
    expect([await device.values(), await device.rows()]).toEqual([{ a: { n: 2 } }, []])
    expect(await device.inbox()).toMatchObject([{ by: 'remote', loses: 'local', local: { value: { n: 1 } } }])
    expect(await device.outcome(change!)).toBe('conflicted')
  })

  test('of a remote that kept both by itself makes no second copy here', async () => {
    const fake = fakeOf()
    fake.put('a', { n: 0 })
    const device = await deviceOf(fake, { rule: 'KEEP_BOTH' })
    await device.pull()
    await device.put('a', { n: 1 })
    fake.answer = ({ change, id, value }) => {
      if (id !== 'a') return undefined
      const remote = fake.put('a', { n: 2 })
      return { change, state: 'settled', verdict: { take: 'both' }, remote, copies: [fake.put('copy', value)] }
    }
    await device.sync()
    expect(fake.values()).toEqual({ a: { n: 2 }, copy: { n: 1 } })
    expect(await device.values()).toEqual(fake.values())
    expect(await device.inbox()).toMatchObject([{ by: 'remote', copy: 'copy' }])
    await mustAgree(device)
  })
})

describe('the brake on deletes from here', () => {
  async function emptied(count: number, allow: 'ask' | 'allow' = 'ask') {
    const fake = fakeOf({ most: 10 })
    for (const id of many(30)) fake.put(id, { n: 1 })
    const device = await deviceOf(fake, { onMassDelete: allow })
    await device.pull()
    for (const id of many(count)) await device.put(id, null)
    return { fake, device }
  }

  test('lets a few pass', async () => {
    const { fake, device } = await emptied(20)
    await device.sync()
    expect(Object.keys(fake.values())).toHaveLength(10)
  })

  test('asks before the first of many leaves', async () => {
    const { fake, device } = await emptied(21)
    await expect(device.sync()).rejects.toMatchObject({
      code: 'mass-delete',
      details: { brake: { direction: 'out', deletes: 21, known: 30 } },
    })
    expect(fake.sent).toEqual([])
  })

  test('lets pass what the app allowed, in many batches, and asks again for more', async () => {
    const { fake, device } = await emptied(25)
    const { putCheckpoint } = await import('../../../src/ledger/rows.ts')
    const checkpoint = await device.checkpoint()
    await device.raw(tx => putCheckpoint(tx, 'fake', { ...checkpoint, allowed: { out: 25 } }))
    await device.sync()
    expect(Object.keys(fake.values())).toHaveLength(5)
    expect((await device.checkpoint()).allowed?.out).toBeUndefined()
  })

  test('is not in the way of an app that allows all', async () => {
    const { fake, device } = await emptied(30, 'allow')
    await device.sync()
    expect(fake.values()).toEqual({})
  })
})

describe('a remote that guards nothing', () => {
  test('gets a change once when its answer comes', async () => {
    const fake = fakeOf({ guard: 'none', origins: false })
    const device = await deviceOf(fake)
    await device.put('a', { n: 1 })
    await device.sync()
    expect([fake.sent.length, await device.rows(), await device.inbox()]).toEqual([1, [], []])
  })

  test('gets a change again only after the deadline of the first, and after a pull', async () => {
    const world = worldOf()
    const fake = fakeOf({ guard: 'none', origins: false })
    const device = await deviceOf(fake, { world })
    await device.put('a', { n: 1 })
    fake.failSends.push(new SyncError('timeout', 'No answer.'))
    await expect(device.push()).rejects.toThrow()
    await device.sync()
    expect(fake.sent).toHaveLength(1)
    await world.pass(61_000)
    await device.sync()
    expect(fake.sent).toHaveLength(2)
    expect(fake.values()).toEqual({ a: { n: 1 } })
  })

  test('shows in the inbox what a change ran over', async () => {
    const fake = fakeOf({ guard: 'none', origins: false })
    fake.put('a', { n: 0 })
    const device = await deviceOf(fake, { rule: 'CLIENT_WINS' })
    await device.pull()
    await device.put('a', { n: 1 })
    fake.meanwhile = () => {
      fake.meanwhile = undefined
      fake.put('a', { n: 9 })
    }
    await device.sync()
    expect(fake.values()).toEqual({ a: { n: 1 } })
    expect(await device.values()).toEqual(fake.values())
    expect(await device.inbox()).toMatchObject([{ theirs: { value: { n: 9 } }, loses: 'remote' }])
    await mustAgree(device)
  })
})

test('a remote that can only be pushed to gets a change again after a lost answer, and can be called synced', async () => {
  const fake = fakeOf({ guard: 'key' })
  const { pull: _, ...transport } = fake.transport
  const device = await deviceOf({ ...fake, transport })
  await device.put('a', { n: 1 })
  fake.lose = 1
  await expect(device.sync()).rejects.toThrow()
  await device.sync()
  expect([fake.sent.length, await device.rows()]).toEqual([2, []])
  expect(await device.checkpoint()).toMatchObject({ walking: false, pulledAt: device.world.now() })
})

test('what was edited while a batch was filed is not in the way of the others of the batch', async () => {
  const fake = fakeOf()
  const device = await deviceOf(fake)
  for (const id of many(5)) await device.put(id, { n: 1 })
  fake.meanwhile = async () => {
    fake.meanwhile = undefined
    await device.put('n2', null)
    await device.put('n3', { n: 2 })
  }
  await device.sync()
  expect(fake.values()).toEqual({ n0: { n: 1 }, n1: { n: 1 }, n3: { n: 2 }, n4: { n: 1 } })
  expect(await device.values()).toEqual(fake.values())
  await mustAgree(device)
})
