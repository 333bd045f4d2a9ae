/** `tidemark/worker`: the engine in a worker of the app's, in browsers and in `node:worker_threads`. */
import type { Given, Served, Setup } from '../client/served.ts'
import type { Fits, Remotes } from '../client/types.ts'
import type { Collections, Schema } from '../schema.ts'
import { attendant } from './attendant.ts'

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
  const attend = attendant(served as unknown as Served, () => door?.close())
  const door = listen(attend)
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
