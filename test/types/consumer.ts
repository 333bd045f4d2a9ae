/** A project elsewhere that has installed the package as it would be published. */
import { spawn, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../..', import.meta.url))

export interface Consumer {
  readonly folder: string
  /** Where the package lies in it. */
  readonly installed: string
  write(file: string, text: string): string
  run(command: string, ...args: string[]): Said
  /** The same for a program that talks to this process, which must not stand still meanwhile. */
  start(command: string, ...args: string[]): Promise<Said>
  /** Checks the types of these files as strictly as can be, and of our declarations too. */
  check(module: 'bundler' | 'nodenext', files: readonly string[], types?: readonly string[]): Said
  remove(): void
}

export interface Said {
  readonly code: number | null
  readonly text: string
}

export interface Manifest {
  readonly exports: { readonly [path: string]: { readonly types: string; readonly import: string } }
  readonly bin: { readonly [name: string]: string }
  readonly dependencies: { readonly [name: string]: string }
}

export const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest

export function consumer(): Consumer {
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-consumer-'))
  const installed = join(folder, 'node_modules/tidemark')
  mkdirSync(installed, { recursive: true })
  for (const file of ['package.json', 'LICENSE', 'README.md', 'CHANGELOG.md'])
    cpSync(join(root, file), join(installed, file))
  const built = spawnSync(process.execPath, [join(root, 'scripts/build.ts'), join(installed, 'dist')], {
    encoding: 'utf8',
  })
  if (built.status !== 0) throw new Error(`The build failed:\n${built.stdout}${built.stderr}`)
  for (const name of [...Object.keys(manifest.dependencies), '@types/node', 'undici-types']) {
    mkdirSync(dirname(join(folder, 'node_modules', name)), { recursive: true })
    symlinkSync(join(root, 'node_modules', name), join(folder, 'node_modules', name))
  }
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'consumer', type: 'module', private: true }))

  const run = (command: string, ...args: string[]): Said => {
    const { status, stdout, stderr } = spawnSync(command, args, { cwd: folder, encoding: 'utf8', timeout: 60_000 })
    return { code: status, text: stdout + stderr }
  }
  const write = (file: string, text: string) => {
    writeFileSync(join(folder, file), text)
    return file
  }
  return {
    folder,
    installed,
    write,
    run,
    start(command, ...args) {
      const child = spawn(command, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'], timeout: 30_000 })
      let text = ''
      for (const stream of [child.stdout, child.stderr]) {
        stream.on('data', chunk => {
          text += chunk
        })
      }
      return new Promise(resolve => child.once('close', code => resolve({ code, text })))
    },
    check(module, files, types = []) {
      const config = write(
        `tsconfig.${module}.json`,
        JSON.stringify({
          compilerOptions: {
            target: 'es2023',
            lib: ['es2023', 'dom', 'dom.iterable', 'dom.asynciterable'],
            module: module === 'bundler' ? 'esnext' : 'nodenext',
            moduleResolution: module,
            types,
            strict: true,
            exactOptionalPropertyTypes: true,
            noUncheckedIndexedAccess: true,
            skipLibCheck: false,
            noEmit: true,
          },
          files,
        }),
      )
      return run(join(root, 'node_modules/.bin/tsc'), '-p', config)
    },
    remove: () => rmSync(folder, { recursive: true }),
  }
}
