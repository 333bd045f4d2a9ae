/**
 * Calls between a page and its worker. Comlink carries them, and three things that it leaves open are closed here: only
 * listed methods can be called (S22), every call ends, and an error comes over with its code.
 */
import { type Endpoint, expose, type Remote, releaseProxy, wrap } from 'comlink'
import { asSyncError, type Code, reactions, SyncError } from '../errors.ts'
import type { Platform } from '../platform.ts'

/** What one side lets the other call. Arguments and answers must be plain data. */
export type Methods = { readonly [name: string]: (...given: never[]) => unknown }

interface Failed {
  readonly code: Code
  readonly message: string
  readonly notBefore?: number
  readonly details: { readonly [name: string]: unknown }
}
type Answer = { readonly value: unknown } | { readonly failed: Failed }

/**
 * Lets the other side of the port call these methods, and nothing else of this context. Hears when that side let go, or
 * is gone where the platform tells (Node, Chromium).
 */
export function offer(port: MessagePort, methods: Methods, released: () => void = () => {}): void {
  const facade: { [name: string]: unknown } = Object.create(null)
  for (const [name, method] of Object.entries(methods)) facade[name] = Object.freeze(answering(method))
  expose(Object.freeze(facade), guarded(port, facade, released))
  port.addEventListener('close', released)
}

/** Errors go as data: comlink would keep the message and lose the code. */
function answering(method: (...given: never[]) => unknown) {
  return async (...given: never[]): Promise<Answer> => {
    try {
      return { value: await method(...given) }
    } catch (thrown) {
      const { code, message, notBefore, details } = asSyncError(thrown)
      return { failed: { code, message, ...(notBefore !== undefined && { notBefore }), details } }
    }
  }
}

/** Comlink walks any path, sets, constructs and opens new ports. Whatever is not a call of a listed method ends here. */
function guarded(port: MessagePort, facade: object, released: () => void): Endpoint {
  return {
    postMessage: (message, transfer) => port.postMessage(message, transfer ?? []),
    addEventListener(type, listener) {
      const hear = listener as (event: Event) => void
      port.addEventListener(type, event => {
        const { data } = event as MessageEvent
        if (isCall(data, facade)) hear(event)
        else if (isObject(data) && data.type === 'RELEASE') released()
        else if (isObject(data) && typeof data.id === 'string') port.postMessage(refusal(data.id))
      })
    },
    removeEventListener() {}, // only on a release, which never gets through to comlink
    start: () => port.start(),
  }
}

function isCall(data: unknown, facade: object): boolean {
  if (!isObject(data) || typeof data.id !== 'string' || data.type !== 'APPLY') return false
  const { path, argumentList } = data
  if (!Array.isArray(path) || path.length !== 1 || typeof path[0] !== 'string') return false
  // Only plain values: a handler of comlink's would make an object of ours, or throw one of theirs.
  const plain = Array.isArray(argumentList) && argumentList.every(one => isObject(one) && one.type === 'RAW')
  return plain && Object.hasOwn(facade, path[0])
}

const isObject = (value: unknown): value is { readonly [name: string]: unknown } =>
  typeof value === 'object' && value !== null

/** As comlink says that something was thrown. */
const refusal = (id: string) => ({
  id,
  type: 'HANDLER',
  name: 'throw',
  value: { isError: true, value: { name: 'TypeError', message: 'There is no such method.', stack: '' } },
})

interface Facade {
  readonly [name: string]: (...given: unknown[]) => Promise<Answer>
}

export interface Calls {
  /**
   * Rejects with what the other side threw, with `worker-unavailable` when it does not answer within `ms` or `end`
   * comes first: comlink alone would wait for ever.
   */
  call(name: string, given: readonly unknown[], ms: number): Promise<unknown>
  release(): void
}

/** The way to the methods that the other side of the port offers, until `end`. */
export function callsOver(port: MessagePort, platform: Pick<Platform, 'sleep'>, end: AbortSignal): Calls {
  // Comlink lets go of what is collected: this keeps it as long as the calls can be made (F37).
  const proxy: Remote<Facade> = wrap<Facade>(port)
  return {
    async call(name, given, ms) {
      if (end.aborted) throw gone(name)
      const method = proxy[name] as Facade[string]
      return opened(await inTime(platform, method(...given), ms, end, name))
    },
    release() {
      proxy[releaseProxy]()
      port.close()
    },
  }
}

async function inTime<T>(
  platform: Pick<Platform, 'sleep'>,
  work: Promise<T>,
  ms: number,
  end: AbortSignal,
  name: string,
): Promise<T> {
  const answered = new AbortController()
  try {
    const late = platform.sleep(ms, AbortSignal.any([end, answered.signal])).then(
      () => Promise.reject(gone(name)),
      () => Promise.reject(gone(name)),
    )
    return await Promise.race([work, late])
  } finally {
    answered.abort()
  }
}

function gone(name: string): SyncError {
  return new SyncError('worker-unavailable', `The other side did not answer "${name}". It is tried again.`)
}

function opened(answer: unknown): unknown {
  if (isObject(answer) && isObject(answer.failed)) {
    const { code, message, notBefore, details } = answer.failed as unknown as Failed
    if (Object.hasOwn(reactions, code)) throw new SyncError(code, String(message), { notBefore, details })
  }
  if (isObject(answer) && 'value' in answer) return answer.value
  throw new SyncError('protocol', 'The other side answered something that is no answer. Reload the page.')
}
