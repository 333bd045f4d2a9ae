import { SyncError } from '../../errors.ts'
import type { Bodies, Body, Io } from '../../transport.ts'
import type { Api } from './api.ts'
import { versionOf } from './ids.ts'
import { asTreeRow, realVersion } from './wire.ts'

/** What one request carries: what a cut connection loses at most. */
const PIECE = 1024 * 1024

/** Files both ways, pinned to a version (section 5). The engine checks the hash; here only the length is. */
export function bodies(api: Api): Bodies {
  return {
    async download({ id }, { value, version }, from, io) {
      const row = asTreeRow(value)
      const size = row?.size
      const file = { most: size ?? Number.MAX_SAFE_INTEGER, html: /html/i.test(row?.mime ?? '') }
      const { at, pieces } = await api.downloadFrom(id, realVersion(version), from, file, io)
      return size === undefined ? { at, pieces } : { at, size, pieces: exactly(pieces, size - at) }
    },

    async upload({ change, value }, body, io) {
      const row = asTreeRow(value)
      if (row === undefined) return // deleted meanwhile: nothing will name these bytes
      await send(row.share, versionOf(change), body, io)
    },
  }

  async function send(share: string, version: string, body: Body, io: Io): Promise<void> {
    const { size, sha256 } = body
    // Small ones go whole: asking first would cost as much.
    let at = size > PIECE ? Math.min((await api.uploaded(share, version, io)) ?? 0, size) : 0
    // A server that has all of it still says so itself: the last piece goes again.
    if (at === size) at = Math.max(0, size - PIECE)
    for (let stuck = 0; ; ) {
      const bytes = await body.read(at, Math.min(at + PIECE, size))
      const has = await api.uploadPiece(share, version, { bytes, from: at, total: size, sha256 }, io)
      if (has === 'taken') throw new SyncError('protocol', 'Other bytes wait at the file server under this change.')
      if (has === size) return
      stuck = has > at ? 0 : stuck + 1
      if (stuck > 3) throw new SyncError('protocol', 'The file server takes no more of a file. It will be tried again.')
      at = has
    }
  }
}

async function* exactly(pieces: AsyncIterable<Uint8Array>, size: number): AsyncGenerator<Uint8Array, void, void> {
  let length = 0
  for await (const piece of pieces) {
    length += piece.length
    yield piece
  }
  if (length === size) return
  throw new SyncError('truncated', `A download has ${length} of ${size} bytes. It will be tried again.`)
}
