/** The engine of one page, in the worker. */
import { callsOver, type Methods, offer } from '../client/facade.ts'
import type { Told } from '../client/in-worker.ts'
import { inline } from '../client/inline.ts'
import { type Hello, limits, mismatch, mustAgree, outlineOf, type Welcome } from '../client/protocol.ts'
import type { Given, Served } from '../client/served.ts'
import { openStore } from '../client/store.ts'
import { asSyncError, SyncError } from '../errors.ts'
import { claim } from '../ledger/account.ts'
import type { Json } from '../model.ts'
import { type Platform, platform as realPlatform } from '../platform.ts'

export interface Session {
  stop(): Promise<void>
  /** Resolves when the engine has stopped and the store is closed. */
  readonly ended: Promise<void>
}

/** Never rejects: a page that cannot be served is told why. */
export async function startSession(
  served: Served,
  hello: Hello,
  port: MessagePort,
  life: (platform: Platform) => Promise<string | undefined>,
): Promise<Session> {
  const end = new AbortController()
  port.addEventListener('close', () => end.abort())
  const answer = (welcome: Welcome) => port.postMessage(welcome)
  try {
    const { stop, platform } = await start(served, hello, port, end)
    const ended = new Promise<void>(resolve => {
      const leave = () => resolve(stop())
      if (end.signal.aborted) leave()
      else end.signal.addEventListener('abort', leave, { once: true })
    })
    answer({ tidemark: 'welcome', account: hello.account, life: await life(platform) })
    return {
      ended,
      stop() {
        end.abort()
        return ended
      },
    }
  } catch (thrown) {
    const { code, message } = asSyncError(thrown)
    answer({ tidemark: 'refused', code, message })
    return { stop: async () => {}, ended: Promise.resolve() }
  }
}

/** Starts the engine. */
async function start(
  { setup }: Served,
  { account, config, device: name, keep, back, ...page }: Hello,
  port: MessagePort,
  end: AbortController,
): Promise<{ stop(): Promise<void>; readonly platform: Platform }> {
  const ended = new AbortController()
  const world = realPlatform()
  const calls = callsOver(back, world, ended.signal)
  const token: Given['token'] = remote => async why =>
    String(await calls.call('token', [remote, why.refresh], limits.token))

  const app = await setup({ account, config, token })
  const platform = app.platform ?? world
  const hosting = inline(app)
  const schema = hosting.complete(app.schema)
  mustAgree(page.schema, outlineOf(schema))
  mustBeSame('remotes', page.remotes, hosting.remotes)
  mustBeSame('store', [page.store], [app.store.name])

  const { store, identity, clock } = await openStore(app.store, schema, platform)
  try {
    await claim(store, account)
    if (!store.durable) throw new SyncError('unsupported', 'The store of a worker must be one that the page opens too.')
  } catch (error) {
    await store.close()
    throw error
  }
  const report = once(() => calls.call('report', [], limits.quick))
  const host = hosting.start({
    store,
    name: app.store.name,
    schema,
    platform,
    device: { id: identity.device, name },
    clock,
    keep,
    report,
  })!

  const methods: Methods = {
    ping: () => true,
    state: (remote: string): Told => ({
      state: host.state(remote) as Told['state'], // inline: it is known at once
      ...(clock.sure() && { offset: clock.offset() }),
    }),
    urgent: host.urgent,
    resume: host.resume,
    call: host.call,
    refuses: (remote: string, request: Json) => host.refuses?.(remote, request),
    stop: () => stop(),
  }
  const stop = shared(async () => {
    await host.stop()
    await store.close()
    end.abort()
    ended.abort()
    calls.release()
  })
  offer(port, methods, () => end.abort())
  return { stop, platform }
}

function mustBeSame(what: string, page: readonly string[], worker: readonly string[]): void {
  const [theirs, mine] = [[...page].sort().join(', '), [...worker].sort().join(', ')]
  if (theirs !== mine) throw mismatch(`the ${what} of the page: ${theirs || 'none'}; of the worker: ${mine || 'none'}`)
}

/** One call is under way at most; what happens meanwhile makes one more. */
function once(call: () => Promise<unknown>): () => void {
  let busy = false
  let again = false
  return function go() {
    again = true
    if (busy) return
    busy = true
    again = false
    void call()
      .catch(() => {}) // a page that does not listen asks when it looks again
      .then(() => {
        busy = false
        if (again) go()
      })
  }
}

/** Runs `work` once, whoever asks for it. */
function shared<T>(work: () => Promise<T>): () => Promise<T> {
  let result: Promise<T> | undefined
  return () => {
    result ??= work()
    return result
  }
}
