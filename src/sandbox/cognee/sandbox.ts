import { exchange, type Wires } from '../exchange.ts'
import { uuid } from '../uuid.ts'
import { weather as makeWeather, type Weather } from '../weather.ts'
import type { World } from '../world.ts'
import { type Admin, admin } from './admin.ts'
import { app } from './app.ts'
import { type Knobs, standard } from './knobs.ts'
import { advance } from './runs.ts'
import type { Data, Dataset, Run, Server, State } from './state.ts'

/**
 * A local Cognee server with its cloud behind it, under `/cloud`: login, datasets, documents, and syncs to the cloud.
 * Time is the world's: what is due happens when a request comes, or when `tick` is called.
 */
export function cogneeSandbox(options: CogneeOptions): CogneeSandbox {
  const { world, weather = makeWeather(world) } = options
  let knobs: Knobs = { ...standard, ...options.knobs }
  const state: State = {
    users: new Map(),
    tokens: new Map(),
    datasets: new Map(),
    data: new Map(),
    runs: [],
    cloud: new Map(),
    cloudKey: `cloud_${uuid(world)}`,
    failUploads: 0,
    time: world.now(),
  }
  const server: Server = { world, state, knobs: () => knobs }
  const routes = app(server)
  return {
    ...exchange({ world, weather, knobs: () => knobs, handle: request => routes.fetch(request) }),
    weather,
    admin: admin(server),
    inspect: () =>
      structuredClone({
        runs: state.runs,
        datasets: [...state.datasets.values()],
        data: [...state.data.values()],
        cloudKey: state.cloudKey,
      }),
    set(change) {
      knobs = { ...knobs, ...change }
    },
    tick: () => advance(server),
    close: () => undefined,
  }
}

export type CogneeOptions = {
  readonly world: World
  readonly weather?: Weather
  readonly knobs?: Partial<Knobs>
}

export type CogneeSandbox = Wires & {
  readonly weather: Weather
  readonly admin: Admin
  /** All runs, oldest first, as they really are, and all that is here. */
  readonly inspect: () => {
    readonly runs: readonly Run[]
    readonly datasets: readonly Pick<Dataset, 'id' | 'name'>[]
    readonly data: readonly Pick<Data, 'id' | 'dataset' | 'name' | 'md5'>[]
    readonly cloudKey: string
  }
  readonly set: (change: Partial<Knobs>) => void
  readonly tick: () => void
  readonly close: () => void
}
