/** The processes of the example: the sandbox server and the devices. */
import { type ChildProcess, fork, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Orders } from './orders.ts'

/** Nothing here takes this long. */
const patience = 30_000

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
  const child = fork(here('device.ts'), [name, store, server.url, server.share, server.token, rule])
  await answerOf(child, name)
  const call =
    (order: keyof Orders) =>
    (...given: unknown[]) => {
      const answer = answerOf(child, `${name}.${order}`)
      child.send({ order, given })
      return answer
    }
  const names = ['import', 'pause', 'resume', 'sync', 'do', 'show', 'inbox', 'settle'] as const
  const orders = Object.fromEntries(names.map(order => [order, call(order)]))
  return {
    name,
    ...(orders as unknown as Orders),
    close: () => ended(child, () => child.send({ order: 'close', given: [] })),
  }
}

/** One order is under way at a time, so the next message is its answer. */
function answerOf(child: ChildProcess, what: string): Promise<unknown> {
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
