/** What is under test, loaded late: a deliberate break must be in place before the first import. */
import { collection, defineSchema } from '../../src/schema.ts'
import type { StoreDriver } from '../../src/store.ts'
import type { Source, Transport } from '../../src/transport.ts'
import type { Open } from './app.ts'
import { boxNotes, boxTransport } from './box.ts'
import { type CdfLoaded, cdfSource, cdfTransport, isCdf, loadCdf } from './cdf.ts'
import { type Options, ruleOf, type StoreKind } from './plan.ts'
import type { Engine } from './sim.ts'
import { loadWork, type WorkLoaded, workCollections, workTransport } from './work/load.ts'
import { isWork } from './work/work.ts'

interface Loaded {
  readonly open: Open
  readonly files: (options: object) => Transport
  readonly tree: Source
  readonly records: Source
  readonly cdf: CdfLoaded
  readonly work: WorkLoaded
}

export async function loadEngine(stores: readonly StoreKind[]): Promise<Engine> {
  const { open, files, tree, records, cdf, work } = await load()
  const idb = stores.includes('indexeddb') ? await loadIdb() : undefined
  return {
    open,
    schema: options => {
      if (isWork(options.remote))
        return defineSchema({ version: 1, collections: workCollections(work, options.remote, 'drive') })
      const rule = ruleOf(options.strategy)
      const notes = collection({
        ...(isCdf(options.remote) ? cdfSource(cdf, options.remote) : options.remote === 'files' ? records : boxNotes),
        remote: 'drive',
        conflicts: rule,
      })
      const conflicts = treeRuleOf(options)
      return defineSchema({
        version: 1,
        collections: {
          notes,
          ...(options.tree && { tree: collection({ ...tree, remote: 'drive', conflicts }) }),
          ...(options.plant?.links && {
            links: collection({ ...cdf.edges, source: 'links', remote: 'drive', conflicts: rule }),
          }),
        },
      })
    },
    eventId: cdf.eventId,
    idbDisk: (world, faults, name) => idb!(world, faults, name),
    transport: (options, token, life) => {
      if (isWork(options.remote)) return workTransport(work, options.remote, options.seed, token)
      if (isCdf(options.remote)) return cdfTransport(cdf, options.remote, options, life, token)
      if (options.remote !== 'files') return boxTransport(options.remote, token)
      return files({
        url: 'https://drive.test',
        share: 'shr_1',
        folders: { notes: '/notes' },
        token,
        ...(options.settled === 'server' && { serverSettles: treeRuleOf(options) }),
      })
    },
  }
}

/** A tree has nothing to merge. */
function treeRuleOf({ strategy }: Options) {
  const rule = ruleOf(strategy)
  return typeof rule === 'string' ? rule : 'KEEP_BOTH'
}

async function load(): Promise<Loaded> {
  // The client is opened with its own types; the simulator asks for what it uses.
  const client = (await import('../../src/client/open.ts' as string)) as { open: Open }
  const transport = (await import('../../src/transports/files/index.ts' as string)) as Omit<
    Loaded,
    'open' | 'cdf' | 'work'
  >
  // The client loads these when it opens: a second time that settles within the step.
  await Promise.all([import('../../src/engine/engine.ts'), import('../../src/strategies/index.ts')])
  return { ...transport, open: client.open, cdf: await loadCdf(), work: await loadWork() }
}

/** fake-indexeddb replaces globals, so it is loaded only where it is wanted. */
async function loadIdb(): Promise<Engine['idbDisk']> {
  const { idbDiskOf } = await import('./idb.ts')
  const driver = (await import('../../src/stores/indexeddb/index.ts' as string)) as {
    indexeddb(name: string, options: { factory: IDBFactory }): StoreDriver
  }
  return (world, faults, name) => idbDiskOf(world, faults, name, (of, factory) => driver.indexeddb(of, { factory }))
}
