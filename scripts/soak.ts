/**
 * The long run of the simulator, for a night or a release; writes what it saw to docs/soak.md.
 *
 *   npm run soak -- --seeds 20000 --from 1000000 --jobs 2
 */
import { spawn, spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '20000' },
    from: { type: 'string', default: '1000000' },
    jobs: { type: 'string', default: '2' },
    out: { type: 'string', default: 'docs/soak.md' },
  },
})
const root = fileURLToPath(new URL('..', import.meta.url))
const seeds = Number(values.seeds)
const from = Number(values.from)
if (!(seeds >= 10) || !(from >= 0)) throw new Error('--seeds must be 10 or more, --from a number.')

// Memory is fast and does most; what IndexedDB alone can do wrong is looked for in every fifth.
const indexeddb = Math.floor(seeds / 5)
const memory = seeds - indexeddb
const runs = [
  ['--store', 'memory', '--devices', '3', '--seeds', String(memory), '--from', String(from)],
  ['--store', 'indexeddb', '--devices', '3', '--seeds', String(indexeddb), '--from', String(from + memory)],
].map(args => ['test/sim/run.ts', '--jobs', values.jobs, ...args])

const began = new Date()
const said: string[] = []
let failed = false
for (const args of runs) {
  const { code, text } = await run(args)
  failed ||= code !== 0
  said.push(`    node ${args.join(' ')}\n\n${text.trimEnd().replace(/^/gm, '    ')}`)
}
const minutes = Math.round((Date.now() - began.getTime()) / 60_000)
const commit =
  git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain', 'src', 'test') === '' ? '' : ', changed')

writeFileSync(
  `${root}/${values.out}`,
  `# The last long run of the simulator

Written by \`npm run soak\`; do not edit. ${began.toISOString().slice(0, 10)}, commit ${commit}, Node ${process.version},
${minutes} minutes. ${failed ? 'It found failures.' : 'No seed failed.'}

${said.join('\n\n')}
`,
)
console.log(`Written to ${values.out}`)
process.exitCode = failed ? 1 : 0

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
