/** Many kills, and what is written of them. */
import { spawnSync } from 'node:child_process'
import { executable } from './harness/chromium.ts'
import { type Killing, kills, nothing, type Toll } from './kills.ts'

/** Kills with one profile; then the next ones begin with a new one. */
const batch = 25

export interface Outcome {
  readonly toll: Toll
  /** What was lost, in words; `undefined`: nothing. */
  readonly lost?: string
}

/** So many SIGKILLs of the browser, and a crash and a closed tab for every ten of them. */
export async function manyKills(count: number, random: () => number): Promise<Outcome> {
  let toll = nothing
  for (let done = 0; done < count; done += batch) {
    const killings = Array.from({ length: Math.min(batch, count - done) }, (_, at): Killing[] =>
      at % 10 === 4 ? ['browser', 'renderer'] : at % 10 === 9 ? ['browser', 'tab'] : ['browser'],
    ).flat()
    try {
      toll = sum(toll, await kills({ killings, random, say: line => console.log(`${done} + ${line}`) }))
    } catch (error) {
      return { toll, lost: error instanceof Error ? error.message : String(error) }
    }
  }
  return { toll }
}

export function killsReport(
  { toll, lost }: Outcome,
  facts: { readonly commit: string; readonly minutes: number },
): string {
  const { kills, acknowledged, checked, pushing, pulling, idle, torn, waiting, sent } = toll
  const version = spawnSync(executable(), ['--version'], { encoding: 'utf8' }).stdout.trim()
  const all = kills.browser + kills.renderer + kills.tab
  return `# The last long run of kills

Written by \`npm run soak\`; do not edit. ${new Date().toISOString().slice(0, 10)}, commit ${facts.commit}, ${version},
${facts.minutes} minutes.

A page (two in every other round) writes notes, pairs of notes in one commit, notes that come and go, and files, while it
syncs with the sandbox server over HTTP and a socket, and another device writes too. At a random moment everything of it is
killed. What was acknowledged was told to a witness outside, and is looked for after the next start, before anything can
move: each value in the store, and in the outbox or on the server; both notes of a pair or none.

| | |
|---|---|
| SIGKILLs of the whole browser | ${kills.browser} |
| crashes of the page | ${kills.renderer} |
| tabs closed | ${kills.tab} |
| writes acknowledged | ${acknowledged} |
| looks for what was acknowledged to a key, over all starts | ${checked} |
| **acknowledged writes lost** | **${lost === undefined ? 0 : 'see below'}** |
| kills while a request was sending | ${pushing} of ${all} |
| kills while requests were only fetching | ${pulling} of ${all} |
| kills between requests | ${idle} of ${all} |
| changes found in the outbox after kills | ${waiting}, of which ${sent} had been sent without an answer |
| kills that tore the browser's own log ([decision 16](decisions/0016-a-new-log-at-every-start.md)) | ${torn} |
${lost === undefined ? '' : `\n${lost.replace(/^/gm, '    ')}\n`}`
}

function sum(one: Toll, other: Toll): Toll {
  const add = <T extends object>(a: T, b: T): T =>
    Object.fromEntries(
      Object.entries(a).map(([name, value]) => {
        const more = b[name as keyof T]
        return [name, typeof value === 'number' ? value + (more as number) : add(value as object, more as object)]
      }),
    ) as T // the same members as they had
  return add(one, other)
}
