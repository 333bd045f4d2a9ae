/**
 * Runs the deliberate breaks and writes docs/breaks.md: what was broken, and which seed noticed it.
 *
 *   npm run mutants                  all of them, some minutes
 *   npm run mutants -- --list        only the table, without results
 */
import { spawn, spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { list } from '../test/sim/mutants-list.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const said = process.argv.includes('--list') ? '' : await hunt()
const commit = spawnSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: root, encoding: 'utf8' }).stdout.trim()

const rows = list.map(({ name, expect, patches }) => {
  const files = [...new Set(patches.map(({ file }) => `\`${file.replace(/^src\//, '')}\``))].join(', ')
  return `| ${name} | ${files} | ${expect.join(', ')} | ${resultOf(name)} |`
})
writeFileSync(
  `${root}/docs/breaks.md`,
  `# Deliberate breaks

Written by \`npm run mutants\`; do not edit. Each line is a bug that was put into the source on purpose
(\`test/sim/mutants-list.ts\`), the invariants that it should hurt, and the first seed that failed with it and passes without
it. A break that no seed notices is a hole in the simulator.${said === '' ? '' : ` The results are of commit ${commit}.`}

| break | in | should hurt | noticed by |
|---|---|---|---|
${rows.join('\n')}
`,
)
const ending = /(\d+) passed, (\d+) failed\s*$/.exec(said)
if (said !== '' && ending?.[2] !== '0') process.exitCode = 1

function resultOf(name: string): string {
  const line = said.split('\n').find(one => one.startsWith(`${name.padEnd(40)} `))
  if (line === undefined) return 'not run'
  const [, seed, invariants] = /seed (\d+) as (.*?) \(/.exec(line) ?? []
  return seed === undefined ? '**nobody**' : `seed ${seed}: ${invariants}`
}

function hunt(): Promise<string> {
  return new Promise((resolve, reject) => {
    const run = spawn(process.execPath, ['test/sim/mutants.ts'], { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] })
    let text = ''
    run.stdout.on('data', (chunk: Buffer) => {
      process.stdout.write(chunk)
      text += chunk.toString('utf8')
    })
    run.on('error', reject)
    run.on('close', () => (text === '' ? reject(new Error('The breaks could not be run.')) : resolve(text)))
  })
}
