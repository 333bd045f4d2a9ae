import { sha256 } from '../digest.ts'
import { exchange, type Wires } from '../exchange.ts'
import { type Disk, tables } from '../tables.ts'
import { weather as makeWeather, type Weather } from '../weather.ts'
import type { Digest, World } from '../world.ts'
import { type Admin, admin } from './admin.ts'
import { app } from './app.ts'
import { type Inspection, inspect } from './inspect.ts'
import { type Knobs, standard } from './knobs.ts'
import type { Server } from './server.ts'
import { type Line, type Opening, type Peer, sockets } from './sockets.ts'
import { expireStaged } from './staging.ts'
import { stateOf, type User } from './state.ts'

/** The file server: fetch-shaped, socket-shaped, and open to whoever wants to look inside or play another client. */
export function filesSandbox(options: FilesOptions): FilesSandbox {
  const { world, weather = makeWeather(world), digest = sha256 } = options
  let knobs: Knobs = { ...standard, ...options.knobs }
  let accept = options.acceptToken

  const base = tables(options.db)
  const state = stateOf(base, world.now, digest)
  const userOf = (token: string): User | undefined => {
    const id = accept ? accept(token) : tokenUser(token)
    return id === undefined ? undefined : state.users.get(id)
  }
  const tokenUser = (token: string) => {
    const held = state.tokens.get(token)
    return held && (held.expires_at === null || held.expires_at > world.now()) ? held.user_id : undefined
  }
  const live = sockets({ state, knobs: () => knobs, weather, userOf })
  const server: Server = {
    world,
    state,
    knobs: () => knobs,
    sockets: live,
    userOf,
    commit(work) {
      const outermost = !base.busy()
      const result = base.transact(work)
      if (outermost) live.tell()
      return result
    },
  }
  const routes = app(server)

  const wires = exchange({ world, weather, knobs: () => knobs, handle: request => routes.fetch(request) })

  return {
    ...wires,
    connect: (opening, peer) => dialled(weather, opening, peer, it => live.connect(opening, it)),
    weather,
    admin: admin(server),
    inspect: () => inspect(state),
    set(change) {
      knobs = { ...knobs, ...change }
    },
    acceptTokens(predicate) {
      accept = predicate
      live.sweep()
    },
    sweep() {
      live.sweep()
      base.transact(() => expireStaged(state))
    },
    close() {
      live.sever(1001)
      base.close()
    },
  }
}

export type FilesOptions = {
  readonly world: World
  readonly weather?: Weather
  readonly digest?: Digest
  readonly db?: Disk
  readonly knobs?: Partial<Knobs>
  /** Which user a token stands for, instead of the tokens the admin made. */
  readonly acceptToken?: AcceptToken
}

export type AcceptToken = (token: string) => string | undefined

export type FilesSandbox = Wires & {
  readonly connect: (request: Opening, peer: Peer) => Line
  readonly weather: Weather
  readonly admin: Admin
  readonly inspect: () => Inspection
  readonly set: (change: Partial<Knobs>) => void
  readonly acceptTokens: (predicate: AcceptToken | undefined) => void
  /** What time alone brings about: silent sockets, expired tokens and uploads. A real server calls it now and then. */
  readonly sweep: () => void
  readonly close: () => void
}

/** Opening a socket is an exchange like any other: it can fail on the way there and on the way back. */
function dialled(weather: Weather, opening: Opening, peer: Peer, connect: (to: Peer) => Line): Line {
  const early: (string | Uint8Array)[] = []
  let line: Line | undefined
  let gone = false
  const fail = () => {
    line?.closed()
    peer.close(1006, 'connection failed')
  }
  const accept = async () => {
    if (gone) return new Response()
    peer.open?.()
    line = connect(peer)
    for (const frame of early) line.message(frame)
    return new Response()
  }
  weather.around(new Request(opening.url), accept).then(answer => void (answer.ok || fail()), fail)
  return {
    message: frame => void (line ? line.message(frame) : early.push(frame)),
    closed() {
      gone = true
      line?.closed()
    },
  }
}
