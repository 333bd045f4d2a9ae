/**
 * Deliberate breaks, as patches of the source while it is loaded: production code carries no switches. Each must be
 * found. `node test/sim/mutants.ts [name]` runs each in a process of its own until a seed fails.
 */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { list, type Mutant } from './mutants-list.ts'

/** Puts a break in place for everything that this process loads from now on. */
export function breakOnPurpose(name: string): void {
  const mutant = list.find(one => one.name === name)
  if (!mutant) throw new Error(`There is no mutant ${name}: use ${list.map(one => one.name).join(', ')}.`)
  registerHooks({
    load(url, context, next) {
      const mine = mutant.patches.filter(patch => urlOf(patch.file) === url)
      if (mine.length === 0) return next(url, context)
      const source = mine.reduce(patched, readFileSync(fileURLToPath(url), 'utf8'))
      return { format: 'module-typescript', source, shortCircuit: true }
    },
  })
}

const urlOf = (file: string): string => new URL(`../../${file}`, import.meta.url).href

function patched(source: string, { file, find, replace }: Mutant['patches'][number]): string {
  const parts = source.split(find)
  if (parts.length !== 2) throw new Error(`A mutant's text is in ${file} ${parts.length - 1} times, not once: ${find}`)
  return parts.join(replace)
}

/** Until a seed fails that passes without the break. */
function hunt({ name, expect, args = [] }: Mutant): boolean {
  const start = performance.now()
  for (let from = 0; from < most; ) {
    const { seed, found } = failing(['--mutant', name, '--from', String(from), '--seeds', String(most - from), ...args])
    if (seed === undefined) break
    from = seed + 1
    if (failing(['--from', String(seed), '--seeds', '1', ...args]).seed !== undefined) continue
    const seconds = ((performance.now() - start) / 1000).toFixed(1)
    const note = found.some(word => expect.includes(word)) ? '' : `, expected ${expect.join(' or ')}`
    console.log(`${name.padEnd(40)} seed ${seed} as ${found.join(', ')} (${seconds} s)${note}`)
    return true
  }
  console.log(`${name.padEnd(40)} SURVIVED ${most} seeds`)
  return false
}

const most = 2000

function failing(args: readonly string[]): { seed: number | undefined; found: string[] } {
  const run = fileURLToPath(new URL('./run.ts', import.meta.url))
  const { stdout, stderr } = spawnSync(process.execPath, [run, '--stop', ...args], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  })
  if (!/^\d+ passed, \d+ failed$/m.test(stdout)) throw new Error(`${args.join(' ')}: ${stderr.slice(-2000)}`)
  const seed = /FAILED \w+ seed (\d+)/.exec(stdout)?.[1]
  const names = [...stdout.matchAll(/^ {2}([\w-]+): /gm)].map(match => match[1]!)
  return {
    seed: seed === undefined ? undefined : Number(seed),
    found: [...new Set(names)].filter(word => word !== 'replay'),
  }
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [only] = process.argv.slice(2)
  // A break whose text is gone from the source must be mended before any is hunted.
  const gone = list
    .filter(one => only === undefined || one.name === only)
    .flatMap(({ name, patches }) => {
      try {
        for (const { file } of patches)
          patches
            .filter(one => one.file === file)
            .reduce(patched, readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8'))
        return []
      } catch (error) {
        return [`${name}: ${error instanceof Error ? error.message : error}`]
      }
    })
  if (gone.length > 0) throw new Error(gone.join('\n'))
  const killed = list.filter(one => only === undefined || one.name === only).map(hunt)
  const alive = killed.filter(found => !found).length
  console.log(`${killed.length - alive} passed, ${alive} failed`)
  process.exitCode = alive === 0 ? 0 : 1
}
