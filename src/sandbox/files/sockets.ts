import type { Weather } from '../weather.ts'
import { deviceKey } from './access.ts'
import type { Knobs } from './knobs.ts'
import { rowsBetween, sees, tenantOf, written } from './log.ts'
import type { State, User } from './state.ts'

const SILENCE = 90_000
const MOST_BYTES = 64 * 1024
const PATH = /^\/api\/v1\/sync\/ws\/([^/]+)$/

/** The open sockets of all devices. They are a tail of the log: best effort, nothing is kept for who is away. */
export function sockets(server: {
  readonly state: State
  readonly knobs: () => Knobs
  readonly weather: Weather
  readonly userOf: (token: string) => User | undefined
}): Sockets {
  const { state, weather } = server
  const open = new Set<Socket>()
  const told = new Map<string, number>(state.tenants.all().map(tenant => [tenant.id, tenant.head]))

  const close = (socket: Socket, code: number, reason: string) => {
    if (open.delete(socket)) socket.peer.close(code, reason)
  }

  const send = (socket: Socket, frame: unknown) => {
    const text = JSON.stringify(frame)
    const deliver = () => void (open.has(socket) && socket.peer.send(text))
    const fate = weather.frame()
    if (typeof fate === 'object') return weather.later(fate.late, deliver)
    if (fate === 'lose') return
    deliver()
    if (fate === 'twice') deliver()
  }

  /** Closes whoever has no right to be here any more, or has not been heard of. */
  const sweep = () => {
    for (const socket of [...open]) {
      const fault = admission(server, socket.token, socket.device_id)
      if ('code' in fault) close(socket, fault.code, fault.reason)
      else if (state.now() - socket.heard_at >= SILENCE) close(socket, 1001, 'silent')
    }
  }

  const broadcast = (to: (socket: Socket) => boolean, frame: unknown) => {
    for (const socket of [...open]) if (to(socket)) send(socket, frame)
  }

  const heard = (socket: Socket, frame: string) => {
    socket.heard_at = state.now()
    const type = typeOf(frame)
    if (type === 'ping') {
      const device = state.devices.get(deviceKey(socket.user, socket.device_id))
      if (device) {
        const seen = { ...device, last_seen_at: state.now() }
        state.tables.transact(() => state.devices.put(deviceKey(socket.user, socket.device_id), seen))
      }
      send(socket, { type: 'pong' })
    }
    if (type === 'subscribe') {
      socket.subscribed = true
      send(socket, { type: 'subscribed' })
    }
  }

  return {
    connect(request, peer) {
      const url = new URL(request.url)
      const device_id = decodeURIComponent(PATH.exec(url.pathname)?.[1] ?? '')
      const bearer = request.authorization?.replace(/^Bearer /i, '')
      const token = url.searchParams.get('token') ?? bearer ?? ''
      const admitted = admission(server, token, device_id)
      if ('code' in admitted) {
        peer.close(admitted.code, admitted.reason)
        return { message: () => undefined, closed: () => undefined }
      }
      const socket: Socket = { ...admitted, peer, token, device_id, subscribed: false, heard_at: state.now() }
      open.add(socket)
      return {
        message(frame) {
          if (!open.has(socket) || weather.deaf()) return
          if (frame.length > MOST_BYTES) return close(socket, 1009, 'frame too large')
          if (typeof frame === 'string') heard(socket, frame)
        },
        closed: () => void open.delete(socket),
      }
    },
    tell() {
      sweep()
      for (const tenant of state.tenants.all()) {
        const from = told.get(tenant.id) ?? 0
        told.set(tenant.id, tenant.head)
        if (from >= tenant.head) continue
        for (const row of rowsBetween(state, tenant, from, tenant.head)) {
          const data = written(row.change, server.knobs())
          const frame = { event_type: 'change', share_id: row.share_id, data }
          broadcast(socket => socket.subscribed && sees(state, socket.user, row), frame)
        }
      }
    },
    forget() {
      for (const tenant of state.tenants.all()) told.set(tenant.id, tenantOf(state, tenant.id).head)
    },
    forceSync(share_id, of = () => true) {
      broadcast(it => it.subscribed && of(it.user, it.device_id), { event_type: 'force_sync', share_id })
    },
    preferenceUpdated(user, device_id, share_id) {
      const frame = { event_type: 'sync_preference_updated', share_id, device_id }
      broadcast(it => it.subscribed && it.user.id === user.id && it.device_id === device_id, frame)
    },
    say: frame => broadcast(() => true, frame),
    sever(code = 1012) {
      for (const socket of [...open]) close(socket, code, 'severed')
    },
    sweep,
    count: () => open.size,
  }
}

export type Sockets = {
  readonly connect: (request: Opening, peer: Peer) => Line
  /** Nudges about everything logged since the last call, after the commit that made it visible. */
  readonly tell: () => void
  /** After a rollback: what was told is no measure any more. */
  readonly forget: () => void
  readonly forceSync: (share_id: string | null, of?: (user: User, device_id: string) => boolean) => void
  readonly preferenceUpdated: (user: User, device_id: string, share_id: string) => void
  /** Any frame to everybody: for frames that no server should send. */
  readonly say: (frame: unknown) => void
  readonly sever: (code?: number) => void
  readonly sweep: () => void
  readonly count: () => number
}

export type Opening = { readonly url: string; readonly authorization?: string | undefined }

/** The far end of one socket, whatever carries it. */
export type Peer = {
  /** The connection stands; it may be closed again at once. */
  readonly open?: () => void
  readonly send: (frame: string) => void
  readonly close: (code: number, reason: string) => void
}

/** What the carrier tells the server. */
export type Line = {
  readonly message: (frame: string | Uint8Array) => void
  readonly closed: () => void
}

type Socket = {
  readonly user: User
  readonly peer: Peer
  readonly token: string
  readonly device_id: string
  subscribed: boolean
  heard_at: number
}

function admission(
  { state, userOf }: { readonly state: State; readonly userOf: (token: string) => User | undefined },
  token: string,
  device_id: string,
): { readonly user: User } | { readonly code: number; readonly reason: string } {
  const user = userOf(token)
  if (!user) return { code: 4401, reason: 'token missing, bad or expired' }
  const device = state.devices.get(deviceKey(user, device_id))
  if (!device || device.removed) return { code: 4404, reason: 'device unknown' }
  return device.is_active ? { user } : { code: 4403, reason: 'device inactive' }
}

// Malformed and unknown frames are ignored, as the contract says.
function typeOf(frame: string): unknown {
  try {
    return JSON.parse(frame)?.type
  } catch {
    return undefined
  }
}
