/**
 * A socket that stays: opened again after a growing, jittered pause, pinged, and given up for a while when what comes
 * over it makes no sense. It only ever says "look now", so all of it may be lost without harm.
 */
import { SyncError } from '../../errors.ts'
import type { Socket } from '../../platform.ts'
import type { Io } from '../../transport.ts'
import { parseJson } from './json.ts'
import { isObject, type JsonObject } from './shape.ts'

export interface Line {
  /** Where to connect, asked anew each time. */
  address(): Promise<{ readonly url: string; readonly headers: { readonly [name: string]: string } }>
  /** Sent when the connection is open. */
  readonly greeting: string
  readonly ping: string
  /** What a frame is; `garbage` counts against the connection. */
  hear(frame: JsonObject): 'pong' | 'heard' | 'garbage'
  /** What a close code asks for. */
  closed(code: number): 'again' | 'renew' | SyncError
  /** Gets another token. */
  renew(): Promise<void>
}

const OPEN_WITHIN = 20_000
const FIRST_PAUSE = 1000
const LONGEST_PAUSE = 60_000
const PING_EVERY = 25_000
const PONG_WITHIN = 10_000
const MOST_CHARS = 64 * 1024
const MOST_BAD = 5
const BAD_WINDOW = 60_000
const TIME_OUT = 10 * 60_000

// Those of the protocol are not ours to send: only 1000 and from 3000 on may a program close with.
const SILENT = 4000
const NONSENSE = 4008
const TOO_LONG = 4009

/** Runs until `io.signal` ends it or a close code says that there is no point. */
export async function stayConnected(line: Line, io: Io): Promise<void> {
  let failures = 0
  let renewed = false
  while (!io.signal.aborted) {
    const end = await connect(line, io)
    if (io.signal.aborted) return
    if (end.lasted >= LONGEST_PAUSE) failures = 0
    if (end.heard) renewed = false
    const next = end.bad ? 'rest' : line.closed(end.code)
    if (next instanceof SyncError) throw next
    if (next === 'renew' && !renewed) {
      renewed = true
      if (await renewedBy(line)) continue
    }
    // Refused again with a fresh token, or nonsense: polling goes on, and the socket has a rest.
    const rest = next === 'rest' || next === 'renew'
    await io.sleep(rest ? TIME_OUT : io.random() * Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** failures))
    failures = rest ? 0 : Math.min(failures + 1, 16)
    if (rest) renewed = false
  }
}

async function renewedBy(line: Line): Promise<boolean> {
  try {
    await line.renew()
    return true
  } catch (error) {
    if (error instanceof SyncError && error.code === 'needs-auth') return false // requests over HTTP say so to the app
    throw error
  }
}

interface End {
  readonly code: number
  /** Milliseconds that the connection was there. */
  readonly lasted: number
  /** Something sensible came. */
  readonly heard: boolean
  readonly bad: boolean
}

async function connect(line: Line, io: Io): Promise<End> {
  const address = await line.address().catch(error => {
    if (error instanceof SyncError && error.code === 'needs-auth') return undefined // HTTP says so; later again
    throw error
  })
  if (address === undefined) return { code: 1006, lasted: 0, heard: false, bad: false }
  return new Promise(resolve => {
    const began = io.now()
    let socket: Socket | undefined
    let over = false
    let isOpen = false
    let greeted = false
    let heard = false
    let awaited = false
    let bad: number[] = []

    const finish = (code: number, spoiled = false) => {
      if (over) return
      over = true
      io.signal.removeEventListener('abort', leave)
      resolve({ code, lasted: io.now() - began, heard, bad: spoiled })
    }
    const drop = (code: number, spoiled = false) => {
      finish(code, spoiled)
      socket?.close(code)
    }
    const leave = () => drop(1000)
    const spoil = () => {
      const now = io.now()
      bad = [...bad.filter(at => now - at < BAD_WINDOW), now]
      if (bad.length >= MOST_BAD) drop(NONSENSE, true)
    }

    const greet = () => {
      if (over || socket === undefined) return
      greeted = true
      socket.send(line.greeting)
      keepAlive().catch(() => drop(SILENT)) // a sleep ends early only when all of it ends
    }
    const keepAlive = async () => {
      for (let pause = PING_EVERY; !over; pause = PING_EVERY - PONG_WITHIN) {
        await io.sleep(pause)
        if (over) return
        awaited = true
        socket?.send(line.ping)
        await io.sleep(PONG_WITHIN)
        // Half open: nothing comes and nobody closes (F79).
        if (awaited) return drop(SILENT)
      }
    }
    // Somebody may take the connection and never answer: the platforms wait for minutes, or for ever.
    const openInTime = async () => {
      await io.sleep(OPEN_WITHIN)
      if (!greeted) drop(SILENT)
    }

    io.signal.addEventListener('abort', leave)
    openInTime().catch(() => drop(SILENT))
    try {
      socket = io.socket(address.url, address.headers, {
        open() {
          isOpen = true
          greet()
        },
        message(text) {
          if (over) return
          if (text.length > MOST_CHARS) return drop(TOO_LONG)
          const frame = frameIn(text)
          const kind = frame === undefined ? 'garbage' : line.hear(frame)
          if (kind === 'garbage') return spoil()
          heard = true
          if (kind === 'pong') awaited = false
        },
        garbage: spoil,
        close: code => finish(code),
      })
      if (over) socket.close(1000)
      else if (isOpen) greet() // it was open before we held it
    } catch {
      finish(1006) // its message may hold the address, and with it the token
    }
  })
}

function frameIn(text: string): JsonObject | undefined {
  try {
    const json = parseJson(text, { depth: 32, keys: 1000 })
    return isObject(json) ? json : undefined
  } catch {
    return undefined // counted by the caller
  }
}
