/** The weather between the devices and the sandboxes, as it is chosen at the top of a page. */
import type { Weather as Conditions } from '../../src/sandbox/weather.ts'

export interface Weather {
  readonly slow: boolean
  /** Bytes take their time. */
  readonly narrow: boolean
  /** Some requests never arrive. */
  readonly refuse: boolean
  /** Some answers never arrive, though the request took effect. */
  readonly lose: boolean
  /** No nudges: sockets stay open and carry nothing. */
  readonly deaf: boolean
}

export function setWeather(conditions: Conditions, { slow, refuse, lose, deaf }: Weather): void {
  conditions.set({ latency: slow ? [400, 1600] : [0, 0], refuse: refuse ? 0.3 : 0, lose: lose ? 0.3 : 0, deaf })
}

type OverWire = (request: Request) => Promise<Response>

const pieceSize = 64 * 1024

/** A line that carries so many bytes a second, where it is limited: one request does not slow down another. */
export function narrowed(overWire: OverWire, limit: () => number | undefined): OverWire {
  const carry = (bytes: number) => {
    const rate = limit()
    return rate === undefined ? undefined : new Promise(resolve => setTimeout(resolve, (bytes * 1000) / rate))
  }
  return async request => {
    await carry(Number(request.headers.get('content-length') ?? 0))
    const { body, status, headers } = await overWire(request)
    if (body === null) return new Response(null, { status, headers })
    const line = new TransformStream<Uint8Array, Uint8Array>({
      async transform(bytes, controller) {
        for (let at = 0; at < bytes.length; at += pieceSize) {
          const piece = bytes.subarray(at, at + pieceSize)
          await carry(piece.length)
          controller.enqueue(piece)
        }
      },
    })
    return new Response(body.pipeThrough(line), { status, headers })
  }
}
