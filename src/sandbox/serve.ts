import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { serve as listen, type ServerType } from '@hono/node-server'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { WebSocketServer } from 'ws'

const SWEEP_EVERY = 5_000
const TICK_EVERY = 100

/** An API as a server in front of it needs it. */
export type Api = {
  readonly overWire: (request: Request) => Promise<Response>
  /** Where it has sockets. */
  readonly connect?: (opening: Opening, peer: Peer) => Line
  /** What time alone brings about. */
  readonly sweep?: () => void
  /** The same where it must be punctual: what it streams, and the steps of its jobs. */
  readonly tick?: () => void
  readonly close: () => void
}

type Opening = { readonly url: string; readonly authorization: string | undefined }
type Peer = {
  readonly send: (frame: string) => void
  readonly close: (code: number, reason: string) => void
}
type Line = { readonly message: (frame: string | Uint8Array) => void; readonly closed: () => void }

export type Served<Names extends string> = {
  readonly urls: Readonly<Record<Names, string>>
  readonly close: () => Promise<void>
}

/** Puts each API on a loopback port of its own. Port 0, the default, lets the system choose. */
export async function serve<Names extends string>(
  apis: Readonly<Record<Names, Api>>,
  ports: { readonly [name in Names]?: number } = {},
): Promise<Served<Names>> {
  const servers = await Promise.all(
    (Object.entries(apis) as [Names, Api][]).map(
      async ([name, api]) => [name, await serveOne(api, ports[name] ?? 0)] as const,
    ),
  )
  return {
    urls: Object.fromEntries(servers.map(([name, { url }]) => [name, url])) as Record<Names, string>,
    async close() {
      await Promise.all(servers.map(([, server]) => server.close()))
    },
  }
}

async function serveOne(api: Api, port: number) {
  const server = await listening(port, (request, { outgoing }) =>
    api.overWire(request).then(
      response => breakingLate(response, outgoing),
      () => {
        // To a client across the wire, a broken connection is just that.
        outgoing.destroy()
        return RESPONSE_ALREADY_SENT
      },
    ),
  )
  const { port: bound } = server.address() as AddressInfo
  const url = `http://127.0.0.1:${bound}`
  const sockets = new WebSocketServer({ noServer: true, maxPayload: 1024 ** 2, perMessageDeflate: false })
  const { connect, sweep, tick } = api
  if (connect !== undefined) {
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) =>
      upgrade(connect, sockets, url, request, socket, head),
    )
  }
  const sweeping = sweep && setInterval(sweep, SWEEP_EVERY).unref()
  const ticking = tick && setInterval(tick, TICK_EVERY).unref()

  return {
    url,
    async close() {
      clearInterval(sweeping)
      clearInterval(ticking)
      api.close()
      for (const client of sockets.clients) client.terminate()
      if ('closeAllConnections' in server) server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}

/** The socket is accepted first and closed with its code afterwards: only so a browser gets to see the code. */
function upgrade(
  connect: NonNullable<Api['connect']>,
  sockets: WebSocketServer,
  url: string,
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): void {
  sockets.handleUpgrade(request, socket, head, ws => {
    const opening = { url: `${url}${request.url}`, authorization: request.headers.authorization }
    const line = connect(opening, {
      send: frame => ws.send(frame),
      close: (code, reason) => (code === 1006 ? ws.terminate() : ws.close(code, reason)),
    })
    ws.on('message', (data, binary) => line.message(binary ? new Uint8Array(data as Buffer) : String(data)))
    ws.on('close', line.closed)
    ws.on('error', line.closed)
  })
}

/** A body that breaks at once would be answered with 500: let its head and first bytes leave before. */
function breakingLate(response: Response, outgoing: Wire['outgoing']): Response {
  const reader = response.body?.getReader()
  if (!reader) return response
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = await reader.read()
        if (done) controller.close()
        else controller.enqueue(value)
      } catch {
        // The weather broke it: no error of ours to report, the connection just ends.
        await new Promise(resolve => setTimeout(resolve, 20))
        outgoing.destroy()
        controller.close()
      }
    },
    cancel: reason => reader.cancel(reason),
  })
  return new Response(body, { status: response.status, headers: response.headers })
}

type Wire = { readonly outgoing: Pick<ServerResponse, 'destroy'> }

function listening(port: number, fetch: (request: Request, wire: Wire) => Promise<Response>): Promise<ServerType> {
  return new Promise((resolve, reject) => {
    const server = listen(
      {
        fetch: (request, wire) => fetch(request, wire as Wire),
        port,
        hostname: '127.0.0.1',
        overrideGlobalObjects: false,
      },
      () => resolve(server),
    )
    server.once('error', reject)
  })
}
