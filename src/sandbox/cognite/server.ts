import type { Hono } from 'hono'
import type { World } from '../world.ts'
import type { Knobs } from './knobs.ts'
import type { State, Token } from './state.ts'

/** What the routes work with. */
export type Server = {
  readonly project: string
  readonly world: World
  readonly state: State
  readonly knobs: () => Knobs
}

export type App = Hono<{ Variables: { token: Token; requestId: string } }>

/** A token sees the spaces that it may see, and the rest is not there for it. */
export const readable = (token: Token, space: string): boolean => token.spaces === null || token.spaces.includes(space)
