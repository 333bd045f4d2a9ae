/** The engine of the notes app, in a worker. */
import { indexeddb } from '../../../src/stores/indexeddb/index.ts'
import { type Given, serve } from '../../../src/worker/serve.ts'
import { type Config, remotesOf, schemaOf } from './schema.ts'

export default serve(({ config, token }: Given<Config>) => ({
  store: indexeddb(config.store),
  schema: schemaOf(config),
  remotes: remotesOf(config, token('drive')),
}))
