/**
 * Runs the parts of the test one after the other and adds up what they counted.
 *
 *   npm test                      all parts
 *   npm run test:unit             one (node scripts/test.ts unit)
 *
 * Each part is a process of its own. A part that ran no test is a failure, so that none is ever lost without a word.
 */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { browsers } from '../test/browser/browsers.ts'

interface Count {
  readonly passed: number
  readonly failed: number
  /** What failed and why, where a part says so: repeated at the end, for a log that is read from there. */
  readonly why?: readonly string[]
}

/** What is used of vitest's report: https://vitest.dev/guide/reporters.html#json-reporter */
interface Report {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly testResults: readonly {
    readonly name: string
    readonly message: string
    readonly status: string
    readonly assertionResults: readonly {
      readonly fullName: string
      readonly status: string
      readonly failureMessages: readonly string[] | null
    }[]
  }[]
}

type Run = () => Promise<Count>

const root = fileURLToPath(new URL('..', import.meta.url))
const out = new URL('../test/.out/', import.meta.url)
const tool = (name: string) => fileURLToPath(new URL(`../node_modules/.bin/${name}`, import.meta.url))

/** A part with `needs` joins when that path exists. `lacks` says what this machine has not got, if anything. */
const parts: {
  readonly [name: string]: { readonly needs?: string; readonly lacks?: () => string | undefined; readonly run: Run }
} = {
  types: { run: asOne(tool('tsc'), '-p', '.') },
  lint: { run: asOne(tool('biome'), 'check', '.') },
  layers: { run: vitest('layers', 'test/layers.test.ts') },
  unit: { run: vitest('unit', 'test/unit/') },
  conformance: { run: vitest('conformance', 'test/conformance/') },
  laws: { run: vitest('laws', 'test/laws/') },
  sandbox: { run: vitest('sandbox', 'test/sandbox/') },
  package: { run: vitest('package', 'test/types/') },
  sim: {
    run: inTurn(
      vitest('sim', 'test/sim/'),
      // 1,000 seeds in all; the weather, the strategy and the number of tabs are drawn from the seed.
      simulator('--seeds', '700', '--devices', '3', '--store', 'memory'),
      simulator('--seeds', '300', '--from', '10000', '--devices', '3', '--store', 'indexeddb'),
      simulator('--remote', 'airweave', '--seeds', '100', '--from', '20000', '--devices', '3', '--store', 'memory'),
      simulator('--remote', 'cognee', '--seeds', '100', '--from', '30000', '--devices', '3', '--store', 'memory'),
      // Cognite: a graph with edges, a mutable stream and an immutable one.
      simulator('--remote', 'cdf-instances', '--seeds', '150', '--devices', '3', '--store', 'memory'),
      simulator('--remote', 'cdf-records', '--seeds', '150', '--devices', '3', '--store', 'memory'),
      simulator('--remote', 'cdf-events', '--seeds', '50', '--devices', '3', '--store', 'memory'),
      // A crash at every tenth step of a small workload.
      counted(process.execPath, 'test/sim/exhaustive.ts', '--workloads', '1', '--every', '10'),
    ),
  },
  // Real processes on real connections: one file after the other, so that they do not starve each other.
  wire: { run: vitest('wire', 'test/wire/', '--no-file-parallelism') },
  example: {
    run: inTurn(
      asOne(process.execPath, 'example/main.ts'),
      asOne(process.execPath, 'example/cognite/main.ts', '--instances', '2000'),
    ),
  },
  browser: {
    needs: 'test/browser',
    lacks: noChromium,
    run: vitest('browser', 'test/browser/', '--no-file-parallelism'),
  },
  e2e: { needs: 'test/e2e', lacks: noChromium, run: vitest('e2e', 'test/e2e/') },
  outside: { needs: 'test/outside', run: vitest('outside', 'test/outside/') },
}

const chromium = () => [process.env.CHROMIUM, ...browsers].find(path => path !== undefined && existsSync(path))

/** Finds a browser or installs one, and says what it did. */
function noChromium(): string | undefined {
  if (chromium() !== undefined) return undefined
  const apt = '/usr/bin/apt-get'
  if (existsSync(apt) && process.getuid?.() === 0) {
    console.log('\nThere is no Chromium: installing the one of Debian with apt-get.')
    for (const args of [
      ['update', '-qq'],
      ['install', '-y', '-qq', '--no-install-recommends', 'chromium'],
    ]) {
      spawnSync(apt, args, { stdio: ['ignore', 'ignore', 'inherit'] })
    }
    if (chromium() !== undefined) return undefined
  }
  return 'there is no Chromium, and none could be installed: install one, or name it in CHROMIUM'
}

/** How a process went, told by its end only. */
function asOne(command: string, ...args: string[]): Run {
  return async () => ((await start(command, args)).code === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 })
}

/** A process that ends with `N passed, N failed`. */
function counted(command: string, ...args: string[]): Run {
  return async () => {
    const { code, last } = await start(command, args)
    const [, passed, failed] = /^(\d+) passed, (\d+) failed$/.exec(last) ?? []
    return honest(code, { passed: Number(passed ?? 0), failed: Number(failed ?? 0) })
  }
}

function simulator(...args: string[]): Run {
  return counted(process.execPath, 'test/sim/run.ts', '--jobs', '2', ...args)
}

function vitest(name: string, path: string, ...more: string[]): Run {
  return async () => {
    const report = new URL(`${name}.json`, out)
    rmSync(report, { force: true })
    const { code } = await start(tool('vitest'), [
      'run',
      path,
      ...more,
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${fileURLToPath(report)}`,
    ])
    if (!existsSync(report)) return { passed: 0, failed: 1 }
    const told = JSON.parse(readFileSync(report, 'utf8')) as Report
    return honest(code, { passed: told.numPassedTests, failed: told.numFailedTests, why: reasons(told) })
  }
}

/** Each failed test with the beginning of its message, and each file that failed without one. */
function reasons({ testResults }: Report): string[] {
  return testResults.flatMap(({ name, message, status, assertionResults }) => {
    const file = relative(root, name)
    const red = assertionResults.filter(test => test.status === 'failed')
    if (red.length === 0 && status === 'failed') return [`${file}\n${beginning(message)}`]
    return red.map(test => `${file} > ${test.fullName}\n${beginning(test.failureMessages?.[0] ?? '')}`)
  })
}

const beginning = (message: string) =>
  message
    .split('\n')
    .filter(line => !/node_modules|new Promise/.test(line))
    .slice(0, 30)
    .map(line => `    ${line}`)
    .join('\n')

function inTurn(...runs: Run[]): Run {
  return async () => {
    const counts: Count[] = []
    for (const run of runs) counts.push(await run())
    return sum(counts.map(count => honest(0, count)))
  }
}

/** A bad end without a failed test is one all the same, and so is a run of nothing. */
function honest(code: number, { passed, failed, why = [] }: Count): Count {
  const silent = (code !== 0 && failed === 0) || passed + failed === 0
  return { passed, failed: silent ? failed + 1 : failed, why }
}

const sum = (counts: readonly Count[]): Count => ({
  passed: counts.reduce((all, { passed }) => all + passed, 0),
  failed: counts.reduce((all, { failed }) => all + failed, 0),
  why: counts.flatMap(({ why = [] }) => why),
})

function start(command: string, args: readonly string[]): Promise<{ code: number; last: string }> {
  return new Promise((resolve, reject) => {
    // Nothing may ask: there may be nobody to answer.
    const run = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] })
    let tail = ''
    run.stdout.on('data', (chunk: Buffer) => {
      process.stdout.write(chunk)
      tail = (tail + chunk.toString('utf8')).slice(-1000)
    })
    run.on('error', reject)
    run.on('close', code => resolve({ code: code ?? 1, last: tail.trimEnd().split('\n').at(-1) ?? '' }))
  })
}

mkdirSync(out, { recursive: true })
const asked = process.argv.slice(2)
const unknown = asked.find(name => !Object.hasOwn(parts, name))
if (unknown !== undefined) throw new Error(`There is no part "${unknown}": use ${Object.keys(parts).join(', ')}.`)

const results = new Map<string, Count>()
const began = performance.now()
const skipped: string[] = []
for (const [name, { needs, lacks, run }] of Object.entries(parts)) {
  if (asked.length > 0 ? !asked.includes(name) : needs !== undefined && !existsSync(`${root}/${needs}`)) continue
  const lacking = lacks?.()
  // On somebody's own machine it is said and passed over; CI has everything, or has failed.
  if (lacking !== undefined && asked.length === 0 && !process.env.CI) {
    skipped.push(`${name}: ${lacking}`)
    continue
  }
  console.log(`\n── ${name}`)
  const start = performance.now()
  const count = await run()
  results.set(name, count)
  const seconds = ((performance.now() - start) / 1000).toFixed(1)
  console.log(`── ${name}: ${count.passed} passed, ${count.failed} failed (${seconds} s)`)
}

const all = sum([...results.values()])
const red = [...results].filter(([, { failed }]) => failed > 0).map(([name]) => name)
console.log(`\n${results.size} parts in ${((performance.now() - began) / 1000).toFixed(0)} s`)
for (const why of skipped) console.log(`Left out, ${why}`)
for (const why of all.why ?? []) console.log(`\n${why}\n`)
if (red.length > 0) console.log(`Not well: ${red.join(', ')}`)
console.log(`${all.passed} passed, ${all.failed} failed`)
process.exitCode = all.failed === 0 ? 0 : 1
