/** Hears from outside what the page was promised: it outlives the page, so what it heard was promised for sure. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type WebSocket, WebSocketServer } from 'ws'

export interface Witness {
  readonly url: string
  /** Resolves when every page that spoke is gone and all that it said was heard. */
  quiet(): Promise<void>
  close(): Promise<void>
}

/** `hear` runs before the page is told that it was heard. */
export async function witness(hear: (said: unknown) => void): Promise<Witness> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const sockets = new WebSocketServer({ server, perMessageDeflate: false })
  const open = new Set<WebSocket>()
  sockets.on('connection', socket => {
    open.add(socket)
    socket.on('error', () => {}) // a close follows
    socket.on('close', () => open.delete(socket))
    socket.on('message', data => {
      hear(JSON.parse(String(data)))
      socket.send('heard')
    })
  })
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    async quiet() {
      for (const socket of open) await once(socket, 'close')
    },
    async close() {
      for (const socket of open) socket.terminate()
      sockets.close()
      await new Promise(resolve => server.close(resolve))
    },
  }
}
