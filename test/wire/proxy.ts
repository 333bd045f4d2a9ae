/** What lies between a device and its server: it counts what goes through, and cuts, delays, repeats and truncates when told to. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'

/** One request, and what of it has gone through. */
export interface Seen {
  readonly method: string
  readonly path: string
  readonly headers: IncomingMessage['headers']
  /** Bytes of its body that the server got, and bytes of the answer's that the client was sent. */
  up: number
  down: number
}

export interface Fate {
  /** Goes on when this resolves. */
  readonly after?: Promise<unknown>
  /** `before`: the server never sees it. `after`: it has answered, and nobody hears that. */
  readonly cut?: 'before' | 'after'
  /** It reaches the server once more, behind the first time. */
  readonly twice?: true
  /** After so many bytes of the answer nothing comes until this resolves. */
  readonly hold?: { readonly at: number; readonly until: Promise<unknown> }
  /** After so many bytes of the answer the connection ends. */
  readonly truncate?: number
}

export interface Wire {
  readonly url: string
  readonly seen: readonly Seen[]
  /** Ends every connection that is open now, sockets too. */
  sever(): void
  close(): Promise<void>
}

/** `target` is asked for each connection: the server may have moved. */
export async function proxy(target: () => string, fateOf: (seen: Seen) => Fate = () => ({})): Promise<Wire> {
  const seen: Seen[] = []
  const open = new Set<Duplex>()
  const server = createServer((incoming, outgoing) => {
    const one = note(incoming)
    pass(one, incoming, outgoing).catch(() => outgoing.destroy()) // one of both ends is gone, and the other hears it
  })

  function note({ method = 'GET', url = '/', headers }: IncomingMessage): Seen {
    const one: Seen = { method, path: url.split('?')[0]!, headers, up: 0, down: 0 }
    seen.push(one)
    return one
  }

  async function pass(one: Seen, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const body = await bodyOf(incoming)
    const fate = fateOf(one)
    await fate.after
    if (outgoing.destroyed) return
    if (fate.cut === 'before') return void outgoing.destroy()
    one.up += body.length
    const answer = await ask(incoming, body)
    outgoing.on('close', () => answer.destroy())
    if (fate.twice) void ask(incoming, body).then(again => again.resume(), nobody)
    if (fate.cut === 'after') {
      answer.resume()
      return void outgoing.destroy()
    }
    outgoing.writeHead(answer.statusCode ?? 502, answer.rawHeaders)
    outgoing.flushHeaders()
    const gone = once(outgoing, 'close')
    const end = fate.truncate ?? Number.POSITIVE_INFINITY
    const send = async (bytes: Uint8Array) => {
      one.down += bytes.length
      if (!outgoing.write(bytes))
        await new Promise<void>(resolve => {
          outgoing.once('drain', resolve)
          gone.then(() => resolve())
        })
    }
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      let rest = chunk.subarray(0, Math.max(0, end - one.down))
      const { hold } = fate
      if (hold !== undefined && one.down <= hold.at && one.down + rest.length > hold.at) {
        await send(rest.subarray(0, hold.at - one.down))
        rest = rest.subarray(rest.length - (rest.length + one.down - hold.at))
        await Promise.race([hold.until, gone])
      }
      if (outgoing.destroyed) return
      if (rest.length > 0) await send(rest)
      if (one.down >= end) {
        // What was written is to arrive, and then the connection is to end.
        await new Promise(resolve => setTimeout(resolve, 5))
        return void outgoing.destroy()
      }
    }
    outgoing.end()
  }

  function ask({ method, url, headers }: IncomingMessage, body: Buffer): Promise<IncomingMessage> {
    const { hostname, port } = new URL(target())
    return new Promise((resolve, reject) => {
      const { connection: _, ...rest } = headers
      const asked = request({ hostname, port, method, path: url, headers: rest, agent: false }, resolve)
      asked.on('error', reject)
      asked.end(body)
    })
  }

  server.on('upgrade', (incoming: IncomingMessage, near: Socket, head: Buffer) => {
    const fate = fateOf(note(incoming))
    near.on('error', nobody)
    if (fate.cut === 'before') return void near.destroy()
    const { hostname, port } = new URL(target())
    const far = connect(Number(port), hostname)
    far.on('error', nobody)
    const lines = Object.entries(incoming.headers).map(([name, value]) => `${name}: ${value}\r\n`)
    far.write(`${incoming.method} ${incoming.url} HTTP/1.1\r\n${lines.join('')}\r\n`)
    far.write(head)
    near.pipe(far)
    far.pipe(near)
    near.on('close', () => far.destroy())
    far.on('close', () => near.destroy())
  })
  server.on('connection', (socket: Socket) => {
    open.add(socket)
    socket.on('close', () => open.delete(socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')

  const sever = () => {
    for (const socket of open) socket.destroy()
  }
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    sever,
    async close() {
      sever()
      await new Promise(resolve => server.close(resolve))
    },
  }
}

/** A broken connection is what is wanted here; both its ends hear of it. */
const nobody = () => {}

async function bodyOf(incoming: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of incoming as AsyncIterable<Buffer>) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** A latch: what waits for `opened` goes on after `open`. */
export function latch(): { readonly opened: Promise<void>; open(): void } {
  let open = () => {}
  const opened = new Promise<void>(resolve => {
    open = resolve
  })
  return { opened, open: () => open() }
}
