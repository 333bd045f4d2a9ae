/** What must not be in the source, whatever it is good for. */
import { globSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const sources = globSync(['src/**/*.ts', 'workers/**/*.ts'], { cwd: root })
  .filter(path => !path.startsWith('src/sandbox/'))
  .map(path => ({ path, text: readFileSync(`${root}/${path}`, 'utf8') }))

const lines = (pattern: RegExp): string[] =>
  sources.flatMap(({ path, text }) =>
    text
      .split('\n')
      .filter(line => pattern.test(line))
      .map(line => `${path}: ${line.trim()}`),
  )

test('the library evaluates nothing and builds no markup (S15, S23)', () => {
  expect(sources.length).toBeGreaterThan(100)
  expect(
    lines(/\beval\(|\bnew Function\b|\.(inner|outer)HTML\b|insertAdjacentHTML|document\.write|createObjectURL/),
  ).toEqual([])
})

test('no pattern is made of what somebody else wrote (S17)', () => {
  // This one is made of our own mark.
  expect(lines(/\bRegExp\(/)).toEqual([expect.stringMatching(/^src\/transports\/shared\/json\.ts: .*\$\{mark\}/)])
})
