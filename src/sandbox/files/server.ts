import type { Hono } from 'hono'
import type { World } from '../world.ts'
import type { Knobs } from './knobs.ts'
import type { Sockets } from './sockets.ts'
import type { State, User } from './state.ts'

/** What the routes work with. */
export type Server = {
  readonly world: World
  readonly state: State
  readonly knobs: () => Knobs
  readonly sockets: Sockets
  readonly userOf: (token: string) => User | undefined
  /** Runs a mutation, and tells the sockets when it is committed. */
  readonly commit: <T>(work: () => T) => T
}

export type App = Hono<{ Variables: { user: User; token: string } }>
