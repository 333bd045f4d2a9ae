/** What one side of a worker lets the other do: call what is listed, and nothing else (S21, S22, F36, F37). */
import { wrap } from 'comlink'
import { afterEach, describe, expect, test } from 'vitest'
import { callsOver, type Methods, offer } from '../../../src/client/facade.ts'
import { SyncError } from '../../../src/errors.ts'
import { platform } from '../../../src/platform.ts'

const opened: MessagePort[] = []
afterEach(() => {
  for (const port of opened.splice(0)) port.close()
})

function ports(): [mine: MessagePort, theirs: MessagePort] {
  const { port1, port2 } = new MessageChannel()
  opened.push(port1, port2)
  return [port1, port2]
}

/** Two sides: `there` offers, `here` calls. */
function sides(methods: Methods, released?: () => void) {
  const [mine, theirs] = ports()
  offer(theirs, methods, released)
  const end = new AbortController()
  return { mine, theirs, end, calls: callsOver(mine, platform(), end.signal) }
}

const codeOf = (work: Promise<unknown>) =>
  work.then(
    value => ({ value }),
    (error: SyncError) => error.code ?? error.name,
  )

describe('a call', () => {
  test('brings back what the method answers', async () => {
    const { calls } = sides({ add: (one: number, other: number) => one + other })
    expect(await calls.call('add', [1, 2], 1_000)).toBe(3)
  })

  test('rejects with the code, the time and the facts of what the method threw', async () => {
    const error = new SyncError('throttled', 'Later.', { notBefore: 5, details: { left: 1 } })
    const { calls } = sides({ fail: () => Promise.reject(error) })
    const thrown = await calls.call('fail', [], 1_000).catch(error => error)
    expect(thrown).toBeInstanceOf(SyncError)
    expect(thrown).toMatchObject({ code: 'throttled', message: 'Later.', notBefore: 5, details: { left: 1 } })
  })

  test('rejects when no answer comes in time, and when the end comes first', async () => {
    const { calls, end } = sides({ hang: () => new Promise(() => {}) })
    expect(await codeOf(calls.call('hang', [], 20))).toBe('worker-unavailable')
    const hanging = codeOf(calls.call('hang', [], 60_000))
    end.abort()
    expect(await hanging).toBe('worker-unavailable')
    expect(await codeOf(calls.call('hang', [], 60_000))).toBe('worker-unavailable')
  })

  test.each([
    ['nothing', undefined],
    ['no answer', { something: 'else' }],
    ['an error with a code that there is not', { failed: { code: 'constructor', message: 'x' } }],
  ])('that is answered with %s is refused', async (_, answer) => {
    const [mine, theirs] = ports()
    theirs.addEventListener('message', ({ data }) => theirs.postMessage({ id: data.id, type: 'RAW', value: answer }))
    theirs.start()
    const calls = callsOver(mine, platform(), new AbortController().signal)
    expect(await codeOf(calls.call('ping', [], 1_000))).toBe('protocol')
  })
})

describe('the façade', () => {
  const methods = { ping: () => 'pong', hidden: Object.assign(() => 'seen', { inner: () => 'reached' }) }

  /** What comlink's own proxy gets, which asks for whatever it is told to. */
  async function tried(ask: (proxy: Reaching) => unknown): Promise<unknown> {
    const [mine, theirs] = ports()
    offer(theirs, methods)
    return Promise.resolve(ask(wrap(mine) as unknown as Reaching)).then(
      value => ({ value }),
      (error: Error) => error.message,
    )
  }
  interface Reaching {
    readonly [path: string]: Reaching
    (...given: unknown[]): Promise<unknown>
    new (...given: unknown[]): Promise<unknown>
  }
  const refused = 'There is no such method.'

  test('answers a listed method', async () => {
    expect(await tried(proxy => proxy.ping!())).toEqual({ value: { value: 'pong' } })
  })

  test.each<[string, (proxy: Reaching) => unknown]>([
    ['a method that is not listed', proxy => proxy.stop!()],
    ['a constructor', proxy => proxy.constructor!()],
    ['a constructor of a method', proxy => proxy.ping!.constructor!('return 1')],
    ['the constructor of a constructor', proxy => proxy.constructor!.constructor!('return 1')],
    ['a prototype', proxy => (Reflect.get(proxy, '__proto__') as Reaching).toString!()],
    ['what objects inherit', proxy => proxy.toString!()],
    ['what functions inherit', proxy => proxy.ping!.call!(null)],
    ['a method of a method', proxy => proxy.hidden!.inner!()],
    ['the object itself', proxy => (proxy as unknown as () => unknown)()],
    ['reading', proxy => proxy.ping],
    ['making one', proxy => new (proxy.ping as Reaching)()],
  ])('does not let through %s', async (_, ask) => {
    expect(await tried(ask)).toBe(refused)
  })

  /** The answer to a message of comlink's kind. */
  async function answerTo(message: object): Promise<unknown> {
    const [mine, theirs] = ports()
    offer(theirs, methods)
    const answer = new Promise(resolve => mine.addEventListener('message', ({ data }) => resolve(data)))
    mine.start()
    mine.postMessage({ id: '1', ...message })
    return answer
  }
  const call = { type: 'APPLY', path: ['ping'], argumentList: [] }

  test.each([
    ['GET', { ...call, type: 'GET' }],
    ['SET', { type: 'SET', path: ['ping'], value: { type: 'RAW', value: 1 } }],
    ['CONSTRUCT', { ...call, type: 'CONSTRUCT' }],
    ['ENDPOINT', { type: 'ENDPOINT' }],
    ['a type of no kind', { ...call, type: 'EVAL' }],
    ['a path that is no list', { ...call, path: 'ping' }],
    ['no path', { ...call, path: [] }],
    ['a path of things', { ...call, path: [{ toString: 'ping' }] }],
    ['__proto__', { ...call, path: ['__proto__', 'toString'] }],
    ['arguments that are no list', { ...call, argumentList: 'x' }],
    ['an argument of a handler', { ...call, argumentList: [{ type: 'HANDLER', name: 'throw', value: {} }] }],
    ['an argument that is none', { ...call, argumentList: [null] }],
  ])('refuses the message %s', async (_, message) => {
    expect(await answerTo(message)).toMatchObject({ name: 'throw', value: { value: { message: refused } } })
  })

  test('is the same after somebody tried to set something', async () => {
    const [mine, theirs] = ports()
    offer(theirs, methods)
    mine.postMessage({ id: '1', type: 'SET', path: ['ping'], value: { type: 'RAW', value: 1 } })
    const proxy = wrap(mine) as unknown as Record<string, () => Promise<unknown>>
    expect(await proxy.ping!()).toEqual({ value: 'pong' })
  })

  test.each([[null], [undefined], ['text'], [{}], [{ id: 5, type: 'APPLY', path: ['ping'] }]])(
    'is silent about %j, which is nothing of comlink',
    async noise => {
      const [mine, theirs] = ports()
      offer(theirs, methods)
      const heard: unknown[] = []
      mine.addEventListener('message', ({ data }) => heard.push(data))
      mine.start()
      mine.postMessage(noise)
      mine.postMessage({ id: '2', ...call })
      await expect.poll(() => heard.length).toBe(1)
      expect(heard).toMatchObject([{ id: '2', value: { value: 'pong' } }])
    },
  )

  test('hears when the other side lets go, and when it is gone', async () => {
    for (const leave of [
      ({ calls }: ReturnType<typeof sides>) => calls.release(),
      ({ mine }: ReturnType<typeof sides>) => mine.close(),
    ]) {
      let heard = false
      leave(
        sides({}, () => {
          heard = true
        }),
      )
      await expect.poll(() => heard).toBe(true)
    }
  })
})
