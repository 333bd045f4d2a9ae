import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { list } from './mutants-list.ts'

const sourceOf = (file: string): string => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8')

test('every deliberate break has its place in the source: one that is gone would be hunted in vain', () => {
  const lost = list.flatMap(({ name, patches }) =>
    patches.filter(({ file, find }) => sourceOf(file).split(find).length !== 2).map(({ file }) => `${name}: ${file}`),
  )
  expect(lost).toEqual([])
  expect(new Set(list.map(({ name }) => name)).size).toBe(list.length)
})
