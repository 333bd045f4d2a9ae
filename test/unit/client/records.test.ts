import { afterEach, describe, expect, test } from 'vitest'
import { collection } from '../../../src/schema.ts'
import { file, folder, notes, tree } from '../engine/kit.ts'
import { appOf, closeAll, heard, numbers, type Row } from './app.ts'

afterEach(closeAll)

describe('a collection', () => {
  test('gives what was put, at once, and the remote has it soon', async () => {
    const { rows, fake, world } = await appOf()
    await rows.put('a', { n: 1 })
    expect(await rows.get('a')).toEqual({ n: 1 })
    await rows.patch('a', { m: 2, n: undefined })
    expect(await rows.get('a')).toEqual({ m: 2 })
    const id = await rows.add({ n: 3 })
    expect((await rows.list()).map(one => one.id).sort()).toEqual(['a', id].sort())
    await rows.delete('a')
    expect([await rows.get('a'), await rows.count()]).toEqual([undefined, 1])
    await world.pass(10_000)
    expect(fake.values()).toEqual({ [id]: { n: 3 } })
  })

  test('refuses to add what is there, and to patch what is not', async () => {
    const { rows } = await appOf()
    await rows.add({ n: 1 }, 'a')
    await expect(rows.add({ n: 2 }, 'a')).rejects.toMatchObject({ code: 'already-exists' })
    await expect(rows.patch('b', { n: 2 })).rejects.toMatchObject({ code: 'not-found' })
    await rows.delete('a')
    await rows.add({ n: 3 }, 'a')
    expect(await rows.get('a')).toEqual({ n: 3 })
  })

  test('does not share what it was given', async () => {
    const { rows } = await appOf()
    const value = { list: [1] }
    await rows.put('a', value)
    value.list.push(2)
    const got = (await rows.get('a'))!
    ;(got.list as number[]).push(3)
    expect(await rows.get('a')).toEqual({ list: [1] })
  })

  test.each<[string, unknown]>([
    ['a function', { f: () => {} }],
    ['a date', { at: new Date(0) }],
    ['what is no number', { n: Number.NaN }],
    ['what the schema refuses', { n: 'x' }],
    ['a value that the source refuses', { refused: true }],
  ])('refuses %s before anything is stored', async (_, value) => {
    const source = { ...notes, check: (_id: string, { refused }: Row) => (refused ? 'no' : undefined) }
    const { rows, db } = await appOf({ schema: numbers, source })
    for (const write of [() => rows.put('a', value as Row), () => rows.add(value as Row)]) {
      await expect(write()).rejects.toMatchObject({ code: 'invalid-value' })
    }
    await rows.put('b', { m: 1 })
    await expect(rows.patch('b', value as Row)).rejects.toMatchObject({ code: 'invalid-value' })
    expect([await rows.list(), (await db.outbox.list()).length]).toEqual([[{ id: 'b', value: { m: 1 } }], 1])
  })

  test('refuses an empty id', async () => {
    const { rows } = await appOf()
    await expect(rows.put('', {})).rejects.toMatchObject({ code: 'invalid-value' })
  })

  test('that the remote only shows cannot be written', async () => {
    const { rows } = await appOf({ source: { readonly: true } })
    await expect(rows.put('a', {})).rejects.toMatchObject({ code: 'unsupported' })
    await expect(rows.delete('a')).rejects.toMatchObject({ code: 'unsupported' })
  })

  test('that can only be added to refuses to change and to delete', async () => {
    const { rows } = await appOf({ source: { append: true } })
    await rows.add({ n: 1 }, 'a')
    await rows.put('b', { n: 1 })
    await expect(rows.put('a', { n: 2 })).rejects.toMatchObject({ code: 'unsupported' })
    await expect(rows.patch('a', { n: 2 })).rejects.toMatchObject({ code: 'unsupported' })
    await expect(rows.delete('a')).rejects.toMatchObject({ code: 'unsupported' })
    expect(await rows.get('a')).toEqual({ n: 1 })
  })

  test('without a remote keeps its records here', async () => {
    const { db, fake, world } = await appOf({ extra: { drafts: collection<Row>()({}) } })
    const drafts = db.data.drafts!
    const write = await drafts.put('a', { n: 1 })
    await drafts.put('b', { n: 1 })
    await drafts.delete('b')
    expect(await write.settled()).toBe('accepted')
    await world.pass(60_000)
    expect([await drafts.list(), fake.sent, (await db.explain('drafts', 'a')).state]).toEqual([
      [{ id: 'a', value: { n: 1 } }],
      [],
      'local',
    ])
  })
})

describe('a question', () => {
  const people = { ann: { age: 30, name: 'Ann' }, bob: { age: 20, name: 'Bob' }, cy: { age: 40 } }
  async function asking(index: readonly string[]) {
    const app = await appOf({ index })
    for (const [id, value] of Object.entries(people)) await app.rows.put(id, value)
    const ids = async (query: { get(): Promise<readonly { id: string }[]> }) => (await query.get()).map(one => one.id)
    return { ...app, ids }
  }

  test.each([
    ['with an index', ['age', 'name']],
    ['without one', []],
  ])('is answered the same %s', async (_, index) => {
    const { rows, ids } = await asking(index)
    const age = () => rows.where('age')
    expect(await ids(age().equals(20))).toEqual(['bob'])
    expect((await ids(age().above(20))).sort()).toEqual(['ann', 'cy'])
    expect((await ids(age().between(20, 30))).sort()).toEqual(['ann', 'bob'])
    expect(await ids(age().below(30))).toEqual(['bob'])
    expect(await ids(age().atMost(30).orderBy('age', 'desc'))).toEqual(['ann', 'bob'])
    expect(await ids(rows.where('name').startsWith('A'))).toEqual(['ann'])
    expect(await ids(rows.orderBy('age').limit(2))).toEqual(['bob', 'ann'])
    expect(await ids(rows.orderBy('age', 'desc').limit(1))).toEqual(['cy'])
    expect(
      await ids(
        age()
          .atLeast(20)
          .filter(one => one.value.name !== undefined)
          .orderBy('name'),
      ),
    ).toEqual(['ann', 'bob'])
    expect(await rows.orderBy('age').limit(0).get()).toEqual([])
    expect((await rows.orderBy('age').first())?.id).toBe('bob')
    expect(await age().above(20).count()).toBe(2)
  })

  test.each([
    ['with an index', ['name']],
    ['without one', []],
  ])('sorts what has nothing to sort by last, both ways, %s', async (_, index) => {
    const { rows, ids } = await asking(index)
    await rows.put('ada', { age: 50, name: null })
    expect(await ids(rows.orderBy('name'))).toEqual(['ann', 'bob', 'ada', 'cy'])
    expect(await ids(rows.orderBy('name', 'desc'))).toEqual(['bob', 'ann', 'cy', 'ada'])
    expect(await ids(rows.orderBy('name').limit(3))).toEqual(['ann', 'bob', 'ada'])
    expect(await ids(rows.orderBy('name').filter(({ value }) => Number(value.age) > 30))).toEqual(['ada', 'cy'])
    expect(await ids(rows.where('name').atLeast('').orderBy('name'))).toEqual(['ann', 'bob'])
  })

  test('over more than one page is answered whole', async () => {
    const { rows, db } = await appOf({ index: ['n'] })
    await db.write(async tx => {
      for (let n = 0; n < 2500; n++) await tx.notes!.put(`n${String(n).padStart(4, '0')}`, { n: n % 7 })
    })
    expect(await rows.count()).toBe(2500)
    expect((await rows.orderBy('n').get()).map(one => one.value.n)).toEqual(
      Array.from({ length: 2500 }, (_, n) => n % 7).sort(),
    )
  })
})

describe('a live question', () => {
  test('tells each new answer once, the remote being one who changes it', async () => {
    const { rows, fake, world, sync } = await appOf()
    const { answers, stop } = heard(rows.live('a'))
    await world.pass(1)
    await rows.put('a', { n: 1 })
    await rows.put('b', { n: 1 })
    await sync()
    fake.put('a', { n: 2 })
    await sync()
    stop()
    await rows.put('a', { n: 3 })
    await world.pass(1)
    expect(answers).toEqual([undefined, { n: 1 }, { n: 2 }])
  })

  test('of a whole collection tells its records', async () => {
    const { rows, world } = await appOf()
    const { answers } = heard(rows.live())
    await world.pass(1)
    await rows.put('a', { n: 1 })
    await world.pass(1)
    expect(answers.at(-1)).toEqual([{ id: 'a', value: { n: 1 } }])
  })
})

describe('an id that the remote gave anew', () => {
  const rename = (id: string) => `srv-${id}`

  test('is found under the old one: read, written, watched and explained', async () => {
    const { rows, fake, sync, db, world } = await appOf({ rename })
    await rows.put('a', { n: 1 })
    const { answers } = heard(rows.live('a'))
    await sync()
    await rows.patch('a', { m: 1 })
    await sync()
    fake.put('srv-a', { n: 2 })
    await sync()
    await world.pass(1)
    expect(answers).toEqual([{ n: 1 }, { n: 1, m: 1 }, { n: 2 }])
    expect(await rows.get('a')).toEqual({ n: 2 })
    expect((await db.explain('notes', 'a')).state).toBe('synced')
    await expect(rows.add({ n: 5 }, 'a')).rejects.toMatchObject({ code: 'already-exists' })
    await rows.delete('a')
    await sync()
    expect(fake.values()).toEqual({})
  })

  test('is followed in the parent of what is put into it', async () => {
    const { db, fake, sync } = await appOf({ name: 'tree', source: tree, rename: id => (id === 'f' ? 'srv-f' : id) })
    const rows = db.data.tree!
    await rows.put('f', folder('f'))
    await sync()
    await rows.put('x', file('x', 'f'))
    expect(await rows.get('x')).toEqual(file('x', 'srv-f'))
    await sync()
    expect(fake.values()).toEqual({ 'srv-f': folder('f'), x: file('x', 'srv-f') })
  })
})

describe('several writes at once', () => {
  test('are one commit, in the order they were called, awaited or not', async () => {
    const { db, rows } = await appOf()
    const write = await db.write(tx => {
      void tx.notes!.put('a', { n: 1 })
      void tx.notes!.patch('a', { m: 2 })
      void tx.notes!.add({ n: 3 }, 'b')
    })
    expect(await rows.list()).toEqual([
      { id: 'a', value: { n: 1, m: 2 } },
      { id: 'b', value: { n: 3 } },
    ])
    expect(write.id).toBeTypeOf('string')
  })

  test('leave nothing behind when one of them fails', async () => {
    const { db, rows } = await appOf()
    const failing = db.write(async tx => {
      await tx.notes!.put('a', { n: 1 })
      await tx.notes!.patch('nobody', { n: 1 })
    })
    await expect(failing).rejects.toMatchObject({ code: 'not-found' })
    const unawaited = db.write(tx => {
      void tx.notes!.put('a', { n: 1 })
      void tx.notes!.patch('nobody', { n: 1 })
    })
    await expect(unawaited).rejects.toMatchObject({ code: 'not-found' })
    const thrown = db.write(tx => {
      void tx.notes!.put('a', { n: 1 })
      throw new Error('mine')
    })
    await expect(thrown).rejects.toThrow('mine')
    expect([await rows.list(), await db.outbox.list()]).toEqual([[], []])
  })

  test('see what they did so far', async () => {
    const { db } = await appOf()
    const seen: unknown[] = []
    await db.write(async tx => {
      seen.push(await tx.notes!.get('a'))
      await tx.notes!.put('a', { n: 1 })
      seen.push(await tx.notes!.get('a'))
      await tx.notes!.delete('a')
      seen.push(await tx.notes!.get('a'))
    })
    expect(seen).toEqual([undefined, { n: 1 }, undefined])
  })
})

describe('bytes', () => {
  const source = { body: 'sha', describe: (size: number) => ({ size }) }
  const bytes = (text: string) => new TextEncoder().encode(text)

  test('are written with the record that names them, and read back', async () => {
    const { rows } = await appOf({ source })
    await rows.write('a', bytes('one'), { name: 'a.txt' })
    expect(await rows.get('a')).toMatchObject({ name: 'a.txt', size: 3, sha: expect.stringMatching(/^[0-9a-f]{64}$/) })
    expect(await rows.read('a')).toEqual(bytes('one'))
    await rows.write('a', bytes('second'))
    expect(await rows.get('a')).toMatchObject({ name: 'a.txt', size: 6 })
    expect(await rows.read('a')).toEqual(bytes('second'))
    expect(await rows.read('nobody')).toBeUndefined()
  })

  test('of nothing and of more than one piece come back whole', async () => {
    const { rows } = await appOf({ source })
    const much = new Uint8Array(2 ** 20 + 7).map((_, at) => at % 251)
    await rows.write('a', much)
    await rows.write('b', new Uint8Array())
    expect(await rows.read('a')).toEqual(much)
    expect(await rows.read('b')).toEqual(new Uint8Array())
  })

  test('are not there in a collection that keeps none', async () => {
    const { rows } = await appOf()
    await expect(rows.write('a', bytes('x'))).rejects.toMatchObject({ code: 'unsupported' })
    await expect(rows.read('a')).rejects.toMatchObject({ code: 'unsupported' })
  })
})
