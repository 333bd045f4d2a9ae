import { deleteDB, openDB } from 'idb'
import type { Platform } from '../../platform.ts'

const name = 'tidemark/log'
/** In milliseconds. Another tab that begins a log does so for us as well. */
const patience = 2_000

/**
 * Chromium keeps the databases of an origin in one log. A kill in mid-write may leave half a record at its end; the next
 * start appends behind it, and the start after that reads garbage in the middle, calls it corrupt and deletes every
 * database of the origin. Deleting a database makes it begin a new log, so that nothing is appended to a torn one
 * (docs/decisions/0016-a-new-log-at-every-start.md). A precaution: where it fails or is late, life goes on.
 */
export async function beginNewLog(platform: Platform): Promise<void> {
  // Chromium alone says this of itself; the others keep their databases in another way.
  if (typeof navigator !== 'object' || !('userAgentData' in navigator)) return
  const done = new AbortController()
  const begun = openDB(name).then(idb => {
    idb.close()
    return deleteDB(name)
  })
  await Promise.race([begun, platform.sleep(patience, done.signal)]).catch(() => {})
  done.abort()
}
