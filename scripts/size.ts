/**
 * How much a browser page loads: `open`, IndexedDB and `files`, bundled and minified. The engine is a chunk of its own,
 * loaded when a database with remotes is opened; a page with a worker loads the way to it instead, and no transport.
 * Fails above the budget, which is the measured size and a tenth.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'

/** In bytes of gzip. Raise one only with a word why in the commit. */
const budgets = { 'first load': 48_500, 'all chunks': 66_700, 'with a worker': 43_900 }

const root = fileURLToPath(new URL('..', import.meta.url))
const outdir = mkdtempSync(join(tmpdir(), 'tidemark-size-'))
const base = `
  export { open, defineSchema, collection } from './src/index.ts'
  export { indexeddb } from './src/stores/indexeddb/index.ts'
`
const inline = await bundled(`${base} export { files } from './src/transports/files/index.ts'`)
const worker = await bundled(`${base} export { tree, records } from './src/transports/files/index.ts'`)
rmSync(outdir, { recursive: true })

const ofWorker = worker.loaded('src/client/in-worker.ts')
const carried = ofWorker.inputs.filter(file =>
  /^src\/(engine|strategies|worker|transports\/.*\/(push|pull|api))/.test(file),
)
if (carried.length > 0)
  throw new Error(`A page with a worker carries what only the worker needs: ${carried.join(', ')}`)

const measured = {
  'first load': inline.loaded().size,
  'all chunks': inline.all,
  'with a worker': ofWorker.size,
}

let over = 0
for (const [name, budget] of Object.entries(budgets)) {
  const size = measured[name as keyof typeof measured]
  const fits = size <= budget
  if (!fits) over++
  console.log(`${name.padEnd(13)} ${kb(size)} of ${kb(budget)} gzip  ${fits ? 'fits' : 'TOO LARGE'}`)
}
console.log(`${Object.keys(budgets).length - over} passed, ${over} failed`)
process.exitCode = over === 0 ? 0 : 1

async function bundled(contents: string) {
  const { outputFiles, metafile } = await build({
    stdin: { contents, resolveDir: root, sourcefile: 'page.ts', loader: 'ts' },
    absWorkingDir: root,
    outdir,
    bundle: true,
    minify: true,
    splitting: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2023',
    metafile: true,
    write: false,
  })
  const sizes = new Map(outputFiles.map(({ path, contents }) => [path, gzipSync(contents, { level: 9 }).length]))
  const { outputs } = metafile
  return {
    all: sum([...sizes.values()]),
    /** The page's script, the chunk that this module is in, and what they import up front. */
    loaded(late?: string) {
      const chunks = Object.entries(outputs)
      const asked = chunks.filter(([, { entryPoint }]) => entryPoint === 'page.ts' || (late && entryPoint === late))
      if (asked.length !== (late ? 2 : 1)) throw new Error(`There is no chunk of ${late ?? 'the page'}.`)
      const paths = new Set(asked.map(([path]) => path))
      for (const path of paths)
        for (const { path: next, kind } of outputs[path]?.imports ?? [])
          if (kind === 'import-statement') paths.add(next)
      return {
        size: sum([...paths].map(path => sizes.get(join(root, path)) ?? 0)),
        inputs: [...paths].flatMap(path => Object.keys(outputs[path]!.inputs)),
      }
    },
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, one) => all + one, 0)
}

function kb(bytes: number): string {
  return `${(bytes / 1000).toFixed(1)} kB`
}
