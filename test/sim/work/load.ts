/** The transports under test, loaded late. */
import { collection } from '../../../src/schema.ts'
import type { Source, Transport } from '../../../src/transport.ts'
import { airweaveOptions } from './airweave.ts'
import { CLOUD_KEY, cogneeOptions } from './cognee.ts'
import type { WorkKind } from './work.ts'

export interface WorkLoaded {
  readonly airweave: Loaded<'connections' | 'jobs' | 'entities'> & { airweave(options: object): Transport }
  readonly cognee: Loaded<'datasets' | 'documents'> & { cognee(options: object): Transport }
}
type Loaded<Names extends string> = { readonly [name in Names]: Source }

export async function loadWork(): Promise<WorkLoaded> {
  const airweave = (await import('../../../src/transports/airweave/index.ts' as string)) as WorkLoaded['airweave']
  const cognee = (await import('../../../src/transports/cognee/index.ts' as string)) as WorkLoaded['cognee']
  return { airweave, cognee }
}

export function workCollections({ airweave, cognee }: WorkLoaded, kind: WorkKind, remote: string) {
  const { connections, jobs, entities } = airweave
  const { datasets, documents } = cognee
  const sources = kind === 'airweave' ? { connections, jobs, entities } : { datasets, documents }
  return Object.fromEntries(
    Object.entries<Source>(sources).map(([name, source]) => [name, collection({ ...source, remote })]),
  )
}

export function workTransport(loaded: WorkLoaded, kind: WorkKind, seed: string, token: () => string): Transport {
  const url = 'https://work.test'
  if (kind === 'airweave')
    return loaded.airweave.airweave({ url, key: token, collection: 'documents', ...airweaveOptions(seed) })
  const { cloud, every } = cogneeOptions(seed)
  const transport = loaded.cognee.cognee({
    ...{ url, token },
    ...(cloud && { cloud: { url: `${url}/cloud`, key: () => CLOUD_KEY } }),
  })
  return { ...transport, every }
}
