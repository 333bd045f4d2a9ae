import { readdirSync } from 'node:fs'
import { expect, test } from 'vitest'
import { memory, memoryDisk } from '../../src/stores/memory.ts'
import type { MakePlace } from './store/place.ts'
import { storePlatform } from './store/platform.ts'
import { storeSuite } from './store-suite.ts'

const stores: { readonly [name: string]: { readonly make: MakePlace; readonly histories?: number } } = {
  memory: {
    histories: 500,
    make: () => {
      const disk = memoryDisk()
      return { driver: () => memory('test', { disk }), platform: storePlatform() }
    },
  },
}

test('every store in the folder is tried here', () => {
  const folder = readdirSync(new URL('../../src/stores', import.meta.url))
  const names = folder.filter(name => name !== 'shared').map(name => name.replace(/\.ts$/, ''))
  expect(names.sort()).toEqual(Object.keys(stores).sort())
})

for (const [name, { make, ...counts }] of Object.entries(stores)) storeSuite(name, make, counts)
