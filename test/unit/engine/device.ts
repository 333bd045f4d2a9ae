/** One device without its loop: the test says when it pulls and when it pushes. */
import { serverClock } from '../../../src/client/clock.ts'
import type { Ground, MassDelete } from '../../../src/engine/ground.ts'
import type { Tally } from '../../../src/engine/land.ts'
import { land } from '../../../src/engine/land.ts'
import { pull, startOver } from '../../../src/engine/pull.ts'
import { push } from '../../../src/engine/push.ts'
import { type Draft, draftOf } from '../../../src/ledger/draft.ts'
import { edit } from '../../../src/ledger/edit.ts'
import { shapeOf } from '../../../src/ledger/migrate.ts'
import type { ChangeRow, InboxEntry, Meta, OutboxRow } from '../../../src/ledger/rows.ts'
import { checkpointOf, getRow } from '../../../src/ledger/rows.ts'
import type { Rule, Value } from '../../../src/model.ts'
import type { Resolver } from '../../../src/resolver.ts'
import { collection, defineSchema } from '../../../src/schema.ts'
import type { StoreDriver, Writer } from '../../../src/store.ts'
import { spaces } from '../../../src/store.ts'
import { memory } from '../../../src/stores/memory.ts'
import { createResolver } from '../../../src/strategies/index.ts'
import type { Page } from '../../../src/transport.ts'
import type { Fake, World } from './kit.ts'
import { worldOf } from './kit.ts'

export interface DeviceOptions {
  readonly rule?: Rule
  readonly world?: World
  readonly store?: StoreDriver
  readonly resolver?: Resolver
  readonly onMassDelete?: MassDelete
  readonly misfit?: Ground['misfit']
  readonly id?: string
}

export type Device = Awaited<ReturnType<typeof deviceOf>>

export async function deviceOf(fake: Fake, options: DeviceOptions = {}) {
  const world = options.world ?? worldOf()
  const tab = world.tab()
  const [[name, source] = ['notes', {}]] = Object.entries(fake.transport.sources)
  const rule = options.rule ?? 'LAST_WRITER_WINS'
  const schema = defineSchema({ version: 1, collections: { [name]: collection({ ...source, remote: 'fake' }) } })
  const store = await (options.store ?? memory()).open(shapeOf(schema), tab.platform)
  const device = { id: options.id ?? 'device-1', name: 'Laptop' }
  const clock = serverClock(tab.platform)
  const notices: string[] = []
  const everything = { records: [name], rows: spaces }
  const place = { collection: name, remote: 'fake', source, sourceName: name, rule, device, keep: 30 * 24 * 3_600_000 }
  const unguarded = fake.transport.push?.guard === 'none' ? { unguarded: true as const } : {}
  const on: Ground = {
    remote: 'fake',
    transport: fake.transport,
    store,
    platform: tab.platform,
    resolver: options.resolver ?? createResolver(),
    device,
    clock,
    places: new Map([[name, { ...place, ...unguarded }]]),
    onMassDelete: options.onMassDelete ?? 'ask',
    epoch: 1,
    signal: new AbortController().signal,
    misfit: options.misfit ?? (() => undefined),
    notice: ({ message }) => notices.push(message),
  }
  await store.write(everything, tx => tx.rows('meta').putMany([{ key: ['leader'], row: { epoch: 1, beat: 1 } }]))

  const write = <T>(work: (draft: Draft) => Promise<T>): Promise<T> =>
    store.write(everything, async tx => {
      const draft = draftOf(tx, { now: clock.now, uuid: tab.platform.uuid })
      const result = await work(draft)
      await draft.flush()
      return result
    })
  const put = (id: string, value: Value | null) => write(draft => edit(draft, place, device.id, id, value))

  return {
    on,
    world,
    tab,
    store,
    notices,
    put,
    write,
    place,
    raw: <T>(work: (tx: Writer) => Promise<T>) => store.write(everything, work),
    pull: () => pull(on),
    push: () => push(on),
    startOver: (demanded = false) => startOver(on, demanded),
    land: (page: Page, from?: Page['cursor'], tally: Tally = { deletes: 0 }) => land(on, page, from, tally),
    /** Pulls and pushes until there is nothing more, and says whether that came. */
    async sync(rounds = 10): Promise<boolean> {
      for (let round = 0; round < rounds; round++) {
        await pull(on)
        if ((await push(on)).state === 'nothing') return true
      }
      return false
    },
    value: (id: string): Promise<Value | null | undefined> =>
      store.read(everything, async tx => (await tx.records(name).get(id))?.value),
    meta: (id: string): Promise<Meta | undefined> =>
      store.read(everything, async tx => (await tx.records(name).get(id))?.meta as Meta | undefined),
    values: (): Promise<{ [id: string]: Value | null }> =>
      store.read(everything, async tx =>
        Object.fromEntries((await tx.records(name).list()).map(one => [one.id, one.value])),
      ),
    rows: (): Promise<OutboxRow[]> =>
      store.read(everything, async tx => (await tx.rows('outbox').list()).map(({ row }) => row as OutboxRow)),
    queue: (): Promise<number> => store.read(everything, tx => tx.rows('queue').count()),
    inbox: (): Promise<InboxEntry[]> =>
      store.read(everything, async tx => (await tx.rows('inbox').list()).map(({ row }) => row as InboxEntry)),
    checkpointIn: (tx: Writer) => checkpointOf(tx, 'fake'),
    checkpoint: () => store.read(everything, tx => checkpointOf(tx, 'fake')),
    change: (id: string): Promise<ChangeRow | undefined> =>
      store.read(everything, tx => getRow<ChangeRow>(tx, 'changes', [id])),
    /** How a change ended, wherever it went meanwhile. */
    outcome: (id: string): Promise<string | undefined> =>
      store.read(everything, async tx => {
        let row = await getRow<ChangeRow>(tx, 'changes', [id])
        while (row !== undefined && 'into' in row) row = await getRow<ChangeRow>(tx, 'changes', [row.into])
        return row === undefined ? 'lost' : 'outcome' in row ? row.outcome : undefined
      }),
    alias: (id: string) => store.read(everything, tx => getRow<{ to: string }>(tx, 'meta', ['alias', name, id])),
  }
}

/** Fails where the outbox, the queue, the changes and the records do not say the same. */
export async function mustAgree(device: Device): Promise<void> {
  const name = device.place.collection
  const wrong = await device.raw(async tx => {
    const problems: string[] = []
    const rows = (await tx.rows('outbox').list()).map(({ row }) => row as OutboxRow)
    const queue = (await tx.rows('queue').list()).map(({ key }) => JSON.stringify(key))
    const lanes = rows.map(row =>
      JSON.stringify([row.remote, row.state === 'held' || row.state === 'asked' ? 'stop' : 'go', row.seq]),
    )
    if (queue.toSorted().join() !== lanes.toSorted().join()) problems.push(`queue ${queue} but lanes ${lanes}`)
    for (const row of rows) {
      const at = (await getRow<ChangeRow>(tx, 'changes', [row.change])) as { generation?: number; id?: string }
      if (at?.generation !== row.generation || at.id !== row.id) problems.push(`change ${row.change} leads elsewhere`)
    }
    for (const record of await tx.records(name).list({ deleted: true })) {
      const own = rows.filter(row => row.id === record.id).map(row => row.generation)
      const { open } = record.meta as Meta
      const said = own.length === 0 ? undefined : [Math.min(...own), Math.max(...own)]
      if (JSON.stringify(open) !== JSON.stringify(said)) problems.push(`${record.id} says ${open}, has ${own}`)
    }
    const known = new Set((await tx.records(name).list({ deleted: true })).map(record => record.id))
    for (const row of rows) if (!known.has(row.id)) problems.push(`${row.id} has a change and no record`)
    return problems
  })
  if (wrong.length > 0) throw new Error(wrong.join('\n'))
}
