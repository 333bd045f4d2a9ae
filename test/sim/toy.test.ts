import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

// A process of its own: the simulator closes the doors to clocks and timers, which the test runner needs.
test('the harness passes a right engine and finds every bug planted in it', () => {
  const toy = fileURLToPath(new URL('./toy.ts', import.meta.url))
  expect(execFileSync(process.execPath, [toy, '500'], { encoding: 'utf8' })).toMatch(/\nok in \d+ ms\n$/)
}, 60_000)
