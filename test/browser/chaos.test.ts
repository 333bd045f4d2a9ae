/** Two browsers and two Node processes on one share, with a server and wires that fail all the time. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { chaos } from '../wire/chaos.ts'
import { nodePlace } from '../wire/places.ts'
import { chromiumPlace, scripts } from './chaos.ts'
import { site } from './harness/site.ts'

test('two browsers and two processes end the same, with every acknowledged write (I1, I3, I12)', async () => {
  const seed = Number(process.env.CHAOS_SEED ?? Date.now() % 1_000_000)
  console.log(`chaos seed ${seed}: CHAOS_SEED=${seed} plays the same plan`)
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-chaos-'))
  const served = await site({ scripts })
  const places = [
    chromiumPlace('Ann', served),
    chromiumPlace('Bob', served),
    nodePlace('Cid', folder),
    nodePlace('Dot', folder),
  ]
  const toll = await chaos({ seed, acts: 120, places })
  console.log(toll)
  expect(toll.faults['server killed']).toBeGreaterThan(1)
  await served.close()
  rmSync(folder, { recursive: true, force: true })
}, 900_000)
