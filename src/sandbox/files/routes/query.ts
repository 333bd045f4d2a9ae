import type { Context } from 'hono'
import { invalid } from '../errors.ts'
import type { User } from '../state.ts'

export type Ctx = Context<{ Variables: { user: User; token: string } }>

export function required(c: Ctx, name: string): string {
  const value = c.req.query(name)
  if (!value) throw invalid(['query', name], 'required')
  return value
}
