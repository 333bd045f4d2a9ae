import { SyncError } from '../../errors.ts'
import type { Io } from '../../transport.ts'
import { unreachable } from './failure.ts'

/** A body as it comes; `protocol` as soon as it is longer than `most`: counted on arrival, after decompression. */
export async function* readPieces(
  response: Response,
  most: number,
  route: string,
  io: Io,
): AsyncGenerator<Uint8Array, void, void> {
  if (response.body === null) return
  const reader = response.body.getReader()
  let length = 0
  let ended = false
  const giveUp = () => reader.cancel().catch(() => undefined) // whether that works changes nothing
  io.signal.addEventListener('abort', giveUp)
  try {
    for (;;) {
      const { done, value } = await io.inTime(reader.read(), giveUp)
      if (io.signal.aborted) throw io.signal.reason
      if (done) {
        ended = true
        return
      }
      length += value.length
      if (length > most) throw tooLong(route, most)
      yield value
    }
  } catch (error) {
    throw unreachable(error, route, io)
  } finally {
    io.signal.removeEventListener('abort', giveUp)
    if (!ended) await giveUp()
  }
}

/** The whole body. */
export function readBytes(response: Response, most: number, route: string, io: Io): Promise<Uint8Array> {
  return readAll(readPieces(response, most, route, io))
}

export async function readAll(from: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  for await (const piece of from) pieces.push(piece)
  return joined(pieces)
}

function tooLong(route: string, most: number): SyncError {
  return new SyncError('protocol', `${route} answered more than ${most} bytes: it was not read to the end.`)
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const only = pieces[0]
  if (pieces.length === 1 && only !== undefined) return only
  const bytes = new Uint8Array(pieces.reduce((length, piece) => length + piece.length, 0))
  let at = 0
  for (const piece of pieces) {
    bytes.set(piece, at)
    at += piece.length
  }
  return bytes
}
