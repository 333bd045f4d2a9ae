/** The server's nudges over its WebSocket, and the heartbeat that belongs to being there (sections 7 and 9). */
import { SyncError } from '../../errors.ts'
import type { Io, Nudge, Transport } from '../../transport.ts'
import { type JsonObject, text } from '../shared/shape.ts'
import { stayConnected } from '../shared/socket.ts'
import { urlOf } from '../shared/url.ts'
import { type Api, deviceGone, deviceInactive } from './api.ts'
import { covers, type Scope } from './scope.ts'

const HEARTBEAT = 60_000

export function nudges(api: Api, scope: Scope, auth: 'header' | 'query'): NonNullable<Transport['nudges']> {
  return {
    async listen(hear, io) {
      // Whichever ends first ends the other: nobody listens for a device that is gone.
      const stop = new AbortController()
      const own: Io = {
        ...io,
        signal: AbortSignal.any([io.signal, stop.signal]),
        sleep: ms => abortable(io, stop.signal, ms),
      }
      try {
        await Promise.race([ended(io), heartbeats(api, own), stayConnected(lineOf(hear, own), own)])
      } finally {
        stop.abort()
      }
    },
  }

  function lineOf(hear: (nudge: Nudge) => void, io: Io) {
    let token = ''
    let subscribed = false
    return {
      greeting: '{"type":"subscribe"}',
      ping: '{"type":"ping"}',

      async address() {
        token = await api.http.tokens.current()
        subscribed = false
        const query = auth === 'query' ? { token } : {}
        const url = urlOf(api.http.base, '/sync/ws/{device}', { device: io.device.id }, query)
        url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
        const headers: { [name: string]: string } = auth === 'header' ? { authorization: `Bearer ${token}` } : {}
        return { url: url.href, headers }
      },

      hear(frame: JsonObject): 'pong' | 'heard' | 'garbage' {
        const kind = text(frame, 'event_type') ?? text(frame, 'type')
        if (kind === undefined) return 'garbage'
        // Whatever was missed while we were away. Not every server says `subscribed`.
        if (!subscribed && (kind === 'subscribed' || kind === 'pong')) {
          subscribed = true
          hear('changed')
        }
        if (kind === 'pong') return 'pong'
        const nudge = nudgeOf(kind, frame, io)
        if (nudge !== undefined) hear(nudge)
        return 'heard'
      },

      closed(code: number): 'again' | 'renew' | SyncError {
        if (code === 4401 || code === 1008) return 'renew'
        if (code === 4404) return deviceGone()
        return code === 4403 ? deviceInactive() : 'again'
      },

      async renew() {
        await api.http.tokens.renew(token)
      },
    }
  }

  /** Frames for other shares and devices are none of ours (F87). */
  function nudgeOf(kind: string, frame: JsonObject, io: Io): Nudge | undefined {
    const share = text(frame, 'share_id')
    const device = text(frame, 'device_id')
    if (share !== undefined && !covers(scope, share)) return undefined
    if (kind === 'change') return 'changed'
    if (kind === 'force_sync') return 'start-over'
    return kind === 'sync_preference_updated' && (device ?? io.device.id) === io.device.id ? 'settings' : undefined
  }
}

async function heartbeats(api: Api, io: Io): Promise<void> {
  while (!io.signal.aborted) {
    await io.sleep(HEARTBEAT)
    try {
      await api.heartbeat(io)
    } catch (error) {
      if (!(error instanceof SyncError) || ENDS.has(error.code)) throw error
      // Anything else shows in the pulls too; the next beat tries again.
    }
  }
}

const ENDS = new Set(['device-gone', 'aborted', 'stale-leader', 'closed', 'bug'])

/** A sleep that also ends when the other half ends. */
function abortable(io: Io, signal: AbortSignal, ms: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason)
    if (signal.aborted) return stop()
    signal.addEventListener('abort', stop, { once: true })
    io.sleep(ms)
      .then(resolve, reject)
      .finally(() => signal.removeEventListener('abort', stop))
  })
}

function ended({ signal }: Io): Promise<void> {
  return new Promise(resolve => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
