import { type Refusal, refused } from './refusal.ts'
import { type Spoil, spoiled } from './spoil.ts'
import type { World } from './world.ts'

/**
 * The conditions between a client and one API: what goes wrong, and when. Driven by a queue of one-shot faults
 * (`next`), by rates drawn from the given `random` (`set`), or both; a queued fault goes first.
 */
export function weather(world: World): Weather {
  let queue: Queued[] = []
  let rates: Rates = {}
  let frames: FrameFault[] = []
  const happened: Happening[] = []

  const take = (request: Request): Fault => {
    const { pathname } = new URL(request.url)
    const drawn = draw(rates, pathname, world.random)
    const found = queue.find(({ fault }) => matches(fault, request.method, pathname))
    if (!found) return drawn
    found.left -= 1
    if (found.left <= 0) queue = queue.filter(it => it !== found)
    return found.fault
  }

  const note = (request: Request, what: Happening['what']) => {
    happened.push({ at: world.now(), method: request.method, path: new URL(request.url).pathname, what })
  }

  return {
    next(fault) {
      queue.push({ fault, left: fault.times ?? 1 })
    },
    set(next) {
      rates = next
    },
    nextFrame(fault) {
      frames.push(fault)
    },
    clear() {
      queue = []
      frames = []
      rates = {}
    },
    pending: () => queue.length + frames.length,
    happened: () => happened,

    frame() {
      const [lose, repeat, delay] = [world.random(), world.random(), world.random()]
      const next = frames.shift()
      if (next) return next
      if (rates.deaf) return 'lose'
      if (lose < (rates.loseFrame ?? 0)) return 'lose'
      if (repeat < (rates.repeatFrame ?? 0)) return 'twice'
      return rates.frameLatency ? { late: between(rates.frameLatency, delay) } : 'deliver'
    },
    later: (ms, work) => void world.sleep(ms).then(work),
    deaf: () => rates.deaf ?? false,

    async around(request, handle) {
      const fault = take(request)
      if (fault.latency) await world.sleep(fault.latency)
      if (fault.before !== undefined) {
        note(request, 'before')
        if (fault.before === 'refuse') throw unreachable()
        return refused(request, fault.before, world)
      }

      const answer = fault.again === undefined ? await handle(request) : await twice(request, handle, fault.again)
      if (fault.answerLatency) await world.sleep(fault.answerLatency)
      if (fault.after !== undefined) {
        note(request, 'after')
        if (fault.after === 'lose-answer') throw unreachable()
        return refused(request, fault.after, world)
      }
      if (fault.spoil === undefined) return answer
      note(request, 'spoil')
      return spoiled(answer, fault.spoil, world)
    },
  }

  async function twice(request: Request, handle: Handle, again: number): Promise<Response> {
    const copy = await copier(request)
    note(request, 'again')
    const answer = await handle(copy())
    const second = () => handle(copy()).then(undefined, () => undefined)
    if (again === 0) await second()
    else void world.sleep(again).then(second)
    return answer
  }
}

export type Weather = {
  readonly next: (fault: Fault & Match) => void
  readonly set: (rates: Rates) => void
  readonly nextFrame: (fault: FrameFault) => void
  readonly clear: () => void
  /** One-shot faults not used up yet. */
  readonly pending: () => number
  readonly happened: () => readonly Happening[]
  /** For the server: what becomes of one frame to a client. */
  readonly frame: () => FrameFault
  readonly later: (ms: number, work: () => void) => void
  readonly deaf: () => boolean
  /** For the server: one exchange in these conditions. A broken connection rejects with TypeError, as fetch does. */
  readonly around: (request: Request, handle: Handle) => Promise<Response>
}

export type Handle = (request: Request) => Promise<Response>

export type Match = {
  readonly method?: string
  readonly path?: RegExp | string
  readonly times?: number
}

export type Fault = {
  readonly latency?: number
  readonly answerLatency?: number
  /** Fails before the effect: no connection, or an answer in the server's stead. */
  readonly before?: 'refuse' | Refusal
  /** Fails after the effect. */
  readonly after?: 'lose-answer' | Refusal
  /** The request arrives a second time, this many milliseconds after its answer (0: before it is answered). */
  readonly again?: number
  readonly spoil?: Spoil
}

/** Probabilities per request, 0 to 1; spans are milliseconds from–to. */
export type Rates = {
  readonly path?: RegExp
  readonly latency?: Span
  readonly answerLatency?: Span
  readonly refuse?: number
  readonly refuseWith?: number
  readonly lose?: number
  readonly loseWith?: number
  readonly refusals?: readonly Refusal[]
  readonly again?: number
  readonly againLate?: Span
  readonly spoil?: number
  readonly spoils?: readonly Spoil[]
  readonly loseFrame?: number
  readonly repeatFrame?: number
  readonly frameLatency?: Span
  /** Sockets stay open and carry nothing, in either direction. */
  readonly deaf?: boolean
}

export type Span = readonly [from: number, to: number]
export type FrameFault = 'deliver' | 'lose' | 'twice' | { readonly late: number }

export type Happening = {
  readonly at: number
  readonly method: string
  readonly path: string
  readonly what: 'before' | 'after' | 'again' | 'spoil'
}

type Queued = { readonly fault: Fault & Match; left: number }

function matches({ method, path }: Match, asked: string, pathname: string): boolean {
  if (method !== undefined && method !== asked) return false
  if (path === undefined) return true
  return typeof path === 'string' ? pathname === path : path.test(pathname)
}

/** Always draws the same number of times, so that turning one fault off does not reshuffle the others. */
function draw(rates: Rates, pathname: string, random: () => number): Fault {
  // Eleven dice, one for each name below.
  const dice = Array.from({ length: 11 }, random)
  const [there, back, refuse, refuseWith, lose, loseWith, which, again, late, spoil, how] = dice as unknown as Dice
  if (rates.path && !rates.path.test(pathname)) return {}
  return {
    ...(rates.latency && { latency: between(rates.latency, there) }),
    ...(rates.answerLatency && { answerLatency: between(rates.answerLatency, back) }),
    ...(refuseWith < (rates.refuseWith ?? 0) && { before: pick(rates.refusals ?? [503], which) }),
    ...(refuse < (rates.refuse ?? 0) && { before: 'refuse' }),
    ...(loseWith < (rates.loseWith ?? 0) && { after: pick(rates.refusals ?? [503], which) }),
    ...(lose < (rates.lose ?? 0) && { after: 'lose-answer' }),
    ...(again < (rates.again ?? 0) && { again: rates.againLate ? between(rates.againLate, late) : 0 }),
    ...(spoil < (rates.spoil ?? 0) && { spoil: pick(rates.spoils ?? ['short'], how) }),
  }
}

type Dice = readonly [number, number, number, number, number, number, number, number, number, number, number]

const between = ([from, to]: Span, at: number): number => Math.floor(from + (to - from) * at)
const pick = <T>(list: readonly T[], at: number): T => list[Math.floor(at * list.length)]!

// What fetch rejects with when the connection broke, whatever the reason.
const unreachable = (): TypeError => new TypeError('fetch failed')

async function copier(request: Request): Promise<() => Request> {
  const { url, method, headers } = request
  const body = request.body === null ? null : await request.arrayBuffer()
  return () => new Request(url, { method, headers, body })
}
