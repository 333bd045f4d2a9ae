/** What an app can say, and what does not compile. Everything here is checked again when it runs, for plain JavaScript. */
import { describe, expect, expectTypeOf, test } from 'vitest'
import {
  type Bound,
  collection,
  type Db,
  defineSchema,
  type Fits,
  type Item,
  type Jobs,
  type Json,
  type Live,
  memory,
  open,
  type StandardSchema,
  type Transport,
} from '../../src/index.ts'
import {
  type DeviceInfo,
  files,
  type Preference,
  type ShareRow,
  shares,
  type TreeRow,
  tree,
} from '../../src/transports/files/index.ts'

interface Note {
  readonly title: string
  readonly kind: 'plain' | 'task'
  readonly stars?: number
  readonly tags?: readonly string[]
  readonly done?: boolean
}

const drive = files({ url: 'https://drive.test', share: 'shr_1', folders: { notes: '/notes' }, token: () => 'x' })
const notes = collection<Note>()({ remote: 'drive', conflicts: 'KEEP_BOTH', index: ['stars', 'title'] })
const drafts = collection<Note>()({})
const entries = collection({ remote: 'drive', source: 'tree', conflicts: 'KEEP_BOTH', ...tree })
const schema = defineSchema({ version: 1, collections: { notes, drafts, entries } })
type Notes = typeof schema.collections

/** Compiled, never run. */
const compiled = (_: () => unknown) => {}

/** What `open` makes of a schema and remotes; only the types are looked at. */
declare function opened<C extends Notes, R extends Record<string, Transport>>(collections: C, remotes: R): Db<C, R>

describe('a collection', () => {
  test('is of the rows that it was begun with, that its schema lets through, or that its source has', () => {
    const checked = collection({ schema: {} as StandardSchema<Note> })
    const listed = collection({ remote: 'drive', ...shares })
    expectTypeOf(notes.row).toEqualTypeOf<Note | undefined>()
    expectTypeOf(checked.row).toEqualTypeOf<Note | undefined>()
    expectTypeOf(entries.row).toEqualTypeOf<TreeRow | undefined>()
    expectTypeOf(listed.row).toEqualTypeOf<ShareRow | undefined>()
    expectTypeOf(collection({}).row).toExtend<{ readonly [field: string]: unknown } | undefined>()
    // @ts-expect-error the rows of the source are others
    compiled(() => collection<Note>()({ remote: 'drive', source: 'tree', ...tree }))
    // @ts-expect-error a type of rows is said first, by itself: collection<Note>()({ ... })
    compiled(() => collection<Note>({ remote: 'drive' }))
  })

  test('has rules for its fields only, by names that exist', () => {
    const otherwise = 'LAST_WRITER_WINS'
    const onDelete = 'KEEP_BOTH'
    compiled(() => collection<Note>()({ conflicts: { fields: { tags: 'UNION', title: 'mine' }, otherwise, onDelete } }))
    // @ts-expect-error there is no such field
    compiled(() => collection<Note>()({ conflicts: { fields: { tags: 'UNION', tag: 'UNION' }, otherwise, onDelete } }))
    // @ts-expect-error MERGE has no answer for a record that is gone
    compiled(() => collection<Note>()({ conflicts: { fields: {}, otherwise, onDelete: 'MERGE' } }))
    // @ts-expect-error there is no such strategy
    compiled(() => collection<Note>()({ conflicts: 'NEWEST_WINS' }))
    // @ts-expect-error there is no such member
    compiled(() => collection<Note>()({ conflict: 'KEEP_BOTH' }))
  })

  test('has indexes over its fields of texts and numbers', () => {
    compiled(() => collection<Note>()({ index: ['stars', 'kind'] }))
    // @ts-expect-error there is no such field
    compiled(() => collection<Note>()({ index: ['size'] }))
    // @ts-expect-error a list has no order
    compiled(() => collection<Note>()({ index: ['tags'] }))
  })
})

describe('schema and remotes', () => {
  const store = memory()
  const of = <C extends Parameters<typeof defineSchema>[0]['collections']>(collections: C) =>
    defineSchema({ version: 1, collections })

  test('fit, or do not compile', () => {
    compiled(() => open({ store, schema, remotes: { drive } }))
    compiled(() => open({ store, schema: of({ drafts }) }))
    const nowhere = of({ a: collection({ remote: 'drvie', source: 'tree' }) })
    // @ts-expect-error there is no remote "drvie"
    compiled(() => open({ store, schema: nowhere, remotes: { drive } }))
    // @ts-expect-error there are no remotes at all
    compiled(() => open({ store, schema }))
    const misspelt = of({ a: collection({ remote: 'drive', source: 'tre' }) })
    // @ts-expect-error there is no source "tre"
    compiled(() => open({ store, schema: misspelt, remotes: { drive } }))
    const unnamed = of({ a: collection({ remote: 'drive' }) })
    // @ts-expect-error there is no source "a", and no other was named
    compiled(() => open({ store, schema: unnamed, remotes: { drive } }))
  })

  test('do not promise copies where there can be none', () => {
    const listed = collection({ remote: 'drive', conflicts: 'KEEP_BOTH', ...shares })
    // @ts-expect-error shares cannot be written, so there are no copies of them
    compiled(() => open({ store, schema: of({ shares: listed }), remotes: { drive } }))
    const merged = { fields: {}, otherwise: 'LAST_WRITER_WINS', onDelete: 'KEEP_BOTH' } as const
    // An edit against a deletion is kept under its own id: that needs no copy.
    const ruled = collection({ remote: 'drive', conflicts: merged, ...shares })
    compiled(() => open({ store, schema: of({ shares: ruled }), remotes: { drive } }))
  })

  test('are compared when the program runs, where the names are not known before', async () => {
    const name: string = 'nobody'
    const late = collection({ remote: name })
    const opening = open({ store: memory(), schema: defineSchema({ version: 1, collections: { late } }) })
    await expect(opening).rejects.toMatchObject({ code: 'schema-mismatch' })
    const plain: Transport = { name: 'plain', sources: { late: {} } }
    const schema = of({ late: collection({ remote: 'plain', conflicts: 'KEEP_BOTH' }) })
    await expect(open({ store: memory(), schema, remotes: { plain } })).rejects.toThrow('no place for copies')
  })

  test('say the same to a worker and to a page', () => {
    expectTypeOf<typeof schema>().toExtend<Fits<Notes, { drive: typeof drive }>>()
    expectTypeOf<typeof schema>().not.toExtend<Fits<Notes, { plant: typeof drive }>>()
  })
})

describe('a database', () => {
  const use = (work: (db: Db<Notes, { drive: typeof drive }>) => unknown) => compiled(work as () => unknown)

  test('gives and takes its own rows, field by field', () => {
    use(async db => {
      expectTypeOf(await db.data.notes.get('a')).toEqualTypeOf<Note | undefined>()
      expectTypeOf(db.data.notes.live('a')).toEqualTypeOf<Live<Note | undefined>>()
      expectTypeOf(db.data.notes.live()).toEqualTypeOf<Live<Item<Note>[]>>()
      await db.data.notes.patch('a', { title: 'Tea', stars: undefined })
      // @ts-expect-error a title cannot be dropped
      await db.data.notes.patch('a', { title: undefined })
      // @ts-expect-error there is no such field
      await db.data.notes.patch('a', { titel: 'Tea' })
      // @ts-expect-error there is no such field
      await db.data.notes.put('a', { title: 'Tea', kind: 'plain', star: 1 })
      // @ts-expect-error a title is missing
      await db.data.notes.add({ kind: 'plain' })
      // @ts-expect-error there is no such collection
      db.data.note
      await db.write(tx => {
        tx.notes.patch('a', { stars: 1 })
        // @ts-expect-error there is no such field
        tx.notes.patch('a', { star: 1 })
        // @ts-expect-error there is no such collection
        tx.note
      })
      // @ts-expect-error there is no such collection
      await db.explain('note', 'a')
    })
  })

  test('asks about fields that there are, for what they can hold', () => {
    use(db => {
      db.data.notes.where('kind').equals('task').orderBy('stars', 'desc').limit(5)
      db.data.notes.where('stars').between(1, 5)
      db.data.notes.where('title').startsWith('T')
      // @ts-expect-error there is no such field
      db.data.notes.where('size')
      // @ts-expect-error a list is no text and no number
      db.data.notes.where('tags')
      // @ts-expect-error there is no such kind
      db.data.notes.where('kind').equals('tusk')
      // @ts-expect-error stars are numbers
      db.data.notes.where('stars').equals('1')
      // @ts-expect-error numbers start with nothing
      db.data.notes.where('stars').startsWith('1')
      // @ts-expect-error there is no such field
      db.data.notes.orderBy('size')
      // @ts-expect-error yes and no have no order
      db.data.notes.where('title').startsWith('T').orderBy('done')
      expectTypeOf<Bound<'a' | 1 | true | null>>().toEqualTypeOf<'a' | 1>()
    })
  })

  test('has the remotes that it was opened with', () => {
    use(db => {
      // @ts-expect-error there is no such remote
      db.remotes.plant
      db.remotes.drive.sync()
    })
  })

  test('has the calls of its remotes, for what each takes and gives', () => {
    use(async db => {
      const { api } = db.remotes.drive
      expectTypeOf(await api.devices()).toEqualTypeOf<readonly DeviceInfo[]>()
      expectTypeOf(await api.preferences()).toEqualTypeOf<readonly Preference[]>()
      expectTypeOf(await api.preferences({ device: 'd' })).toEqualTypeOf<readonly Preference[]>()
      expectTypeOf(await api.removeDevice({ id: 'd' })).toEqualTypeOf<void>()
      // @ts-expect-error it wants to know which device
      await api.updateDevice({ name: 'Laptop' })
      // @ts-expect-error there is no such call
      await api.nothing()
      // @ts-expect-error the engine's part is not the app's
      await api.devices(undefined, {})
    })
    use(() => {
      const db = opened(schema.collections, { drive: {} as Transport })
      // @ts-expect-error nobody said that this remote has calls
      db.remotes.drive.api
    })
  })

  test('has `run` where the remote works on jobs, for what it can be asked', () => {
    interface Search extends Transport {
      readonly jobs: Jobs<{ readonly connection: string }>
    }
    interface Push extends Transport {
      readonly jobs: NonNullable<Transport['jobs']>
    }
    use(() => {
      const db = opened(schema.collections, { drive, search: {} as Search, cloud: {} as Push })
      db.remotes.search.run({ connection: 'c' })
      // @ts-expect-error it wants to know which connection
      db.remotes.search.run({})
      expectTypeOf(db.remotes.cloud.run).parameter(0).toEqualTypeOf<Json>()
      // @ts-expect-error files does not work on jobs
      db.remotes.drive.run({ connection: 'c' })
    })
  })
})
