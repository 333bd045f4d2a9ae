/** The engine of one device at the plant: a record stream and a graph, two remotes in one worker. */
import { indexeddb } from '../../src/stores/indexeddb/index.ts'
import { cdfInstances } from '../../src/transports/cdf-instances/index.ts'
import { cdfRecords } from '../../src/transports/cdf-records/index.ts'
import { type Given, serve } from '../../src/worker/serve.ts'
import { switched } from '../parts/network.ts'
import { type Config, queryOf, schemaWith } from './schema.ts'

/** Nothing nudges at Cognite: devices look by themselves, and more often than they should at a real plant. */
const every = 3_000

export default serve(({ account, config, token }: Given<Config>) => {
  const { url, project, play: space, strategy, wire } = config
  const containers = [{ space, externalId: 'Reading' }]
  return {
    store: indexeddb(account),
    schema: schemaWith(strategy),
    remotes: {
      stream: { ...cdfRecords({ url, project, token: token('stream'), stream: space, containers }), every },
      graph: { ...cdfInstances({ url, project, token: token('graph'), query: queryOf(space) }), every },
    },
    platform: switched(wire),
  }
})
