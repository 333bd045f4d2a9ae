/**
 * Two devices that follow a record stream and a graph of Cognite Data Fusion: a sandbox server over HTTP, and a process
 * with a SQLite store for each device. They walk through the whole graph, everybody edits and deletes, and then one
 * device is offline with changes of its own for longer than its cursor lasts.
 *
 *   npm run example:cognite                        100,000 instances
 *   npm run example:cognite -- --instances 2000    fewer
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isDeepStrictEqual, parseArgs } from 'node:util'
import { obedient } from '../processes.ts'
import { table } from '../table.ts'
import type { DeviceOrders } from './device.ts'
import { kinds } from './model.ts'
import { plantAt } from './plant.ts'
import { type Act, acts, type Cast } from './scenes.ts'
import type { ServerOrders } from './server.ts'

/** Megabytes that V8 lets a device keep: a few pages, and less than the graph. A device that held the graph would die. */
const heap = 64
/** Nothing here takes this long. */
const patience = 600_000

const { values } = parseArgs({ options: { instances: { type: 'string', default: '100000' } } })
const instances = Number(values.instances)
if (!Number.isInteger(instances) || instances < 100) throw new Error('--instances must be a whole number from 100.')

const here = (file: string) => join(import.meta.dirname, file)
const folder = mkdtempSync(join(tmpdir(), 'tidemark-example-'))
const running: { close(): Promise<void> }[] = []
try {
  process.exitCode = (await play()) ? 0 : 1
} finally {
  for (const one of running.reverse()) await one.close().catch(() => {}) // it ended by itself: that was told where it was asked
  rmSync(folder, { recursive: true })
}

async function play(): Promise<boolean> {
  const server = await started(obedient<ServerOrders>('Server', here('server.ts'), [], { patience }))
  const url = await server.url()
  const plant = plantAt(url)
  await plant.build(instances)

  const laptop = await device('Laptop', url)
  const walks = [await walk('Laptop', laptop)]
  const phone = await device('Phone', url)
  walks.push(await walk('Phone', phone))
  const { bytes } = await plant.holds()
  console.log(`\nA graph of ${instances} instances, ${mb(bytes)} of JSON, walked through for the first time\n`)
  console.log(
    table(['', 'pages', 'seconds', 'heap before', 'heap at most', 'process at most'], walks, [8, 6, 8, 12, 13, 16]),
  )
  console.log(`\n  Neither may keep more than ${heap} MB of objects: garbage that nobody swept yet comes on top.\n`)

  const cast: Cast = { laptop, phone, plant, server }
  const results: boolean[] = []
  for (const act of acts) results.push(await perform(act, cast))
  const good = results.every(Boolean)
  console.log(good ? 'Both devices and the server hold the same, and nothing was lost.' : 'SOMETHING DIFFERS.')
  return good
}

/** Plays it, prints what became of it, and says whether that is as it should be and the same everywhere. */
async function perform({ title, run }: Act, cast: Cast): Promise<boolean> {
  const scenes = await run(cast)
  const { counts, same } = await agreement(cast)
  console.log(`${title}\n`)
  console.log(
    table(
      ['', 'what happens', 'afterwards, on both devices'],
      scenes.map(({ about, said, shown }) => [about, said, shown]),
      [12, 52, 62],
    ),
  )
  const wrong = scenes.filter(({ right }) => !right).map(({ about }) => about)
  if (wrong.length > 0) console.log(`\n  NOT AS IT SHOULD BE: ${wrong.join(', ')}`)
  console.log(`\n  ${counts}: ${same ? 'all three agree' : 'THEY DIFFER'}.\n`)
  return wrong.length === 0 && same
}

/** Looks at the server until all three hold the same; what one pushes, the other must still pull. */
async function agreement({ laptop, phone, plant }: Cast): Promise<{ counts: string; same: boolean }> {
  for (let round = 1; ; round++) {
    await laptop.sync()
    await phone.sync()
    const { bytes: _, ...held } = await plant.holds()
    const others = [await laptop.sums(), await phone.sums()]
    const same = others.every(other => isDeepStrictEqual(other, held))
    const counts = kinds.map(kind => `${held[kind].count} ${kind}`).join(', ')
    if (same || round === 5) return { counts, same }
  }
}

async function walk(name: string, on: DeviceOrders): Promise<string[]> {
  const start = performance.now()
  const { memory, pages } = await on.pull()
  const seconds = ((performance.now() - start) / 1000).toFixed(1)
  return [name, String(pages), seconds, mb(memory.before), mb(memory.heap), mb(memory.resident)]
}

function device(name: string, url: string): Promise<DeviceOrders> {
  const args = [name, join(folder, `${name}.db`), url]
  return started(obedient<DeviceOrders>(name, here('device.ts'), args, { patience, heap }))
}

async function started<T extends { close(): Promise<void> }>(starting: Promise<T>): Promise<T> {
  const one = await starting
  running.push(one)
  return one
}

function mb(bytes: number): string {
  return `${(bytes / 1e6).toFixed(0)} MB`
}
