import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { equal, sameValue } from '../../src/equal.ts'
import type { Field } from '../../src/model.ts'

const bytes = (...all: number[]) => Uint8Array.from(all)
const proto = (inner: string) => JSON.parse(`{"__proto__":${inner}}`)

describe('equal', () => {
  const same: [string, Field | undefined, Field | undefined][] = [
    ['nothing', undefined, undefined],
    ['0 and -0', 0, -0],
    ['lists', [1, ['a', null]], [1, ['a', null]]],
    ['objects, whatever the order of keys', { x: 1, y: { z: 2 } }, { y: { z: 2 }, x: 1 }],
    ['an object without a prototype', { x: 1 }, Object.assign(Object.create(null), { x: 1 })],
    ['keys named __proto__', proto('{"x":1}'), proto('{"x":1}')],
    ['bytes', bytes(1, 2), bytes(1, 2)],
    ['bytes from a larger buffer', bytes(2, 3), bytes(1, 2, 3).subarray(1)],
    ['integers beyond 2^53', 2n ** 60n, 2n ** 60n],
  ]
  test.each(same)('%s', (_, one, other) => {
    expect(equal(one, other)).toBe(true)
    expect(equal(other, one)).toBe(true)
  })

  const different: [string, Field | undefined, Field | undefined][] = [
    ['nothing and null', undefined, null],
    ['0 and false', 0, false],
    ['1 and 1n', 1, 1n],
    ['1 and "1"', 1, '1'],
    ['null and an empty object', null, {}],
    ['an empty list and an empty object', [], {}],
    ['a list and an object with its keys', ['a'], { 0: 'a' }],
    ['lists in another order', [1, 2], [2, 1]],
    ['a list and its beginning', [1, 2], [1]],
    ['an object and more of it', { x: 1 }, { x: 1, y: null }],
    ['other keys', { x: 1 }, { y: 1 }],
    ['an own key and an inherited one', { toString: 1 }, { x: 1 }],
    ['a key named __proto__ and none', proto('{}'), {}],
    ['a key named __proto__ and another key', proto('{}'), { x: {} }],
    ['a list and an object that looks like one', ['a'], { 0: 'a', length: 1 }],
    ['other bytes', bytes(1, 2), bytes(1, 3)],
    ['bytes and fewer of them', bytes(1, 2), bytes(1)],
    ['bytes and a list', bytes(1), [1]],
    ['bytes and an object', bytes(), {}],
    ['neighbours beyond 2^53', 2n ** 60n, 2n ** 60n + 1n],
  ]
  test.each(different)('not %s', (_, one, other) => {
    expect(equal(one, other)).toBe(false)
    expect(equal(other, one)).toBe(false)
  })

  const json = fc.jsonValue() as fc.Arbitrary<Field>
  test('a copy is equal, also with its keys turned round', () => {
    fc.assert(
      fc.property(json, one => {
        expect(equal(one, structuredClone(one))).toBe(true)
        expect(equal(one, turned(one))).toBe(true)
      }),
    )
  })

  test('what is equal is so both ways', () => {
    fc.assert(fc.property(json, json, (one, other) => equal(one, other) === equal(other, one)))
  })

  function turned(field: Field): Field {
    if (Array.isArray(field)) return field.map(turned) as Field
    if (typeof field !== 'object' || field === null) return field
    const entries = Object.entries(field as { [key: string]: Field }).reverse()
    return Object.fromEntries(entries.map(([key, inner]) => [key, turned(inner)])) as Field
  }
})

test('sameValue tells a deleted record from an empty one', () => {
  expect(sameValue(null, null)).toBe(true)
  expect(sameValue({}, {})).toBe(true)
  expect(sameValue(null, {})).toBe(false)
  expect(sameValue({}, null)).toBe(false)
  expect(sameValue({ text: 'a' }, { text: 'a' })).toBe(true)
  expect(sameValue({ text: 'a' }, { text: 'b' })).toBe(false)
})
