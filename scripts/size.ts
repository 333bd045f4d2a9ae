/**
 * How much is loaded with IndexedDB and `files`, bundled and minified: by a page that has the engine in it, at first and
 * with the engine, which is a chunk of its own for databases with remotes; by a page with a worker, which carries no
 * transport; and by that worker. Fails above a budget, which is the measured size and a tenth.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'

/** In bytes of gzip. Raise one only with a word why in the commit. */
const budgets = {
  'inline page, first load': 62_000,
  'inline page, with engine': 85_900,
  'worker page': 43_900,
  worker: 74_400,
}

const root = fileURLToPath(new URL('..', import.meta.url))
const outdir = mkdtempSync(join(tmpdir(), 'tidemark-size-'))
const page = `
  export { open, defineSchema, collection } from './src/index.ts'
  export { indexeddb } from './src/stores/indexeddb/index.ts'
`
const inlinePage = await bundled(`${page} export { files } from './src/transports/files/index.ts'`)
const workerPage = await bundled(`${page} export { tree, records } from './src/transports/files/index.ts'`)
const worker = await bundled(`
  export { collection, defineSchema } from './src/schema.ts'
  export { indexeddb } from './src/stores/indexeddb/index.ts'
  export { files } from './src/transports/files/index.ts'
  export { serve } from './src/worker/serve.ts'
`)
rmSync(outdir, { recursive: true })

const ofWorkerPage = workerPage.loaded('src/client/in-worker.ts')
const carried = ofWorkerPage.inputs.filter(file =>
  /^src\/(engine|strategies|worker|transports\/.*\/(push|pull|api))/.test(file),
)
if (carried.length > 0)
  throw new Error(`A page with a worker carries what only the worker needs: ${carried.join(', ')}`)

const measured: { readonly [name in keyof typeof budgets]: number } = {
  'inline page, first load': inlinePage.loaded().size,
  'inline page, with engine': inlinePage.loaded('src/client/inline.ts').size,
  'worker page': ofWorkerPage.size,
  worker: worker.loaded().size,
}

let over = 0
for (const [name, budget] of Object.entries(budgets)) {
  const size = measured[name as keyof typeof measured]
  const fits = size <= budget
  if (!fits) over++
  console.log(`${name.padEnd(24)} ${kb(size)} of ${kb(budget)} gzip  ${fits ? 'fits' : 'TOO LARGE'}`)
}
console.log(`${Object.keys(budgets).length - over} passed, ${over} failed`)
process.exitCode = over === 0 ? 0 : 1

async function bundled(contents: string) {
  const { outputFiles, metafile } = await build({
    stdin: { contents, resolveDir: root, sourcefile: 'entry.ts', loader: 'ts' },
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
    /** The script, the chunk that this module is in, and what they import up front. */
    loaded(late?: string) {
      const chunks = Object.entries(outputs)
      const asked = chunks.filter(([, { entryPoint }]) => entryPoint === 'entry.ts' || (late && entryPoint === late))
      if (asked.length !== (late ? 2 : 1)) throw new Error(`There is no chunk of ${late ?? 'the entry'}.`)
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
