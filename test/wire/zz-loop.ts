import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chaos } from './chaos.ts'
import { nodePlace } from './places.ts'
const from = Number(process.argv[2]), n = Number(process.argv[3])
for (let i = 0; i < n; i++) {
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-chaos-'))
  const places = ['One', 'Two'].map(name => nodePlace(name, folder))
  let healed = 0
  try {
    const toll = await chaos({ seed: from + i, acts: 120, places, say: line => { if (line.startsWith('everything')) healed = performance.now(); if (healed) console.log(from + i, ((performance.now() - healed)/1000).toFixed(1), line.slice(0, 400)) } })
    console.log(from + i, 'quiet', toll.quiet)
  } catch (e) { console.log(from + i, 'FAILED', String(e).slice(0, 1500)) }
  rmSync(folder, { recursive: true, force: true })
}
process.exit(0)
