/** What a schema refuses before any store is opened. */
import { expect, test } from 'vitest'
import { collection, defineSchema, memory, open, type Transport } from '../../src/index.ts'

const feed: Transport = { name: 'feed', sources: { notes: {} } }

test('a source feeds one collection, and a collection has one home', async () => {
  const notes = collection({ remote: 'feed' })
  const again = collection({ remote: 'feed', source: 'notes' })
  expect(() => defineSchema({ version: 1, collections: { notes, again } })).toThrow('a source feeds one collection')
  const elsewhere = collection({ remote: 'other', source: 'notes' })
  const schema = defineSchema({ version: 1, collections: { notes, elsewhere } })
  // @ts-expect-error there is no remote of that name
  await expect(open({ store: memory(), schema, remotes: { feed } })).rejects.toMatchObject({ code: 'schema-mismatch' })
})

test.each([
  ['a version that is no whole number', { version: 1.5, collections: {} }],
  ['a migration to a version that there is not', { version: 2, collections: {}, migrations: { 3: {} } }],
  ['a name that no store could keep', { version: 1, collections: { 'a b': collection({}) } }],
  ['a collection that was begun only', { version: 1, collections: { notes: collection() } }],
])('%s is refused', (_, definition) => {
  expect(() => defineSchema(definition)).toThrow(expect.objectContaining({ code: 'schema-mismatch' }))
})

test('a strategy that the remote cannot keep is refused', async () => {
  const schema = defineSchema({
    version: 1,
    collections: { notes: collection({ remote: 'feed', conflicts: 'KEEP_BOTH' }) },
  })
  await expect(open({ store: memory(), schema, remotes: { feed } })).rejects.toThrow('has no place for copies')
})
