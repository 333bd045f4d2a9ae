/** What lies between one device and the world, and can be switched: its network, and its clock. */
import { type Platform, platform, type Socket } from '../../src/index.ts'

/** Where the switches stand. */
export interface Setting {
  readonly online: boolean
  /** How far the clock is ahead, in milliseconds. */
  readonly ahead?: number
}

const asks = 'how is it set?'

/** The page's side: says how it is set whenever that changes, and whenever a worker asks. */
export function wire(channel: string, setting: () => Setting): { changed(): void } {
  const line = new BroadcastChannel(channel)
  const changed = () => line.postMessage(setting())
  line.onmessage = ({ data }) => data === asks && changed()
  return { changed }
}

/** The worker's side: what a lost network does to `fetch` and to sockets. It begins off the network, and asks. */
export function switched(channel: string): Platform {
  const real = platform()
  const sockets = new Set<Socket>()
  const wakers = new Set<() => void>()
  let cut = new AbortController()
  let connected = false
  let ahead = 0

  // It lives as long as its worker does.
  const line = new BroadcastChannel(channel)
  line.onmessage = ({ data }: MessageEvent<Setting | typeof asks>) => {
    if (data === asks) return
    connected = data.online
    ahead = data.ahead ?? 0
    if (connected) for (const wake of wakers) wake()
    else {
      cut.abort(off())
      cut = new AbortController()
      for (const socket of sockets) socket.close()
    }
  }
  line.postMessage(asks)

  return {
    ...real,
    now: () => real.now() + ahead,
    async fetch(request) {
      if (!connected) throw off()
      // An answer that is still coming is cut too.
      return real.fetch(new Request(request, { signal: AbortSignal.any([request.signal, cut.signal]) }))
    },
    socket(url, headers, events) {
      if (!connected) {
        void Promise.resolve().then(() => events.close(1006, ''))
        return { send() {}, close() {} }
      }
      const socket = real.socket(url, headers, {
        ...events,
        close(code, reason) {
          sockets.delete(socket)
          events.close(code, reason)
        },
      })
      sockets.add(socket)
      return socket
    },
    wakes(hear) {
      const stop = real.wakes(hear)
      wakers.add(hear)
      return () => {
        wakers.delete(hear)
        stop()
      }
    },
  }
}

const off = () => new TypeError('The network is switched off.')
