/**
 * Makes `dist/`: every module by itself, with its declarations, and the sandbox as one file that brings its own server,
 * so that the package depends on no server (docs/decisions/0007-sandbox-in-one-file.md).
 */
import { spawnSync } from 'node:child_process'
import { chmodSync, globSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = fileURLToPath(new URL('..', import.meta.url))
// Tests build into a folder of their own.
const dist = process.argv[2] ?? `${root}/dist`

rmSync(dist, { recursive: true, force: true })
const tsc = spawnSync(`${root}/node_modules/.bin/tsc`, ['-p', 'tsconfig.build.json', '--outDir', dist], {
  cwd: root,
  stdio: 'inherit',
})
if (tsc.status !== 0) process.exit(tsc.status ?? 1)

// tsc rewrites `./x.ts` to `./x.js` in code, and leaves declarations as they are.
for (const file of globSync('**/*.d.ts', { cwd: dist })) {
  const text = readFileSync(`${dist}/${file}`, 'utf8')
  writeFileSync(`${dist}/${file}`, text.replace(/((?:from|import\()\s*['"]\.[^'"]*)\.ts(['"])/g, '$1.js$2'))
}

const sandbox = `${dist}/sandbox/main.js`
const { metafile } = await build({
  absWorkingDir: root,
  entryPoints: ['src/sandbox/main.ts'],
  outfile: sandbox,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node22',
  metafile: true,
  legalComments: 'none',
  logLevel: 'warning',
  // `ws` is CommonJS and requires Node's own modules.
  banner: {
    js: `#!/usr/bin/env node\nimport { createRequire } from 'node:module'\nconst require = createRequire(import.meta.url)`,
  },
})
chmodSync(sandbox, 0o755)
writeFileSync(`${dist}/sandbox/LICENSES.txt`, licenses(Object.keys(metafile.inputs)))

/** What is bundled is passed on, so its licence goes with it. */
function licenses(inputs: readonly string[]): string {
  const names = new Set(inputs.flatMap(path => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? []))
  return [...names]
    .sort()
    .map(name => {
      const [file] = globSync('LICEN[CS]E*', { cwd: `${root}/node_modules/${name}` })
      if (file === undefined) throw new Error(`${name} comes without a licence file.`)
      return `${name}\n\n${readFileSync(`${root}/node_modules/${name}/${file}`, 'utf8').trim()}\n`
    })
    .join('\n----\n\n')
}
