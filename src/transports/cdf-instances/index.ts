/**
 * Instances of Cognite data models as a transport: each selected result set of one query is a source. A page that only
 * needs the sources imports `sources.ts`, and `query.ts` to write the query.
 */
import type { Json } from '../../model.ts'
import type { Io, Transport } from '../../transport.ts'
import { setup } from '../shared/cdf/setup.ts'
import { api } from './api.ts'
import { type CdfInstancesOptions, configOf } from './options.ts'
import { pull } from './pull.ts'
import { push } from './push.ts'
import type { Edges, InstanceQuery } from './query.ts'
import { edges, nodes } from './sources.ts'

export { instanceId, readInstanceId } from './ids.ts'
export type { CdfInstancesOptions } from './options.ts'
export * from './query.ts'
export { edges, nodes } from './sources.ts'

export type CdfInstances<Query extends InstanceQuery> = Omit<Transport, 'sources' | 'api'> & {
  readonly sources: {
    readonly [Set in keyof Query['select']]: Query['with'][Set & string] extends Edges ? typeof edges : typeof nodes
  }
  readonly api: { readonly typing: (request: undefined, io: Io) => Promise<Json> }
}

/** Throws `misconfigured` where the query is beyond what the API takes. */
export function cdfInstances<const Query extends InstanceQuery>(
  options: CdfInstancesOptions<Query>,
): CdfInstances<Query> {
  const config = configOf(options)
  const calls = api(setup(options), config)
  const sources = Object.fromEntries(config.sets.map(({ name, kind }) => [name, kind === 'node' ? nodes : edges]))
  return {
    name: 'cdf-instances',
    sources: sources as unknown as CdfInstances<Query>['sources'], // fromEntries forgets the names
    pull: pull(calls, config),
    push: push(calls, config),
    api: { typing: (_, io) => calls.typing(io) },
    every: 30_000,
  }
}
