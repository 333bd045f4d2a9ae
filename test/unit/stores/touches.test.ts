import { expect, test } from 'vitest'
import type { Touched } from '../../../src/store.ts'
import { touchedIn } from '../../../src/stores/shared/touches.ts'

test.each<readonly [readonly Touched[]]>([[[]], [[{}]], [[{ collection: 'notes', ids: ['a'] }, { space: 'outbox' }]]])(
  '%j is what another context tells',
  told => {
    expect(touchedIn(told)).toBe(told)
  },
)

test.each([
  undefined,
  null,
  7,
  'text',
  {},
  [null],
  [[]].map(() => 7),
  [{ ids: 7 }],
  [{ collection: 'notes', ids: [7] }],
  [{ space: '__proto__' }],
  [{ space: 'bodies' }, { collection: {} }],
])('%j makes no sense, and is anything (S21)', told => {
  expect(touchedIn(told)).toEqual([{}])
})
