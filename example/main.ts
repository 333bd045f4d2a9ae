/**
 * Two devices and one server, all three real processes. The Markdown files of this repository are synced, both devices
 * lose their network, their users change the same things, and the network comes back: once for each strategy.
 *
 *   npm run example                  all strategies
 *   npm run example -- KEEP_BOTH     one
 */
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { Holding } from './orders.ts'
import { type Device, type Server, startDevice, startServer } from './processes.ts'
import { inboxLine, outcome, said, scenes } from './scenes.ts'
import { serverHolds } from './server-holds.ts'
import { table } from './table.ts'

const strategies = ['LAST_WRITER_WINS', 'KEEP_BOTH', 'SERVER_WINS', 'CLIENT_WINS', 'MANUAL', 'MERGE']
const asked = process.argv.slice(2)
const unknown = asked.find(name => !strategies.includes(name))
if (unknown !== undefined) throw new Error(`There is no strategy "${unknown}": use ${strategies.join(', ')}.`)

const root = join(import.meta.dirname, '..')
const texts = Object.fromEntries(
  globSync(['*.md', 'docs/**/*.md'], { cwd: root })
    .sort()
    .map(path => [path.replaceAll('\\', '/'), readFileSync(join(root, path), 'utf8')]),
)

const results: boolean[] = []
for (const strategy of asked.length > 0 ? asked : strategies) {
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-example-'))
  const server = await startServer()
  const laptop = await startDevice('Laptop', join(folder, 'laptop.db'), server, strategy)
  const phone = await startDevice('Phone', join(folder, 'phone.db'), server, strategy)
  try {
    results.push(await play(strategy, laptop, phone, server))
  } finally {
    await Promise.all([laptop.close(), phone.close()])
    await server.stop()
    rmSync(folder, { recursive: true })
  }
}

const agreed = results.filter(Boolean).length
console.log(`${agreed} of ${results.length} strategies: both devices and the server hold the same.`)
process.exitCode = agreed === results.length ? 0 : 1

async function play(strategy: string, laptop: Device, phone: Device, server: Server): Promise<boolean> {
  await laptop.import(texts)
  await laptop.sync()
  await phone.sync()
  const before = await phone.show()

  // Nobody has a network, and everybody goes on working.
  await Promise.all([laptop.pause(), phone.pause()])
  for (const scene of scenes) {
    if (scene.laptop) await laptop.do(scene.laptop)
    if (scene.phone) await phone.do(scene.phone)
  }

  // The laptop comes back first, so the phone is the one that meets conflicts.
  for (const device of [laptop, phone]) {
    await device.resume()
    await device.sync()
  }
  const asked = [...(await inboxOf(laptop, before)), ...(await inboxOf(phone, before))]
  const settled = (await laptop.settle()) + (await phone.settle())
  const [after, same] = await agreement(laptop, phone, server)

  console.log(`\n${strategy}\n`)
  const copies = Object.fromEntries(
    [...(await laptop.inbox()), ...(await phone.inbox())].flatMap(({ record, copy }) => (copy ? [[copy, record]] : [])),
  )
  const rows = scenes.map(scene => [
    scene.about,
    said(scene.laptop),
    said(scene.phone),
    outcome(scene, before, after, copies),
  ])
  console.log(table(['', 'the laptop', 'the phone', 'afterwards, on both'], rows, [20, 26, 26, 50]))
  console.log(`\n  The inbox:\n`)
  console.log(table(['', 'of', 'keeps', 'drops', 'decided by'], asked, [7, 30, 28, 28, 10]))
  if (settled > 0)
    console.log(`\n  ${settled} were left to a person, who took both sides, or the one that is not deleted.`)
  const { length } = Object.keys(after.files)
  console.log(
    `\n  ${length} entries, ${Object.keys(after.pages).length} pages: ${same ? 'all three agree' : 'THEY DIFFER'}.\n`,
  )
  return same
}

/** Looks at the server until all three hold the same; what one pushes, the other must still pull. */
async function agreement(laptop: Device, phone: Device, server: Server): Promise<[Holding, boolean]> {
  let held: Holding
  for (let round = 1; ; round++) {
    await laptop.sync()
    await phone.sync()
    held = await laptop.show()
    const others = [await phone.show(), await serverHolds(server)]
    if (others.every(other => isDeepStrictEqual(other, held))) return [held, true]
    if (round === 5) return [held, false]
  }
}

async function inboxOf(device: Device, before: Holding): Promise<string[][]> {
  const entries = await device.inbox()
  return entries.toReversed().map(entry => [device.name, ...inboxLine(entry, before)])
}
