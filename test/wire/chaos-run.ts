/** Plays one plan of chaos after the other: `node test/wire/chaos-run.ts --seeds 20 --from 1 --acts 200 --devices 3`. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { chaos } from './chaos.ts'
import { nodePlace } from './places.ts'

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '10' },
    from: { type: 'string', default: '1' },
    acts: { type: 'string', default: '200' },
    devices: { type: 'string', default: '2' },
  },
})

let failed = 0
for (let seed = Number(values.from); seed < Number(values.from) + Number(values.seeds); seed++) {
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-chaos-'))
  const places = Array.from({ length: Number(values.devices) }, (_, at) => nodePlace(`Device${at}`, folder))
  try {
    console.log(seed, JSON.stringify(await chaos({ seed, acts: Number(values.acts), places })))
  } catch (error) {
    failed++
    console.log(error)
  }
  rmSync(folder, { recursive: true, force: true })
}
console.log(`${Number(values.seeds) - failed} passed, ${failed} failed`)
