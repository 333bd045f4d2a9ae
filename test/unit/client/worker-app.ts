/** An app whose engine is in a worker without a thread, over the fake remote; see `frail.ts`. */
import type { Served, Setup, Tokens, WorkerOptions } from '../../../src/client/served.ts'
import { collection, defineSchema, memory, open, type WorkerLike } from '../../../src/index.ts'
import type { Platform } from '../../../src/platform.ts'
import { memoryDisk } from '../../../src/stores/memory.ts'
import type { AskToken, Transport } from '../../../src/transport.ts'
import { fakeOf, notes, worldOf } from '../engine/kit.ts'
import { type Death, frail, platformDuring, storeDuring } from './frail.ts'

export interface Note {
  readonly text: string
}

export const schema = defineSchema({
  version: 1,
  collections: { notes: collection<Note>()({ ...notes, remote: 'fake', conflicts: 'KEEP_BOTH' }) },
})

export type AppServed = Served<unknown, typeof schema.collections, { readonly fake: Transport }>
type AppSetup = Setup<typeof schema.collections, { readonly fake: Transport }>

export interface StageOptions {
  /** Default `told`. */
  readonly death?: Death
  /** What the worker says of itself in place of the usual. */
  readonly setup?: Partial<AppSetup>
  /** The worker's way to the remote, given how to ask for a token. */
  readonly transport?: (token: AskToken, usual: Transport) => Transport
}

/** One machine: a page, its workers, their store and the remote. */
export function stageOf({ death = 'told', setup = {}, transport = (_, usual) => usual }: StageOptions = {}) {
  const world = worldOf()
  const tab = world.tab()
  const fake = fakeOf()
  const disk = memoryDisk('disk')
  const driver = memory('m', { disk })
  /** What befalls a worker falls between any two of these as well. */
  const slowly = () => tab.platform.sleep(20)
  Object.assign(fake, { meanwhile: slowly, afterwards: slowly, whilePulling: slowly })

  const serve = (life: AbortSignal): AppServed => ({
    setup: ({ token }) => ({
      schema,
      store: storeDuring(life, driver),
      remotes: { fake: transport(token('fake'), fake.transport) },
      platform: platformDuring(life, world.tab().platform),
      ...setup,
    }),
  })
  const worker = (): WorkerLike => frail({ death, serve: serve as unknown as (life: AbortSignal) => Served })

  return {
    world,
    tab,
    fake,
    disk,
    driver,
    serve,
    worker,
    slowly,
    open: (options: Partial<WorkerOptions<AppServed>> & { tokens?: Tokens<{ fake: Transport }> } = {}) =>
      open<AppServed>({
        store: storeDuring(new AbortController().signal, driver),
        schema,
        account: 'ada',
        config: null,
        tokens: { fake: null },
        worker,
        platform: tab.platform as Platform,
        ...options,
      }),
  }
}
