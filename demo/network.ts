/** A switch between one device and the world: what a lost network does to `fetch` and to sockets. */
import { type Platform, platform, type Socket } from '../src/index.ts'

/** `channel` carries the switch: `true` and `false` posted there put the device on and off the network. */
export function switched(channel: string, online: boolean): Platform {
  const real = platform()
  const sockets = new Set<Socket>()
  const wakers = new Set<() => void>()
  const cut = new Set<AbortController>()
  let connected = online

  // It lives as long as its page or worker does.
  new BroadcastChannel(channel).onmessage = ({ data }: MessageEvent<boolean>) => {
    connected = data
    if (connected) for (const wake of wakers) wake()
    else {
      for (const request of cut) request.abort(new TypeError('The network is switched off.'))
      for (const socket of sockets) socket.close()
    }
  }

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
