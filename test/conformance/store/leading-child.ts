/**
 * A process, or a thread of one, that wants to lead the store in a file: `leading-child.ts <file>`. While it leads it
 * commits its epoch as fast as it can, fenced as the engine is, and it tells what happens to it.
 */
import { writeSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import { mustLead } from '../../../src/engine/ground.ts'
import { lead } from '../../../src/engine/lead.ts'
import type { SyncError } from '../../../src/errors.ts'
import { platform as realPlatform } from '../../../src/platform.ts'
import { sqlite } from '../../../src/stores/sqlite.ts'
import { shape } from './shape.ts'

export type Word = { readonly what: 'leads' | 'lost' | 'refused'; readonly epoch: number; readonly at: number }

const file = parentPort ? (workerData as string) : process.argv[2]!
const platform = realPlatform()
const store = await sqlite(file).open(shape, platform)

// Stopped at rest: whoever is stopped in the middle of a write holds up all others, with any lock.
process.on('SIGUSR2', () => process.kill(process.pid, 'SIGSTOP'))
// A thread ends itself: Node may crash as a whole where one is terminated in the middle of native work.
parentPort?.on('message', () => process.exit())

function say(what: Word['what'], epoch: number): void {
  const word: Word = { what, epoch, at: Date.now() }
  if (parentPort) parentPort.postMessage(word)
  else writeSync(1, `${JSON.stringify(word)}\n`)
}

async function commit(epoch: number): Promise<void> {
  try {
    await store.write({ records: [], rows: ['meta', 'queue'] }, async tx => {
      await mustLead({ epoch }, tx)
      await tx.rows('queue').append(['log'], { epoch })
    })
  } catch (error) {
    if ((error as SyncError).code !== 'stale-leader') throw error
    say('refused', epoch)
  }
}

await lead({ store, platform, name: file, signal: new AbortController().signal }, async (epoch, lost) => {
  say('leads', epoch)
  while (!lost.aborted) {
    await commit(epoch)
    await platform.sleep(10)
  }
  say('lost', epoch)
  await commit(epoch)
})
