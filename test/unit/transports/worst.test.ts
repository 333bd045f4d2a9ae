/** The worst that a stranger can send within the limits: it may cost time in proportion, never the square of it (S18). */
import { expect, test } from 'vitest'
import { copyName } from '../../../src/transports/files/names.ts'
import { readShard, type Shard, writeShard } from '../../../src/transports/files/shards.ts'
import { parseJson } from '../../../src/transports/shared/json.ts'

/** What takes this long for so much took more than its share, even here. */
const budget = 20_000

test('a shard of a hundred thousand records is read and written within seconds (S18)', { timeout: budget }, () => {
  const entries = Array.from({ length: 100_000 }, (_, n) => {
    const id = `record-${(n * 7919) % 100_000}`
    return [id, { id, v: `v${n}`, at: { time: n, device: 'd' }, value: { title: `${n}`, tags: ['a', 'b'] } }] as const
  })
  const shard: Shard = new Map(entries)
  expect(readShard(writeShard(shard))?.size).toBe(100_000)
})

test('the ten thousandth copy of a name is found without trying them all (S18)', { timeout: budget }, () => {
  const device = { id: 'device-1', name: 'Laptop' }
  const at = Date.parse('2026-05-02T08:00:00Z')
  const others = Array.from({ length: 100_000 }, (_, n) => `other-${n}.txt`)
  expect(copyName({ name: 'a.txt', folder: false, at }, others, device)).toMatch(/^a \(conflicted copy/)
  const many = Array.from({ length: 10_000 }, (_, n) => `a (conflicted copy Laptop 2026-05-02 080000) ${n}.txt`)
  expect(copyName({ name: 'a.txt', folder: false, at }, many, device)).toBeUndefined()
  for (const odd of ['(', ' ', '.', 'a (conflicted copy ', ') ', '9']) {
    const long = odd.repeat(Math.floor(250 / odd.length))
    expect(
      copyName({ name: `${long}.txt`, folder: false, at }, others.slice(0, 1000).concat(long), device),
    ).toBeDefined()
  }
})

test.each([
  ['lists', `[${'[],'.repeat(2_000_000)}[]]`],
  ['digits', `[${'1'.repeat(4_000_000)}]`],
  ['integers beyond 2^53', `[${'12345678901234567890,'.repeat(200_000)}1]`],
  ['quotes and escapes', `["${'\\\\\\"'.repeat(1_000_000)}"]`],
  ['an end that never comes', `["${'a'.repeat(8_000_000)}`],
  ['brackets', '['.repeat(8_000_000)],
])('megabytes of %s are read or refused within seconds (S13, S18)', { timeout: budget }, (_, text) => {
  let outcome: string
  try {
    outcome = Array.isArray(parseJson(text)) ? 'read' : 'something else'
  } catch (error) {
    outcome = (error as { code: string }).code
  }
  expect(['read', 'protocol', 'truncated']).toContain(outcome)
})
