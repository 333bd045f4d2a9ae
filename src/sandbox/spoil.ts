import { gzipSync } from 'node:zlib'
import type { World } from './world.ts'

/** What happens to a good answer on its way. */
export type Spoil =
  /** The connection breaks in the middle of the body: reading it rejects. */
  | 'cut'
  /** The body ends early and nobody says so. */
  | 'short'
  /** A login page of the hotel, with status 200. */
  | 'html'
  /** Status as sent, no body. */
  | 'empty'
  | 'no-content'
  | 'wrong-type'
  | 'bom'
  | 'trailing-garbage'
  /** One byte at a time, this many milliseconds apart. */
  | { readonly drip: number }
  /** Padded with blanks to this size; compressed, if a wire will carry it. */
  | { readonly swell: number; readonly gzip?: boolean }
  /** What a sloppy server says instead: rows twice, a cursor of another scope, a page without an end. */
  | { readonly rewrite: (body: string) => string }
  | { readonly redirect: string; readonly status?: number }

export async function spoiled(answer: Response, spoil: Spoil, world: Pick<World, 'sleep'>): Promise<Response> {
  const { status } = answer
  const headers = new Headers(answer.headers)
  headers.delete('content-length')
  if (spoil === 'html') return new Response(PORTAL, { status: 200, headers: { 'content-type': 'text/html' } })
  if (spoil === 'no-content') return new Response(null, { status: 204 })
  if (spoil === 'empty') return new Response(null, { status, headers })
  if (typeof spoil === 'object' && 'redirect' in spoil) {
    return new Response(null, { status: spoil.status ?? 302, headers: { location: spoil.redirect } })
  }

  const bytes = new Uint8Array(await answer.arrayBuffer())
  if (bytes.length === 0) return new Response(null, { status, headers })
  const half = bytes.slice(0, Math.floor(bytes.length / 2))
  if (spoil === 'short') return new Response(half, { status, headers })
  if (spoil === 'cut') return new Response(broken(half), { status, headers })
  if (spoil === 'bom') return new Response(joined(Uint8Array.of(0xef, 0xbb, 0xbf), bytes), { status, headers })
  if (spoil === 'trailing-garbage') return new Response(joined(bytes, text('}]<')), { status, headers })
  if (spoil === 'wrong-type') {
    headers.set('content-type', 'application/x-unknown')
    return new Response(bytes, { status, headers })
  }
  if ('rewrite' in spoil) return new Response(spoil.rewrite(new TextDecoder().decode(bytes)), { status, headers })
  if ('drip' in spoil) return new Response(dripping(bytes, spoil.drip, world), { status, headers })
  return swollen(
    joined(bytes, new Uint8Array(Math.max(0, spoil.swell - bytes.length)).fill(32)),
    spoil.gzip,
    status,
    headers,
  )
}

const PORTAL = '<!doctype html><title>Welcome</title><form action="/login">Please sign in to use the network.</form>'

const text = (of: string): Uint8Array => new TextEncoder().encode(of)

function broken(bytes: Uint8Array): ReadableStream<Uint8Array> {
  let sent = false
  return new ReadableStream({
    pull(controller) {
      if (sent) return controller.error(new TypeError('terminated'))
      sent = true
      controller.enqueue(bytes)
    },
  })
}

function dripping(bytes: Uint8Array, ms: number, world: Pick<World, 'sleep'>): ReadableStream<Uint8Array> {
  let at = 0
  return new ReadableStream({
    async pull(controller) {
      if (at >= bytes.length) return controller.close()
      await world.sleep(ms)
      controller.enqueue(bytes.slice(at, ++at))
    },
  })
}

function swollen(
  bytes: Uint8Array<ArrayBuffer>,
  gzip: boolean | undefined,
  status: number,
  headers: Headers,
): Response {
  if (!gzip) return new Response(bytes, { status, headers })
  headers.set('content-encoding', 'gzip')
  return new Response(gzipSync(bytes), { status, headers })
}

function joined(head: Uint8Array, tail: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(head.length + tail.length)
  bytes.set(head)
  bytes.set(tail, head.length)
  return bytes
}
