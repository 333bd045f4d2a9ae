/** An app with one collection over the fake remote, in a world whose clock the test moves. */
import { open } from '../../../src/client/open.ts'
import type { Db } from '../../../src/client/types.ts'
import type { ExportSource } from '../../../src/client/whole.ts'
import type { Rule } from '../../../src/model.ts'
import { type Collection, collection, defineSchema, type StandardSchema } from '../../../src/schema.ts'
import type { StoreDriver } from '../../../src/store.ts'
import { memory, memoryDisk } from '../../../src/stores/memory.ts'
import type { Transport } from '../../../src/transport.ts'
import { type Fake, type FakeOptions, fakeOf, type World, worldOf } from '../engine/kit.ts'

export type Row = { [field: string]: unknown }

export interface AppOptions extends FakeOptions {
  readonly rule?: Rule
  readonly index?: readonly string[]
  readonly schema?: StandardSchema<Row>
  readonly world?: World
  readonly fake?: Fake
  readonly store?: StoreDriver
  readonly extra?: { readonly [name: string]: Collection<Row> }
  /** Milliseconds to let pass after opening, 0 for not even a turn. Default 1000. */
  readonly wait?: number
  readonly prepare?: (fake: Fake) => void
  readonly import?: ExportSource
  readonly account?: string
}

const opened = new Set<() => Promise<void>>()

export async function closeAll(): Promise<void> {
  for (const close of opened) await close()
  opened.clear()
}

export async function appOf(options: AppOptions = {}) {
  const world = options.world ?? worldOf()
  const fake = options.fake ?? fakeOf(options)
  options.prepare?.(fake)
  const name = options.name ?? 'notes'
  const store = options.store ?? memory('m', { disk: memoryDisk(world.uuid()) })
  const tab = world.tab()
  const rows = collection<Row>()({
    ...(options.source as object),
    remote: 'fake',
    ...(options.rule !== undefined && { conflicts: options.rule }),
    ...(options.index && { index: options.index }),
    ...(options.schema && { schema: options.schema }),
  })
  const collections = { ...options.extra, [name]: rows }
  const schema = defineSchema({ version: 1, collections })
  const opening = open({
    store,
    schema,
    remotes: { fake: fake.transport },
    platform: tab.platform,
    ...(options.import && { import: options.import }),
    ...(options.account !== undefined && { account: options.account }),
  })
  const db = (await opening) as unknown as Db<{ [name: string]: Collection<Row> }, { fake: Transport }>
  opened.add(() => db.close())
  if (options.wait !== 0) await world.pass(options.wait ?? 1_000)
  const status = () => db.remotes.fake.status.get()
  const sync = async () => {
    db.remotes.fake.sync()
    await world.pass(1_000)
  }
  return { world, fake, db, tab, store, status, sync, rows: db.data[name]! }
}

/** Hears what a live question says. */
export function heard<T>(live: { subscribe(hear: (answer: T) => void): () => void }) {
  const answers: T[] = []
  const stop = live.subscribe(answer => answers.push(answer))
  return { answers, stop }
}

/** A schema in which `n`, where it is, is a number. */
export const numbers: StandardSchema<Row> = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: value => {
      const { n } = value as Row
      return n === undefined || typeof n === 'number'
        ? { value: value as Row }
        : { issues: [{ message: 'is no number', path: ['n'] }] }
    },
  },
}
