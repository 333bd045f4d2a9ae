/** A short piece of chaos; `npm run soak` plays long ones, and `test/browser/chaos.test.ts` one with browsers. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { chaos } from './chaos.ts'
import { nodePlace } from './places.ts'

test('two processes, a server and wires that fail all the time end the same, with every acknowledged write (I1, I3, I12)', async () => {
  const seed = Number(process.env.CHAOS_SEED ?? Date.now() % 1_000_000)
  console.log(`chaos seed ${seed}: CHAOS_SEED=${seed} plays the same plan`)
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-chaos-'))
  const places = ['One', 'Two'].map(name => nodePlace(name, folder))
  const toll = await chaos({ seed, acts: 120, places })
  console.log(toll)
  expect(toll.faults['server killed']).toBeGreaterThan(1)
  rmSync(folder, { recursive: true, force: true })
}, 600_000)
