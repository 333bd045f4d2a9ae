import { describe, expect, test } from 'vitest'
import type { Rule } from '../../../src/model.ts'
import { deviceOf, mustAgree } from './device.ts'
import { type FakeOptions, fakeOf, file, folder, tree } from './kit.ts'

const treeFake = (options: FakeOptions = {}) => fakeOf({ name: 'tree', source: tree, ...options })
const names = (values: object): string[] => Object.keys(values).sort()

async function deviceWith(rule: Rule, options: FakeOptions = {}) {
  const fake = treeFake(options)
  const device = await deviceOf(fake, { rule })
  await device.pull()
  return { fake, device }
}

describe('the order of changes', () => {
  test('is parents first, and of a deleted folder itself last', async () => {
    const { fake, device } = await deviceWith('KEEP_BOTH')
    await device.put('x', file('x', 'g'))
    await device.put('g', folder('g', 'f'))
    await device.put('f', folder('f'))
    await device.sync()
    await device.put('f', null)
    await device.sync()
    expect(fake.sent.map(batch => batch.map(({ id }) => id))).toEqual([
      ['f', 'g', 'x'],
      ['x', 'g', 'f'],
    ])
  })

  test('lets what leaves a folder go before the folder is deleted', async () => {
    const { fake, device } = await deviceWith('KEEP_BOTH')
    fake.put('f', folder('f'))
    fake.put('x', file('x', 'f'))
    await device.pull()
    await device.put('x', file('x'))
    await device.put('f', null)
    await device.put('x', file('x', 'root', 'new'))
    await device.sync()
    expect(fake.sent.map(batch => batch.map(({ id, value }) => [id, value === null]))).toEqual([
      [
        ['x', false],
        ['f', true],
      ],
    ])
    expect(fake.values()).toEqual({ x: file('x', 'root', 'new') })
  })

  test('holds the dependents of a held creation back, and nothing else', async () => {
    const { fake, device } = await deviceWith('KEEP_BOTH')
    fake.answer = ({ change, id }) =>
      id === 'f' ? { change, state: 'rejected', code: 'forbidden', reason: 'No.' } : undefined
    await device.put('f', folder('f'))
    await device.sync()
    await device.put('x', file('x', 'f'))
    await device.put('y', file('y'))
    expect(await device.sync()).toBe(true)
    expect(names(fake.values())).toEqual(['y'])
    expect((await device.rows()).map(({ id, state }) => [id, state])).toEqual([
      ['f', 'held'],
      ['x', 'waiting'],
    ])
  })

  test('puts a parent into an earlier batch than its child where a batch is small', async () => {
    const { fake, device } = await deviceWith('KEEP_BOTH', { most: 1 })
    await device.put('x', file('x', 'f'))
    await device.put('f', folder('f'))
    await device.sync()
    expect(fake.sent.map(batch => batch.map(({ id }) => id))).toEqual([['f'], ['x']])
  })
})

describe('two that want one name', () => {
  test('two new folders become one, and what is in the local one moves along', async () => {
    const { fake, device } = await deviceWith('KEEP_BOTH')
    const [change] = await device.put('mine', folder('docs'))
    await device.put('x', file('x', 'mine'))
    fake.put('theirs', folder('docs'))
    await device.sync()
    expect(fake.values()).toEqual({ theirs: folder('docs'), x: file('x', 'theirs') })
    expect(await device.values()).toEqual(fake.values())
    expect(await device.alias('mine')).toEqual({ to: 'theirs' })
    expect([await device.inbox(), await device.outcome(change!)]).toEqual([[], 'accepted'])
    await mustAgree(device)
  })

  test('two new files of the same bytes become one', async () => {
    const { fake, device } = await deviceWith('KEEP_BOTH')
    await device.put('mine', file('a', 'root', 'same'))
    fake.put('theirs', file('a', 'root', 'same'))
    await device.sync()
    expect(fake.values()).toEqual({ theirs: file('a', 'root', 'same') })
    expect(await device.values()).toEqual(fake.values())
    expect(await device.inbox()).toEqual([])
  })

  test('two new files under KEEP_BOTH are both kept, the local one under another name', async () => {
    const { fake, device } = await deviceWith('KEEP_BOTH')
    await device.put('mine', file('a', 'root', 'one'))
    fake.put('theirs', file('a', 'root', 'two'))
    await device.sync()
    expect(fake.values()).toEqual({ mine: file('a copy 1', 'root', 'one'), theirs: file('a', 'root', 'two') })
    expect(await device.values()).toEqual(fake.values())
    expect(await device.inbox()).toMatchObject([{ record: 'mine', copy: 'mine', loses: 'nothing' }])
    await mustAgree(device)
  })

  test('two new files under SERVER_WINS leave the remote one, and the inbox keeps the other', async () => {
    const { fake, device } = await deviceWith('SERVER_WINS')
    const [change] = await device.put('mine', file('a', 'root', 'one'))
    fake.put('theirs', file('a', 'root', 'two'))
    await device.sync()
    expect(fake.values()).toEqual({ theirs: file('a', 'root', 'two') })
    expect(await device.values()).toEqual(fake.values())
    expect(await device.inbox()).toMatchObject([{ loses: 'local', local: { value: { sha: 'one' } } }])
    expect(await device.outcome(change!)).toBe('conflicted')
    await mustAgree(device)
  })

  test('two new files under CLIENT_WINS make the local bytes the next version of the remote one', async () => {
    const { fake, device } = await deviceWith('CLIENT_WINS')
    const [change] = await device.put('mine', file('a', 'root', 'one'))
    fake.put('theirs', file('a', 'root', 'two'))
    await device.sync()
    expect(fake.values()).toEqual({ theirs: file('a', 'root', 'one') })
    expect(await device.values()).toEqual(fake.values())
    expect(await device.outcome(change!)).toBe('accepted')
    await mustAgree(device)
  })

  test('two new files under MANUAL wait for an answer', async () => {
    const { fake, device } = await deviceWith('MANUAL')
    await device.put('mine', file('a', 'root', 'one'))
    fake.put('theirs', file('a', 'root', 'two'))
    expect(await device.sync()).toBe(true)
    expect(fake.values()).toEqual({ theirs: file('a', 'root', 'two') })
    expect(await device.inbox()).toMatchObject([{ record: 'mine', state: 'open', theirs: { id: 'theirs' } }])
    await mustAgree(device)
  })

  test.each<Rule>(['SERVER_WINS', 'CLIENT_WINS', 'KEEP_BOTH', 'MANUAL'])(
    'what was edited after the remote had refused it is what clashes: %s (I1)',
    async rule => {
      const { fake, device } = await deviceWith(rule)
      fake.answer = ({ change }) => ({ change, state: 'conflict' })
      await device.put('mine', file('a', 'root', 'one'))
      await device.push()
      fake.answer = undefined
      await device.put('mine', file('a', 'root', 'edited'))
      fake.put('theirs', file('a', 'root', 'two'))
      await device.sync()
      expect(await device.inbox()).toMatchObject([{ local: { value: { sha: 'edited' } } }])
      expect(fake.values()).toEqual({
        theirs: file('a', 'root', rule === 'CLIENT_WINS' ? 'edited' : 'two'),
        ...(rule === 'KEEP_BOTH' && { mine: file('a copy 1', 'root', 'edited') }),
      })
      await mustAgree(device)
    },
  )

  test('what got another name after the remote had refused it clashes with nothing', async () => {
    const { fake, device } = await deviceWith('SERVER_WINS')
    fake.answer = ({ change }) => ({ change, state: 'conflict' })
    await device.put('mine', file('a', 'root', 'one'))
    await device.push()
    fake.answer = undefined
    await device.put('mine', file('b', 'root', 'one'))
    fake.put('theirs', file('a', 'root', 'two'))
    await device.sync()
    expect(fake.values()).toEqual({ mine: file('b', 'root', 'one'), theirs: file('a', 'root', 'two') })
    expect(await device.inbox()).toEqual([])
    await mustAgree(device)
  })

  test('a new file and a folder are never one', async () => {
    const { fake, device } = await deviceWith('CLIENT_WINS')
    await device.put('mine', file('a'))
    fake.put('theirs', folder('a'))
    await device.sync()
    expect(fake.values()).toEqual({ mine: { ...file('a'), name: 'a copy 1' }, theirs: folder('a') })
    expect(await device.values()).toEqual(fake.values())
  })

  test.each<[Rule, string]>([
    ['KEEP_BOTH', 'a copy 1'],
    ['SERVER_WINS', 'b'],
  ])('a rename onto a taken name under %s ends as %j', async (rule, name) => {
    const { fake, device } = await deviceWith(rule)
    fake.put('mine', file('b'))
    await device.pull()
    await device.put('mine', { ...file('b'), name: 'a' })
    fake.put('theirs', file('a'))
    await device.sync()
    expect(fake.values()).toEqual({ mine: { ...file('b'), name }, theirs: file('a') })
    expect(await device.values()).toEqual(fake.values())
    expect(await device.inbox()).toHaveLength(1)
    await mustAgree(device)
  })

  test('an open question about a taken name is not closed by a walk that shows the record as it was', async () => {
    const { fake, device } = await deviceWith('MANUAL')
    fake.put('mine', file('b'))
    await device.pull()
    await device.put('mine', { ...file('b'), name: 'a' })
    fake.put('theirs', file('a'))
    await device.sync()
    await device.startOver()
    await device.sync()
    expect(await device.inbox()).toMatchObject([{ state: 'open', theirs: { id: 'theirs' } }])
    expect(await device.value('mine')).toEqual({ ...file('b'), name: 'a' })
  })

  test('a name that is free once an earlier change went out is no collision', async () => {
    const { fake, device } = await deviceWith('KEEP_BOTH')
    fake.put('a', file('one'))
    await device.pull()
    await device.put('a', { ...file('one'), name: 'two' })
    await device.put('b', file('one', 'root', 'b'))
    await device.sync()
    expect(fake.values()).toEqual({ a: { ...file('one'), name: 'two' }, b: file('one', 'root', 'b') })
    expect(await device.inbox()).toEqual([])
  })
})

describe('an edit in a folder that the remote deleted', () => {
  test.each<Rule>(['KEEP_BOTH', 'CLIENT_WINS'])(
    'under %s finds its folder, however many walks come before it goes out',
    async rule => {
      const { fake, device } = await deviceWith(rule)
      fake.put('g', folder('g'))
      fake.put('f', folder('f', 'g'))
      fake.put('e', file('e', 'f'))
      await device.pull()
      await device.put('e', file('e', 'f', 'mine'))
      for (const id of ['e', 'f', 'g']) fake.put(id, null)
      for (let walk = 0; walk < 3; walk++) {
        await device.startOver()
        await device.pull()
      }
      expect(await device.sync()).toBe(true)
      expect(fake.values()).toEqual({ g: folder('g'), f: folder('f', 'g'), e: file('e', 'f', 'mine') })
      expect(await device.values()).toEqual(fake.values())
      expect(await device.rows()).toEqual([])
    },
  )
})

describe('a ring of folders', () => {
  test('that two moves would make leaves the remote as it is, and the inbox says so once', async () => {
    const { fake, device } = await deviceWith('KEEP_BOTH')
    fake.put('a', folder('a'))
    fake.put('b', folder('b'))
    await device.pull()
    await device.put('a', folder('a', 'b'))
    fake.put('b', folder('b', 'a'))
    expect(await device.sync()).toBe(true)
    expect(fake.values()).toEqual({ a: folder('a'), b: folder('b', 'a') })
    expect(await device.values()).toEqual(fake.values())
    expect(await device.inbox()).toMatchObject([{ record: 'a', by: 'tree', loses: 'parts' }])
    await mustAgree(device)
  })

  test('made of a new folder is held', async () => {
    const { device } = await deviceWith('KEEP_BOTH')
    await device.put('a', folder('a', 'a'))
    expect(await device.sync()).toBe(true)
    expect(await device.rows()).toMatchObject([{ id: 'a', state: 'held' }])
  })
})

describe('an id that the remote gives anew', () => {
  const rename = (id: string) => (id.startsWith('srv-') ? id : `srv-${id}`)

  test('takes record, children and open edits along', async () => {
    const { fake, device } = await deviceWith('KEEP_BOTH', { rename })
    await device.put('f', folder('f'))
    await device.put('x', file('x', 'f'))
    const seconds: string[] = []
    fake.meanwhile = async () => {
      fake.meanwhile = undefined
      seconds.push(...(await device.put('f', folder('renamed'))))
      seconds.push(...(await device.put('y', file('y', 'f'))))
    }
    await device.sync()
    expect(fake.values()).toEqual({
      'srv-f': folder('renamed'),
      'srv-x': file('x', 'srv-f'),
      'srv-y': file('y', 'srv-f'),
    })
    expect(await device.values()).toEqual(fake.values())
    expect(await Promise.all(seconds.map(device.outcome))).toEqual(['accepted', 'accepted'])
    expect(await device.inbox()).toEqual([])
    await mustAgree(device)
  })

  test('of a record that the feed brought first ends as one record', async () => {
    const { fake, device } = await deviceWith('KEEP_BOTH', { rename, origins: false })
    await device.put('x', file('x'))
    fake.lose = 1
    await expect(device.push()).rejects.toThrow()
    await device.pull()
    await device.sync()
    expect(names(await device.values())).toEqual(['srv-x'])
    expect(names(fake.values())).toEqual(['srv-x'])
    await mustAgree(device)
  })

  test('that another local record has already ends in one record, and the inbox keeps the other', async () => {
    const { fake, device } = await deviceWith('KEEP_BOTH')
    await device.put('b', file('b', 'root', 'b'))
    await device.sync()
    await device.put('b', file('b', 'root', 'edited'))
    await device.put('a', file('a', 'root', 'a'))
    fake.answer = ({ change, id }) =>
      id === 'a' ? { change, state: 'accepted', version: 99, id: 'b' } : { change, state: 'later', notBefore: 0 }
    await device.push()
    fake.answer = undefined
    expect(names(await device.values())).toEqual(['b'])
    expect(await device.inbox()).toMatchObject([{ record: 'b', loses: 'local', local: { value: { sha: 'a' } } }])
    await mustAgree(device)
  })
})
