/**
 * The long runs, for a night or a release: the simulator, a real browser that is killed again and again, devices and a server in
 * chaos, a file larger than memory. Each writes what it saw: docs/soak.md, docs/kills.md, docs/chaos.md and docs/bytes.md.
 *
 *   npm run soak -- --seeds 20000 --part 2000 --each 5000 --from 1000000 --jobs 2 --kills 200 --chaos 30 --large 1024
 *   npm run soak -- --seeds 0 --kills 200          only the kills
 */
import { spawn, spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '20000' },
    // Of each part of the file API, and of each remote, that is played when asked for only.
    part: { type: 'string', default: '0' },
    each: { type: 'string', default: '0' },
    // Which remotes those are.
    of: { type: 'string', default: 'cdf-instances,cdf-records,cdf-events,airweave,cognee' },
    from: { type: 'string', default: '1000000' },
    jobs: { type: 'string', default: '2' },
    kills: { type: 'string', default: '200' },
    // Plans of chaos, and MiB of a file: when asked for only.
    chaos: { type: 'string', default: '0' },
    large: { type: 'string', default: '0' },
    out: { type: 'string', default: 'docs/soak.md' },
    'kills-out': { type: 'string', default: 'docs/kills.md' },
    'chaos-out': { type: 'string', default: 'docs/chaos.md' },
    'large-out': { type: 'string', default: 'docs/bytes.md' },
  },
})
const root = fileURLToPath(new URL('..', import.meta.url))
const [seeds, part, each] = [Number(values.seeds), Number(values.part), Number(values.each)]
const [from, kills] = [Number(values.from), Number(values.kills)]
const parts = [
  ['files', '--chooses'],
  ['files', '--tree', 'true', '--settled', 'server'],
]
for (const [name, count] of Object.entries({ part, each }))
  if (!(count === 0 || count >= 10)) throw new Error(`--${name} must be 0, or 10 or more.`)
if (!(seeds === 0 || seeds >= 10) || !(from >= 0)) throw new Error('--seeds must be 0, or 10 or more; --from a number.')
if (!(kills >= 0)) throw new Error('--kills must be a number.')
const [plans, large] = [Number(values.chaos), Number(values.large)]
if (!(plans >= 0) || !(large >= 0)) throw new Error('--chaos and --large must be numbers.')

let failed = false
if (seeds + part + each > 0) await simulate()
if (kills > 0) await killBrowsers()
if (plans > 0) await playChaos()
if (large > 0) await carryFiles()
process.exit(failed ? 1 : 0)

async function simulate(): Promise<void> {
  const runs = [
    ...runsOf(seeds),
    ...parts.flatMap(how => runsOf(part, '--remote', ...how)),
    ...values.of.split(',').flatMap(remote => runsOf(each, '--remote', remote)),
  ]

  const began = new Date()
  const said: string[] = []
  let red = false
  for (const args of runs) {
    const { code, text } = await run(args)
    red ||= code !== 0
    said.push(`    node ${args.join(' ')}\n\n${text.trimEnd().replace(/^/gm, '    ')}`)
  }
  failed ||= red
  write(
    values.out,
    `# The last long run of the simulator

Written by \`npm run soak\`; do not edit. ${began.toISOString().slice(0, 10)}, commit ${commit()}, Node ${process.version},
${minutesSince(began)} minutes. ${red ? 'It found failures.' : 'No seed failed.'}

${said.join('\n\n')}
`,
  )
}

/** Memory is fast and does most; what IndexedDB alone can do wrong is looked for in every tenth. */
function runsOf(count: number, ...more: string[]): string[][] {
  if (count === 0) return []
  const memory = count - Math.floor(count / 10)
  const run = (store: string, first: number, some: number) => {
    const seeds = ['--seeds', String(some), '--from', String(first)]
    return ['test/sim/run.ts', '--jobs', values.jobs, ...more, '--store', store, '--devices', '3', ...seeds]
  }
  return [run('memory', from, memory), run('indexeddb', from + memory, count - memory)]
}

async function killBrowsers(): Promise<void> {
  const { killsReport, manyKills } = await import('../test/browser/kills-report.ts')
  const began = new Date()
  const outcome = await manyKills(kills, Math.random)
  failed ||= outcome.lost !== undefined
  write(values['kills-out'], killsReport(outcome, { commit: commit(), minutes: minutesSince(began) }))
}

async function playChaos(): Promise<void> {
  const { chaosReport, manyChaos } = await import('../test/wire/chaos-report.ts')
  const began = new Date()
  const outcome = await manyChaos(plans, from, 300)
  failed ||= outcome.failures.length > 0
  write(values['chaos-out'], chaosReport(outcome, { commit: commit(), minutes: minutesSince(began), from }))
}

/** Throws where more was held, or sent again, than may be. */
async function carryFiles(): Promise<void> {
  const { bytesReport, carryLarge } = await import('../test/wire/bytes-report.ts')
  const began = new Date()
  const outcome = await carryLarge(large * 2 ** 20)
  write(values['large-out'], bytesReport(outcome, { commit: commit(), minutes: minutesSince(began) }))
}

function write(path: string, text: string): void {
  writeFileSync(`${root}/${path}`, text)
  console.log(`Written to ${path}`)
}

function minutesSince(began: Date): number {
  return Math.round((Date.now() - began.getTime()) / 60_000)
}

function commit(): string {
  const changed = git('status', '--porcelain', 'src', 'test') !== ''
  return git('rev-parse', '--short', 'HEAD') + (changed ? ', changed' : '')
}

function run(args: readonly string[]): Promise<{ code: number; text: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] })
    let text = ''
    child.stdout.on('data', (chunk: Buffer) => {
      process.stdout.write(chunk)
      text += chunk.toString('utf8')
    })
    child.on('error', reject)
    child.on('close', code => resolve({ code: code ?? 1, text }))
  })
}

function git(...args: string[]): string {
  return spawnSync('git', args, { cwd: root, encoding: 'utf8' }).stdout.trim()
}
