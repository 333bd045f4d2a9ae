/** A worker that ends at a chosen message, whichever way that goes: nothing of ours knows that it is counted. */
import type { WorkerLike } from '../../../src/index.ts'

export interface Mortal {
  /** Makes the worker that ends, and after it such as live on. */
  readonly worker: () => WorkerLike
  /** Messages to and from the first one. */
  count(): number
  /** Workers made so far. */
  made(): number
}

/** The worker ends in place of its message number `at`, counted from 1. */
export function mortal(make: () => WorkerLike, at: number): Mortal {
  let count = 0
  let made = 0

  function watched(real: WorkerLike): WorkerLike {
    const first = ++made === 1
    let ended = false

    /** Whether the message may go on. */
    function pass(): boolean {
      if (!first) return true
      if (ended) return false
      if (++count !== at) return true
      ended = true
      void real.terminate()
      return false
    }

    /** The port to give on in place of this one; what goes through it is counted. */
    function tapped(port: MessagePort): MessagePort {
      const { port1: inner, port2: given } = new MessageChannel()
      tap(port, inner)
      tap(inner, port)
      return given
    }

    function tap(from: MessagePort, to: MessagePort): void {
      from.addEventListener('message', ({ data }) => {
        if (!pass()) return
        const [message, ports] = retapped(data)
        to.postMessage(message, ports)
      })
      from.addEventListener('close', () => to.close())
      from.start()
    }

    function retapped(message: unknown): [message: unknown, ports: MessagePort[]] {
      const { port, back } = message as { readonly port?: MessagePort; readonly back?: MessagePort }
      const given = { ...(port && { port: tapped(port) }), ...(back && { back: tapped(back) }) }
      return [{ ...(message as object), ...given }, Object.values(given)]
    }

    const events = Object.fromEntries(
      ['on', 'off', 'addEventListener', 'removeEventListener']
        .filter(name => name in real)
        .map(name => [name, (real as unknown as Record<string, (...given: unknown[]) => void>)[name]!.bind(real)]),
    )
    return {
      ...events,
      postMessage(message) {
        if (!pass()) return
        const [given, ports] = retapped(message)
        real.postMessage(given, ports as never[])
      },
      terminate: () => real.terminate(),
    }
  }

  return { worker: () => watched(make()), count: () => count, made: () => made }
}
