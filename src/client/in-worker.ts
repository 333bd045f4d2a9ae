/**
 * The engine in a worker, as the page sees it: started, watched, started again when it is gone, and asked. What is
 * written here is durable here, whatever becomes of the worker.
 */
import { asSyncError, reactionTo, SyncError } from '../errors.ts'
import type { Methods } from './facade.ts'
import type { Base, Host, Hosting, HostState } from './host.ts'
import { connect, endWorker, type Link } from './link.ts'
import { type Hello, limits, mustAgree, outlineOf } from './protocol.ts'
import type { AnyServed, Given, Served, Tokens, WorkerLike } from './served.ts'

export interface InWorkerOptions {
  readonly account: string
  readonly config: unknown
  readonly tokens: Tokens
  readonly worker: WorkerLike | (() => WorkerLike)
  readonly inline?: (() => Promise<{ readonly default: AnyServed }>) | undefined
}

/** Between a worker's end and the next start, in milliseconds; doubled each time. */
const firstPause = 250
const longestPause = 60_000
/** A worker that lived this long was well. */
const wellAfter = 60_000
/** So many failed starts, without ever a good one, and the engine runs here, where the app allows it. */
const mostStarts = 2

const idle: HostState = { leads: false, nudged: false, stuck: 0, notices: [] }

export function inWorker(options: InWorkerOptions): Hosting {
  const remotes = Object.keys(options.tokens)
  try {
    structuredClone(options.config)
  } catch (cause) {
    throw new SyncError('invalid-value', '`config` goes to the worker: use plain data only.', { cause })
  }
  return {
    remotes,
    complete(schema) {
      for (const [name, { remote }] of Object.entries(schema.collections)) {
        if (remote === undefined || remotes.includes(remote)) continue
        throw new SyncError(
          'schema-mismatch',
          `"${name}" lives with the remote "${remote}", and \`tokens\` names none such: give a function, or null where it needs no token.`,
        )
      }
      return schema
    },
    start: on => hostOf(options, on),
  }
}

function hostOf(options: InWorkerOptions, on: Base): Host {
  const { platform } = on
  const page = platform.uuid()
  const end = new AbortController()
  const known = new Map<string, HostState>()
  /** What was asked while there was nobody to ask, or while it was not certain that it was heard. */
  const wishes = new Map<string, Wish>()
  let link: Link | undefined
  let here: Host | undefined
  let problem: HostState['problem']
  let changed = latch()

  function became(next: { link?: Link | undefined; here?: Host; problem?: HostState['problem'] }): void {
    link = next.link
    here = next.here ?? here
    problem = next.problem
    changed.resolve()
    changed = latch()
    for (const one of wishes.values()) wish(one.what, one.remote)
    on.report()
  }

  async function tell(wish: Wish): Promise<void> {
    const key = `${wish.what} ${wish.remote ?? ''}`
    wishes.set(key, wish)
    if (here !== undefined) wish.what === 'resume' ? here.resume(wish.remote!) : here.urgent(wish.remote)
    else if (link === undefined) return
    else await link.call(wish.what, [wish.remote], limits.quick)
    if (wishes.get(key) === wish) wishes.delete(key)
  }
  const wish = (what: Wish['what'], remote?: string) => void tell({ what, remote }).catch(() => {}) // told again to the next

  const methods: Methods = {
    report: on.report,
    token: (remote: string, refresh: boolean) => askToken(options.tokens, remote, refresh),
  }
  const hello: Omit<Hello, 'tidemark' | 'back'> = {
    page,
    account: options.account,
    config: options.config,
    schema: outlineOf(on.schema),
    store: on.name,
    remotes: Object.keys(options.tokens),
    device: on.device.name,
    keep: on.keep,
    alone: typeof options.worker === 'function',
  }

  async function live(): Promise<void> {
    if (!on.store.durable) return fallBack(new SyncError('unsupported', 'This store lives in the page alone.'))
    let everUp = false
    for (let tries = 1; !end.signal.aborted; tries++) {
      const began = platform.monotonic()
      const error = await once(() => {
        everUp = true
      })
      if (end.signal.aborted) return
      if (isFinal(error)) return giveUp(error)
      if (!everUp && tries >= mostStarts && options.inline !== undefined) return fallBack(error)
      if (platform.monotonic() - began > wellAfter) tries = 1
      const pause = Math.min(longestPause, firstPause * 2 ** (tries - 1)) * (0.75 + platform.random() / 2)
      became({ problem: { code: error.code, message: error.message, next: Math.round(platform.now() + pause) } })
      await platform.sleep(pause, end.signal).catch(() => {}) // closed: the loop sees it
    }
  }

  /** The life of one worker, and why it ended. */
  async function once(up: () => void): Promise<SyncError> {
    let worker: WorkerLike | undefined
    try {
      worker = typeof options.worker === 'function' ? options.worker() : options.worker
      const connected = await connect(worker, hello, methods, platform, end.signal)
      up()
      became({ link: connected })
      await connected.gone
      connected.close()
      return new SyncError('worker-unavailable', 'The worker has ended. It is started again; nothing is lost.')
    } catch (thrown) {
      if (thrown instanceof SyncError) return thrown
      return new SyncError('worker-unavailable', 'The worker could not be started. It is tried again.', {
        cause: thrown,
      })
    } finally {
      link = undefined
      if (worker !== undefined && typeof options.worker === 'function') await endWorker(worker, platform)
    }
  }

  function giveUp({ code, message }: SyncError): void {
    console.warn(`tidemark: nothing is synced here. ${message}`)
    became({ problem: { code, message } })
  }

  /** The engine in this context, from the same module that the worker would have run. */
  async function fallBack(why: SyncError): Promise<void> {
    if (options.inline === undefined) return giveUp(why)
    if (on.store.durable) console.warn(`tidemark: syncing in the page itself, without the worker. ${why.message}`)
    try {
      const served = (await options.inline()).default
      const started = await startHere(served as unknown as Served, options, on)
      if (end.signal.aborted) await started.stop()
      else became({ here: started })
    } catch (thrown) {
      if (!end.signal.aborted) giveUp(asSyncError(thrown))
    }
  }

  /** Where there is an engine, once there is one; rejects when none comes in time. */
  async function engine() {
    const deadline = platform.monotonic() + limits.start
    while (link === undefined && here === undefined && !end.signal.aborted) {
      const left = deadline - platform.monotonic()
      if (left <= 0 || (problem !== undefined && problem.next === undefined)) break
      await Promise.race([changed.promise, platform.sleep(left, end.signal)]).catch(() => {}) // closed: the loop sees it
    }
    if (here !== undefined) return { here }
    if (link !== undefined) return { link }
    throw new SyncError('worker-unavailable', problem?.message ?? 'There is no worker to do it. Try again.')
  }

  const unwake = platform.wakes(() => wish('urgent'))
  const running = live()

  return {
    async state(remote) {
      if (here !== undefined) return here.state(remote)
      const wished = wishes.has(`urgent ${remote}`) || wishes.has('urgent ') || wishes.has(`resume ${remote}`)
      const last = known.get(remote) ?? idle
      if (link === undefined) return { ...idle, notices: last.notices, nudged: wished, ...(problem && { problem }) }
      try {
        const { state, offset } = (await link.call('state', [remote], limits.quick)) as Told
        if (offset !== undefined) on.clock.heard(platform.now() + offset)
        known.set(remote, state)
        return { ...state, nudged: state.nudged || wished }
      } catch {
        return { ...last, nudged: true } // busy, or just gone: whatever it does, it is not known to rest
      }
    },
    urgent: remote => wish('urgent', remote),
    resume: remote => wish('resume', remote),
    async refuses(remote, request) {
      if (here?.refuses !== undefined) return here.refuses(remote, request)
      const refused = link?.call('refuses', [remote, request], limits.quick)
      return (await refused?.catch(() => undefined)) as string | undefined // nobody to ask: the engine asks before it starts
    },
    async call(remote, name, request) {
      const there = await engine()
      return 'here' in there
        ? there.here.call(remote, name, request)
        : there.link.call('call', [remote, name, request], limits.call)
    },
    async stop() {
      unwake()
      // One that is just starting is stopped in order when it has started: it may be about to write.
      if (link === undefined && here === undefined && problem === undefined) {
        await Promise.race([changed.promise, platform.sleep(limits.stop)])
      }
      await link?.call('stop', [], limits.stop).catch(() => {}) // one that hangs is ended with the link
      link?.close()
      end.abort()
      await running
      await here?.stop()
    },
  }
}

interface Wish {
  readonly what: 'urgent' | 'resume'
  readonly remote: string | undefined
}

/** What a worker answers when it is asked how far it is. */
export interface Told {
  readonly state: HostState
  /** How far the servers' clock is ahead, in milliseconds, where one has said the time. */
  readonly offset?: number
}

/** Whether another worker would say the same. */
function isFinal(error: SyncError): boolean {
  const { next } = reactionTo(error)
  return next === 'throw' || next === 'stop'
}

/** What the app throws here may hold a secret, so nothing of it goes on. */
async function askToken(tokens: Tokens, remote: string, refresh: boolean): Promise<string> {
  const ask = Object.hasOwn(tokens, remote) ? tokens[remote] : undefined
  if (typeof ask === 'function') {
    const token = await Promise.resolve(ask({ refresh })).catch(() => undefined)
    if (typeof token === 'string') return token
  }
  throw new SyncError('needs-auth', 'The app could not give a token. Sign in again; nothing is lost.')
}

async function startHere(served: Served, { account, config, tokens }: InWorkerOptions, on: Base): Promise<Host> {
  const token: Given['token'] =
    remote =>
    ({ refresh }) =>
      askToken(tokens, remote, refresh)
  const { remotes, schema, strategies, onMassDelete } = await served.setup({ account, config, token })
  const { inline } = await import('./inline.ts')
  const hosting = inline({ remotes, strategies, onMassDelete })
  const complete = hosting.complete(schema)
  mustAgree(outlineOf(on.schema), outlineOf(complete))
  return hosting.start({ ...on, schema: complete })!
}

function latch(): { readonly promise: Promise<void>; resolve(): void } {
  let open = () => {}
  const promise = new Promise<void>(resolve => {
    open = resolve
  })
  return { promise, resolve: () => open() }
}
