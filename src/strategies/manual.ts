import type { Judge } from '../resolver.ts'
import { ask } from './facets.ts'

/** Every clash waits in the inbox for the user; the rest of the collection flows on. */
export const manual: Judge = () => ask()
