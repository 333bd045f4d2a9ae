import { collection, defineSchema } from '../../src/index.ts'
import { connections, entities } from '../../src/transports/airweave/sources.ts'
import { datasets } from '../../src/transports/cognee/sources.ts'

/** What the page tells its worker: where the two APIs are. */
export interface JobsPlace {
  readonly airweave: { readonly url: string; readonly key: string; readonly collection: string }
  readonly cognee: {
    readonly url: string
    readonly key: string
    readonly cloud: { readonly url: string; readonly key: string }
  }
}

export interface JobsConfig extends JobsPlace {
  readonly wire: string
}

export const schema = defineSchema({
  version: 1,
  collections: {
    connections: collection({ remote: 'airweave', ...connections }),
    entities: collection({ remote: 'airweave', ...entities }),
    datasets: collection({ remote: 'cognee', ...datasets }),
  },
})
