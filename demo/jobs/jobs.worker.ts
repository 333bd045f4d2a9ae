/** The engine of the page with jobs: both remotes in one worker. */
import { indexeddb } from '../../src/stores/indexeddb/index.ts'
import { airweave } from '../../src/transports/airweave/index.ts'
import { cognee } from '../../src/transports/cognee/index.ts'
import { type Given, serve } from '../../src/worker/serve.ts'
import { switched } from '../parts/network.ts'
import { type JobsConfig, schema } from './schema.ts'

export default serve(({ account, config, token }: Given<JobsConfig>) => ({
  store: indexeddb(account),
  schema,
  remotes: {
    airweave: airweave({ url: config.airweave.url, key: token('airweave'), collection: config.airweave.collection }),
    cognee: cognee({
      url: config.cognee.url,
      token: token('cognee'),
      as: 'key',
      cloud: { url: config.cognee.cloud.url, key: () => config.cognee.cloud.key },
    }),
  },
  platform: switched(config.wire),
}))
