import { afterEach, describe, expect, test } from 'vitest'
import type { Json, Rule, Value } from '../../../src/model.ts'
import { fakeOf, file, folder, tree } from '../engine/kit.ts'
import { type AppOptions, appOf, closeAll, heard, numbers } from './app.ts'

afterEach(closeAll)

/** An app with a conflict over `a`: base { n: 1 }, here { n: 2 }, there { n: 3 }. */
async function clash(rule: Rule, options: AppOptions & { mine?: Value | null; theirs?: Value | null } = {}) {
  const { mine = { n: 2 }, theirs = { n: 3 } } = options
  const app = await appOf({ ...options, rule, prepare: fake => fake.put('a', { n: 1 }) })
  const write = mine === null ? await app.rows.delete('a') : await app.rows.put('a', mine)
  app.fake.put('a', theirs)
  await app.sync()
  const [entry] = await app.db.conflicts.list()
  return { ...app, write, entry: entry! }
}

describe('an open conflict', () => {
  test.each<[string, Parameters<Awaited<ReturnType<typeof clash>>['db']['conflicts']['resolve']>[1], Value]>([
    ['for the local side', { take: 'local' }, { n: 2 }],
    ['for the remote side', { take: 'remote' }, { n: 3 }],
    ['for another value', { take: 'merged', value: { n: 5 } }, { n: 5 }],
  ])('is settled %s', async (_, verdict, left) => {
    const { db, rows, fake, entry, sync, status, write } = await clash('MANUAL')
    expect((await status()).phase).toBe('needs-user')
    await db.conflicts.resolve(entry.id, verdict, entry.theirs.version)
    expect(await rows.get('a')).toEqual(left)
    await sync()
    expect([fake.values(), (await status()).phase]).toEqual([{ a: left }, 'synced'])
    expect(await db.conflicts.get(entry.id)).toMatchObject({ state: 'settled', by: 'app', verdict })
    expect(await db.conflicts.list({ state: 'open' })).toEqual([])
    expect(['accepted', 'conflicted']).toContain(await write.settled())
  })

  test('is settled by keeping both', async () => {
    const { db, rows, fake, entry, sync } = await clash('MANUAL')
    await db.conflicts.resolve(entry.id, { take: 'both' })
    await sync()
    expect(Object.values(fake.values())).toEqual([{ n: 3 }, { n: 2 }])
    expect(await rows.get('a')).toEqual({ n: 3 })
    const { copy } = (await db.conflicts.get(entry.id))!
    expect(await rows.get(copy!)).toEqual({ n: 2 })
  })

  test('with a deletion cannot be settled by keeping both', async () => {
    const { db, entry } = await clash('MANUAL', { theirs: null })
    await expect(db.conflicts.resolve(entry.id, { take: 'both' })).rejects.toMatchObject({ code: 'invalid-value' })
    expect(await db.conflicts.get(entry.id)).toMatchObject({ state: 'open' })
  })

  test('where no copy can be cannot be settled by keeping both', async () => {
    const { db, entry, rows } = await clash('MANUAL', { source: {} })
    await expect(db.conflicts.resolve(entry.id, { take: 'both' })).rejects.toMatchObject({ code: 'invalid-value' })
    expect(await rows.get('a')).toEqual({ n: 2 })
  })

  test('is not settled with a value that does not fit', async () => {
    const { db, entry } = await clash('MANUAL', { schema: numbers })
    const bad = { take: 'merged', value: { n: 'five' } } as const
    await expect(db.conflicts.resolve(entry.id, bad)).rejects.toMatchObject({ code: 'invalid-value' })
    expect(await db.conflicts.get(entry.id)).toMatchObject({ state: 'open' })
  })

  test('is not settled on what the remote had before, and asks about what it has now', async () => {
    const { db, entry, fake, sync, rows } = await clash('MANUAL')
    fake.put('a', { n: 4 })
    await sync()
    const late = db.conflicts.resolve(entry.id, { take: 'local' }, entry.theirs.version)
    await expect(late).rejects.toMatchObject({ code: 'conflict' })
    const now = (await db.conflicts.get(entry.id))!
    expect(now).toMatchObject({ state: 'open', theirs: { value: { n: 4 } } })
    await db.conflicts.resolve(entry.id, { take: 'local' }, now.theirs.version)
    await sync()
    expect([fake.values(), await rows.get('a')]).toEqual([{ a: { n: 2 } }, { n: 2 }])
  })

  test.each<[string, Json]>([
    ['a bigint', 9007199254740993n],
    ['a structure', { life: 1, version: [2n] }],
  ])('may have %s as the version that was seen', async (_, version) => {
    const app = await appOf({ rule: 'MANUAL', prepare: fake => fake.put('a', { n: 1 }) })
    await app.rows.put('a', { n: 2 })
    app.fake.put('a', { n: 3 }, { version })
    await app.sync()
    const [entry] = await app.db.conflicts.list()
    await app.db.conflicts.resolve(entry!.id, { take: 'remote' }, structuredClone(version))
    expect(await app.rows.get('a')).toEqual({ n: 3 })
  })

  test('is settled once only, and one that is not there not at all', async () => {
    const { db, entry } = await clash('MANUAL')
    await db.conflicts.resolve(entry.id, { take: 'remote' })
    await expect(db.conflicts.resolve(entry.id, { take: 'local' })).rejects.toMatchObject({ code: 'conflict' })
    await expect(db.conflicts.resolve('nobody', { take: 'local' })).rejects.toMatchObject({ code: 'not-found' })
  })

  test('about a taken name is settled for either side', async () => {
    for (const take of ['local', 'remote', 'both'] as const) {
      const fake = fakeOf({ name: 'tree', source: tree })
      const { rows, db, sync, status } = await appOf({ fake, name: 'tree', source: tree, rule: 'MANUAL' })
      await rows.put('mine', file('a', 'root', 'one'))
      fake.put('theirs', file('a', 'root', 'two'))
      await sync()
      const [entry] = await db.conflicts.list()
      await db.conflicts.resolve(entry!.id, { take })
      await sync()
      await sync()
      const left = Object.values(fake.values()).map(({ name, sha }) => `${name}:${sha}`)
      const wanted = { local: ['a:one'], remote: ['a:two'], both: ['a:two', 'a copy 1:one'] }[take]
      expect([take, left, (await status()).phase]).toEqual([take, wanted, 'synced'])
      expect((await rows.list()).length).toBe(wanted.length)
    }
  })

  test('is told live', async () => {
    const { db, world, entry } = await clash('MANUAL')
    const { answers } = heard(db.conflicts.live({ state: 'open' }))
    await world.pass(1)
    await db.conflicts.resolve(entry.id, { take: 'remote' })
    await world.pass(1)
    expect(answers.map(list => list.length)).toEqual([1, 0])
  })
})

describe('a settled conflict is undone', () => {
  test.each<[Rule, Value | null, Value | null, Value | null]>([
    ['SERVER_WINS', { n: 2 }, { n: 3 }, { n: 2 }],
    ['CLIENT_WINS', { n: 2 }, { n: 3 }, { n: 3 }],
    ['SERVER_WINS', { n: 2 }, null, { n: 2 }],
    ['CLIENT_WINS', null, { n: 3 }, { n: 3 }],
    ['SERVER_WINS', null, { n: 3 }, null],
    ['CLIENT_WINS', { n: 2 }, null, null],
  ])('under %s of %j against %j to %j', async (rule, mine, theirs, back) => {
    const { db, rows, fake, sync, entry } = await clash(rule, { mine, theirs })
    expect(entry.state).toBe('settled')
    await sync()
    await db.conflicts.undo(entry.id)
    expect((await rows.get('a')) ?? null).toEqual(back)
    await sync()
    expect(fake.values()).toEqual(back === null ? {} : { a: back })
    expect(await db.conflicts.get(entry.id)).toMatchObject({ state: 'undone' })
    await expect(db.conflicts.undo(entry.id)).rejects.toMatchObject({ code: 'conflict' })
  })

  test('under KEEP_BOTH the copy goes and the local value is the record again', async () => {
    const { db, fake, sync, entry } = await clash('KEEP_BOTH')
    await sync()
    await db.conflicts.undo(entry.id)
    await sync()
    expect(fake.values()).toEqual({ a: { n: 2 } })
  })

  test('with a folder and all that went with it', async () => {
    const fake = fakeOf({ name: 'tree', source: tree })
    fake.put('f', folder('f'))
    fake.put('x', file('x', 'f'))
    fake.put('y', file('y', 'f'))
    const { rows, db, sync } = await appOf({ fake, name: 'tree', source: tree, rule: 'SERVER_WINS' })
    await rows.put('x', file('x', 'f', 'new'))
    fake.deleteTree('f')
    await sync()
    expect(await rows.list()).toEqual([])
    const [entry] = await db.conflicts.list()
    await db.conflicts.undo(entry!.id)
    await sync()
    expect(fake.values()).toEqual({ f: folder('f'), x: file('x', 'f', 'new'), y: file('y', 'f') })
  })

  test('by both of a clash of names leaves an edit of the bytes to both, whoever says when they were written', async () => {
    const source = { ...tree, facets: { location: ['parent', 'name'], content: ['sha', 'written'] } }
    const { db, rows, fake, sync } = await appOf({ name: 'tree', source, rule: 'MANUAL' })
    await sync()
    await rows.put('x', { ...file('x', 'root', 'one'), written: 9 })
    await sync()
    await db.remotes.fake.pause()
    await rows.put('x', { ...file('mine', 'root', 'two'), written: 10 })
    fake.put('x', { ...file('theirs', 'root', 'one'), written: 1 })
    await db.remotes.fake.resume()
    await sync()
    const [entry] = await db.conflicts.list({ state: 'open' })
    await db.conflicts.resolve(entry!.id, { take: 'both' })
    await sync()
    expect(fake.values().x).toMatchObject({ name: 'theirs', sha: 'two' })
    expect(Object.values(fake.values())).toContainEqual(expect.objectContaining({ name: 'mine copy 1', sha: 'two' }))
  })

  test('of a record that got another id since', async () => {
    const { db, rows, fake, sync } = await appOf({
      name: 'tree',
      source: tree,
      rule: 'KEEP_BOTH',
      rename: id => (id === 'mine' ? 'srv-mine' : id),
    })
    await rows.put('mine', file('a', 'root', 'one'))
    fake.put('theirs', file('a', 'root', 'two'))
    await sync()
    await sync()
    expect(Object.keys(fake.values())).toEqual(['theirs', 'srv-mine'])
    const [entry] = await db.conflicts.list()
    await rows.delete('theirs')
    await sync()
    await db.conflicts.undo(entry!.id)
    await sync()
    expect(fake.values()).toEqual({ 'srv-mine': file('a', 'root', 'one') })
  })
})
