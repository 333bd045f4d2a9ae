/**
 * The browser's own debugging protocol, as it is: a library over it would keep pages in the foreground and out of the
 * back/forward cache, and what happens to the others is what is tested here.
 */
import { once } from 'node:events'
import { WebSocket } from 'ws'
import type { Protocol } from '../../../node_modules/playwright-core/types/protocol.d.ts'

type Calls = Protocol.CommandParameters
type Answers = Protocol.CommandReturnValues
type Events = Protocol.Events

export interface Session {
  send<M extends keyof Calls>(method: M, params?: Calls[M]): Promise<Answers[M]>
  on<E extends keyof Events>(event: E, hear: (event: Events[E]) => void): void
  /** Resolves with the next one. */
  next<E extends keyof Events>(event: E): Promise<Events[E]>
}

export interface Debugger extends Session {
  attach(targetId: string): Promise<Session>
  close(): void
}

interface Message {
  readonly id?: number
  readonly sessionId?: string
  readonly method?: string
  readonly params?: unknown
  readonly result?: unknown
  readonly error?: { readonly message: string }
}

interface Call {
  readonly method: string
  readonly resolve: (result: unknown) => void
  readonly reject: (error: Error) => void
}

export async function debug(url: string): Promise<Debugger> {
  const socket = new WebSocket(url, { perMessageDeflate: false, maxPayload: 0 })
  await once(socket, 'open')
  const calls = new Map<number, Call>()
  const listeners = new Map<string, Set<(event: never) => void>>()
  let count = 0

  socket.on('message', data => {
    const { id, sessionId, method, params, result, error } = JSON.parse(String(data)) as Message
    if (id === undefined) {
      for (const hear of [...(listeners.get(`${sessionId ?? ''} ${method}`) ?? [])]) hear(params as never)
      return
    }
    const call = calls.get(id)
    calls.delete(id)
    if (error === undefined) call?.resolve(result)
    else call?.reject(new Error(`${call.method}: ${error.message}`))
  })
  socket.on('error', () => {}) // a close follows
  socket.on('close', () => {
    for (const { method, reject } of calls.values()) reject(new Error(`${method}: the browser is gone.`))
    calls.clear()
  })

  function session(sessionId?: string): Session {
    const on = (event: string, hear: (event: never) => void) => {
      const key = `${sessionId ?? ''} ${event}`
      const hearing = listeners.get(key) ?? new Set()
      listeners.set(key, hearing.add(hear))
      return () => hearing.delete(hear)
    }
    return {
      send: (method, params) =>
        new Promise((resolve, reject) => {
          if (socket.readyState !== WebSocket.OPEN) return reject(new Error(`${method}: the browser is gone.`))
          calls.set(++count, { method, resolve: resolve as (result: unknown) => void, reject })
          socket.send(JSON.stringify({ id: count, method, params, sessionId }))
        }),
      on: (event, hear) => void on(event, hear),
      next: event =>
        new Promise(resolve => {
          const stop = on(event, (heard: never) => {
            stop()
            resolve(heard)
          })
        }),
    }
  }

  const browser = session()
  return {
    ...browser,
    async attach(targetId) {
      const { sessionId } = await browser.send('Target.attachToTarget', { targetId, flatten: true })
      return session(sessionId)
    },
    close: () => socket.terminate(),
  }
}
