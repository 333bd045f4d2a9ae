/** One connection of a page to one worker: from the first knock until either is gone. */
import { SyncError } from '../errors.ts'
import type { Platform } from '../platform.ts'
import { type Calls, callsOver, type Methods, offer } from './facade.ts'
import { type Hello, limits, type Open, outdated, protocol, told, type Welcome } from './protocol.ts'
import type { WorkerLike } from './served.ts'

export interface Link {
  readonly call: Calls['call']
  /** Resolves when the worker is gone, or so silent that it might as well be. */
  readonly gone: Promise<void>
  close(): void
}

const knockEvery = 1_000
const pingEvery = 5_000
/** So many pings in a row without an answer are the end: fewer may be one long task, or a machine that woke up. */
const mostMissed = 3

/** Rejects with what the worker refuses with, and with `worker-unavailable` where it does not start in time. */
export async function connect(
  worker: WorkerLike,
  hello: Omit<Hello, 'tidemark' | 'back'>,
  methods: Methods,
  platform: Platform,
  ended: AbortSignal,
): Promise<Link> {
  const end = new AbortController()
  const die = () => end.abort()
  const signal = AbortSignal.any([end.signal, ended])
  let up = false
  let life: string | undefined
  const unwatch = watchEnd(worker, what => {
    // A page hears of any error in its worker: once it is up, that is not its end. What it said before comes first.
    if (what === 'exit' || !up) void platform.sleep(0).then(die)
  })
  const back = new MessageChannel()
  let calls: Calls | undefined

  function close(): void {
    die()
    unwatch()
    calls?.release()
    back.port1.close()
  }

  try {
    const port = await answered(worker, platform, signal)
    port.addEventListener('close', die)
    offer(back.port1, methods, die)
    const welcome = heard<Welcome>(port, platform, signal, 'welcome', 'refused')
    calls = callsOver(port, platform, signal)
    const message: Hello = { ...hello, tidemark: 'hello', back: back.port2 }
    port.postMessage(message, [back.port2])
    const answer = await welcome
    if (answer.tidemark === 'refused') throw new SyncError(answer.code, String(answer.message))
    life = answer.life
    if (answer.account !== hello.account) throw new SyncError('protocol', 'The worker answered for another account.')
  } catch (error) {
    close()
    throw error
  }

  up = true
  const { call } = calls
  void ping(call, platform, signal).then(die)
  // Not to be had while the worker lives. Without locks, pings tell.
  if (typeof life === 'string') void platform.locks.hold(life, { signal }, async () => die()).catch(() => {})
  const gone = new Promise<void>(resolve => {
    if (signal.aborted) resolve()
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
  return { call, gone, close }
}

/** The port of the first knock that is answered. */
async function answered(worker: WorkerLike, platform: Platform, signal: AbortSignal): Promise<MessagePort> {
  const ports: MessagePort[] = []
  const answers: { readonly port: MessagePort; readonly protocol: number }[] = []
  const open = new AbortController()
  const end = AbortSignal.any([signal, open.signal])
  const deadline = platform.monotonic() + limits.start
  while (!end.aborted && platform.monotonic() < deadline) {
    const { port1: port, port2: theirs } = new MessageChannel()
    ports.push(port)
    port.addEventListener('message', ({ data }) => {
      const answer = told<Open>(data, 'open')
      if (answer === undefined) return
      answers.push({ port, protocol: answer.protocol })
      open.abort()
    })
    port.start()
    // The two kinds of workers have types for this list that have nothing in common.
    worker.postMessage({ tidemark: 'knock', port: theirs }, [theirs] as never[])
    await platform.sleep(knockEvery, end).catch(() => {}) // answered or ended: both are looked at next
  }
  const [first] = answers
  for (const port of ports) if (port !== first?.port) port.close()
  if (first === undefined) throw silent()
  if (first.protocol === protocol) return first.port
  first.port.close()
  throw outdated(`protocol ${protocol}`, `protocol ${first.protocol}`)
}

/** The first message of these kinds. */
async function heard<M extends { readonly tidemark: string }>(
  port: MessagePort,
  platform: Platform,
  signal: AbortSignal,
  ...kinds: M['tidemark'][]
): Promise<M> {
  const messages: M[] = []
  const done = new AbortController()
  const listener = ({ data }: MessageEvent) => {
    const message = told<M>(data, ...kinds)
    if (message === undefined) return
    messages.push(message)
    done.abort()
  }
  port.addEventListener('message', listener)
  await platform.sleep(limits.start, AbortSignal.any([signal, done.signal])).catch(() => {}) // heard or ended
  port.removeEventListener('message', listener)
  const [first] = messages
  if (first === undefined) throw silent()
  return first
}

/** Resolves when the worker has not answered for long. */
async function ping(call: Calls['call'], platform: Platform, signal: AbortSignal): Promise<void> {
  for (let missed = 0; missed < mostMissed && !signal.aborted; ) {
    await platform.sleep(pingEvery, signal).catch(() => {}) // ended: the loop sees it
    const answer = await call('ping', [], pingEvery).catch(() => undefined)
    missed = answer === true ? 0 : missed + 1
  }
}

function silent(): SyncError {
  return new SyncError('worker-unavailable', 'The worker does not answer, or could not be loaded. It is tried again.')
}

/** What a worker says of its own end: browsers that its code failed, Node that it has ended too. */
function watchEnd(worker: WorkerLike, hear: (what: 'error' | 'exit') => void): () => void {
  const { addEventListener, removeEventListener, on, off } = worker as Partial<Worker & NodeEvents>
  const failed = () => hear('error')
  if (on !== undefined && off !== undefined) {
    const ended = () => hear('exit')
    on.call(worker, 'error', failed) // never taken back: what nobody hears would end the process
    on.call(worker, 'exit', ended)
    return () => off.call(worker, 'exit', ended)
  }
  addEventListener?.call(worker, 'error', failed)
  return () => removeEventListener?.call(worker, 'error', failed)
}

/** Threads of Node's get a moment to go by themselves: nobody promises that native work can be ended in its middle. */
export async function endWorker(worker: WorkerLike, platform: Platform): Promise<void> {
  const { on, threadId } = worker as Partial<NodeEvents>
  if (on !== undefined && threadId !== -1) {
    const gone = new AbortController()
    on.call(worker, 'exit', () => gone.abort())
    await platform.sleep(limits.exit, gone.signal).catch(() => {}) // it went
  }
  await worker.terminate()
}

interface NodeEvents {
  readonly threadId: number
  on(event: string, hear: () => void): void
  off(event: string, hear: () => void): void
}
