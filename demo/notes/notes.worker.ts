/** The engine of one device. The page writes and reads the same store by itself, and asks this worker for nothing. */
import { indexeddb } from '../../src/stores/indexeddb/index.ts'
import { files } from '../../src/transports/files/index.ts'
import { type Given, serve } from '../../src/worker/serve.ts'
import { switched } from '../parts/network.ts'
import { type Config, schemaWith } from './schema.ts'

export default serve(({ account, config: { url, share, strategy, wire }, token }: Given<Config>) => ({
  store: indexeddb(account),
  schema: schemaWith(strategy),
  remotes: { drive: files({ url, share, folders: { notes: '/notes' }, token: token('drive'), platform: 'web' }) },
  platform: switched(wire),
}))
