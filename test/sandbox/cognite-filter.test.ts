import { describe, expect, test } from 'vitest'
import { plant, prop, READING, reading } from './cognite-kit.ts'
import type { Json } from './kit.ts'

async function readings() {
  const made = plant()
  await made.ingest(
    'live',
    reading('a', { name: 'alpha', value: 1, count: 10n, tags: ['x', 'y'], on: true, at: '2026-01-01T00:00:00Z' }),
    reading('b', { name: 'beta', value: 2.5, tags: ['y'], at: '2026-01-01T01:00:00.000+01:00', day: '2026-01-02' }),
    reading('c', { name: 'Alpha', site: { space: 'plant', externalId: 's' }, more: { k: [1, 2] } }),
    {
      space: 'plant',
      externalId: 'd',
      sources: [{ source: { ...READING, externalId: 'Place' }, properties: { hall: 'h' } }],
    },
  )
  return made
}

const found = async (filter: object) => {
  const { filter: ask } = await readings()
  const { status, body } = await ask(filter)
  return status === 200 ? body.items.map((it: Json) => it.externalId).sort() : status
}

const leaf = (op: string, name: string, more: object) => ({ [op]: { property: prop(name), ...more } })

describe('the filter language of records', () => {
  test.each<[object, string[]]>([
    [{ matchAll: {} }, ['a', 'b', 'c', 'd']],
    [leaf('equals', 'name', { value: 'alpha' }), ['a']],
    [leaf('equals', 'value', { value: 2.5 }), ['b']],
    [leaf('equals', 'count', { value: 10 }), ['a']],
    [leaf('equals', 'on', { value: true }), ['a']],
    [leaf('equals', 'at', { value: '2026-01-01T00:00:00.000Z' }), ['a', 'b']],
    [leaf('equals', 'site', { value: { externalId: 's', space: 'plant' } }), ['c']],
    [leaf('equals', 'more', { value: { k: [1, 2] } }), ['c']],
    [{ equals: { property: ['externalId'], value: 'd' } }, ['d']],
    [leaf('in', 'name', { values: ['alpha', 'beta', 'no'] }), ['a', 'b']],
    [{ in: { property: ['space'], values: ['plant'] } }, ['a', 'b', 'c', 'd']],
    [leaf('prefix', 'name', { value: 'al' }), ['a']],
    [{ prefix: { property: ['externalId'], value: 'c' } }, ['c']],
    [leaf('range', 'value', { gte: 1, lt: 2.5 }), ['a']],
    [leaf('range', 'value', { gt: 1 }), ['b']],
    [leaf('range', 'day', { lte: '2026-01-02' }), ['b']],
    [leaf('range', 'name', { gte: 'a' }), ['a', 'b']],
    [{ range: { property: ['lastUpdatedTime'], gte: 0 } }, ['a', 'b', 'c', 'd']],
    [{ range: { property: ['createdTime'], gt: '2099-01-01T00:00:00Z' } }, []],
    [leaf('exists', 'value', {}), ['a', 'b']],
    [leaf('containsAll', 'tags', { values: ['x', 'y'] }), ['a']],
    [leaf('containsAny', 'tags', { values: ['x', 'y'] }), ['a', 'b']],
    [{ hasData: [READING] }, ['a', 'b', 'c']],
    [{ not: leaf('exists', 'value', {}) }, ['c', 'd']],
    [{ not: leaf('equals', 'value', { value: 1 }) }, ['b', 'c', 'd']],
    [{ and: [leaf('exists', 'value', {}), { not: leaf('equals', 'name', { value: 'beta' }) }] }, ['a']],
    [
      { or: [leaf('equals', 'name', { value: 'beta' }), { hasData: [{ ...READING, externalId: 'Place' }] }] },
      ['b', 'd'],
    ],
  ])('%j finds %j', async (filter, ids) => {
    expect(await found(filter)).toEqual(ids)
  })

  const nested = (depth: number): object => (depth === 0 ? { matchAll: {} } : { not: nested(depth - 1) })

  test.each<[string, object]>([
    ['two operators at once', { matchAll: {}, hasData: [READING] }],
    ['no operator', {}],
    ['an unknown operator', { nested: {} }],
    ['two lower bounds', leaf('range', 'value', { gt: 1, gte: 1 })],
    ['no bound', leaf('range', 'value', {})],
    ['a property of two parts', { exists: { property: ['plant', 'Reading'] } }],
    ['a property of four parts', { exists: { property: ['plant', 'Reading', 'v1', 'value'] } }],
    ['a top-level property that the operator does not take', { exists: { property: ['space'] } }],
    ['a range over the space', { range: { property: ['space'], gte: 'a' } }],
    ['an unknown property', leaf('exists', 'nope', {})],
    ['an unknown container', { exists: { property: ['plant', 'Nope', 'x'] } }],
    ['a list where one is meant', leaf('equals', 'tags', { value: 'x' })],
    ['one where a list is meant', leaf('containsAny', 'name', { values: ['x'] })],
    ['a prefix of a number', leaf('prefix', 'value', { value: '1' })],
    ['an empty prefix', leaf('prefix', 'name', { value: '' })],
    ['no values', leaf('in', 'name', { values: [] })],
    ['more than 100 values', leaf('in', 'name', { values: Array.from({ length: 101 }, (_, at) => `${at}`) })],
    ['an empty and', { and: [] }],
    ['more than 99 operands', { or: Array.from({ length: 100 }, () => ({ matchAll: {} })) }],
    ['more than 100 nodes', { or: [1, 2].map(() => ({ or: Array.from({ length: 60 }, () => ({ matchAll: {} })) })) }],
    ['more than 10 levels', nested(10)],
    ['matchAll with something in it', { matchAll: { x: 1 } }],
    ['more than 10 containers', { hasData: Array.from({ length: 11 }, () => READING) }],
  ])('%s is 400', async (_, filter) => {
    expect(await found(filter)).toBe(400)
  })

  test('10 levels and 100 nodes are fine', async () => {
    expect(await found(nested(9))).toEqual([])
    expect(await found({ or: Array.from({ length: 99 }, () => ({ matchAll: {} })) })).toHaveLength(4)
  })
})

describe('records/filter', () => {
  test('wants an interval for immutable streams, no longer than theirs', async () => {
    const { post, ingest, world } = plant()
    await ingest('archive', reading('a'))
    const ask = (body: object) => post('/streams/archive/records/filter', body)
    expect((await ask({})).status).toBe(400)
    expect((await ask({ lastUpdatedTime: { lt: world.now() } })).status).toBe(400)
    expect((await ask({ lastUpdatedTime: { gte: world.now() - 8 * 24 * 3_600_000 } })).status).toBe(400)
    expect((await ask({ lastUpdatedTime: { gt: 1, gte: 1 } })).status).toBe(400)
    const { body } = await ask({ lastUpdatedTime: { gte: new Date(world.now() - 1_000).toISOString() } })
    expect(body.items).toHaveLength(1)
    expect(body.items[0].status).toBeUndefined()
  })

  test('sorts, and puts what has no value last', async () => {
    const { filter } = await readings()
    const by = async (direction: string) => {
      const { body } = await filter(undefined, { sort: [{ property: prop('value'), direction }] })
      return body.items.map((it: Json) => it.externalId).join('')
    }
    expect(await by('ascending')).toBe('abcd')
    expect(await by('descending')).toBe('bacd')
  })
})

describe('records/aggregate', () => {
  test('counts, sums, averages, and groups', async () => {
    const { post } = await readings()
    const { body } = await post('/streams/live/records/aggregate', {
      aggregates: {
        all: { count: {} },
        valued: { count: { property: prop('value') } },
        sum: { sum: { property: prop('value') } },
        low: { min: { property: prop('value') } },
        tags: { uniqueValues: { property: prop('tags'), aggregates: { high: { max: { property: prop('value') } } } } },
      },
    })
    expect(body.aggregates).toEqual({
      all: { count: 4 },
      valued: { count: 2 },
      sum: { sum: 3.5 },
      low: { min: 1 },
      tags: {
        uniqueValueBuckets: [
          { value: 'y', count: 2, aggregates: { high: { max: 2.5 } } },
          { value: 'x', count: 1, aggregates: { high: { max: 1 } } },
        ],
      },
    })
    const many = Object.fromEntries(Array.from({ length: 6 }, (_, at) => [`a${at}`, { count: {} }]))
    expect((await post('/streams/live/records/aggregate', { aggregates: many })).status).toBe(400)
    const text = { aggregates: { a: { sum: { property: prop('name') } } } }
    expect((await post('/streams/live/records/aggregate', text)).status).toBe(400)
  })
})
