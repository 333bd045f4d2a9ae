/** What the disks and the server hold at the end, in the words of the judge. */

import { shapeOf } from '../../src/ledger/migrate.ts'
import type { Platform } from '../../src/platform.ts'
import { type KeyedRow, type StoreDriver, type Stored, spaces } from '../../src/store.ts'
import type { InboxItem, OutboxItem } from './app.ts'
import { isCdf } from './cdf.ts'
import { entriesOf, isEvent, nameOfEvent, nameToken, nodeCells, noteCells, treeCells } from './history.ts'
import type { Evidence, Failure, View } from './oracle.ts'
import { guards } from './plan.ts'
import { acceptsMisses, isPull, placeOf } from './routes.ts'
import type { Device, Sim } from './sim.ts'
import { drained } from './traps.ts'

export interface Dump {
  readonly device: Device
  readonly notes: readonly Stored[]
  readonly links: readonly Stored[]
  readonly tree: readonly Stored[]
  readonly inbox: readonly InboxItem[]
  /** It says that deletes may have gone unseen. */
  readonly missesDeletes: boolean
  /** Records that wait for a person: this replica may differ from the others there. */
  readonly stopped: ReadonlySet<string>
  /** Everything, to look for what must not be there. */
  readonly text: string
  readonly content: { readonly [part: string]: readonly string[] }
}

/** Reads a disk behind the engine's back. */
export async function contentOf(
  sim: Sim,
  driver: StoreDriver,
): Promise<{ readonly records: { readonly [name: string]: readonly Stored[] }; readonly rows: Content }> {
  const shape = shapeOf(sim.engine.schema(sim.options))
  const nobody = { post() {}, listen: () => () => {}, close() {} }
  // To read a disk, this much of a world is enough.
  const platform = {
    channel: () => nobody,
    monotonic: () => 0,
    sleep: () => new Promise(() => {}),
  } as unknown as Platform
  const store = await driver.open(shape, platform)
  const names = Object.keys(shape.collections)
  const content = await store.read({ records: names, rows: [...spaces] }, async tx => {
    const records: [string, Stored[]][] = []
    for (const name of names) records.push([name, await tx.records(name).list({ deleted: true })])
    const rows: [string, KeyedRow[]][] = []
    for (const space of spaces) rows.push([space, await tx.rows(space).list()])
    return { records: Object.fromEntries(records), rows: Object.fromEntries(rows) }
  })
  await store.close()
  // What a database still has to do after it is closed must not fall into the next world.
  for (let n = 0; n < 30; n++) await drained()
  return content
}

type Content = { readonly [space: string]: readonly KeyedRow[] }

export async function dump(sim: Sim, device: Device, driver = device.disk.plain()): Promise<Dump> {
  const { records, rows } = await contentOf(sim, driver)
  const { notes = [], links = [], tree = [] } = records
  const alive = (rows: readonly Stored[]) => rows.filter(row => row.value !== null)
  return {
    device,
    notes: alive(notes),
    links: alive(links),
    tree: alive(tree),
    stopped: stoppedIn(rows.outbox!.map(({ row }) => row as OutboxItem)),
    inbox: rows.inbox!.map(({ row }) => row as InboxItem),
    missesDeletes: rows.checkpoints!.some(({ row }) => (row as { missesDeletes?: true }).missesDeletes === true),
    text: plainly({ notes, links, tree, rows }),
    content: Object.fromEntries(
      Object.entries({ notes, links, tree, ...rows }).map(([name, rows]) => [name, rows.map(plainly)]),
    ),
  }
}

export const plainly = (value: unknown): string =>
  JSON.stringify(value, (_, held: unknown) =>
    typeof held === 'bigint' ? `${held}n` : held instanceof Uint8Array ? Buffer.from(held).toString() : held,
  )

/**
 * When all is quiet, what still waits is asked about or held, or hangs on what is: its own next edit, what goes into such a
 * folder, a folder's delete behind what has not left it.
 */
function stoppedIn(outbox: readonly OutboxItem[]): Set<string> {
  const name = ({ collection, id }: OutboxItem) => `${collection}/${id}`
  const parents = ({ collection, value, base }: OutboxItem) =>
    [value?.parent, base?.value?.parent].map(parent => `${collection}/${parent}`)
  const stopped = new Set(outbox.filter(row => row.state === 'asked' || row.state === 'held').map(name))
  for (let before = -1; before !== stopped.size; ) {
    before = stopped.size
    for (const row of outbox) {
      const inIt = row.value === null && outbox.some(one => stopped.has(name(one)) && parents(one).includes(name(row)))
      if (inIt || parents(row).some(parent => stopped.has(parent))) stopped.add(name(row))
    }
  }
  return stopped
}

/** I16: what hangs on no question goes out, whatever else is asked. */
export function wrongWaits(dumps: readonly Dump[]): Failure[] {
  return dumps.flatMap(({ device, stopped, content }) =>
    content
      .outbox!.map(row => JSON.parse(row) as { row: OutboxItem })
      .filter(({ row }) => !stopped.has(`${row.collection}/${row.id}`))
      .map(({ row }) => ({ invariant: 'I16', message: `${device.name}: ${plainly(row)} waits for nothing` })),
  )
}

/** I11x: who went on with an expired cursor says so until everything is walked again, and nobody else does. */
export function wrongFlags({ devices, network, options }: Sim, dumps: readonly Dump[]): Failure[] {
  if (!isCdf(options.remote)) return []
  return dumps.flatMap(({ device, missesDeletes }) => {
    const looks = network.sendings.filter(one => one.machine === device.name && isPull(one) && one.status === 200)
    const last = looks.findLast(one => acceptsMisses(one) || placeOf(one) === undefined)
    const wiped = devices.find(one => one === device)?.wipedAt ?? 0
    const should = last !== undefined && acceptsMisses(last) && last.at > wiped
    if (should === missesDeletes) return []
    return [{ invariant: 'I11x', message: `${device.name} ${should ? 'does not say' : 'says'} that it misses deletes` }]
  })
}

/** Who may miss deletes, and says so, may still have what somebody deleted. */
export function withoutGhosts(sim: Sim, dumps: readonly Dump[]): Dump[] {
  const deleted = new Set(sim.history.deletes.map(({ record }) => record))
  const there = { notes: sim.server.notes(), links: sim.server.links() }
  return dumps.map(dump => {
    if (!dump.missesDeletes || !sim.options.plant?.accepts) return dump
    const real = (collection: 'notes' | 'links') =>
      dump[collection].filter(({ id }) => there[collection].has(id) || !deleted.has(`${collection}/${id}`))
    return { ...dump, notes: real('notes'), links: real('links') }
  })
}

const merged = (maps: readonly ReadonlyMap<string, string>[]) => new Map(maps.flatMap(map => [...map]))

/** What the server holds, cell by cell. */
export function serverCells({ server, options, history }: Sim): ReadonlyMap<string, string> {
  const byField = options.strategy === 'MERGE'
  return merged([
    ...[...server.notes()].map(([id, row]) => noteCells(id, row.value as Stored['value'], byField)),
    ...[...server.links()].map(([id, row]) => noteCells(id, row.value as Stored['value'], byField, 'links')),
    ...(options.tree ? server.nodes() : []).map(node => nodeCells(node, history.bytes)),
  ])
}

/** What a verdict ran over is in the log no more: an inbox says of which version, and that it does not know more. */
function unsaid({ history, server }: Sim, dumps: readonly Dump[]): string[] {
  const told = new Set(server.sandbox.inspect().log.map(({ change }) => change.version_id))
  return dumps.flatMap(({ inbox }) =>
    inbox.flatMap(({ reason, theirs }) => {
      const version = String(theirs?.version)
      if (!reason?.includes('does not say') || told.has(version)) return []
      return [...(history.met.get(version) ?? [])].map(cell => cell.join(' '))
    }),
  )
}

export function evidenceOf(sim: Sim, dumps: readonly Dump[], wiped: readonly Dump[]): Evidence {
  const { history, options, server } = sim
  const byField = options.strategy === 'MERGE'
  const treeOf = (id: string, value: Stored['value']) => {
    const name = value?.name
    const hidden = value?.share !== server.share || name === 'notes'
    return hidden ? new Map<string, string>() : treeCells(id, value, history.bytes)
  }
  const replicas: View[] = dumps.map(({ device, notes, links, tree, stopped }) => ({
    name: device.name,
    stopped,
    cells: merged([
      ...notes.map(({ id, value }) => noteCells(id, value, byField)),
      ...links.map(({ id, value }) => noteCells(id, value, byField, 'links')),
      ...tree.map(({ id, value }) => treeOf(id, value)),
    ]),
  }))
  return {
    writes: history.writes,
    server: { name: 'server', cells: serverCells(sim), stopped: new Set() },
    replicas,
    inbox: [...dumps, ...wiped].flatMap(({ device, inbox }) =>
      entriesOf(device.name, inbox, (collection, id, value) =>
        collection === 'tree' ? treeCells(id, value ?? null, history.bytes) : noteCells(id, value, byField, collection),
      ),
    ),
    guarded: guards(options.remote),
    remade: history.remade,
    shownAgain: history.shownAgain,
    unseen: new Set([...history.unseen, ...unsaid(sim, [...dumps, ...wiped])]),
    mistaken: history.mistaken,
    relived: history.relived,
    overrun: history.overrun,
    nameless: options.knobs.metadata !== 'full',
    shown: shownBy(sim),
    rule:
      options.strategy === 'MERGE'
        ? 'FIELDS'
        : options.strategy === 'KEEP_BOTH' || options.strategy === 'MANUAL'
          ? options.strategy
          : 'ONE_WINNER',
    revived: history.revived,
  }
}

/** Who has to list everything anew is not told what was there in between. */
const cuts = ['compact', 'forceSync', 'deviceGone', 'wipe', 'power'] as const

function shownBy({ server, history, options, faults }: Sim): ReadonlySet<string> {
  if (options.knobs.metadata !== 'full' || cuts.some(name => faults.counts[name] > 0)) return new Set()
  const { versions, log } = server.sandbox.inspect()
  const names = log.map(({ change }) => nameToken((change.new_path ?? '').split('/').at(-1)!))
  const bytes = versions.flatMap(({ content }) => history.bytes.get(content?.sha256 ?? '') ?? [])
  return new Set([...names, ...bytes])
}

/** I3 for what the graph does not see: whole values, paths, and the bytes behind them. */
export function sameEverywhere(sim: Sim, dumps: readonly Dump[]): Failure[] {
  const failures: Failure[] = []
  for (const collection of ['notes', 'links'] as const) {
    const there = new Map(
      [...sim.server[collection]()].map(([id, row]) => [plainId(id, row.value), canonical(row.value)]),
    )
    for (const { device, stopped, ...dump } of dumps) {
      const here = dump[collection]
      for (const { id, value } of here) {
        const found = there.get(plainId(id, value))
        if (!stopped.has(`${collection}/${id}`) && found !== canonical(value))
          differ(`${device.name}: ${id} is ${canonical(value)}, there ${found}`)
      }
      if (stopped.size === 0 && here.length !== there.size)
        differ(`${device.name} has ${here.length} ${collection}, the server ${there.size}`)
    }
  }
  if (!sim.options.tree) return failures
  const paths = sim.server
    .nodes()
    .map(node => `${node.path} ${node.kind} ${node.sha256 ?? ''}`)
    .sort()
  for (const { device, tree, stopped } of dumps) {
    // A place that waits for a person moves whatever is below it.
    if ([...stopped].some(record => record.startsWith('tree/'))) continue
    const mine = tree
      .map(row => ({ path: pathIn(tree, row), row }))
      .filter(({ path, row }) => row.value?.share === sim.server.share && !/^\/notes(\/|$)/.test(path))
      .map(({ path, row }) => `${path} ${row.value?.kind} ${row.value?.sha256 ?? ''}`)
      .sort()
    for (const line of mine) if (!paths.includes(line)) differ(`${device.name} alone has ${line}`)
    for (const line of paths) if (!mine.includes(line)) differ(`${device.name} misses ${line}`)
    if (mine.length !== paths.length) differ(`${device.name} has ${mine.length} entries, the server ${paths.length}`)
  }
  return failures

  function differ(message: string): void {
    failures.push({ invariant: 'I3', message })
  }
}

/** An event's id says a hash of its content: the judge says the content. */
const plainId = (id: string, value: unknown): string => (isEvent(id) ? `${nameOfEvent(id)}=${canonical(value)}` : id)

function pathIn(rows: readonly Stored[], row: Stored): string {
  const parts: string[] = []
  let at: Stored | undefined = row
  for (let depth = 0; at && depth < 100; depth++) {
    parts.unshift(String(at.value?.name))
    const parent: unknown = at.value?.parent
    if (parent === row.value?.share) break
    at = rows.find(one => one.id === parent)
    if (!at) parts.unshift('(lost)')
  }
  return `/${parts.join('/')}`
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_, held: unknown) =>
    typeof held === 'object' && held !== null && !Array.isArray(held)
      ? Object.fromEntries(Object.entries(held).sort(([one], [other]) => (one < other ? -1 : 1)))
      : held,
  )
}
