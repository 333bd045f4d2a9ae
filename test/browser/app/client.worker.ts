/** The engine of the client suite in a dedicated worker. */
import { indexeddb } from '../../../src/stores/indexeddb/index.ts'
import { type Given, serve } from '../../../src/worker/serve.ts'
import { type Config, remotesOf, schema, strategies } from '../../conformance/client/app.ts'

export default serve(({ config, token }: Given<Config>) => ({
  schema,
  strategies,
  store: indexeddb(config.store),
  remotes: remotesOf(config, token('drive')),
}))
