/** `tidemark/worker`: the engine in a worker of the app's, in browsers and in `node:worker_threads`. */
import { isHello, type Knock, type Open, protocol, told } from '../client/protocol.ts'
import type { Given, Served, Setup } from '../client/served.ts'
import type { Fits, Remotes } from '../client/types.ts'
import type { Collections, Schema } from '../schema.ts'
import { type Session, startSession } from './session.ts'

export type { Given, Served, Setup } from '../client/served.ts'

/**
 * Runs the engine for the pages that knock. The module that calls it is the worker's, and exports what it returns as
 * default, so that the page can take its type: `open<typeof import('./sync.worker.ts').default>(...)`. `setup` is called
 * once for each database that a page opens. Outside a worker it serves nobody.
 */
export function serve<Config, const C extends Collections, const R extends Remotes>(
  setup: (given: Given<Config>) => Fitting<C, R> | Promise<Fitting<C, R>>,
): Served<Config, C, R> {
  const served: Served<Config, C, R> = { setup }
  const sessions = new Map<string, Promise<Session>>()

  /** The pages of a worker come one after the other: the engine of the one before has ended when the next one starts. */
  async function receive(port: MessagePort, message: unknown): Promise<void> {
    if (!isHello(message)) return port.close()
    const before = sessions.get(message.page)
    const session = (before ?? Promise.resolve(undefined))
      .then(running => running?.stop())
      .then(() => startSession(served as unknown as Served, message, port))
    sessions.set(message.page, session)
    await (await session).ended.catch(() => {}) // whatever could not be closed ends with the worker
    if (sessions.get(message.page) === session) sessions.delete(message.page)
    if (message.alone) door?.close()
  }

  const door = listen(message => {
    const knock = told<Knock>(message, 'knock')
    if (typeof knock?.port?.postMessage !== 'function') return
    const { port } = knock
    port.addEventListener('message', ({ data }) => void receive(port, data), { once: true })
    port.start()
    port.postMessage({ tidemark: 'open', protocol } satisfies Open)
  })
  return served
}

/** Schema and remotes are compared where they meet. */
type Fitting<C extends Collections, R extends Remotes> = Setup<C, R> & {
  readonly schema: Schema<C> & NoInfer<Fits<C, R>>
}

/** Hears what is posted to this worker, until its end; in a page, and in Node's main thread, nothing. */
function listen(hear: (message: unknown) => void): { close(): void } | undefined {
  const { parentPort } = nodeThreads() ?? {}
  if (parentPort) {
    parentPort.on('message', hear)
    return parentPort // a thread that hears nothing ends when it has nothing else to do
  }
  if (!('DedicatedWorkerGlobalScope' in globalThis)) return undefined
  addEventListener('message', ({ data }) => hear(data))
  return globalThis as unknown as { close(): void }
}

interface Threads {
  readonly parentPort: { on(event: 'message', hear: (message: unknown) => void): void; close(): void } | null
}

/** Not by an import, which a bundler for browsers would have to resolve. */
function nodeThreads(): Threads | undefined {
  const { process } = globalThis as { process?: { getBuiltinModule?(name: string): unknown } }
  return process?.getBuiltinModule?.('node:worker_threads') as Threads | undefined
}
