import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { RowKey } from '../../../src/store.ts'
import { compareParts, keyText, prefixEnd, textKey } from '../../../src/stores/shared/keys.ts'

const units = fc.array(fc.oneof(fc.constantFrom(0, 1, 2, 3, 0xd800, 0xffff), fc.integer({ min: 0, max: 0xffff })), {
  maxLength: 4,
})
const text = units.map(list => String.fromCharCode(...list))
const number = fc
  .oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.integer(), fc.constantFrom(5e-324, -5e-324, 0))
  .map(n => n || 0)
const key: fc.Arbitrary<RowKey> = fc.array(fc.oneof(text, number), { maxLength: 4 })

test('the text of a key says the whole key', () => {
  fc.assert(fc.property(key, some => void expect(textKey(keyText(some))).toEqual(some)))
})

test('texts sort as keys do', () => {
  const order = (one: string, other: string) => (one < other ? -1 : one > other ? 1 : 0)
  const near = fc.tuple(key, key, key).map(
    ([start, one, other]) =>
      [
        [...start, ...one],
        [...start, ...other],
      ] as const,
  )
  const check = ([one, other]: readonly [RowKey, RowKey]) =>
    void expect(order(keyText(one), keyText(other))).toBe(Math.sign(compareKeys(one, other)))
  fc.assert(fc.property(near, check), { numRuns: 1000 })
})

test('a text lies between that of a prefix and its end exactly when the key begins with the prefix', () => {
  const near = fc.tuple(key, key, key).map(
    ([start, one, other]) =>
      [
        [...start, ...one],
        [...start, ...other],
      ] as const,
  )
  const check = ([prefix, some]: readonly [RowKey, RowKey]) => {
    const begins = prefix.every((part, at) => part === some[at])
    expect(keyText(some) >= keyText(prefix) && keyText(some) < prefixEnd(prefix)).toBe(begins)
  }
  fc.assert(fc.property(near, check), { numRuns: 1000 })
})

/** As IndexedDB compares array keys: part by part, a prefix first. */
function compareKeys(one: RowKey, other: RowKey): number {
  for (let at = 0; at < Math.min(one.length, other.length); at++) {
    const order = compareParts(one[at]!, other[at]!)
    if (order !== 0) return order
  }
  return one.length - other.length
}
