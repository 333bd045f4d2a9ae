import fc from 'fast-check'
import { expect, test } from 'vitest'
import { splitter } from '../../../src/transports/shared/events.ts'

const all = (...pieces: readonly string[]) => {
  const split = splitter()
  return pieces.flatMap(piece => split(piece))
}

test('the data of each event, with either end of line, and nothing else of it', () => {
  expect(all('data: one\n\ndata:two\r\n\r\n: a comment\n\nevent: x\ndata: a\ndata: b\r\rid: 7\n\ndata: cut')).toEqual([
    'one',
    'two',
    'a\nb',
  ])
})

test('however a stream is cut into pieces, it says the same', () => {
  const line = fc.constantFrom('data: x', 'data: y\r', 'data:z', '', '', ': c', 'id: 1')
  fc.assert(
    fc.property(fc.array(line), fc.array(fc.nat(60)), (lines, cuts) => {
      const text = `${lines.join('\n')}\n\n`
      const at = [...new Set(cuts.map(cut => cut % (text.length + 1)))].sort((one, other) => one - other)
      const pieces = [0, ...at].map((from, index) => text.slice(from, at[index] ?? text.length))
      expect(all(...pieces)).toEqual(all(text))
    }),
  )
})

test('an event that is too long is passed over, and the next one is heard', () => {
  expect(all(`data: ${'x'.repeat(70_000)}\n\ndata: y\n\n`)).toEqual(['y'])
  expect(all(`${'data: x\n'.repeat(2_000)}\ndata: y\n\n`)).toEqual(['y'])
})
