/** A file larger than memory should ever hold goes through Node and through a browser, and what is written of it. */
import { spawnSync } from 'node:child_process'
import { executable } from '../browser/harness/chromium.ts'
import { large as throughBrowser } from '../browser/large.ts'
import { bounds, large, mustBeBounded } from './large.ts'

const mib = 1024 * 1024
/** Nobody waits: a slow machine is slow. */
const within = 6 * 3_600_000

export async function carryLarge(size: number) {
  const node = await large(size, within)
  mustBeBounded(node.up)
  mustBeBounded(node.down)
  const browser = await throughBrowser(size, within)
  for (const { resident } of [browser.up, browser.down]) {
    const more = resident - browser.idle
    if (more > size / 2) throw new Error(`A process of the browser held ${more} bytes more than idle.`)
  }
  return { size, node, browser }
}

export function bytesReport(
  { size, node, browser }: Awaited<ReturnType<typeof carryLarge>>,
  facts: { readonly commit: string; readonly minutes: number },
): string {
  const version = spawnSync(executable(), ['--version'], { encoding: 'utf8' }).stdout.trim()
  const inMib = (bytes: number) => `${(bytes / mib).toFixed(1)} MiB`
  const row = (what: string, up: string, down: string) => `| ${what} | ${up} | ${down} |`
  const rate = (seconds: number) => `${seconds.toFixed(0)} s, ${(size / mib / seconds).toFixed(1)} MiB/s`
  return `# The last large file

Written by \`npm run soak\`; do not edit. ${new Date().toISOString().slice(0, 10)}, commit ${facts.commit}, Node ${process.version},
${version}, ${facts.minutes} minutes.

A file of ${inMib(size)} goes up from a device, which is killed (SIGKILL) when half of it is on the server and started again, and
another one comes down, with a kill half-way too. What comes is compared by SHA-256. The server makes the bytes that it offers and
hashes those that come; it keeps none. Writing the file into the local store, hashing it twice and reading it back are
part of the time.

In Node, the process has \`${bounds[0]}\` and looks at itself twice a second after collecting its garbage.

| Node, SQLite | up | down |
|---|---|---|
${row('time', rate(node.up.seconds), rate(node.down.seconds))}
${row('held outside the heap, at most', inMib(node.up.memory.outside), inMib(node.down.memory.outside))}
${row('heap, at most', inMib(node.up.memory.heap), inMib(node.down.memory.heap))}
${row('resident over the start, at most, with garbage', inMib(node.up.memory.resident), inMib(node.down.memory.resident))}
${row('sent over the wire beyond the file', inMib(node.up.extra), inMib(node.down.extra))}

In the browser, what counts is the largest of its processes, as the system saw it at its peak; with an empty store and no
transfer that is ${inMib(browser.idle)}.

| Chromium, IndexedDB | up | down |
|---|---|---|
${row('time', rate(browser.up.seconds), rate(browser.down.seconds))}
${row('resident, at most', inMib(browser.up.resident), inMib(browser.down.resident))}
${row('sent over the wire beyond the file', inMib(browser.up.extra), inMib(browser.down.extra))}

A download asks for 4 MiB at a time and commits 1 MiB at a time, so that a kill costs less than a piece of what was here, and of what
was on its way at most the rest of the 4 MiB. An upload sends 1 MiB at a time and asks where it stands.
`
}
