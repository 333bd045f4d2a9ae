/** What IndexedDB throws, as SyncErrors. */
import { SyncError } from '../../errors.ts'
import { ended } from '../shared/checked.ts'

/** 'storage-full', 'storage-newer', 'schema-mismatch', 'bug', or for all else 'storage-unavailable'. */
export function idbError(error: unknown): SyncError {
  if (error instanceof SyncError) return error
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  switch (nameOf(error)) {
    case 'QuotaExceededError':
      return new SyncError('storage-full', 'The browser gives this site no more room: free some.', { cause: error })
    case 'VersionError':
      return new SyncError('storage-newer', 'The store is newer than this code: load the newer app.', { cause: error })
    case 'TransactionInactiveError':
      return ended(error)
    case 'NotFoundError':
      return new SyncError(
        'schema-mismatch',
        `The database lacks what the schema names (${message}): raise its version.`,
        {
          cause: error,
        },
      )
    default:
      return new SyncError('storage-unavailable', `The browser's database failed (${message}).`, { cause: error })
  }
}

/** Whether the connection is gone, and another one may do. */
export function isLost(error: unknown): boolean {
  const name = error instanceof SyncError && error.code === 'storage-unavailable' ? nameOf(error.cause) : ''
  return name === 'UnknownError' || name === 'InvalidStateError'
}

/** Whether there is no database to be had here, however long one waits: not where another tab is in the way. */
export function isMissing(error: unknown): boolean {
  if (!(error instanceof SyncError)) return false
  return error.code === 'unsupported' || (error.code === 'storage-unavailable' && error.details.reason !== 'blocked')
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : ''
}
