/** Device processes, as their parent has them. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import type { Orders } from './device.ts'

/** Where the server is, and who may ask it. */
export interface Account {
  readonly url: string
  readonly share: string
  readonly token: string
}

export interface Process<Orders> {
  readonly orders: Orders
  /** SIGKILL: nothing is said or written any more. */
  kill(): Promise<void>
  /** Resolves to the exit code when it ended. */
  readonly ended: Promise<number | null>
}

const running = new Set<ChildProcess>()

/** Rejects an order whose process ends before it has answered. */
export async function start<O extends object>(
  script: URL,
  given: object,
  execArgv: readonly string[] = [],
): Promise<Process<O>> {
  const child = fork(script, [JSON.stringify(given)], { execArgv: [...execArgv], serialization: 'advanced' })
  running.add(child)
  const waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>()
  const ended = new Promise<number | null>(resolve => {
    child.on('exit', code => {
      running.delete(child)
      for (const { reject } of waiting.values()) reject(new Error('The process ended before it answered.'))
      resolve(code)
    })
  })
  let count = 0
  child.on('message', (said: { ready?: true; n: number; value?: unknown; error?: string }) => {
    if (said.ready) return
    const asked = waiting.get(said.n)
    waiting.delete(said.n)
    if (said.error === undefined) asked?.resolve(said.value)
    else asked?.reject(new Error(said.error))
  })
  const ready = once(child, 'message')
  if ((await Promise.race([ready, ended])) === null || child.exitCode !== null) throw new Error('It did not start.')
  const orders = new Proxy({} as O, {
    get: (_, order) => (given: unknown) =>
      new Promise((resolve, reject) => {
        const n = ++count
        waiting.set(n, { resolve, reject })
        child.send({ n, order, given }, error => error && reject(error))
      }),
  })
  return {
    orders,
    ended,
    async kill() {
      child.kill('SIGKILL')
      await ended
    },
  }
}

/** Those that a test left behind. */
export async function killAll(): Promise<void> {
  for (const child of running) {
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
}

export const device = (
  given: Account & { readonly name: string; readonly store: string },
  execArgv?: readonly string[],
) => start<Orders>(new URL('./device.ts', import.meta.url), given, execArgv)
