import type { World } from './world.ts'

/** An answer that does not come from the API: a status, and what comes with it. */
export type Refusal =
  | number
  | {
      readonly status: number
      /** Seconds, an HTTP-date this far ahead of now, or any text. */
      readonly retryAfter?: number | { readonly inMs: number } | string
      readonly headers?: Readonly<Record<string, string>>
      readonly body?: string
      readonly contentType?: string
    }

export function refused(request: Request, refusal: Refusal, world: Pick<World, 'now'>): Response {
  const { status, retryAfter, headers, body, contentType } =
    typeof refusal === 'number' ? { status: refusal } : { ...refusal }
  const sent = new Headers({ 'content-type': contentType ?? 'application/json', ...headers })
  if (retryAfter !== undefined) sent.set('retry-after', retryText(retryAfter, world.now()))
  const bodiless = request.method === 'HEAD' || status === 204 || status === 304
  return new Response(bodiless ? null : (body ?? JSON.stringify({ detail: `weather: ${status}` })), {
    status,
    headers: sent,
  })
}

function retryText(after: number | { readonly inMs: number } | string, now: number): string {
  if (typeof after === 'object') return new Date(now + after.inMs).toUTCString()
  return String(after)
}
