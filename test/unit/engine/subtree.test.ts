import { describe, expect, test } from 'vitest'
import type { Rule } from '../../../src/model.ts'
import { deviceOf, mustAgree } from './device.ts'
import { type FakeOptions, fakeOf, file, folder, tree, worldOf } from './kit.ts'

const treeFake = (options: FakeOptions = {}) => fakeOf({ name: 'tree', source: tree, ...options })

/** root: f { g { x }, y }, h */
async function planted(rule: Rule, options: FakeOptions = {}) {
  const fake = treeFake(options)
  fake.put('f', folder('f'))
  fake.put('g', folder('g', 'f'))
  fake.put('x', file('x', 'g'))
  fake.put('y', file('y', 'f'))
  fake.put('h', folder('h'))
  const device = await deviceOf(fake, { rule })
  await device.pull()
  return { fake, device }
}

const names = (values: object): string[] => Object.keys(values).sort()

describe('a folder that the remote deleted with one row', () => {
  test('takes along what is clean below it', async () => {
    const { fake, device } = await planted('KEEP_BOTH')
    fake.deleteTree('f')
    await device.sync()
    expect(names(await device.values())).toEqual(['h'])
    expect(await device.inbox()).toEqual([])
    await mustAgree(device)
  })

  test('counts for the brake with all that is in it', async () => {
    const fake = treeFake()
    fake.put('f', folder('f'))
    for (let at = 0; at < 25; at++) fake.put(`x${at}`, file(`x${at}`, 'f'))
    const device = await deviceOf(fake)
    await device.pull()
    fake.deleteTree('f')
    await expect(device.pull()).rejects.toMatchObject({ code: 'mass-delete', details: { brake: { deletes: 26 } } })
  })

  test('comes back for an edit below it under KEEP_BOTH, with the folders on the way and one inbox entry', async () => {
    const { fake, device } = await planted('KEEP_BOTH')
    await device.put('x', file('x', 'g', 'new'))
    fake.deleteTree('f')
    await device.sync()
    expect(names(fake.values())).toEqual(['f', 'g', 'h', 'x'])
    expect(await device.values()).toEqual(fake.values())
    expect(fake.values().x).toEqual(file('x', 'g', 'new'))
    expect((await device.inbox()).map(({ record, state }) => [record, state])).toEqual([['f', 'settled']])
    await mustAgree(device)
  })

  test('takes an edit along under SERVER_WINS, and the inbox keeps all of it', async () => {
    const { fake, device } = await planted('SERVER_WINS')
    const [change] = await device.put('x', file('x', 'g', 'new'))
    fake.deleteTree('f')
    await device.sync()
    expect([names(await device.values()), names(fake.values())]).toEqual([['h'], ['h']])
    const [entry, ...more] = await device.inbox()
    expect(more).toEqual([])
    expect(entry).toMatchObject({ record: 'f', loses: 'local' })
    expect(entry!.below).toContainEqual({ id: 'x', value: file('x', 'g', 'new') })
    expect(await device.outcome(change!)).toBe('conflicted')
    await mustAgree(device)
  })

  test('leaves what was moved out of it, as a clash of its own', async () => {
    const { fake, device } = await planted('KEEP_BOTH')
    await device.put('x', file('x', 'h', 'new'))
    fake.deleteTree('f')
    await device.sync()
    expect(names(fake.values())).toEqual(['h', 'x'])
    expect(await device.values()).toEqual(fake.values())
    await mustAgree(device)
  })

  test('takes along what is in a folder that was moved out of it', async () => {
    const { fake, device } = await planted('SERVER_WINS')
    await device.put('g', folder('g', 'h'))
    fake.deleteTree('f')
    await device.sync()
    expect(names(fake.values())).toEqual(['h'])
    expect(await device.values()).toEqual(fake.values())
    await mustAgree(device)
  })

  test('does not take along what the remote moved out of it in the same page, edited here', async () => {
    const { fake, device } = await planted('SERVER_WINS')
    await device.put('x', file('x', 'g', 'new'))
    fake.put('x', file('x', 'h'))
    fake.deleteTree('f')
    await device.sync()
    expect(names(fake.values())).toEqual(['h', 'x'])
    expect(await device.values()).toEqual(fake.values())
    expect((await device.value('x'))?.parent).toBe('h')
    await mustAgree(device)
  })

  test('does not take along a file that was put into it after it was deleted here', async () => {
    const { fake, device } = await planted('KEEP_BOTH')
    await device.put('f', null)
    const [change] = await device.put('z', file('z', 'f'))
    fake.deleteTree('f')
    await device.pull()
    expect(await device.value('z')).toEqual(file('z', 'f'))
    await device.sync()
    expect(await device.outcome(change!)).not.toBe('lost')
    expect(names({ ...(await device.values()) })).toContain('z')
    await mustAgree(device)
  })

  test('does not take along a file that was put into it since, when the feed says it again', async () => {
    const { fake, device } = await planted('KEEP_BOTH')
    fake.deleteTree('f')
    await device.pull()
    await device.put('z', file('z', 'f'))
    fake.repeat(fake.log.at(-1)!)
    await device.pull()
    expect(await device.value('z')).toEqual(file('z', 'f'))
    await device.sync()
    expect(names(fake.values())).toEqual(['f', 'h', 'z'])
    expect(await device.values()).toEqual(fake.values())
    await mustAgree(device)
  })

  test('waits for an answer under MANUAL, and what is edited below it waits with it', async () => {
    const { fake, device } = await planted('MANUAL')
    await device.put('x', file('x', 'g', 'new'))
    fake.deleteTree('f')
    expect(await device.sync()).toBe(true)
    expect(fake.sent).toEqual([])
    expect((await device.rows()).find(({ id }) => id === 'f')).toMatchObject({ state: 'asked' })
    expect(await device.value('x')).toEqual(file('x', 'g', 'new'))
    await mustAgree(device)
  })

  test('is no conflict when the edits below it are deletions too', async () => {
    const { fake, device } = await planted('KEEP_BOTH')
    await device.put('x', null)
    fake.deleteTree('f')
    await device.sync()
    expect([names(await device.values()), await device.inbox(), await device.rows()]).toEqual([['h'], [], []])
  })

  test('leaves an edit below it that is under way to its own outcome', async () => {
    const { fake, device } = await planted('KEEP_BOTH')
    await device.put('x', file('x', 'g', 'new'))
    fake.meanwhile = () => {
      fake.meanwhile = undefined
      fake.deleteTree('f')
    }
    fake.answer = ({ change }) => ({ change, state: 'unknown' })
    await device.push()
    fake.answer = undefined
    await device.sync()
    expect(names(fake.values())).toContain('x')
    expect(await device.values()).toEqual(fake.values())
    await mustAgree(device)
  })
})

describe('a folder that was deleted here', () => {
  test.each<Rule>(['KEEP_BOTH', 'SERVER_WINS'])('comes back under %s when something came into it', async rule => {
    const { fake, device } = await planted(rule)
    await device.put('f', null)
    fake.put('z', file('z', 'f'))
    await device.sync()
    expect(names(fake.values())).toEqual(['f', 'h', 'z'])
    expect(await device.values()).toEqual(fake.values())
    expect((await device.inbox()).map(({ record }) => record)).toEqual(['f'])
    await mustAgree(device)
  })

  test('comes back with a folder in it that comes back, although its own change is the older one', async () => {
    const { fake, device } = await planted('KEEP_BOTH')
    await device.put('f', folder('renamed'))
    await device.put('f', null)
    fake.put('z', file('z', 'g'))
    await device.pull()
    await device.push()
    expect(fake.sent.flat().map(({ id }) => id)).not.toContain('f')
    await device.sync()
    expect(names(fake.values())).toEqual(['f', 'g', 'h', 'z'])
    expect(await device.values()).toEqual(fake.values())
    await mustAgree(device)
  })

  test('takes along what came into it under CLIENT_WINS', async () => {
    const { fake, device } = await planted('CLIENT_WINS')
    await device.put('f', null)
    fake.put('z', file('z', 'f'))
    await device.sync()
    expect(names(fake.values())).toEqual(['h'])
    expect(await device.values()).toEqual({ h: folder('h') })
    expect(await device.inbox()).toMatchObject([{ record: 'f', below: [{ id: 'z' }] }])
    await mustAgree(device)
  })

  test('waits when its deletion is refused as not empty, until a pull shows why', async () => {
    const { fake, device } = await planted('KEEP_BOTH')
    await device.put('f', null)
    fake.answer = change =>
      change.id === 'f' && Object.values(fake.values()).some(one => one.parent === 'f')
        ? { change: change.change, state: 'conflict' }
        : undefined
    fake.meanwhile = () => {
      fake.meanwhile = undefined
      fake.put('z', file('z', 'f'))
    }
    await device.sync()
    expect(names(fake.values())).toEqual(['f', 'h', 'z'])
    expect(await device.values()).toEqual(fake.values())
  })
})

describe('a file that is put into a folder which the remote deleted', () => {
  test('brings the folder back also when it was deleted from here', async () => {
    const { fake, device } = await planted('KEEP_BOTH')
    await device.put('f', null)
    await device.sync()
    await device.put('z', file('z', 'g'))
    await device.sync()
    expect(names(fake.values())).toEqual(['f', 'g', 'h', 'z'])
    expect(await device.values()).toEqual(fake.values())
    await mustAgree(device)
  })

  test('brings the folder back, empty, under KEEP_BOTH', async () => {
    const { fake, device } = await planted('KEEP_BOTH')
    fake.deleteTree('f')
    await device.pull()
    await device.put('z', file('z', 'g'))
    await device.sync()
    expect(names(fake.values())).toEqual(['f', 'g', 'h', 'z'])
    expect(await device.values()).toEqual(fake.values())
    await mustAgree(device)
  })

  test('gives way under SERVER_WINS, and the inbox keeps it', async () => {
    const { fake, device } = await planted('SERVER_WINS')
    fake.deleteTree('f')
    await device.pull()
    const [change] = await device.put('z', file('z', 'g'))
    await device.sync()
    expect(names(await device.values())).toEqual(['h'])
    expect(await device.inbox()).toMatchObject([{ local: { value: file('z', 'g') }, by: 'tree', loses: 'local' }])
    expect(await device.outcome(change!)).toBe('conflicted')
    await mustAgree(device)
  })

  test('by a move goes back to where it was under SERVER_WINS', async () => {
    const { fake, device } = await planted('SERVER_WINS')
    fake.put('w', file('w'))
    await device.pull()
    fake.deleteTree('f')
    await device.pull()
    await device.put('w', file('w', 'g'))
    await device.sync()
    expect(await device.value('w')).toEqual(file('w'))
    expect(await device.values()).toEqual(fake.values())
  })
})

test('a row for a whole folder that is not known here is kept as a tombstone', async () => {
  const fake = treeFake()
  const device = await deviceOf(fake, { world: worldOf() })
  await device.pull()
  fake.put('nobody', null, { subtree: true })
  await device.pull()
  expect(await device.value('nobody')).toBeNull()
})
