import { SyncError } from '../../errors.ts'
import type { Io } from '../../transport.ts'
import { unreachable } from './failure.ts'

/** The whole body, or `protocol` as soon as it is longer than `most`: counted as it arrives, after decompression. */
export async function readBytes(response: Response, most: number, route: string, io: Io): Promise<Uint8Array> {
  if (response.body === null) return new Uint8Array()
  const reader = response.body.getReader()
  const chunks: Uint8Array[] = []
  let length = 0
  const giveUp = () => reader.cancel().catch(() => undefined) // whether that works changes nothing
  io.signal.addEventListener('abort', giveUp)
  try {
    for (;;) {
      const { done, value } = await io.inTime(reader.read(), giveUp)
      if (io.signal.aborted) throw io.signal.reason
      if (done) return joined(chunks, length)
      length += value.length
      if (length > most) throw tooLong(route, most)
      chunks.push(value)
    }
  } catch (error) {
    await giveUp()
    throw unreachable(error, route, io)
  } finally {
    io.signal.removeEventListener('abort', giveUp)
  }
}

function tooLong(route: string, most: number): SyncError {
  return new SyncError('protocol', `${route} answered more than ${most} bytes: it was not read to the end.`)
}

function joined(chunks: readonly Uint8Array[], length: number): Uint8Array {
  const only = chunks[0]
  if (chunks.length === 1 && only !== undefined) return only
  const bytes = new Uint8Array(length)
  let at = 0
  for (const chunk of chunks) {
    bytes.set(chunk, at)
    at += chunk.length
  }
  return bytes
}
