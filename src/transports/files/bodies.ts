import { SyncError } from '../../errors.ts'
import type { Bodies, Body, Io } from '../../transport.ts'
import type { Api } from './api.ts'
import { versionOf } from './ids.ts'
import { pausedIn, SWITCHED_OFF, storedSelections } from './selection.ts'
import { asTreeRow, realVersion } from './wire.ts'

/** What one upload carries: what a cut connection loses at most. */
const PIECE = 1024 * 1024
/** What one download asks for. Browsers read up to 100 MiB ahead of whoever takes the bytes, which a kill would lose. */
const SPAN = 4 * PIECE

/** Files both ways, pinned to a version (section 5). The engine checks the hash; here only the length is. */
export function bodies(api: Api): Bodies {
  return {
    async download({ id }, { value, version }, from, io) {
      const row = asTreeRow(value)
      const size = row?.size
      const file = { most: size ?? Number.MAX_SAFE_INTEGER, html: /html/i.test(row?.mime ?? '') }
      const span = (at: number) => {
        const part = size !== undefined && size - at > SPAN ? { from: at, to: at + SPAN } : { from: at }
        return api.downloadFrom(id, realVersion(version), part, file, io)
      }
      const first = await span(from)
      return size === undefined ? first : { at: first.at, size, pieces: upTo(size, first, span) }
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
      if (pausedIn(await storedSelections(io)).has(share)) throw new SyncError('switched-off', SWITCHED_OFF)
      const bytes = await body.read(at, Math.min(at + PIECE, size))
      const has = await api.uploadPiece(share, version, { bytes, from: at, total: size, sha256 }, io)
      if (has === 'taken') throw new SyncError('protocol', 'Other bytes wait at the file server under this change.')
      if (has === size) return
      stuck = has > at ? 0 : stuck + 1
      if (stuck > 3) throw new SyncError('protocol', 'The file server takes no more of a file. Another try may work.')
      at = has
    }
  }
}

interface Span {
  readonly at: number
  readonly pieces: AsyncIterable<Uint8Array>
}

/** One span after the other, to the end of the file. */
async function* upTo(
  size: number,
  first: Span,
  next: (at: number) => Promise<Span>,
): AsyncGenerator<Uint8Array, void, void> {
  let have = first.at
  for (let span = first; ; span = await next(have)) {
    const before = have
    let at = span.at
    for await (const piece of span.pieces) {
      at += piece.length
      if (at <= have) continue // all of it comes again
      yield piece.subarray(Math.max(0, piece.length - (at - have)))
      have = at
    }
    if (have === size) return
    if (have === before || have > size)
      throw new SyncError('truncated', `A download has ${have} of ${size} bytes. Another try may work.`)
  }
}
