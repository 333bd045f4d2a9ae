import { exchange, type Wires } from '../exchange.ts'
import { type Disk, tables } from '../tables.ts'
import { weather as makeWeather, type Weather } from '../weather.ts'
import type { World } from '../world.ts'
import { type Admin, admin, caller } from './admin.ts'
import { app } from './app.ts'
import { type Inspection, inspect } from './inspect.ts'
import { type Knobs, standard, type Turn, turned } from './knobs.ts'
import type { Server } from './server.ts'
import { stateOf } from './state.ts'

/** One project of Cognite Data Fusion: record streams, and a graph of instances. */
export function cogniteSandbox(options: CogniteOptions): CogniteSandbox {
  const { world, weather = makeWeather(world), project = 'sandbox' } = options
  let knobs: Knobs = turned(standard, options.knobs ?? {})
  const base = tables(options.db)
  const state = stateOf(base, world.now)
  const server: Server = { project, world, state, knobs: () => knobs }
  const routes = app(server)
  // Operators are not throttled, and no item of theirs fails.
  const kind = app({
    ...server,
    knobs: () => turned(knobs, { limits: null, work: [0, 0], records: { fail: 0 }, instances: { contend: 0 } }),
  })
  base.transact(() => state.tokens.put(OPERATOR, { token: OPERATOR, spaces: null, expiresAt: null }))

  return {
    project,
    ...exchange({ world, weather, knobs: () => knobs, handle: request => routes.fetch(request) }),
    weather,
    admin: admin(
      state,
      caller(request => kind.fetch(request), project, OPERATOR),
    ),
    inspect: () => inspect(state),
    set(turn) {
      knobs = turned(knobs, turn)
    },
    close: () => base.close(),
  }
}

const OPERATOR = 'operator of the sandbox'

export type CogniteOptions = {
  readonly world: World
  readonly weather?: Weather
  readonly db?: Disk
  readonly project?: string
  readonly knobs?: Turn
}

export type CogniteSandbox = Wires & {
  readonly project: string
  readonly weather: Weather
  readonly admin: Admin
  readonly inspect: () => Inspection
  readonly set: (turn: Turn) => void
  readonly close: () => void
}
