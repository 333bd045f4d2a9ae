/** The architecture as a test: who may import whom, who may touch the world, and who must have a suite. */
import { spawnSync } from 'node:child_process'
import {
  copyFileSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))

interface Import {
  readonly of: string
  readonly how: 'static' | 'type' | 'dynamic'
}

const ground = /^src\/(model|errors|equal|plain|json|platform)\.ts$/
const contracts = /^src\/(store|transport|job|resolver|schema)\.ts$/

/**
 * From top to bottom: the first line that a file matches says what it may import; `late` only by type or by a dynamic
 * import, so that a page that needs no engine loads none. Names without `src/` are packages.
 */
const layers: readonly {
  readonly files: RegExp
  readonly may: readonly RegExp[]
  readonly late?: readonly RegExp[]
}[] = [
  {
    files: /^src\/index\.ts$/,
    may: [/^src\/(client\/|stores\/memory\.ts)/, ground, contracts],
    late: [/^src\/ledger\//],
  },
  // Hashing what does not fit into memory: only who has such bytes loads it.
  { files: /^src\/platform\.ts$/, may: [/^src\/(model|errors|equal)\.ts$/], late: [/^@noble\/hashes\//] },
  { files: ground, may: [/^src\/(model|errors|equal|plain)\.ts$/] },
  { files: contracts, may: [ground, contracts] },
  { files: /^src\/stores\/sqlite\.ts$/, may: [ground, contracts, /^src\/stores\/shared\//], late: [/^node:/] },
  { files: /^src\/stores\/shared\/sql\.ts$/, may: [ground, contracts, /^src\/stores\/shared\//], late: [/^node:/] },
  { files: /^src\/stores\/indexeddb\//, may: [ground, contracts, /^src\/stores\/(indexeddb|shared)\//, /^idb$/] },
  { files: /^src\/stores\//, may: [ground, contracts, /^src\/stores\/shared\//] },
  { files: /^src\/strategies\//, may: [ground, contracts, /^src\/strategies\//] },
  { files: /^src\/transports\/shared\//, may: [ground, contracts, /^src\/transports\/shared\//] },
  { files: /^src\/transports\/files\//, may: [ground, contracts, /^src\/transports\/(files|shared)\//] },
  { files: /^src\/transports\/airweave\//, may: [ground, contracts, /^src\/transports\/(airweave|shared)\//] },
  {
    files: /^src\/transports\/cognee\//,
    may: [ground, contracts, /^src\/transports\/(cognee|shared)\//, /^@noble\/hashes\/legacy\.js$/],
  },
  {
    files: /^src\/transports\/cdf-instances\//,
    may: [ground, contracts, /^src\/transports\/(cdf-instances|shared)\//],
  },
  {
    files: /^src\/transports\/cdf-records\//,
    may: [ground, contracts, /^src\/transports\/(cdf-records|shared)\//, /^@noble\/hashes\//],
  },
  { files: /^src\/ledger\//, may: [ground, contracts, /^src\/ledger\//] },
  { files: /^src\/engine\//, may: [ground, contracts, /^src\/(ledger|engine)\//] },
  {
    files: /^src\/client\/inline\.ts$/,
    may: [ground, contracts, /^src\/(ledger|client|engine)\//, /^src\/strategies\/index\.ts$/],
  },
  {
    files: /^src\/client\/facade\.ts$/,
    may: [ground, contracts, /^comlink$/],
  },
  {
    files: /^src\/client\//,
    may: [ground, contracts, /^src\/ledger\//, /^src\/client\/(?!in-?(line|worker)\.ts)/],
    late: [/^src\/engine\//, /^src\/client\/in-?(line|worker)\.ts$/],
  },
  { files: /^src\/worker\//, may: [ground, contracts, /^src\/(ledger|client|worker)\//] },
  { files: /^src\/sandbox\//, may: [/^src\/sandbox\//, /^(hono|ws|@hono\/node-server)(\/|$)/, /^node:/] },
]

/** Everything that a source imports; paths are made relative to the root. */
function importsOf(file: string, source: string): Import[] {
  const code = source.replace(/\/\*[\s\S]*?\*\//g, '')
  const found: Import[] = []
  for (const [, type, of] of code.matchAll(/^(?:import|export)\s+(type\s)?[^'"`;()]*?from\s+['"]([^'"]+)['"]/gm))
    found.push({ of: of!, how: type ? 'type' : 'static' })
  for (const [, of] of code.matchAll(/^import\s+['"]([^'"]+)['"]/gm)) found.push({ of: of!, how: 'static' })
  for (const [, type, of] of code.matchAll(/(typeof\s+)?\bimport\(\s*['"]([^'"]+)['"]/g))
    found.push({ of: of!, how: type ? 'type' : 'dynamic' })
  return found.map(one => ({ ...one, of: one.of.startsWith('.') ? posix.join(posix.dirname(file), one.of) : one.of }))
}

function complaints(file: string, source: string): string[] {
  const layer = layers.find(({ files }) => files.test(file))
  if (layer === undefined) return [`${file} is in no layer: say in test/layers.test.ts what it may import`]
  return importsOf(file, source)
    .filter(({ of, how }) => {
      if (layer.may.some(one => one.test(of))) return false
      return how === 'static' || !layer.late?.some(one => one.test(of))
    })
    .map(
      ({ of, how }) =>
        `${file} must not import ${of}${layer.late?.some(one => one.test(of)) ? ' up front' : ''} (${how})`,
    )
}

/** Each circle once, from where it was met. */
function circles(needs: ReadonlyMap<string, readonly string[]>): string[] {
  const done = new Set<string>()
  const visit = (file: string, trail: readonly string[]): string[] => {
    if (trail.includes(file)) return [[...trail.slice(trail.indexOf(file)), file].join(' > ')]
    if (done.has(file)) return []
    const found = (needs.get(file) ?? []).flatMap(next => visit(next, [...trail, file]))
    done.add(file)
    return found
  }
  return [...needs.keys()].flatMap(file => visit(file, []))
}

const sources = globSync('src/**/*.ts', { cwd: root }).map(file => file.replaceAll('\\', '/'))
const read = (file: string) => readFileSync(`${root}/${file}`, 'utf8')

describe('the layers', () => {
  test('every file imports only what lies below it', () => {
    expect(sources.length).toBeGreaterThan(50)
    expect(sources.flatMap(file => complaints(file, read(file)))).toEqual([])
  })

  test.each([
    ['src/engine/land.ts', `import { memory } from '../stores/memory.ts'`],
    ['src/engine/land.ts', `import type { Db } from '../client/open.ts'`],
    ['src/ledger/rows.ts', `import { runLoop } from '../engine/loop.ts'`],
    ['src/client/open.ts', `import { startEngine } from '../engine/engine.ts'`],
    ['src/client/open.ts', `import { inline } from './inline.ts'`],
    ['src/client/open.ts', `import {\n  a,\n  type B,\n} from '../engine/engine.ts'`],
    ['src/stores/memory.ts', `import { openSqlite } from './sqlite.ts'`],
    ['src/stores/memory.ts', `export * from 'idb'`],
    ['src/transports/files/index.ts', `const x = await import('../../ledger/rows.ts')`],
    ['src/transports/other/index.ts', `import '../files/index.ts'`],
    ['src/sandbox/world.ts', `import { SyncError } from '../errors.ts'`],
    ['src/errors.ts', `import { x } from './schema.ts'`],
    ['src/model.ts', `import { x } from '../test/kit.ts'`],
  ])('a wrong import is seen: %s', (file, line) => {
    expect(complaints(file, line)).toHaveLength(1)
  })

  test('no files of one layer need each other in a circle', () => {
    const engine = sources.filter(file => !file.startsWith('src/sandbox/'))
    const needs = new Map(
      engine.map(file => [file, importsOf(file, read(file)).flatMap(({ of, how }) => (how === 'static' ? [of] : []))]),
    )
    expect(circles(needs)).toEqual([])
    expect(circles(new Map(Object.entries({ a: ['b'], b: ['c'], c: ['b'], d: ['a'] })))).toEqual(['b > c > b'])
  })

  test('index.ts re-exports and does nothing else', () => {
    const left = read('src/index.ts')
      .replace(/\/\*[\s\S]*?\*\//g, '')
      .replace(/^export (type )?(\*|\{[^}]*\}) from '[^']+'$/gm, '')
    expect(left.trim()).toBe('')
  })

  test('nothing in src imports a test, an example or a script', () => {
    const wrong = sources.flatMap(file =>
      importsOf(file, read(file)).filter(({ of }) => /^(\.\.|test|example|scripts)\//.test(of)),
    )
    expect(wrong).toEqual([])
  })

  test('the package depends at run time on idb and comlink, and the platform and some transports on @noble/hashes', () => {
    const { dependencies, peerDependencies } = JSON.parse(read('package.json'))
    expect(Object.keys({ ...dependencies, ...peerDependencies }).sort()).toEqual(['@noble/hashes', 'comlink', 'idb'])
    // Who may import it is said above, by name.
    const importers = sources.filter(file => importsOf(file, read(file)).some(({ of }) => of.startsWith('@noble/')))
    expect(importers.filter(file => file !== 'src/platform.ts' && !file.startsWith('src/transports/'))).toEqual([])
  })
})

describe('the world', () => {
  test.each([
    ['Date.now()', 'Use Platform.now.'],
    ['setTimeout(() => {}, 1)', 'Use Platform.sleep.'],
    [`fetch('/')`, 'Use Platform.fetch'],
    ['crypto.randomUUID()', 'Use Platform.uuid'],
    [`new BroadcastChannel('x')`, 'Use Platform.channel.'],
  ])('the linter stops %s in the engine', (code, why) => {
    const { status, said } = lint('src/engine/planted.ts', `export const planted = () => ${code}\n`)
    expect(said).toContain(why)
    expect(status).not.toBe(0)
  })

  test('and lets the platform have it', () => {
    const { status, said } = lint('src/platform.ts', 'export const planted = () => Date.now()\n')
    expect(said).not.toContain('Use Platform')
    expect(status).toBe(0)
  })

  /** What our linter says when `file` holds `code`, in a folder elsewhere, so that the sources stay as they are. */
  function lint(file: string, code: string): { status: number | null; said: string } {
    const folder = mkdtempSync(join(tmpdir(), 'tidemark-lint-'))
    try {
      copyFileSync(`${root}/biome.json`, join(folder, 'biome.json'))
      mkdirSync(dirname(join(folder, file)), { recursive: true })
      writeFileSync(join(folder, file), code)
      const biome = `${root}/node_modules/.bin/biome`
      const run = spawnSync(biome, ['lint', '--vcs-enabled=false', file], { cwd: folder, encoding: 'utf8' })
      return { status: run.status, said: run.stdout + run.stderr }
    } finally {
      rmSync(folder, { recursive: true })
    }
  }
})

describe('the suites', () => {
  const plugins = (folder: string) =>
    readdirSync(`${root}/src/${folder}`)
      .map(name => name.replace(/\.ts$/, ''))
      .filter(name => name !== 'shared' && name !== 'index')
  const tests = globSync('test/{conformance,unit,laws}/**/*.test.ts', { cwd: root }).map(read).join('\n')

  test.each(plugins('stores'))('the store %s is put through the suite of stores', name => {
    const suite = read('test/conformance/stores.test.ts')
    expect(suite).toContain('storeSuite(')
    expect(suite).toMatch(new RegExp(`^ {2}${name}: \\{`, 'm'))
  })

  test.each(plugins('transports'))('the transport %s is put through tests', name => {
    expect(tests).toMatch(new RegExp(`src/transports/${name}/`))
  })

  test.each(plugins('strategies').filter(name => name !== 'facets'))(
    'the strategy %s is in the table of outcomes',
    name => {
      expect(read('test/unit/strategies.test.ts')).toContain(name.toUpperCase().replaceAll('-', '_'))
    },
  )
})
