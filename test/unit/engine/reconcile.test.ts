import { expect, test } from 'vitest'
import { reconcile } from '../../../src/engine/reconcile.ts'
import type { Base, Value } from '../../../src/model.ts'

const one: Value = { n: 1 }
const two: Value = { n: 2 }
const three: Value = { n: 3 }
const at = (value: Value | null, version: Base['version']): Base => ({ value, version })

test.each<[string, Base | null | undefined, { value: Value | null } | undefined, Base, string]>([
  ['a record that is new here', undefined, undefined, at(one, 1), 'adopt'],
  ['the state we agreed on', at(one, 1), undefined, at(one, 1), 'known'],
  ['the state we agreed on, below a local edit', at(one, 1), { value: two }, at(one, 1), 'known'],
  ['a newer state of a clean record', at(one, 1), undefined, at(two, 2), 'adopt'],
  ['a deletion of a clean record', at(one, 1), undefined, at(null, 2), 'adopt'],
  ['another version of the value that the edit began from', at(one, 1), { value: two }, at(one, 2), 'adopt'],
  ['the value that the edit came to as well', at(one, 1), { value: two }, at(two, 2), 'agree'],
  ['a deletion that both sides made', at(one, 1), { value: null }, at(null, 2), 'agree'],
  ['another value', at(one, 1), { value: two }, at(three, 2), 'conflict'],
  ['a deletion below an edit', at(one, 1), { value: two }, at(null, 2), 'conflict'],
  ['an edit below a deletion', at(one, 1), { value: null }, at(two, 2), 'conflict'],
  ['two creations that are the same', null, { value: one }, at(one, 1), 'agree'],
  ['two creations that are not', null, { value: one }, at(two, 1), 'conflict'],
  ['a tombstone of what is created here', null, { value: one }, at(null, 7), 'adopt'],
  ['the same version in the next life of a record', at(one, 1), undefined, at(two, 1), 'adopt'],
  ['the same version in the next life, below an edit', at(one, 1), { value: two }, at(three, 1), 'conflict'],
  ['the same value under a bigint version', at(one, 9007199254740993n), undefined, at(one, 9007199254740993n), 'known'],
  ['a bigint version one further', at(one, 9007199254740993n), undefined, at(one, 9007199254740992n), 'adopt'],
  ['a structured version, in another order', at(one, { a: 1, b: 2 }), undefined, at(one, { b: 2, a: 1 }), 'known'],
  ['bytes', at({ doc: new Uint8Array([1]) }, 1), undefined, at({ doc: new Uint8Array([1]) }, 1), 'known'],
])('%s is met as it should be', (_, base, waiting, remote, news) => {
  expect(reconcile(base, waiting, remote)).toBe(news)
})
