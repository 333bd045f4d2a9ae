/** A worker that ends at a chosen message, whichever way that goes: nothing of ours knows that it is counted. */
import type { WorkerLike } from '../../../src/index.ts'

export interface Mortal {
  /** Makes workers that end, and after them such as live on. */
  readonly worker: () => WorkerLike
  /** Messages to and from the first one. */
  count(): number
  /** Workers made so far. */
  made(): number
  /** Whether one was ended. */
  killed(): boolean
}

export interface MortalOptions {
  /** How many die, one after the other. */
  readonly dying?: number
  readonly died?: () => void
  /** How it is ended; default: by `terminate`. */
  readonly end?: (worker: WorkerLike) => void
  /** It goes on and hears and says nothing more, until somebody ends it. */
  readonly hangs?: boolean
  /** Sees every message. */
  readonly sees?: (message: unknown) => void
}

/** Each of the first workers ends in place of its message number `at`, counted from 1. */
export function mortal(
  make: () => WorkerLike,
  at: number,
  {
    dying = 1,
    died = () => {},
    end = worker => void worker.terminate(),
    hangs = false,
    sees = () => {},
  }: MortalOptions = {},
): Mortal {
  let made = 0
  let first = 0
  let killed = false

  function watched(real: WorkerLike): WorkerLike {
    const number = ++made
    let count = 0
    let ended = false

    /** Whether the message may go on. */
    function pass(message: unknown): boolean {
      if (ended) return false
      sees(message)
      count++
      if (number === 1) first = count
      if (number > dying || count !== at) return true
      ended = true
      killed = true
      died()
      if (!hangs) end(real)
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
        if (!pass(data)) return
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

    return listening(real, {
      postMessage(message) {
        if (!pass(message)) return
        const [given, ports] = retapped(message)
        real.postMessage(given, ports as never[])
      },
      terminate: () => real.terminate(),
    })
  }

  return { worker: () => watched(make()), count: () => first, made: () => made, killed: () => killed }
}

/** With what the platform says of the worker's end, unchanged. */
function listening(real: WorkerLike, watched: WorkerLike): WorkerLike {
  const worker = real as unknown as { readonly [name: string]: (...given: unknown[]) => void }
  const names = ['on', 'off', 'addEventListener', 'removeEventListener'].filter(name => name in real)
  const events = Object.fromEntries(names.map(name => [name, (...given: unknown[]) => worker[name]?.(...given)]))
  const both = Object.assign(watched, events)
  return 'threadId' in real ? Object.defineProperty(both, 'threadId', { get: () => real.threadId }) : both
}
