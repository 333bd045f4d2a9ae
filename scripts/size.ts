/**
 * How much a browser page loads: `open`, IndexedDB and `files`, bundled and minified. The engine is a chunk of its own,
 * loaded when a database with remotes is opened. Fails above the budget, which is the measured size and a tenth.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'

/** In bytes of gzip. Raise one only with a word why in the commit. */
const budgets = { 'first load': 48_500, 'all chunks': 66_700 }

const root = fileURLToPath(new URL('..', import.meta.url))
const outdir = mkdtempSync(join(tmpdir(), 'tidemark-size-'))
const { outputFiles, metafile } = await build({
  stdin: {
    contents: `
      export { open, defineSchema, collection } from './src/index.ts'
      export { indexeddb } from './src/stores/indexeddb/index.ts'
      export { files } from './src/transports/files/index.ts'
    `,
    resolveDir: root,
    sourcefile: 'page.ts',
    loader: 'ts',
  },
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
rmSync(outdir, { recursive: true })

const zipped = (contents: Uint8Array) => gzipSync(contents, { level: 9 }).length
const sizes = new Map(outputFiles.map(({ path, contents }) => [path, zipped(contents)]))
// What the entry imports up front is loaded with it.
const entry = Object.keys(metafile.outputs).find(path => metafile.outputs[path]?.entryPoint !== undefined)!
const first = new Set([entry])
for (const path of first)
  for (const { path: next, kind } of metafile.outputs[path]?.imports ?? [])
    if (kind === 'import-statement') first.add(next)

const measured = {
  'first load': sum([...first].map(path => sizes.get(join(root, path)) ?? 0)),
  'all chunks': sum([...sizes.values()]),
}

let over = 0
for (const [name, budget] of Object.entries(budgets)) {
  const size = measured[name as keyof typeof measured]
  const fits = size <= budget
  if (!fits) over++
  console.log(`${name.padEnd(12)} ${kb(size)} of ${kb(budget)} gzip  ${fits ? 'fits' : 'TOO LARGE'}`)
}
console.log(`${Object.keys(budgets).length - over} passed, ${over} failed`)
process.exitCode = over === 0 ? 0 : 1

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, one) => all + one, 0)
}

function kb(bytes: number): string {
  return `${(bytes / 1000).toFixed(1)} kB`
}
