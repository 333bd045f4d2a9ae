/**
 * A file that no side could hold goes up from one process, which is killed half-way, and down into another, which is killed
 * half-way too. Both are started again with the same bounds. `large.test.ts` does it with 64 MiB, the soak with 1 GiB.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { patiently } from '../browser/harness/patiently.ts'
import { device } from './devices.ts'
import { sha256Of } from './hash.ts'
import type { Peak } from './memory.ts'
import { streamServer } from './stream-server.ts'

export interface Passage {
  readonly size: number
  /** Of the process that went on after the kill. */
  readonly memory: Peak
  readonly seconds: number
  /** Bytes that went over the wire beyond the file itself. */
  readonly extra: number
}

const mib = 1024 * 1024
/** Room for the program, and for nothing of the file: what lies outside of the heap is looked at in the process itself. */
export const bounds = ['--max-old-space-size=32', '--expose-gc']

export async function large(size: number, within: number): Promise<{ readonly up: Passage; readonly down: Passage }> {
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-large-'))
  const sha256 = sha256Of(3, size)
  const server = await streamServer([{ name: 'offered', seed: 3, size, sha256 }])
  const start = (name: string) => device({ ...server.account, name, store: join(folder, name) }, bounds)
  const half = (bytes: () => number) => patiently('half of it', () => bytes() > size / 2, { within, every: 5 })
  try {
    const began = performance.now()
    const one = await start('One')
    await one.orders.write({ name: 'large', seed: 4, size })
    const written = await one.orders.memory()
    await half(() => server.moved.up)
    await one.kill()
    const oneAgain = await start('One')
    const taken = await patiently('the file', () => server.files().find(({ name }) => name === 'large'), { within })
    if (taken.sha256 !== sha256Of(4, size)) throw new Error('Other bytes came than were sent.')
    await oneAgain.orders.synced()
    const after = await oneAgain.orders.memory()
    await oneAgain.orders.close()
    const memory = {
      outside: Math.max(written.outside, after.outside),
      heap: Math.max(written.heap, after.heap),
      resident: Math.max(written.resident, after.resident),
    }
    const up = { size, memory, seconds: (performance.now() - began) / 1000, extra: server.moved.up - size }

    const middle = performance.now()
    const two = await start('Two')
    await two.orders.synced()
    await two.orders.fetch('offered')
    await half(() => server.moved.down)
    await two.kill()
    const twoAgain = await start('Two')
    const read = await twoAgain.orders.read('offered')
    if (read.sha256 !== sha256 || read.size !== size) throw new Error('Other bytes came than were offered.')
    const down = {
      size,
      memory: await twoAgain.orders.memory(),
      seconds: (performance.now() - middle) / 1000,
      extra: server.moved.down - size,
    }
    await twoAgain.orders.close()
    return { up, down }
  } finally {
    await server.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Throws where more was held than a few pieces, or sent than what a kill may cost. */
export function mustBeBounded({ size, memory, extra }: Passage): void {
  if (memory.outside === 0 || memory.outside > 16 * mib) throw new Error(`It held ${memory.outside} bytes at a time.`)
  // A piece of its own, and what the system had taken from it on the way to nobody.
  if (extra > 8 * mib) throw new Error(`${extra} bytes of ${size} went twice.`)
}
