import { afterEach, describe, expect, test } from 'vitest'
import { open } from '../../../src/client/open.ts'
import { collection, defineSchema } from '../../../src/schema.ts'
import { memory, memoryDisk } from '../../../src/stores/memory.ts'
import { fakeOf, notes, worldOf } from '../engine/kit.ts'
import { type AppOptions, appOf, closeAll, type Row } from './app.ts'

const ends: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0)) await end()
  await closeAll()
})

const bytes = (text: string) => new TextEncoder().encode(text)
const extra = { drafts: collection<Row>()({}) }
const source = { ...notes, body: 'sha', describe: (size: number) => ({ size }) }
const options = { extra, source, rule: 'MANUAL' } as const satisfies AppOptions

async function linesOf(db: { export(): AsyncIterable<string> }): Promise<string[]> {
  const lines: string[] = []
  for await (const line of db.export()) lines.push(line)
  return lines
}

/** An app with something of everything: synced, waiting, sent with a lost answer, held, asked, local, bytes. */
async function full() {
  const fake = fakeOf({ source })
  for (const id of ['synced', 'asked', 'held']) fake.put(id, { n: 1 })
  const app = await appOf({ ...options, fake })
  const { rows, db, world, sync } = app
  fake.answer = ({ change, id }) => {
    if (id === 'held') return { change, state: 'rejected', code: 'invalid', reason: 'No.' }
    return undefined
  }
  await rows.put('held', { n: 2 })
  fake.put('asked', { n: 3 })
  await rows.put('asked', { n: 2 })
  await sync()
  fake.lose = 1
  const sent = await rows.put('sent', { n: 2 })
  await world.pass(100)
  await db.remotes.fake.pause()
  const waiting = await rows.put('waiting', { n: 2, big: 2n ** 70n, odd: { $int: '1' } })
  await rows.write('file', bytes('content'), { n: 2 })
  await db.data.drafts!.put('draft', { n: 2 })
  await world.pass(1_000)
  return { ...app, fake, sent, waiting, lines: await linesOf(db) }
}

/** The same app elsewhere, filled with an export. */
const filled = (from: { world: AppOptions['world']; fake: AppOptions['fake'] }, lines: AppOptions['import']) =>
  appOf({ ...options, world: from.world!, fake: from.fake!, import: lines! })

const outboxOf = async (db: {
  outbox: { list(): Promise<readonly { id: string; state: string; value: unknown }[]> }
}) => Object.fromEntries((await db.outbox.list()).map(({ id, state, value }) => [id, [state, value]]))

describe('an export', () => {
  test('makes a store that has everything: records, changes, conflicts, outcomes and bytes', async () => {
    const one = await full()
    const other = await filled(one, one.lines)
    expect(await other.rows.list()).toEqual(await one.rows.list())
    expect(await other.db.data.drafts!.list()).toEqual([{ id: 'draft', value: { n: 2 } }])
    expect(await outboxOf(other.db)).toEqual(await outboxOf(one.db))
    expect(Object.keys(await outboxOf(one.db)).sort()).toEqual(['asked', 'file', 'held', 'sent', 'waiting'])
    expect(await other.db.conflicts.list()).toEqual(await one.db.conflicts.list())
    expect(await other.rows.read('file')).toEqual(bytes('content'))
    expect((await other.db.remotes.fake.status.get()).phase).toBe('paused')
  })

  test('goes out from there: each change once, nothing is deleted, and its writes are told (I4, I10)', async () => {
    const one = await full()
    await one.db.close()
    const other = await filled(one, one.lines)
    expect(other.db.device.id).not.toBe(one.db.device.id)
    await other.db.remotes.fake.resume()
    await other.world.pass(60_000)
    expect(Object.keys(one.fake.values()).sort()).toEqual(['asked', 'file', 'held', 'sent', 'synced', 'waiting'])
    expect(one.fake.log.filter(row => row.value === null)).toEqual([])
    expect(one.fake.log.filter(row => row.id === 'sent')).toHaveLength(1)
    expect([await other.db.write.settled(one.waiting.id), await other.db.write.settled(one.sent.id)]).toEqual([
      'accepted',
      'accepted',
    ])
    expect(Object.keys(await outboxOf(other.db)).sort()).toEqual(['asked', 'held'])
    const [entry] = await other.db.conflicts.list({ state: 'open' })
    await other.db.conflicts.resolve(entry!.id, { take: 'local' })
    await other.world.pass(10_000)
    expect(one.fake.values().asked).toEqual({ n: 2 })
  })

  test('tells of a write of several how it ended, under the id that it had', async () => {
    const { db, world, fake } = await appOf(options)
    await db.remotes.fake.pause()
    const write = await db.write(tx => {
      void tx.notes!.put('a', { n: 1 })
      void tx.notes!.put('b', { n: 1 })
    })
    const other = await filled({ world, fake }, await linesOf(db))
    let outcome: string | undefined
    void other.db.write.settled(write.id).then(one => {
      outcome = one
    })
    await world.pass(1_000)
    expect(outcome).toBeUndefined()
    await other.db.remotes.fake.resume()
    await world.pass(10_000)
    expect(outcome).toBe('accepted')
  })

  test('walks from nothing: what was deleted meanwhile goes, what is new comes (I10, I11)', async () => {
    const one = await full()
    one.fake.put('synced', null)
    one.fake.put('new', { n: 1 })
    one.fake.floor = one.fake.log.length
    const other = await filled(one, one.lines)
    await other.db.remotes.fake.resume()
    await other.world.pass(60_000)
    expect([await other.rows.get('synced'), await other.rows.get('new')]).toEqual([undefined, { n: 1 }])
    expect(one.fake.pulled.filter(from => from === undefined)).toHaveLength(2)
  })

  test('beside a device that goes on: no change id has two contents, and what both say is said once (I4k, I5)', async () => {
    const one = await full()
    const other = await filled(one, one.lines)
    await one.rows.put('waiting', { n: 'edited after the export' })
    for (const { db } of [one, other]) await db.remotes.fake.resume()
    await one.world.pass(60_000)
    const contents = new Map<string, Set<string>>()
    for (const { change, value } of one.fake.sent.flat()) {
      const text = JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? String(part) : part))
      contents.set(change, new Set([...(contents.get(change) ?? []), text]))
    }
    expect([...contents.values()].filter(all => all.size > 1)).toEqual([])
    for (const id of ['sent', 'file']) expect(one.fake.log.filter(row => row.id === id)).toHaveLength(1)
    const clashes = [...(await one.db.conflicts.list()), ...(await other.db.conflicts.list())]
    expect(clashes.filter(({ record }) => record === 'waiting')).toHaveLength(1)
  })

  test('is read in pieces cut anywhere, as text and as bytes', async () => {
    const { db, rows, world, fake } = await appOf(options)
    await db.remotes.fake.pause()
    await rows.put('é', { name: 'Ærøskøbing 🌊', text: 'two\nlines\r\n' })
    const whole = bytes((await linesOf(db)).join(''))
    async function* pieces() {
      for (let at = 0; at < whole.length; at += 7) yield whole.subarray(at, at + 7)
    }
    const other = await filled({ world, fake }, pieces())
    expect(await other.rows.list()).toEqual(await rows.list())
  })
})

describe('an import', () => {
  async function refused(change: (lines: string[]) => readonly string[], more: Partial<AppOptions> = {}) {
    const one = await full()
    const store = memory('m', { disk: memoryDisk('other') })
    const world = one.world
    const opening = appOf({ ...options, world, fake: one.fake, store, import: change([...one.lines]), ...more })
    const error = await opening.then(
      () => undefined,
      error => error,
    )
    const { import: _, ...without } = more
    const after = await appOf({ ...options, fake: fakeOf({ source }), store, world, ...without, wait: 0 })
    expect([await after.rows.list(), await after.db.outbox.list(), await after.db.conflicts.list()]).toEqual([
      [],
      [],
      [],
    ])
    return error?.code
  }

  test.each<[string, (lines: string[]) => readonly string[], string]>([
    ['that is cut', lines => lines.slice(0, -1), 'invalid-value'],
    ['that is cut in a line', lines => [lines.join('').slice(0, -4)], 'invalid-value'],
    ['that lacks a line', lines => lines.toSpliced(2, 1), 'invalid-value'],
    ['that goes on behind its end', lines => [...lines, '{"row":["inbox",["x"],{}]}\n'], 'invalid-value'],
    ['that is something else', () => ['<html>'], 'invalid-value'],
    ['that is nothing', () => [], 'invalid-value'],
    ['with a row of nowhere', lines => lines.toSpliced(1, 1, '{"row":["identity",["x"],{}]}\n'), 'invalid-value'],
    [
      'that says who the store is',
      lines => lines.toSpliced(1, 1, '{"row":["meta",["identity"],{}]}\n'),
      'invalid-value',
    ],
    [
      'with half a change',
      lines => lines.toSpliced(1, 1, '{"row":["outbox",["x"],{"change":"x"}]}\n'),
      'invalid-value',
    ],
    ['of another schema', lines => lines.map(line => line.replace('"drafts"', '"draughts"')), 'schema-mismatch'],
    ['of a newer app', lines => lines.map(line => line.replace('"schema":1', '"schema":2')), 'storage-newer'],
    ['of a newer format', lines => lines.map(line => line.replace('"tidemark":1', '"tidemark":2')), 'storage-newer'],
  ])('of one %s is refused, and nothing of it stays', async (_, change, code) => {
    expect(await refused(change)).toBe(code)
  })

  test('of another account is refused, and of the same one not (I21)', async () => {
    expect(await refused(lines => lines, { account: 'bob' })).toBe('wrong-account')
    const ann = await appOf({ ...options, account: 'ann', store: memory('m', { disk: memoryDisk('ann') }) })
    await ann.rows.put('a', { n: 1 })
    const lines = await linesOf(ann.db)
    expect(await refused(() => lines, { account: 'bob' })).toBe('wrong-account')
    expect(await refused(() => lines)).toBe('wrong-account')
    const again = await appOf({ ...options, account: 'ann', import: lines })
    expect(await again.rows.get('a')).toEqual({ n: 1 })
  })

  test('into a store with anything in it is refused, and that stays as it is', async () => {
    const one = await full()
    const store = memory('m', { disk: memoryDisk('used') })
    const before = await appOf({ ...options, store, world: one.world })
    await before.rows.put('mine', { n: 1 })
    await before.db.close()
    await expect(appOf({ ...options, store, world: one.world, import: one.lines })).rejects.toMatchObject({
      code: 'not-empty',
    })
    const after = await appOf({ ...options, store, world: one.world })
    expect((await after.rows.list()).map(({ id }) => id)).toEqual(['mine'])
  })

  test('of an older schema is migrated, with what waits to be sent', async () => {
    const world = worldOf()
    const at = async <V extends number>(version: V, lines?: readonly string[]) => {
      const db = await open({
        store: memory(),
        schema: defineSchema({
          version,
          collections: { notes: collection<Row>()({ remote: 'fake' }) },
          migrations: version === 1 ? {} : { 2: { notes: row => ({ ...row, moved: true }) } },
        }),
        remotes: { fake: fakeOf().transport },
        platform: world.tab().platform,
        ...(lines && { import: lines }),
      })
      ends.push(() => db.close())
      return db
    }
    const old = await at(1)
    await old.remotes.fake.pause()
    await old.data.notes.put('a', { n: 1 })
    const now = await at(2, await linesOf(old))
    expect(await now.data.notes.get('a')).toEqual({ n: 1, moved: true })
    expect((await now.outbox.list()).map(({ value }) => value)).toEqual([{ n: 1, moved: true }])
  })

  test('that ended in the middle leaves an empty store, which can be filled', async () => {
    const one = await full()
    const store = memory('m', { disk: memoryDisk('half') })
    async function* broken() {
      yield* one.lines.slice(0, -1)
      throw new Error('The file is gone.')
    }
    await expect(appOf({ ...options, store, world: one.world, import: broken() })).rejects.toThrow('The file is gone.')
    const { rows } = await appOf({ ...options, store, world: one.world, fake: one.fake, import: one.lines })
    expect(await rows.list()).toEqual(await one.rows.list())
  })
})
