/** A new version of a schema carries all that is stored of a record, in every store (F16, I18). */
import 'fake-indexeddb/auto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { IDBFactory } from 'fake-indexeddb'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import type { SyncError } from '../../../src/errors.ts'
import { shapeOf } from '../../../src/ledger/migrate.ts'
import type { InboxEntry, Meta, OutboxRow } from '../../../src/ledger/rows.ts'
import type { Base, RemoteRecord, Value } from '../../../src/model.ts'
import { collection, defineSchema, type Migrations, type StandardSchema } from '../../../src/schema.ts'
import type { KeyedRow, Shape, Store, StoreDriver, Stored } from '../../../src/store.ts'
import { spaces } from '../../../src/store.ts'
import { indexeddb } from '../../../src/stores/indexeddb/index.ts'
import { memory, memoryDisk } from '../../../src/stores/memory.ts'
import { sqlite } from '../../../src/stores/sqlite.ts'
import { storePlatform } from '../../conformance/store/platform.ts'

const folder = mkdtempSync(join(tmpdir(), 'tidemark-migrate-'))
afterAll(() => rmSync(folder, { recursive: true }))
let files = 0

/** A new place of each kind, and how to open it again. */
const places: { readonly [name: string]: () => () => StoreDriver } = {
  memory: () => {
    const disk = memoryDisk()
    return () => memory('m', { disk })
  },
  indexeddb: () => {
    const factory = new IDBFactory()
    return () => indexeddb('m', { factory })
  },
  sqlite: () => {
    const file = join(folder, `${files++}.sqlite`)
    return () => sqlite(file)
  },
}

const collections = { notes: collection({ index: ['title'] as never }), tags: collection({}) }
const schemaOf = (version: number, migrations: Migrations = {}) => defineSchema({ version, collections, migrations })
const first = schemaOf(1)

/** From { old } to { title, length }, and then to { title, tags }. */
const split = (row: Value) => ({ title: String(row.old), length: String(row.old).length })
const label = ({ title }: Value, id: string) => ({ title: title!, tags: [id] })
const third = schemaOf(3, { 2: { notes: split }, 3: { notes: label } })
const byHand = (old: unknown, id: string) => ({ title: String(old), tags: [id] })

interface Contents {
  readonly notes: readonly Stored[]
  readonly tags: readonly Stored[]
  readonly rows: { readonly [space: string]: readonly KeyedRow[] }
}

const all = { records: ['notes', 'tags'], rows: spaces }

async function fill(driver: StoreDriver, contents: Contents): Promise<void> {
  const store = await driver.open(shapeOf(first), storePlatform())
  await store.write(all, async tx => {
    await tx.records('notes').putMany(contents.notes)
    await tx.records('tags').putMany(contents.tags)
    for (const [space, rows] of Object.entries(contents.rows)) await tx.rows(space as 'outbox').putMany(rows)
  })
  await store.close()
}

const contentsOf = (store: Store): Promise<Contents> =>
  store.read(all, async tx => {
    const rows: { [space: string]: KeyedRow[] } = {}
    for (const space of ['outbox', 'inbox', 'queue', 'changes', 'checkpoints', 'private', 'meta'] as const) {
      rows[space] = await tx.rows(space).list()
    }
    const records = (name: string) => tx.records(name).list({ deleted: true })
    return { notes: await records('notes'), tags: await records('tags'), rows }
  })

async function openWith(driver: StoreDriver, shape: Shape): Promise<Store> {
  return driver.open(shape, storePlatform())
}

// What may be stored. Every value says { old }, and wherever one is there is an id beside it.
const id = fc.constantFrom('a', 'b', 'c', 'd')
const value = fc.record({ old: fc.oneof(fc.string({ maxLength: 5 }), fc.integer()) }) as fc.Arbitrary<Value>
const orDeleted = fc.option(value, { nil: null })
const version = fc.integer({ min: 1, max: 9 })
const base: fc.Arbitrary<Base> = fc.record({ value: orDeleted, version })
const stamp = fc.record({ time: fc.nat(), device: fc.constant('device') })
const remoteRecord = (of: fc.Arbitrary<string>): fc.Arbitrary<RemoteRecord> =>
  fc.record({ collection: fc.constant('notes'), id: of, value: orDeleted, version })
const optional = <T extends object>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }) =>
  fc.record(model, { requiredKeys: [] }) as fc.Arbitrary<Partial<T>>

const meta: fc.Arbitrary<Meta> = fc
  .tuple(
    fc.record({ generation: version }),
    optional<Meta>({
      version,
      was: value,
      replaced: fc.array(fc.record({ value, until: fc.nat() }), { maxLength: 3 }),
    } as never),
  )
  .map(([one, more]) => ({ ...one, ...more }))

const record: fc.Arbitrary<Stored> = fc.record({ id, value: orDeleted, meta })
const change = (collection: string): fc.Arbitrary<KeyedRow> =>
  fc
    .tuple(
      fc.record({ id, generation: version, value: orDeleted, at: stamp, state: fc.constantFrom('waiting', 'sent') }),
      optional<OutboxRow>({
        base: fc.option(base, { nil: null }),
        ancestor: value,
        seen: remoteRecord(id),
        overwrote: base,
      } as never),
    )
    .map(([one, more]) => ({ key: [collection, one.id, one.generation], row: { collection, ...one, ...more } }))
const entry = (collection: string): fc.Arbitrary<KeyedRow> =>
  fc
    .record({
      id: fc.uuid(),
      record: id,
      base: fc.option(base, { nil: null }),
      local: fc.record({ change: fc.constant('change'), value: orDeleted, at: stamp }),
      theirs: remoteRecord(id),
      verdict: fc.oneof(
        fc.constant({ take: 'both' }),
        orDeleted.map(value => ({ take: 'merged', value })),
      ),
      below: fc.option(fc.array(fc.record({ id, value: orDeleted }), { maxLength: 2 }), { nil: undefined }),
    })
    .map(({ below, ...row }) => ({ key: [row.id], row: { collection, ...row, ...(below && { below }) } }))

const untouched = fc.array(
  fc.record({ key: fc.tuple(fc.constant('other'), fc.nat(99)), row: fc.record({ cursor: fc.string() }) }),
  { maxLength: 3 },
)
const contents: fc.Arbitrary<Contents> = fc.record({
  notes: fc.uniqueArray(record, { selector: one => one.id }),
  tags: fc.uniqueArray(record, { selector: one => one.id }),
  rows: fc.record({
    outbox: fc.array(fc.oneof(change('notes'), change('tags')), { maxLength: 6 }),
    inbox: fc.array(fc.oneof(entry('notes'), entry('tags')), { maxLength: 4 }),
    queue: untouched,
    changes: untouched,
    checkpoints: untouched,
    private: untouched,
    meta: untouched,
  }),
})

/** The judge knows no places: whatever says { old } anywhere under a note is changed, with the nearest id above it. */
function migratedByHand(thing: unknown, near: string): unknown {
  if (Array.isArray(thing)) return thing.map(one => migratedByHand(one, near))
  if (typeof thing !== 'object' || thing === null) return thing
  if ('old' in thing) return byHand(thing.old, near)
  const { id, record } = thing as { id?: string; record?: string }
  const nearest = record ?? id ?? near
  return Object.fromEntries(Object.entries(thing).map(([name, one]) => [name, migratedByHand(one, nearest)]))
}

function expectedOf(before: Contents): Contents {
  const ofNotes = ({ row }: KeyedRow) => (row as InboxEntry).collection === 'notes'
  const rows = Object.entries(before.rows).map(([space, list]) => [
    space,
    list.map(one => (ofNotes(one) ? { ...one, row: migratedByHand(one.row, '') } : one)),
  ])
  return { notes: migratedByHand(before.notes, '') as Stored[], tags: before.tags, rows: Object.fromEntries(rows) }
}

for (const [name, place] of Object.entries(places)) {
  describe(name, () => {
    test('every value of a record is migrated, wherever it is stored, and nothing else is touched', async () => {
      await fc.assert(
        fc.asyncProperty(contents, async random => {
          const driver = place()
          await fill(driver(), random)
          const old = await openWith(driver(), shapeOf(first))
          const before = await contentsOf(old)
          await old.close()
          const store = await openWith(driver(), shapeOf(third))
          expect(await contentsOf(store)).toEqual(expectedOf(before))
          await store.close()
        }),
        { numRuns: name === 'memory' ? 200 : 40 },
      )
    })

    test('more than one page of records and rows', async () => {
      const driver = place()
      const ids = Array.from({ length: 1_201 }, (_, n) => `n${String(n).padStart(5, '0')}`)
      const notes = ids.map(id => ({ id, value: { old: id }, meta: { generation: 1 } }))
      const outbox = ids.map(id => ({ key: ['notes', id, 1], row: { collection: 'notes', id, value: { old: id } } }))
      await fill(driver(), { notes, tags: [], rows: { outbox } })
      const store = await openWith(driver(), shapeOf(third))
      const after = await contentsOf(store)
      expect(after.notes.map(one => one.value)).toEqual(ids.map(id => byHand(id, id)))
      expect(after.rows.outbox!.map(({ row }) => (row as OutboxRow).value)).toEqual(ids.map(id => byHand(id, id)))
      await store.close()
    })

    test('a migration that throws, or returns no row, names the record, and the old store is as it was (F16)', async () => {
      const driver = place()
      const outbox = [{ key: ['notes', 'b', 1], row: { collection: 'notes', id: 'b', value: { old: 'poison' } } }]
      const notes = [
        { id: 'a', value: { old: 1 }, meta: { generation: 1 } },
        { id: 'b', value: { old: 2 }, meta: { generation: 1 } },
      ]
      await fill(driver(), { notes, tags: [], rows: { outbox } })
      const bad = [
        (row: Value) => {
          if (row.old === 'poison') throw new TypeError('no such title')
          return split(row)
        },
        (row: Value) => (row.old === 'poison' ? (undefined as never) : split(row)),
        (row: Value) => (row.old === 'poison' ? { title: () => 'x' } : split(row)),
        async (row: Value) => split(row),
      ]
      for (const [at, notesOf] of bad.entries()) {
        const opening = openWith(driver(), shapeOf(schemaOf(2, { 2: { notes: notesOf } })))
        const error = (await opening.catch(error => error)) as SyncError
        expect(error.code).toBe('migration-failed')
        const where = at === 3 ? { id: 'a', where: 'the collection' } : { id: 'b', where: 'the outbox' }
        expect(error.details).toEqual({ version: 2, collection: 'notes', ...where })
        expect(error.message).toContain(`"${where.id}" in ${where.where}`)
      }
      const old = await openWith(driver(), shapeOf(first))
      expect(old.newer()).toBe(false)
      expect(await contentsOf(old)).toMatchObject({ notes, rows: { outbox } })
      await old.close()
      const store = await openWith(driver(), shapeOf(third))
      expect((await contentsOf(store)).notes[0]!.value).toEqual(byHand(1, 'a'))
      await store.close()
    })

    test('a collection that was never there, or is no more, is no hindrance', async () => {
      const driver = place()
      await fill(driver(), { notes: [{ id: 'a', value: { old: 1 }, meta: { generation: 1 } }], tags: [], rows: {} })
      const gone = { 2: { notes: split, drafts: split }, 3: { drafts: split } }
      const store = await openWith(
        driver(),
        shapeOf(defineSchema({ version: 3, collections: { tags: collection({}) }, migrations: gone })),
      )
      const tags = { records: ['tags'], rows: [] }
      expect(await store.read(tags, tx => tx.records('tags').list())).toEqual([])
      await store.close()
    })

    test('a row of the remote that did not fit is not migrated, and is seen when it fits the new schema', async () => {
      const driver = place()
      const misfit = { generation: 1, version: 1, misfit: 'it is another' }
      await fill(driver(), {
        notes: [
          { id: 'a', value: { title: 'new' }, meta: misfit },
          { id: 'b', value: { strange: true }, meta: misfit },
        ],
        tags: [],
        rows: {},
      })
      const titled: StandardSchema = {
        '~standard': {
          version: 1,
          vendor: 'test',
          validate: value =>
            typeof (value as Value).title === 'string' ? { value } : { issues: [{ message: 'has no title' }] },
        },
      }
      const notes = collection({ index: ['title'] as never, schema: titled as never })
      const schema = defineSchema({
        version: 2,
        collections: { notes, tags: collection({}) },
        migrations: { 2: { notes: split } },
      })
      const store = await openWith(driver(), shapeOf(schema))
      expect((await contentsOf(store)).notes).toEqual([
        { id: 'a', value: { title: 'new' }, meta: { generation: 1, version: 1 } },
        { id: 'b', value: { strange: true }, meta: { ...misfit, misfit: 'has no title' } },
      ])
      await store.close()
    })
  })
}
