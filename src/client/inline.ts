/** The engine in the context that opens the database. Loaded only where it is needed: a page with a worker never is. */
import { startEngine } from '../engine/engine.ts'
import type { MassDelete } from '../engine/ground.ts'
import type { MergeField } from '../resolver.ts'
import type { Collection } from '../schema.ts'
import { createResolver, knownRule } from '../strategies/index.ts'
import type { Transport } from '../transport.ts'
import { completed } from './complete.ts'
import type { Hosting } from './host.ts'

export interface InlineOptions {
  readonly remotes: { readonly [remote: string]: Transport }
  readonly strategies?: { readonly [name: string]: MergeField } | undefined
  readonly onMassDelete?: MassDelete | undefined
}

export function inline({ remotes, strategies = {}, onMassDelete = 'ask' }: InlineOptions): Hosting {
  return {
    remotes: Object.keys(remotes),
    complete(schema) {
      const complete = completed(schema, remotes)
      for (const { conflicts } of Object.values(complete.collections) as Collection[]) {
        if (conflicts !== undefined) knownRule(conflicts, Object.keys(strategies))
      }
      return complete
    },
    start: on => startEngine({ ...on, remotes, onMassDelete, resolver: createResolver({ strategies }) }),
  }
}
