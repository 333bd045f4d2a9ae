/** docs/SPEC.md names tests. They exist, and so does every number that it must have. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { root } from './consumer.ts'

const spec = readFileSync(join(root, 'docs/SPEC.md'), 'utf8').replace(/\n {3,}/g, ' ')

/** A file, and the titles in quotes that follow it before the next one. */
const named = [...spec.slice(spec.indexOf('## Laws')).matchAll(/`(test\/[\w./-]+)`((?:[^`|\n]*?"[^"|\n]+")*)/g)].map(
  ([, file, rest]) => ({
    file: file!,
    titles: [...(rest ?? '').matchAll(/"([^"]+)"/g)].map(([, title]) => title!),
  }),
)

test('every test that the spec names exists', () => {
  expect(named.flatMap(({ titles }) => titles).length).toBeGreaterThan(40)
  const missing = named.flatMap(({ file, titles }) => {
    if (!existsSync(join(root, file))) return [file]
    const source = readFileSync(join(root, file), 'utf8').replaceAll("\\'", "'")
    return titles.filter(title => !source.includes(title)).map(title => `${file}: ${title}`)
  })
  expect(missing).toEqual([])
})

test('what the simulator is said to check, it checks', () => {
  const said = [...spec.matchAll(/the simulator, (I\d+) \(`([^`]+)`\)/g)]
  expect(said.length).toBeGreaterThan(8)
  for (const [, invariant, file] of said) expect(readFileSync(join(root, file!), 'utf8')).toContain(`'${invariant}'`)
})

test('no number is missing: laws 1-9, rules 1-14, invariants I0-I34, safety S1-S6 and S12-S25', () => {
  for (let n = 1; n <= 9; n++) expect(spec).toMatch(new RegExp(`^\\| ${n} \\| \\*\\*`, 'm'))
  for (let n = 1; n <= 14; n++) expect(spec).toMatch(new RegExp(`^${n}\\. \\*\\*`, 'm'))
  for (let n = 0; n <= 34; n++) expect(spec).toMatch(new RegExp(`^\\| I${n} \\|`, 'm'))
  for (let n = 1; n <= 25; n++) if (n <= 6 || n >= 12) expect(spec).toMatch(new RegExp(`^\\| S${n} \\|`, 'm'))
})

test('no row is left without saying what holds it', () => {
  const rows = spec.split('\n').filter(line => /^\| [IS]?\d/.test(line))
  expect(rows.filter(row => (row.split('|').at(-2)?.trim() ?? '') === '')).toEqual([])
})
