/** What the pages may ask of the playground's own server, by method and path. */
import type { IncomingMessage, ServerResponse } from 'node:http'

export interface Asked {
  readonly query: URLSearchParams
  readonly body: unknown
}

export interface Routes {
  readonly [call: `${'GET' | 'POST'} ${string}`]: (asked: Asked) => unknown
}

/** Answers in JSON. */
export function answerer(routes: Routes): (request: IncomingMessage, response: ServerResponse) => void {
  async function answer(request: IncomingMessage): Promise<unknown> {
    const { pathname, searchParams: query } = new URL(request.url ?? '/', 'http://playground')
    const route = routes[`${request.method as 'GET'} ${pathname.slice(1)}`]
    return route?.({ query, body: request.method === 'POST' ? await jsonOf(request) : undefined })
  }
  return (request, response) =>
    void answer(request).then(
      json => {
        response.writeHead(json === undefined ? 404 : 200, { 'content-type': 'application/json' })
        response.end(JSON.stringify(json ?? null))
      },
      error => {
        response.writeHead(400, { 'content-type': 'text/plain' })
        response.end(String(error))
      },
    )
}

async function jsonOf(request: IncomingMessage): Promise<unknown> {
  let text = ''
  for await (const part of request) text += part
  return JSON.parse(text)
}
