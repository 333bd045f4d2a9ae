/** Many plans of chaos, and what is written of them. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromiumPlace, scripts } from '../browser/chaos.ts'
import { site } from '../browser/harness/site.ts'
import { chaos, type Place, type Toll } from './chaos.ts'
import { nodePlace } from './places.ts'

export interface Outcome {
  readonly tolls: readonly Toll[]
  /** In words. */
  readonly failures: readonly string[]
}

/** Plan after plan, with two processes each, and every third with two browsers beside them. */
export async function manyChaos(plans: number, from: number, acts: number): Promise<Outcome> {
  const tolls: Toll[] = []
  const failures: string[] = []
  const served = await site({ scripts })
  for (let seed = from; seed < from + plans; seed++) {
    const folder = mkdtempSync(join(tmpdir(), 'tidemark-chaos-'))
    const places: Place[] = ['Cid', 'Dot'].map(name => nodePlace(name, folder))
    if (seed % 3 === 0) places.push(...['Ann', 'Bob'].map(name => chromiumPlace(name, served)))
    try {
      const toll = await chaos({ seed, acts, places })
      tolls.push(toll)
      console.log(seed, JSON.stringify(toll))
    } catch (error) {
      failures.push(error instanceof Error ? error.message : String(error))
      console.log(error)
    }
    rmSync(folder, { recursive: true, force: true })
  }
  await served.close()
  return { tolls, failures }
}

export function chaosReport(
  { tolls, failures }: Outcome,
  facts: { readonly commit: string; readonly minutes: number; readonly from: number },
): string {
  const sum = (of: (toll: Toll) => number) => tolls.reduce((all, toll) => all + of(toll), 0)
  const kinds = [...new Set(tolls.flatMap(({ faults }) => Object.keys(faults)))].sort()
  const rows = [
    ['plans', tolls.length + failures.length],
    ['acts of users', sum(({ acts }) => acts)],
    ['of them acknowledged', sum(({ acknowledged }) => acknowledged)],
    ['requests', sum(({ requests }) => requests)],
    ...kinds.map(kind => [kind, sum(({ faults }) => faults[kind] ?? 0)]),
    ['conflicts in inboxes', sum(({ conflicts }) => conflicts)],
    ['longest until all were quiet, in seconds', Math.max(0, ...tolls.map(({ quiet }) => quiet))],
    ['**plans that failed**', `**${failures.length}**`],
  ]
  return `# The last long chaos

Written by \`npm run soak\`; do not edit. ${new Date().toISOString().slice(0, 10)}, commit ${facts.commit}, Node ${process.version},
${facts.minutes} minutes, plans from ${facts.from}.

Two Node processes with SQLite files, and in every third plan two browsers with IndexedDB, make, edit, rename, move and delete files and
folders of one share, over HTTP and sockets. Devices and the server are killed (SIGKILL) and started again; each device has a wire of
its own that is cut, delays, sends twice, cuts answers off and goes dead; the server forgets its log and asks for new
walks. When all is well again, every device must come to hold what the server holds, byte for byte and asked by plain HTTP, and
everything that was acknowledged must be there, have been there, or be in an inbox.

| | |
|---|---|
${rows.map(([what, value]) => `| ${what} | ${value} |`).join('\n')}
${failures.map(failure => `\n${failure.replace(/^/gm, '    ')}\n`).join('')}`
}
