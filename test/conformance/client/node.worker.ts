/** The engine of the client suite in a thread of Node's. */
import { sqlite } from '../../../src/stores/sqlite.ts'
import { type Given, serve } from '../../../src/worker/serve.ts'
import { type Config, remotesOf, schema, strategies } from './app.ts'

export default serve(({ config, token }: Given<Config>) => ({
  schema,
  strategies,
  store: sqlite(config.store),
  remotes: remotesOf(config, token('drive')),
}))
