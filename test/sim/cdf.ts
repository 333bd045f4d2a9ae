/** The Cognite sandbox in the simulated world: notes as nodes of a graph, or as records of a mutable stream. */
import type { Turn } from '../../src/sandbox/cognite/knobs.ts'
import { cogniteSandbox } from '../../src/sandbox/cognite/sandbox.ts'
import type { Data } from '../../src/sandbox/cognite/state.ts'
import type { Source, Transport } from '../../src/transport.ts'
import type { RemoteKind } from './plan.ts'
import { between, pick, type Random, randomOf } from './random.ts'
import type { NoteRow } from './server.ts'
import type { World } from './world.ts'

export type CdfKind = 'cdf-instances' | 'cdf-records'

export const isCdf = (remote: RemoteKind): remote is CdfKind => remote === 'cdf-instances' || remote === 'cdf-records'

/** In front of every id. */
export const SPACE = 'plant'
const [CONTAINER, VIEW, STREAM, PROJECT] = ['Note', 'NoteView', 'live', 'p'] as const

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

const calm: Turn = { limits: null, records: { fail: 0 }, instances: { contend: 0 } }

export interface Cdf {
  readonly fetch: (request: Request) => Promise<Response>
  readonly renewToken: (old: string, next: string) => void
  /** What was accepted, whether it can be read by now or not. */
  readonly notes: () => Map<string, NoteRow>
  /** How much later than its arrival a write may be seen, in milliseconds. */
  readonly visibleWithin: number
  /** Nothing fails by chance any more. */
  readonly calm: () => void
}

export function cdfOf(kind: CdfKind, world: World, knobs: Turn, token: string): Cdf {
  const random = world.stream('cdf')
  const sandbox = cogniteSandbox({
    world: { now: world.now, random, sleep: () => new Promise(() => undefined) },
    project: PROJECT,
    knobs,
  })
  const { admin } = sandbox
  const text = { type: { type: 'text' } }
  const properties = {
    ...{ text, a: text, b: text, n: { type: { type: 'int64' } } },
    tags: { type: { type: 'text', list: true } },
  }
  const container = { space: SPACE, externalId: CONTAINER }
  admin.addToken(token)
  admin.addSpace(SPACE)
  admin.addContainer({ ...container, usedFor: kind === 'cdf-records' ? 'record' : 'node', properties })
  if (kind === 'cdf-records') admin.addStream(STREAM, 'BasicLiveData')
  else {
    const mapped = Object.keys(properties).map(name => [
      name,
      { container: { type: 'container', ...container }, containerPropertyIdentifier: name },
    ])
    admin.addView({ space: SPACE, externalId: VIEW, version: 'v1', properties: Object.fromEntries(mapped) })
  }
  const valueIn = (data: Data | null) => ({ ...data?.[SPACE]?.[CONTAINER] }) as NoteRow['value']
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
      const found = new Map<string, NoteRow>()
      const id = (row: { readonly space: string; readonly externalId: string }) => `${row.space}:${row.externalId}`
      if (kind === 'cdf-records') {
        for (const row of sandbox.inspect().records(STREAM))
          found.set(id(row), { v: row.lastUpdatedTime, value: valueIn(row.properties) })
      } else
        for (const row of sandbox.inspect().instances())
          found.set(id(row), { v: row.version, value: valueIn(row.data) })
      return found
    },
    visibleWithin: kind === 'cdf-records' ? LATEST : 0,
    calm: () => sandbox.set(calm),
  }
}

/** The transports under test, loaded late. */
export interface CdfLoaded {
  readonly cdfInstances: (options: object) => Transport
  readonly nodes: Source
  readonly cdfRecords: (options: object) => Transport
  readonly records: Source
}

export async function loadCdf(): Promise<CdfLoaded> {
  const graph = (await import('../../src/transports/cdf-instances/index.ts' as string)) as object
  const streams = (await import('../../src/transports/cdf-records/index.ts' as string)) as object
  return { ...graph, ...streams } as CdfLoaded
}

export function cdfTransport(loaded: CdfLoaded, kind: CdfKind, seed: string, token: () => string): Transport {
  const random = randomOf(`${seed}/cdf/transport`)
  const common = { url: 'https://cdf.test', project: PROJECT, token }
  if (kind === 'cdf-records') {
    const containers = [{ space: SPACE, externalId: CONTAINER }]
    return loaded.cdfRecords({ ...common, stream: STREAM, containers, limit: pick(random, [2, 3, 1000]) })
  }
  const source = { type: 'view', space: SPACE, externalId: VIEW, version: 'v1' }
  const mode = pick(random, ['onePhase', 'twoPhase'])
  const notes = { mode, limit: pick(random, [2, 3, 1000]), nodes: { filter: { hasData: [source] } } }
  const query = { with: { notes }, select: { notes: { sources: [{ source, properties: ['*'] }] } } }
  return loaded.cdfInstances({ ...common, query })
}

/** The collection's part that the remote gives. */
export const cdfSource = (loaded: CdfLoaded, kind: CdfKind): Source & { readonly source: string } =>
  kind === 'cdf-records' ? { ...loaded.records, source: 'records' } : { ...loaded.nodes, source: 'notes' }
