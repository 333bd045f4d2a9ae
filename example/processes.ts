/** The processes of the example: the sandbox server and the devices. */
import { type ChildProcess, fork, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Orders } from './orders.ts'

/** Nothing here takes this long. */
const usual = 30_000

const here = (file: string) => fileURLToPath(new URL(file, import.meta.url))

export interface Server {
  readonly url: string
  readonly token: string
  readonly share: string
  stop(): Promise<void>
}

export async function startServer(): Promise<Server> {
  const child = spawn(process.execPath, [here('../src/sandbox/main.ts')], { stdio: ['ignore', 'pipe', 'inherit'] })
  const line = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).once('line', resolve)
    child.once('error', reject)
    child.once('exit', code => reject(new Error(`The sandbox ended with ${code}.`)))
  })
  const { files, token, share } = JSON.parse(line) as { files: string; token: string; share: string }
  return { url: files, token, share, stop: () => ended(child, () => child.kill('SIGTERM')) }
}

export type Device = Orders & { readonly name: string }

export async function startDevice(name: string, store: string, server: Server, rule: string): Promise<Device> {
  const args = [name, store, server.url, server.share, server.token, rule]
  return { name, ...(await obedient<Orders>(name, here('device.ts'), args)) }
}

export interface Limits {
  /** Milliseconds until an answer. */
  readonly patience?: number
  /** Megabytes of objects that V8 may keep; who needs more dies. */
  readonly heap?: number
}

/** A process that obeys orders one at a time; see `obey.ts`. */
export async function obedient<O extends { close(): Promise<void> }>(
  name: string,
  file: string,
  args: readonly string[] = [],
  { patience = usual, heap }: Limits = {},
): Promise<O> {
  const child = fork(file, args, heap === undefined ? {} : { execArgv: [`--max-old-space-size=${heap}`] })
  const names = (await answerOf(child, name, patience)) as readonly string[]
  const call =
    (order: string) =>
    (...given: unknown[]) => {
      const answer = answerOf(child, `${name}.${order}`, patience)
      child.send({ order, given })
      return answer
    }
  return {
    ...Object.fromEntries(names.map(order => [order, call(order)])),
    close: () => ended(child, () => child.send({ order: 'close', given: [] })),
  } as unknown as O
}

/** One order is under way at a time, so the next message is its answer. */
function answerOf(child: ChildProcess, what: string, patience: number): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => end(() => reject(new Error(`${what} did not answer.`))), patience)
    const exited = (code: number | null) => end(() => reject(new Error(`${what}: the process ended with ${code}.`)))
    const heard = (message: unknown) =>
      end(() => {
        const { answer, error } = message as { answer?: unknown; error?: string }
        if (error === undefined) resolve(answer)
        else reject(new Error(`${what}: ${error}`))
      })
    const end = (then: () => void) => {
      clearTimeout(timer)
      child.off('message', heard)
      child.off('exit', exited)
      then()
    }
    child.on('message', heard)
    child.on('exit', exited)
  })
}

async function ended(child: ChildProcess, ask: () => void): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise<void>(resolve => child.once('exit', () => resolve()))
  ask()
  const timer = setTimeout(() => child.kill('SIGKILL'), 5_000)
  await gone
  clearTimeout(timer)
}
