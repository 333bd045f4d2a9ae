/** A seed becomes options, and options become a plan of operations: plain data, so that a failure can be made smaller. */
import type { Rule } from '../../src/model.ts'
import type { Turn } from '../../src/sandbox/cognite/knobs.ts'
import { cdfKinds, cdfKnobs, isCdf, type Plant, plantOf } from './cdf.ts'
import { type Family, families, familyNames, noRates } from './faults.ts'
import { between, pick, type Random, randomOf } from './random.ts'
import { isWork } from './work/work.ts'

export const strategies = ['KEEP_BOTH', 'LAST_WRITER_WINS', 'SERVER_WINS', 'CLIENT_WINS', 'MANUAL', 'MERGE'] as const
export type StrategyName = (typeof strategies)[number]
export type StoreKind = 'memory' | 'indexeddb'
/**
 * The file API, and the plainest remotes that there can be: one that guards by version, one that guards too but forgets
 * what was deleted, one that takes whatever comes. Those of Cognite, and those that work on jobs, are played when asked for
 * only.
 */
export const remotes = ['files', 'box', 'purging-box', 'open-box', ...cdfKinds, 'airweave', 'cognee'] as const
export type RemoteKind = (typeof remotes)[number]

/** Whether the remote refuses what is based on an old state. */
export const guards = (remote: RemoteKind): boolean => !['open-box', 'cdf-records', 'cdf-events'].includes(remote)

export interface Options {
  readonly seed: string
  readonly strategy: StrategyName
  readonly store: StoreKind
  readonly remote: RemoteKind
  readonly devices: number
  /** Tabs of the first device; the others have one. */
  readonly tabs: number
  readonly ops: number
  readonly tree: boolean
  /** Whether a person settles what MANUAL asks. */
  readonly settles: boolean
  /** Who settles what clashes in the tree. Only where it is asked for; see `serverSettles` of the transport. */
  readonly settled?: 'server'
  /** Somebody chooses now and then which folders of the tree a device has. Only where it is asked for. */
  readonly chooses?: true
  readonly rates: { readonly [family in Family]: number }
  readonly knobs: {
    readonly listing: 'full' | 'lean'
    readonly metadata: 'full' | 'lean' | 'absent'
    readonly cursors: 'integer' | 'huge' | 'text'
    readonly errors: 'rich' | 'bare'
    readonly refusals: 'index' | 'batch'
    readonly seenAs: 'server' | 'browser'
  }
  /** Of the Cognite sandbox, where that is the remote. */
  readonly cdf?: Turn
  readonly plant?: Plant
}

export const kinds = [
  'put',
  'patch',
  'delete',
  'add',
  'batch',
  'meanwhile',
  'read',
  'settle',
  'file',
  'folder',
  'rename',
  'move',
  'bytes',
  'remove',
  'stranger',
  'choose',
  'ask',
  'cancel',
  'refresh',
  'outside',
  'document',
  'drop',
] as const
export type Kind = (typeof kinds)[number]

/** `dice` says which record, which field, which name: all that an operation needs, whatever the others do. */
export interface Op {
  readonly n: number
  readonly at: number
  readonly device: number
  readonly tab: number
  readonly kind: Kind
  readonly dice: readonly [number, number, number]
}

/** How long the storm is. Where a leader may freeze, long enough that another tab gives it up and takes over. */
export const stormOf = ({ tabs, rates, remote }: Options): number =>
  isWork(remote) ? 90_000 : tabs > 1 && rates.freeze > 0 ? 45_000 : 8000
/**
 * In which all must be quiet again. Cognite says nothing by itself: each step of a dispute takes a look of 30 s. A job
 * whose worker died is swept away after a quarter of an hour.
 */
export const patienceOf = ({ remote }: Options): number =>
  remote === 'airweave' ? 1_200_000 : remote === 'cognee' ? 600_000 : isCdf(remote) ? 300_000 : 120_000

/** What the command line, or the shrinker, wants otherwise. */
export type Wish = Partial<Omit<Options, 'seed' | 'rates'>> & {
  readonly without?: readonly Family[]
  /** At the greatest rate there is. */
  readonly stressed?: readonly Family[]
}

export function optionsOf(seed: string, wish: Wish = {}): Options {
  const random = randomOf(`${seed}/options`)
  const rates = { ...noRates }
  for (const family of familyNames) {
    const [on, height] = [random(), random()]
    if (on < 0.5) rates[family] = families[family] * height
  }
  const many = random() < 0.3 ? 3 : 2
  const drawn = {
    strategy: pick(random, strategies),
    store: 'memory' as StoreKind,
    remote: random() < 0.7 ? ('files' as const) : pick(random, ['box', 'box', 'purging-box', 'open-box'] as const),
    devices: many,
    tabs: random() < 0.25 ? 2 : 1,
    ops: between(random, 8, 30),
    tree: random() < 0.5,
    settles: random() < 0.6,
    knobs: {
      listing: pick(random, ['full', 'full', 'lean'] as const),
      metadata: pick(random, ['full', 'full', 'lean', 'absent'] as const),
      cursors: pick(random, ['integer', 'integer', 'huge', 'text'] as const),
      errors: pick(random, ['rich', 'rich', 'bare'] as const),
      refusals: pick(random, ['index', 'batch'] as const),
      seenAs: pick(random, ['server', 'browser'] as const),
    },
  }
  const { without = [], stressed = [], ...rest } = wish
  for (const family of stressed) rates[family] = families[family]
  for (const family of without) rates[family] = 0
  const options = { seed, ...drawn, ...rest, rates }
  // Where nothing is guarded, what was run over is in the log and nowhere else.
  if (options.remote === 'open-box') rates.compact = 0
  // These are about devices that the server knows, which Cognite does not.
  if (isCdf(options.remote) || isWork(options.remote)) Object.assign(rates, { forceSync: 0, deviceGone: 0, poison: 0 })
  if (isWork(options.remote)) rates.compact = 0
  // What was purged is forgotten: a request that comes late makes it again, and its own row looks like an old one.
  // Instances are alike: what is not there passes any guard.
  if (options.remote === 'purging-box' || options.remote === 'cdf-instances') rates.late = 0
  // What nobody can change is in conflict with nothing, and has no copies.
  if (options.remote === 'cdf-events' && options.strategy === 'KEEP_BOTH') options.strategy = 'SERVER_WINS'
  const cdf = isCdf(options.remote) ? { cdf: cdfKnobs(seed), plant: plantOf(seed, options.remote) } : {}
  return { ...cdf, ...options, tree: options.tree && options.remote === 'files' }
}

export function planOf(options: Options): readonly Op[] {
  const storm = stormOf(options)
  return Array.from({ length: options.ops }, (_, n) => {
    const random = randomOf(`${options.seed}/op/${n}`)
    return {
      n,
      at: 200 + random() * (storm - 400),
      device: Math.floor(random() * options.devices),
      tab: random() < 0.5 ? 0 : 1,
      kind: kindOf(random, options),
      dice: [random(), random(), random()] as const,
    }
  }).sort((one, other) => one.at - other.at)
}

const onNotes: readonly Kind[] = ['put', 'put', 'put', 'patch', 'patch', 'delete', 'add', 'batch', 'meanwhile', 'read']
const onTree: readonly Kind[] = ['file', 'file', 'folder', 'rename', 'move', 'bytes', 'bytes', 'remove', 'stranger']

const onWork: readonly Kind[] = ['ask', 'ask', 'ask', 'cancel', 'refresh', 'outside', 'outside', 'outside', 'outside']
const onDocuments: readonly Kind[] = [...onWork, 'document', 'document', 'document', 'drop']

function kindOf(random: Random, { tree, strategy, settles, remote, chooses }: Options): Kind {
  if (isWork(remote)) return pick(random, remote === 'cognee' ? onDocuments : onWork)
  if (strategy === 'MANUAL' && settles && random() < 0.15) return 'settle'
  if (chooses && tree && random() < 0.15) return 'choose'
  return tree && random() < 0.45 ? pick(random, onTree) : pick(random, onNotes)
}

/** The rule of the notes. For MERGE: tags by union, everything else by the clock. */
export function ruleOf(strategy: StrategyName): Rule {
  if (strategy !== 'MERGE') return strategy
  return { fields: { tags: 'UNION' }, otherwise: 'LAST_WRITER_WINS', onDelete: 'KEEP_BOTH' }
}

/** One line that says what this seed is like. */
export function describe(options: Options): string {
  const { seed, rates, knobs, cdf, plant, ...rest } = options
  const on = familyNames.filter(name => rates[name] > 0).map(name => `${name} ${rates[name].toPrecision(2)}`)
  const { records, instances, ...others } = cdf ?? {}
  const own = { ...others, ...(rest.remote === 'cdf-instances' ? instances : records), ...plant }
  const words = Object.entries({ ...rest, ...(cdf ? own : isWork(rest.remote) ? {} : knobs) }).map(
    ([name, value]) => `${name}=${value}`,
  )
  return `seed ${seed}: ${words.join(' ')}; faults: ${on.join(', ') || 'none'}`
}
