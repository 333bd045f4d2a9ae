import type { FilesSandbox } from './sandbox.ts'

/**
 * A client's end of a socket to a sandbox in the same process, shaped like the browser's WebSocket.
 * Events come in later microtasks, as a client may expect.
 */
export function dial(sandbox: Pick<FilesSandbox, 'connect'>, url: string, authorization?: string): DialledSocket {
  const listeners = new Map<string, Set<Listener>>()
  const fire = (type: SocketEvent['type'], event: Omit<SocketEvent, 'type'> = {}) =>
    void Promise.resolve().then(() => {
      const sent: SocketEvent = { type, ...event }
      socket[`on${type}`]?.(sent)
      for (const listener of listeners.get(type) ?? []) listener(sent)
    })
  const end = (code: number, reason: string) => {
    if (socket.readyState === CLOSED) return
    socket.readyState = CLOSED
    if (code === 1006) fire('error')
    fire('close', { code, reason, wasClean: code !== 1006 })
  }

  const socket: DialledSocket = {
    url,
    readyState: CONNECTING,
    onopen: null,
    onmessage: null,
    onclose: null,
    onerror: null,
    send(frame) {
      if (socket.readyState === CONNECTING) throw new Error('The socket is not open yet.')
      if (socket.readyState === OPEN) line.message(frame)
    },
    close(code = 1005, reason = '') {
      line.closed()
      end(code, reason)
    },
    addEventListener(type, listener) {
      listeners.set(type, (listeners.get(type) ?? new Set()).add(listener))
    },
    removeEventListener: (type, listener) => void listeners.get(type)?.delete(listener),
  }
  const line = sandbox.connect(
    { url, authorization },
    {
      open() {
        if (socket.readyState !== CONNECTING) return
        socket.readyState = OPEN
        fire('open')
      },
      send: data => void (socket.readyState === OPEN && fire('message', { data })),
      close: end,
    },
  )
  return socket
}

const CONNECTING = 0
const OPEN = 1
const CLOSED = 3

export type SocketEvent = {
  readonly type: 'open' | 'message' | 'close' | 'error'
  readonly data?: string
  readonly code?: number
  readonly reason?: string
  readonly wasClean?: boolean
}

type Listener = (event: SocketEvent) => void

export type DialledSocket = {
  readonly url: string
  readyState: number
  onopen: Listener | null
  onmessage: Listener | null
  onclose: Listener | null
  onerror: Listener | null
  readonly send: (frame: string | Uint8Array) => void
  readonly close: (code?: number, reason?: string) => void
  readonly addEventListener: (type: SocketEvent['type'], listener: Listener) => void
  readonly removeEventListener: (type: SocketEvent['type'], listener: Listener) => void
}
