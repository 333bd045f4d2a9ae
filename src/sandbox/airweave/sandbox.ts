import { exchange, type Wires } from '../exchange.ts'
import { uuid } from '../uuid.ts'
import { weather as makeWeather, type Weather } from '../weather.ts'
import type { World } from '../world.ts'
import { type Admin, admin } from './admin.ts'
import { app } from './app.ts'
import { advance } from './jobs.ts'
import { type Knobs, standard } from './knobs.ts'
import type { Job, Server, State } from './state.ts'
import { streams } from './streams.ts'

/**
 * Airweave's API for source connections and their sync jobs, over stub sources whose entities a test sets. Time is the
 * world's: what is due happens when a request comes, or when `tick` is called.
 */
export function airweaveSandbox(options: AirweaveOptions): AirweaveSandbox {
  const { world, weather = makeWeather(world) } = options
  let knobs: Knobs = { ...standard, ...options.knobs }
  const state: State = {
    organization: uuid(world),
    keys: new Map(),
    collections: new Map(),
    connections: new Map(),
    jobs: [],
    time: world.now(),
  }
  const live = streams(world, weather)
  const server: Server = { world, state, knobs: () => knobs, publish: live.publish }
  const routes = app(server, live)

  return {
    ...exchange({ world, weather, knobs: () => knobs, handle: request => routes.fetch(request) }),
    weather,
    admin: admin(server),
    inspect: () => structuredClone({ jobs: state.jobs, streams: live.count() }),
    set(change) {
      knobs = { ...knobs, ...change }
    },
    tick: () => advance(server),
    severStreams: () => live.sever(),
    close: () => live.sever(false),
  }
}

export type AirweaveOptions = {
  readonly world: World
  readonly weather?: Weather
  readonly knobs?: Partial<Knobs>
}

export type AirweaveSandbox = Wires & {
  readonly weather: Weather
  readonly admin: Admin
  /** All jobs, oldest first, as they really are, and how many streams are open. */
  readonly inspect: () => { readonly jobs: readonly Job[]; readonly streams: number }
  readonly set: (change: Partial<Knobs>) => void
  /** Lets happen what is due by now. A real server calls it now and then, so that streams flow. */
  readonly tick: () => void
  readonly severStreams: () => void
  readonly close: () => void
}
