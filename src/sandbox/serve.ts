import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { serve as listen, type ServerType } from '@hono/node-server'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { WebSocketServer } from 'ws'
import type { FilesSandbox } from './files/sandbox.ts'

const SWEEP_EVERY = 5_000

/** Puts each API on a loopback port of its own. Port 0 lets the system choose. */
export async function serve(apis: Apis, ports: Partial<Record<keyof Apis, number>> = {}): Promise<Served> {
  const files = await serveFiles(apis.files, ports.files ?? 0)
  return { urls: { files: files.url }, close: files.close }
}

export type Apis = { readonly files: FilesSandbox }

export type Served = {
  readonly urls: Readonly<Record<keyof Apis, string>>
  readonly close: () => Promise<void>
}

async function serveFiles(sandbox: FilesSandbox, port: number) {
  const server = await listening(port, (request, { outgoing }) =>
    sandbox.overWire(request).then(
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
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) =>
    upgrade(sandbox, sockets, url, request, socket, head),
  )
  const sweeping = setInterval(sandbox.sweep, SWEEP_EVERY).unref()

  return {
    url,
    async close() {
      clearInterval(sweeping)
      sandbox.close()
      for (const client of sockets.clients) client.terminate()
      if ('closeAllConnections' in server) server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}

/** The socket is accepted first and closed with its code afterwards: only so a browser gets to see the code. */
function upgrade(
  sandbox: FilesSandbox,
  sockets: WebSocketServer,
  url: string,
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): void {
  sockets.handleUpgrade(request, socket, head, ws => {
    const opening = { url: `${url}${request.url}`, authorization: request.headers.authorization }
    const line = sandbox.connect(opening, {
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
