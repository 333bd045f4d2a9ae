import 'fake-indexeddb/auto'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { IDBFactory } from 'fake-indexeddb'
import { afterAll, expect, test } from 'vitest'
import { indexeddb } from '../../src/stores/indexeddb/index.ts'
import { memory, memoryDisk } from '../../src/stores/memory.ts'
import { sqlite } from '../../src/stores/sqlite.ts'
import type { MakePlace } from './store/place.ts'
import { storePlatform } from './store/platform.ts'
import { storeSuite } from './store-suite.ts'

const folder = mkdtempSync(join(tmpdir(), 'tidemark-stores-'))
let files = 0
afterAll(() => rmSync(folder, { recursive: true }))

const stores: { readonly [name: string]: { readonly make: MakePlace; readonly histories?: number } } = {
  memory: {
    histories: 500,
    make: () => {
      const disk = memoryDisk()
      return { driver: () => memory('test', { disk }), platform: storePlatform() }
    },
  },
  // A browser's own is tried by the browser tests.
  indexeddb: {
    histories: 60,
    make: () => {
      const factory = new IDBFactory()
      return { driver: () => indexeddb('test', { factory }), platform: storePlatform() }
    },
  },
  sqlite: {
    histories: 100,
    make: () => {
      const file = join(folder, `${files++}.sqlite`)
      return { driver: () => sqlite(file), platform: storePlatform() }
    },
  },
}

test('every store in the folder is tried here', () => {
  const all = readdirSync(new URL('../../src/stores', import.meta.url))
  const names = all.filter(name => name !== 'shared').map(name => name.replace(/\.ts$/, ''))
  expect(names.sort()).toEqual(Object.keys(stores).sort())
})

for (const [name, { make, ...counts }] of Object.entries(stores)) storeSuite(name, make, counts)
