import { expect, expectTypeOf, test } from 'vitest'
import { type Item, memory, open } from '../../../src/index.ts'
import { collection, defineSchema } from '../../../src/schema.ts'
import { notes } from '../engine/kit.ts'
import { numbers } from './app.ts'

type Note = { title: string; size?: number }
interface Person {
  name: string
}

const schema = defineSchema({
  version: 1,
  collections: {
    notes: collection<Note>()({ index: ['title'], ...notes }),
    people: collection<Person>()({}),
    checked: collection({ schema: numbers }),
  },
})

test('an app reads and writes its own types', async () => {
  const db = await open({ store: memory(), schema })
  await db.data.notes.put('a', { title: 'A' })
  expectTypeOf(await db.data.notes.get('a')).toEqualTypeOf<Note | undefined>()
  expectTypeOf(await db.data.people.list()).toEqualTypeOf<Item<Person>[]>()
  expectTypeOf(db.data.notes.where).parameter(0).toEqualTypeOf<'title' | 'size'>()
  // @ts-expect-error a title is a text
  const wrong = () => db.data.notes.put('a', { title: 1 })
  // @ts-expect-error there is no such field
  const unknown = () => db.data.people.where('title')
  await db.write(async tx => {
    expectTypeOf(await tx.notes.get('a')).toEqualTypeOf<Note | undefined>()
    await tx.people.put('p', { name: 'P' })
  })
  expect([typeof wrong, typeof unknown, await db.data.people.get('p')]).toEqual(['function', 'function', { name: 'P' }])
  await db.close()
})
