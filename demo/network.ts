/** A switch between one device and the world: what a lost network does to `fetch` and to sockets. */
import { type Platform, platform, type Socket } from '../src/index.ts'

const asks = 'where does it stand?'

/** The page's side: says where the switch stands whenever it is turned, and whenever a device asks. */
export function wire(channel: string, online: () => boolean): { turned(): void } {
  const line = new BroadcastChannel(channel)
  const turned = () => line.postMessage(online())
  line.onmessage = ({ data }) => data === asks && turned()
  return { turned }
}

/** The device's side. It begins off the network, and asks. */
export function switched(channel: string): Platform {
  const real = platform()
  const sockets = new Set<Socket>()
  const wakers = new Set<() => void>()
  const cut = new Set<AbortController>()
  let connected = false

  // It lives as long as its page or worker does.
  const line = new BroadcastChannel(channel)
  line.onmessage = ({ data }: MessageEvent<unknown>) => {
    if (typeof data !== 'boolean') return
    connected = data
    if (connected) for (const wake of wakers) wake()
    else {
      for (const request of cut) request.abort(new TypeError('The network is switched off.'))
      for (const socket of sockets) socket.close()
    }
  }
  line.postMessage(asks)

  return {
    ...real,
    async fetch(request) {
      if (!connected) throw new TypeError('The network is switched off.')
      const end = new AbortController()
      cut.add(end)
      try {
        return await real.fetch(new Request(request, { signal: AbortSignal.any([request.signal, end.signal]) }))
      } finally {
        cut.delete(end)
      }
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
