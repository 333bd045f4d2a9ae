import { readdirSync } from 'node:fs'
import { expect, test } from 'vitest'
import { cases as airweave } from './transport-airweave.ts'
import { cases as cdfInstances } from './transport-cdf-instances.ts'
import { cases as cdfRecords } from './transport-cdf-records.ts'
import { cases as cognee } from './transport-cognee.ts'
import { cases as files } from './transport-files.ts'
import { type TransportCase, transportSuite } from './transport-suite.ts'

/** By folder in src/transports. */
const suites: { readonly [folder: string]: readonly TransportCase[] } = {
  files,
  airweave,
  cognee,
  'cdf-instances': cdfInstances,
  'cdf-records': cdfRecords,
}

test('every transport has its suite', () => {
  const folders = readdirSync(new URL('../../src/transports', import.meta.url)).filter(name => name !== 'shared')
  expect(Object.keys(suites).sort()).toEqual(folders.sort())
  for (const cases of Object.values(suites)) expect(cases.length).toBeGreaterThan(0)
})

for (const cases of Object.values(suites)) for (const one of cases) transportSuite(one)
