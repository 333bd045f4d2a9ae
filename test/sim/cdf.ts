/**
 * The Cognite sandbox in the simulated world: notes as nodes of a graph, with links between other nodes as its edges, as
 * records of a mutable stream, or as events of an immutable one.
 */

import type { Value } from '../../src/model.ts'
import type { Turn } from '../../src/sandbox/cognite/knobs.ts'
import { cogniteSandbox } from '../../src/sandbox/cognite/sandbox.ts'
import type { Data } from '../../src/sandbox/cognite/state.ts'
import type { Source, Transport } from '../../src/transport.ts'
import type { Options, RemoteKind } from './plan.ts'
import { between, pick, type Random, randomOf } from './random.ts'
import type { NoteRow } from './server.ts'
import type { World } from './world.ts'

export const cdfKinds = ['cdf-instances', 'cdf-records', 'cdf-events'] as const
export type CdfKind = (typeof cdfKinds)[number]

export const isCdf = (remote: RemoteKind): remote is CdfKind => (cdfKinds as readonly string[]).includes(remote)

/** In front of every id. */
export const SPACE = 'plant'
const [CONTAINER, VIEW, STREAM, PROJECT] = ['Note', 'NoteView', 'live', 'p'] as const
const [LINK, LINK_VIEW, HUB] = ['Link', 'LinkView', 'hub'] as const
/** What links lead to, from the hub: by the number of the link. */
const SPOKES = ['s0', 's1', 's2'] as const

/** What an app may ask for that changes how it is synced. */
export interface Plant {
  /** Edges are a source beside the nodes. */
  readonly links: boolean
  /** When a spoke goes, and with it whatever leads there, as a part of the storm. */
  readonly cut: number | undefined
  /** Every other life of a tab asks another question: its cursors are of no use to the next one. */
  readonly requery: boolean
  /** Goes on with expired cursors (I11x). */
  readonly accepts: boolean
}

/** These and nothing else, where a command line asks for them. */
export function plantWith(names: readonly string[]): Plant {
  const wrong = names.find(name => !['links', 'requery', 'accepts'].includes(name))
  if (wrong !== undefined) throw new Error(`There is no ${wrong} in a plant: use links, requery, accepts.`)
  const has = (name: string) => names.includes(name)
  return { links: has('links'), cut: undefined, requery: has('requery'), accepts: has('accepts') }
}

export function plantOf(seed: string, kind: CdfKind): Plant {
  const random = randomOf(`${seed}/plant`)
  const graph = kind === 'cdf-instances'
  const [links, cut, when, requery, accepts] = [random(), random(), random(), random(), random()]
  return {
    links: graph && links < 0.5,
    cut: graph && links < 0.5 && cut < 0.3 ? when : undefined,
    requery: requery < 0.2,
    accepts: graph && accepts < 0.15,
  }
}

/** The longest that a write takes until it can be read, in milliseconds; the transport is told 5,000. */
const LATEST = 4000

const spans = (random: Random, longest: number): readonly [number, number] =>
  random() < 0.4 ? [0, 0] : [0, between(random, 1, longest)]

/** Drawn beside everything else of a seed, so that the seeds of other remotes stay what they were. */
export function cdfKnobs(seed: string): Turn {
  const random = randomOf(`${seed}/cdf`)
  const seldom = (most: number) => (random() < 0.5 ? 0 : random() * most)
  return {
    errors: pick(random, ['object', 'object', 'string', 'empty'] as const),
    retryAfter: random() < 0.5,
    limits: pick(random, [null, null, 1, 0.2] as const),
    records: {
      visibleAfter: spans(random, LATEST),
      hasNext: pick(random, ['exact', 'full-page'] as const),
      scan: pick(random, [100_000, 3, 1] as const),
      redeliver: seldom(0.5),
      drift: pick(random, [0, 3000] as const),
      freshCursor: random() < 0.5,
      fail: seldom(0.3),
    },
    instances: {
      conflictCode: pick(random, [400, 409] as const),
      skipped: pick(random, ['absent', 'standing'] as const),
      timeoutAbove: pick(random, [null, 1, 3] as const),
      contend: seldom(0.3),
      newLife: pick(random, ['anew', 'goes-on'] as const),
      behind: spans(random, 5000),
      redeliver: seldom(0.5),
      shuffle: random() < 0.3,
      timestamps: pick(random, ['offset', 'verbatim'] as const),
    },
  }
}

/** One row of each of two sets is the least that can be asked for. */
const withRoom = (knobs: Turn): Turn => ({ ...knobs, instances: { ...knobs.instances, timeoutAbove: 2 } })

const calm: Turn = { limits: null, records: { fail: 0 }, instances: { contend: 0 } }

export interface Cdf {
  readonly fetch: (request: Request) => Promise<Response>
  readonly renewToken: (old: string, next: string) => void
  /** What was accepted, whether it can be read by now or not. */
  readonly notes: () => Map<string, NoteRow>
  readonly links: () => Map<string, NoteRow>
  /** Takes away the last spoke. */
  readonly cut: () => Promise<void>
  /** How much later than its arrival a write may be seen, in milliseconds. */
  readonly visibleWithin: number
  /** Nothing fails by chance any more. */
  readonly calm: () => void
}

export function cdfOf(kind: CdfKind, world: World, knobs: Turn, plant: Plant | undefined, token: string): Cdf {
  const random = world.stream('cdf')
  const sandbox = cogniteSandbox({
    world: { now: world.now, random, sleep: () => new Promise(() => undefined) },
    project: PROJECT,
    knobs: plant?.links && knobs.instances?.timeoutAbove === 1 ? withRoom(knobs) : knobs,
  })
  const { admin } = sandbox
  const text = { type: { type: 'text' } }
  const properties = {
    ...{ text, a: text, b: text, n: { type: { type: 'int64' } } },
    tags: { type: { type: 'text', list: true } },
  }
  const place = (externalId: string) => ({ space: SPACE, externalId })
  const holds = (container: string, usedFor: 'node' | 'edge' | 'record') =>
    admin.addContainer({ ...place(container), usedFor, properties })
  const shows = (view: string, container: string) => {
    const mapped = Object.keys(properties).map(name => [
      name,
      { container: { type: 'container', ...place(container) }, containerPropertyIdentifier: name },
    ])
    admin.addView({ ...place(view), version: 'v1', properties: Object.fromEntries(mapped) })
  }
  admin.addToken(token)
  admin.addSpace(SPACE)
  holds(CONTAINER, kind === 'cdf-instances' ? 'node' : 'record')
  if (kind !== 'cdf-instances') admin.addStream(STREAM, kind === 'cdf-events' ? 'BasicArchive' : 'BasicLiveData')
  else {
    shows(VIEW, CONTAINER)
    holds(LINK, 'edge')
    shows(LINK_VIEW, LINK)
    const node = (externalId: string) => ({ instanceType: 'node', ...place(externalId) })
    if (plant?.links) void admin.apply({ items: [HUB, LINK, ...SPOKES].map(node) })
  }
  const valueIn = (data: Data | null, container: string) => ({ ...data?.[SPACE]?.[container] }) as NoteRow['value']
  const instances = (kind: 'node' | 'edge', container: string) => {
    const rows = sandbox.inspect().instances()
    const own = rows.filter(row => row.instanceType === kind && row.data[SPACE]?.[container] !== undefined)
    return new Map(
      own.map(row => [idIn(row), { v: row.version, value: { ...valueIn(row.data, container), ...endsIn(row) } }]),
    )
  }
  return {
    async fetch(request) {
      const response = await sandbox.fetch(request)
      if (response.status === 500 && response.headers.get('content-type') === 'text/plain')
        world.fail('server', await response.clone().text())
      return response
    },
    renewToken(old, next) {
      admin.dropToken(old)
      admin.addToken(next)
    },
    notes() {
      if (kind === 'cdf-instances') return instances('node', CONTAINER)
      const rows = sandbox.inspect().records(STREAM)
      const idOf = kind === 'cdf-events' ? eventAt : idIn
      return new Map(
        rows.map((row, at) => [idOf(row, at), { v: row.lastUpdatedTime, value: valueIn(row.properties, CONTAINER) }]),
      )
    },
    links: () => (plant?.links ? instances('edge', LINK) : new Map()),
    cut: () => admin.apply({ items: [], delete: [{ instanceType: 'node', ...place(SPOKES.at(-1)!) }] }),
    visibleWithin: kind === 'cdf-instances' ? 0 : LATEST,
    calm: () => sandbox.set(calm),
  }
}

interface Named {
  readonly space: string
  readonly externalId: string
}

const idIn = ({ space, externalId }: Named): string => `${space}:${externalId}`

/** Like the ids of events, which say a hash there; several rows may have one name. */
const eventAt = ({ space, externalId }: Named, at: number): string =>
  `${space}:${at.toString(16).padStart(32, '0')}:${externalId}`

function endsIn({ type, startNode, endNode }: { type: Named | null; startNode: Named | null; endNode: Named | null }) {
  const named = { $type: type, $startNode: startNode, $endNode: endNode }
  return Object.fromEntries(Object.entries(named).flatMap(([name, it]) => (it === null ? [] : [[name, { ...it }]])))
}

/** Where the link of this id leads, as an edge says it. */
export function endsOf(id: string): Value {
  const at = Number(/l(\d+)/.exec(id)?.[1] ?? 0) % SPOKES.length
  const named = (externalId: string) => ({ space: SPACE, externalId })
  return { $type: named(LINK), $startNode: named(HUB), $endNode: named(SPOKES[at]!) }
}

/** Whether this is a link to the spoke that may be cut, or a copy of one. */
export const hangsOnCut = (cell: string): boolean =>
  cell.startsWith('links/') && Number(/:[la](\d+)/.exec(cell)?.[1]) % SPOKES.length === SPOKES.length - 1

/** The transports under test, loaded late. */
export interface CdfLoaded {
  readonly cdfInstances: (options: object) => Transport
  readonly nodes: Source
  readonly edges: Source
  readonly cdfRecords: (options: object) => Transport
  readonly records: Source
  readonly events: Source
  readonly eventId: (named: Named, value: Value) => string
}

export async function loadCdf(): Promise<CdfLoaded> {
  const graph = (await import('../../src/transports/cdf-instances/index.ts' as string)) as object
  const streams = (await import('../../src/transports/cdf-records/index.ts' as string)) as object
  return { ...graph, ...streams } as CdfLoaded
}

/** `life`: how often this tab was loaded. */
export function cdfTransport(
  loaded: CdfLoaded,
  kind: CdfKind,
  { seed, plant }: Pick<Options, 'seed' | 'plant'>,
  life: number,
  token: () => string,
): Transport {
  const random = randomOf(`${seed}/cdf/transport`)
  const common = { url: 'https://cdf.test', project: PROJECT, token }
  const another = plant?.requery === true && life % 2 === 1
  /** True of everything, and another question all the same. */
  const notNever = (property: readonly string[]) => ({ not: { equals: { property, value: 'never' } } })
  if (kind !== 'cdf-instances') {
    const containers = [{ space: SPACE, externalId: CONTAINER }]
    const limit = pick(random, [2, 3, 1000])
    const filter = another ? { filter: notNever(['externalId']) } : {}
    return loaded.cdfRecords({
      ...common,
      ...filter,
      stream: STREAM,
      containers,
      limit,
      ...(kind === 'cdf-events' && { immutable: true }),
    })
  }
  const [mode, limit] = [pick(random, ['onePhase', 'twoPhase']), pick(random, [2, 3, 1000])]
  const source = (externalId: string) => ({ type: 'view', space: SPACE, externalId, version: 'v1' })
  const whole = (view: string) => ({ sources: [{ source: source(view), properties: ['*'] }] })
  const hasData = { hasData: [source(VIEW)] }
  const filter = another ? { and: [hasData, notNever(['node', 'externalId'])] } : hasData
  const notes = { mode, limit, nodes: { filter } }
  const links = { mode, limit, edges: { filter: { hasData: [source(LINK_VIEW)] } } }
  const query = {
    with: { notes, ...(plant?.links && { links }) },
    select: { notes: whole(VIEW), ...(plant?.links && { links: whole(LINK_VIEW) }) },
  }
  return loaded.cdfInstances({ ...common, query, ...(plant?.accepts && { acceptMissedDeletes: true }) })
}

/** The collection's part that the remote gives. */
export function cdfSource(loaded: CdfLoaded, kind: CdfKind): Source & { readonly source: string } {
  if (kind === 'cdf-instances') return { ...loaded.nodes, source: 'notes' }
  return { ...(kind === 'cdf-events' ? loaded.events : loaded.records), source: 'records' }
}
