/** Between a device and the server: delays, losses, duplicates and answers of strangers. */
import type { Faults } from './faults.ts'
import type { Owner } from './heap.ts'
import { type Machine, type Ways, wake } from './platform.ts'
import type { World } from './world.ts'

/** The server, called in process. Everything it does settles within the step. */
export interface Remote {
  /** 500 is an answer there, and no bug of the sandbox. */
  readonly fails?: boolean
  fetch(request: Request): Promise<Response>
  connect(
    opening: { readonly url: string; readonly authorization?: string | undefined },
    peer: { readonly send: (frame: string) => void; readonly close: (code: number, reason: string) => void },
  ): { readonly message: (frame: string) => void; readonly closed: () => void }
}

/** One request as it left a device. */
export interface Sending {
  readonly at: number
  /** When it was asked by the clock of the world, which may leap while it is under way. */
  readonly wall: number
  readonly machine: string
  readonly owner: Owner
  readonly method: string
  readonly url: URL
  readonly body: Uint8Array<ArrayBuffer>
  readonly token: string
  /** Set when the server answered; the device may never learn it. */
  status?: number
  answer?: Uint8Array<ArrayBuffer>
  /** When the device heard of it, or gave up. */
  ended?: number
  /** The status came to the device, whatever became of the body. */
  told?: number
  /** What the server answered came to the device as it was. */
  heard?: true
  /** Until when it was told not to ask again, and was told it. */
  notBefore?: number
}

export interface Network extends Ways {
  readonly sendings: readonly Sending[]
  /** Takes a machine off the net until `online`. */
  readonly offline: (machine: Machine) => void
  readonly online: (machine: Machine) => void
  readonly isOffline: (machine: Machine) => boolean
  readonly inFlight: (machine: string) => readonly Sending[]
  readonly onAnswer: ((sending: Sending) => void)[]
  /** Called when a request reaches the server, late ones and repeated ones too; what comes back, when it was dealt with. */
  readonly onArrival: ((sending: Sending) => (() => void) | undefined)[]
}

export function networkOf(world: World, faults: Faults, remote: Remote): Network {
  const wire = world.owner('wire')
  const server = world.owner('server')
  const away = new Set<Machine>()
  const cuts = new Set<{ readonly machine: Machine; readonly cut: () => void }>()
  const ordinals = new Map<string, number>()
  const sendings: Sending[] = []
  const flying = new Map<string, Set<Sending>>()
  const onAnswer: Network['onAnswer'] = []
  const onArrival: Network['onArrival'] = []

  const fetch: Ways['fetch'] = async (owner, machine, request) => {
    const body = new Uint8Array(await request.arrayBuffer())
    const url = new URL(request.url)
    // What is given up before it begins never leaves.
    request.signal.throwIfAborted()
    const sending: Sending = {
      at: world.elapsed(),
      wall: world.now(),
      machine: machine.name,
      owner,
      method: request.method,
      url,
      body,
      token: request.headers.get('authorization') ?? '',
    }
    sendings.push(sending)
    const mine = flying.get(machine.name) ?? new Set()
    flying.set(machine.name, mine.add(sending))
    const forget = () => void mine.delete(sending)
    owner.last.push(forget)
    const label = `${request.method} ${url.pathname.replace('/api/v1', '')}`
    const kind = `${machine.name}/${request.method}/${url.pathname.replace(/\d+/g, '#')}`
    const ordinal = (ordinals.get(kind) ?? 0) + 1
    ordinals.set(kind, ordinal)
    const hit = (family: Parameters<Faults['happens']>[0]) => faults.happens(family, kind, ordinal)
    const delay = (name: string) => {
      const ms = 2 + world.dice('delay', name, kind, ordinal) * 40
      return hit('slow') ? ms + world.dice('slowness', name, kind, ordinal) * 4000 : ms
    }
    const parts = { method: request.method, headers: [...request.headers] as [string, string][], body }
    const ask = async () => {
      const bare = parts.method === 'GET' || parts.method === 'HEAD'
      const after = onArrival.map(hear => hear(sending))
      const answer = await remote.fetch(
        new Request(url, { method: parts.method, headers: parts.headers, body: bare ? null : parts.body }),
      )
      for (const hear of after) hear?.()
      return answer
    }

    return new Promise<Response>((resolve, reject) => {
      let open = true
      const end = (settle: () => void) => {
        if (!open) return
        open = false
        sending.ended = world.elapsed()
        forget()
        request.signal.removeEventListener('abort', abort)
        settle()
      }
      const abort = () => end(() => reject(request.signal.reason))
      if (request.signal.aborted) return abort()
      request.signal.addEventListener('abort', abort)
      const lose = (why: string, after: number) =>
        void world.post(owner, after, `${label} ${why}`, () => end(() => reject(new TypeError('fetch failed'))))
      const answer = (make: () => Response, after: number) =>
        void world.post(owner, after, `${label} answer`, () => {
          if (away.has(machine)) return lose('offline', 1)
          end(() => {
            for (const hear of onAnswer) hear(sending)
            resolve(make())
          })
        })

      if (away.has(machine)) return lose('offline', 2)
      const there = delay('there')
      if (hit('drop')) return lose('dropped', there)
      if (hit('hang')) return world.note(`${label} hangs`)
      const back = delay('back')
      if (hit('fail')) return answer(() => stranger(503, 'before'), there + back)
      if (hit('throttle')) {
        const seconds = 1 + Math.floor(world.dice('retry-after', kind, ordinal) * 3)
        return answer(() => {
          sending.notBefore = world.elapsed() + seconds * 1000
          return throttled(seconds)
        }, there + back)
      }

      world.post(server, there, label, () => {
        if (away.has(machine)) return lose('offline', 2)
        ask().then(async response => {
          if (/^text\/event-stream/.test(response.headers.get('content-type') ?? '')) {
            const stream = () => streamed(owner, machine, response, `${kind}/${ordinal}`)
            const gone = hit('failAfter') || hit('lost')
            if (gone) await response.body?.cancel()
            return gone ? lose('answer lost', back) : answer(stream, back)
          }
          const bytes = new Uint8Array(await response.arrayBuffer())
          Object.assign(sending, { status: response.status, answer: bytes })
          if (world.log) world.note(`${label}${url.search} ${said(body)} -> ${response.status} ${said(bytes)}`)
          if (response.status === 500 && !remote.fails)
            world.fail('server', new TextDecoder().decode(bytes).slice(0, 2000))
          if (hit('failAfter')) return answer(() => stranger(502, 'after'), back)
          if (hit('lost'))
            return world.dice('lost-how', kind, ordinal) < 0.5 ? lose('answer lost', back) : world.note('answer lost')
          if (hit('html')) return answer(portal, back)
          const { status, headers } = response
          const short = hit('cut') ? bytes.slice(0, Math.floor(bytes.length / 2)) : bytes
          return answer(() => {
            sending.told = status
            if (short === bytes) sending.heard = true
            return new Response(bodiless(status) ? null : short, { status, headers })
          }, back)
        })
        const again = (after: number) => world.post(server, after, `${label} again`, () => void ask())
        if (hit('twice')) again(1 + world.dice('again', kind, ordinal) * 20)
        if (hit('late')) again(world.dice('lateness', kind, ordinal) * 20_000)
      })
    })
  }

  /** An answer that goes on: its pieces come when the server says something, until one of the two has enough. */
  function streamed(owner: Owner, machine: Machine, response: Response, name: string): Response {
    const down = world.lane(`stream/${name}`)
    const source = response.body!.getReader()
    const deaf = faults.happens('halfOpen', 'stream', name)
    let open = true
    let pieces = 0
    let end: (error?: TypeError) => void = () => undefined
    const drop = { machine, cut: () => down(owner, 5, 'stream cut', () => end(new TypeError('terminated'))) }
    const leave = () => {
      open = false
      cuts.delete(drop)
      world.post(wire, 5, 'stream gone', () => void source.cancel())
    }
    cuts.add(drop)
    owner.last.push(leave)
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        end = error => {
          if (!open) return
          leave()
          if (error) controller.error(error)
          else controller.close()
        }
        const next = async (): Promise<void> => {
          const { done, value } = await source.read()
          if (done) return void down(owner, 5, 'stream ends', () => end())
          pieces++
          if (!deaf && !faults.happens('frameLost', 'stream', name, pieces))
            down(owner, 5, 'stream', () => open && controller.enqueue(value))
          return next()
        }
        next().catch(() => down(owner, 5, 'stream broken', () => end(new TypeError('terminated'))))
      },
      cancel: leave,
    })
    return new Response(body, { status: response.status, headers: response.headers })
  }

  const socket: Ways['socket'] = (owner, machine, url, headers, events) => {
    const ordinal = (ordinals.get(`${machine.name}/socket`) ?? 0) + 1
    ordinals.set(`${machine.name}/socket`, ordinal)
    const up = world.lane(`up/${machine.name}/${ordinal}`)
    const down = world.lane(`down/${machine.name}/${ordinal}`)
    const deaf = faults.happens('halfOpen', machine.name, ordinal)
    let line: ReturnType<Remote['connect']> | undefined
    let state: 'opening' | 'open' | 'closed' = 'opening'
    let frames = 0
    const drop = { machine, cut: () => close(1006, '') }
    const leave = () => {
      cuts.delete(drop)
      up(wire, 5, 'socket gone', () => line?.closed())
    }
    const close = (code: number, reason: string) =>
      down(owner, 5, `socket closed ${code}`, () => {
        if (state === 'closed') return
        state = 'closed'
        leave()
        events.close(code, reason)
      })
    if (away.has(machine) || faults.happens('drop', machine.name, 'socket', ordinal)) {
      close(1006, '')
      return { send: () => undefined, close: () => undefined }
    }
    cuts.add(drop)
    owner.last.push(leave)
    up(server, 10, 'socket', () => {
      if (state === 'closed') return
      const opening = { url, authorization: headers.authorization ?? headers.Authorization }
      down(owner, 10, 'socket open', () => {
        if (state !== 'opening') return
        state = 'open'
        events.open()
      })
      line = remote.connect(opening, {
        send: frame => {
          frames++
          if (deaf || away.has(machine) || faults.happens('frameLost', machine.name, ordinal, frames)) return
          const times = faults.happens('frameTwice', machine.name, ordinal, frames) ? 2 : 1
          for (let n = 0; n < times; n++)
            down(owner, 5 + 30 * n, label(frame), () => state === 'open' && events.message(frame))
        },
        close,
      })
    })
    return {
      send: frame => up(server, 5, 'frame up', () => state !== 'closed' && !deaf && line?.message(frame)),
      close: () => {
        if (state === 'closed') return
        state = 'closed'
        leave()
        down(owner, 5, 'socket closed', () => events.close(1000, ''))
      },
    }
  }

  return {
    fetch,
    socket,
    sendings,
    onAnswer,
    onArrival,
    inFlight: name => [...(flying.get(name) ?? [])],
    isOffline: machine => away.has(machine),
    offline(machine) {
      away.add(machine)
      for (const entry of [...cuts]) if (entry.machine === machine) entry.cut()
    },
    online(machine) {
      if (away.delete(machine)) wake(world, machine)
    },
  }
}

const bodiless = (status: number): boolean => status === 204 || status === 304

function stranger(status: number, when: string): Response {
  return new Response(`<h1>${status} ${when}</h1>`, { status, headers: { 'content-type': 'text/html' } })
}

function throttled(seconds: number): Response {
  const headers = { 'content-type': 'application/json', 'retry-after': String(seconds) }
  return new Response('{"detail":"slow down"}', { status: 429, headers })
}

function portal(): Response {
  const page = '<!doctype html><title>Welcome</title>Please sign in'
  return new Response(page, { status: 200, headers: { 'content-type': 'text/html' } })
}

/** Frames that say "look now" are told apart in the trace. */
const label = (frame: string): string => (frame.includes('"event_type":"change"') ? 'frame change' : 'frame')

const said = (bytes: Uint8Array): string => new TextDecoder().decode(bytes.subarray(0, 600))
