/** The transport judges records as the server does: two evaluators that share no code, on whatever filter. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { filterFault, lasting, matches, type RecordFilter } from '../../src/transports/cdf-records/filter.ts'
import { plant, prop, READING, type reading } from '../sandbox/cognite-kit.ts'
import type { Json } from '../sandbox/kit.ts'

const texts = ['', 'a', 'ab', 'B', 'b', '\uffff', '😀', 'ä', '2026-01-01T00:00:00Z']
const times = ['2026-01-01T00:00:00Z', '2026-01-01T01:00:00.000+01:00', '2026-01-02T00:00:00.5Z', '2026-01-02T00:00:00']
const numbers = [-1, 0, 0.5, 1, 10, 1e21]
const integers = [0, 1, 9007199254740992n, 9007199254740993n, -9223372036854775808n]
const jsons = [{ a: 1 }, { a: 1, b: [1n, 'x'] }, { b: [1, 'x'], a: 1 }]

const from = <T>(values: readonly T[]) => fc.constantFrom(...values)
const fields = {
  name: from(texts.slice(1)),
  value: from(numbers),
  count: from(integers),
  small: from([0, 1, 2]),
  on: fc.boolean(),
  at: from(times),
  day: from(['2026-01-01', '2026-01-02']),
  more: from(jsons),
  site: from([
    { space: 'plant', externalId: 's' },
    { externalId: 's', space: 'other' },
  ]),
}
const single = Object.keys(fields) as (keyof typeof fields)[]
const ranged = single.filter(name => !['more', 'site', 'on'].includes(name))

const leaf = fc.oneof(
  fc.constant({ matchAll: {} }),
  from(single).chain(name =>
    (fields[name] as fc.Arbitrary<never>).map(value => ({ equals: { property: prop(name), value } })),
  ),
  from(single).chain(name =>
    fc
      .array(fields[name] as fc.Arbitrary<never>, { minLength: 1, maxLength: 3 })
      .map(values => ({ in: { property: prop(name), values } })),
  ),
  from(ranged).chain(name =>
    fc
      .tuple(fields[name] as fc.Arbitrary<never>, from(['gte', 'gt', 'lte', 'lt']))
      .map(([bound, side]) => ({ range: { property: prop(name), [side]: bound } })),
  ),
  from([...single, 'tags']).map(name => ({ exists: { property: prop(name) } })),
  from(texts.slice(1)).map(value => ({ prefix: { property: prop('name'), value } })),
  from(['containsAll', 'containsAny']).chain(op =>
    fc.array(from(texts), { minLength: 1, maxLength: 3 }).map(values => ({ [op]: { property: prop('tags'), values } })),
  ),
  from(['Reading', 'Place']).map(externalId => ({ hasData: [{ ...READING, externalId }] })),
  from(['a', 'b', 'r1', 'r2']).map(value => ({ prefix: { property: ['externalId'], value } })),
  from(['plant', 'other']).map(value => ({ equals: { property: ['space'], value } })),
  from([0, 1777708800000, '2026-05-02T08:00:00Z']).map(gte => ({ range: { property: ['lastUpdatedTime'], gte } })),
)

const { filter } = fc.letrec<{ filter: object }>(tie => ({
  filter: fc.oneof(
    { maxDepth: 4 },
    leaf as fc.Arbitrary<object>,
    fc.array(tie('filter'), { minLength: 1, maxLength: 3 }).map(and => ({ and })),
    fc.array(tie('filter'), { minLength: 1, maxLength: 3 }).map(or => ({ or })),
    tie('filter').map(not => ({ not })),
  ),
}))

const record = fc.record(
  { ...fields, tags: fc.array(from(texts), { minLength: 1, maxLength: 3 }) },
  { requiredKeys: [] },
)

test('of any records, any filter finds the same here and there', { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(record, { minLength: 1, maxLength: 8 }),
      fc.array(filter, { minLength: 1, maxLength: 12 }),
      async (rows, filters) => {
        const { upsert, filter: ask } = plant()
        const items: ReturnType<typeof reading>[] = rows.map((properties, at) => ({
          space: 'plant',
          externalId: `r${at}`,
          sources:
            Object.keys(properties).length > 0
              ? [{ source: READING, properties }]
              : [{ source: { ...READING, externalId: 'Place' } as never, properties: { hall: 'x' } }],
        }))
        expect((await upsert(...items)).status).toBe(202)
        const all: Json[] = (await ask()).body.items
        for (const one of filters) {
          expect(filterFault(one)).toBeUndefined()
          const found = (await ask(one)).body.items.map((it: Json) => it.externalId)
          const here = all.filter(it => matches(one as RecordFilter, it)).map(it => it.externalId)
          expect(
            here,
            JSON.stringify(one, (_, it) => (typeof it === 'bigint' ? `${it}n` : it)),
          ).toEqual(found)
          // What goes to the server never loses a record that we want.
          const sent = lasting(one as RecordFilter)
          if (sent !== undefined) {
            const seen = new Set(all.filter(it => matches(sent, it)).map(it => it.externalId))
            expect(here.every(id => seen.has(id))).toBe(true)
          }
        }
      },
    ),
    { numRuns: 150 },
  )
})
