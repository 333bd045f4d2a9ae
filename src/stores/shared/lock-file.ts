/**
 * A lock that lives in a file beside the store, kept by SQLite and so by the operating system: it ends with its holder,
 * however that ends. A process that is stopped keeps it, and cannot be made to let go: a thief makes a new file, and
 * leaves the old holder with a lock on one that nobody finds any more.
 */
import type { Locks, Platform } from '../../platform.ts'
import { isBusy, type Sql } from './sql.ts'

export interface LockFile {
  /** A new connection; makes the file where there is none. */
  open(): Sql
  /** False where the system does not take away what is in use. */
  remove(): boolean
}

/** Between two tries for a lock that is held, in milliseconds. */
const lookEvery = 500

export function fileLocks(file: LockFile, platform: Platform): Locks {
  async function wait(signal: AbortSignal): Promise<() => void> {
    for (;;) {
      signal.throwIfAborted()
      const release = grab(file)
      if (release !== undefined) return release
      await platform.sleep(lookEvery * (0.75 + platform.random() / 2), signal)
    }
  }

  return {
    everywhere: true,
    async hold(_name, { signal, steal }, work) {
      // Whoever was robbed finds out by the fencing epoch, as whoever is robbed of what cannot be removed.
      const unlocked = steal === true && !file.remove()
      const release = unlocked ? () => {} : await wait(signal)
      try {
        await work(new AbortController().signal)
      } finally {
        release()
      }
    },
  }
}

/** How to let go, or nothing where somebody else holds it. */
function grab(file: LockFile): (() => void) | undefined {
  const mine = file.open()
  if (!locks(mine)) {
    mine.close()
    return undefined
  }
  // Between opening and locking a thief may have made another file: then that one is to be had, and this one is nothing.
  const other = file.open()
  const robbed = locks(other)
  other.close()
  if (!robbed) return () => mine.close()
  mine.close()
  return undefined
}

function locks(sql: Sql): boolean {
  try {
    sql.run('BEGIN EXCLUSIVE')
    return true
  } catch (error) {
    if (isBusy(error)) return false
    sql.close()
    throw error
  }
}
