/** What is known of one device's store from what its tabs read and put, and what must hold of each transaction. */
import { isCdf } from './cdf.ts'
import type { Deed, Eyes } from './eyes.ts'
import type { Owner } from './heap.ts'
import { nameOfEvent } from './history.ts'
import type { Network } from './network.ts'
import type { Options } from './plan.ts'
import type { Machine } from './platform.ts'
import { isPull, placeOf } from './routes.ts'
import type { World } from './world.ts'

/** How long a change that is marked as sent may leave, in milliseconds, and how old the last look before it may be. */
const sentFor = 60_000
export const patience = 1_000
/** After that, deletions may be forgotten at Cognite: two and a half days, in milliseconds (I30, I31). */
const tooOld = 60 * 3_600_000

export interface Witness {
  readonly eyes: (owner: Owner) => Eyes
  /** The epoch with which this context leads, or led. */
  readonly epochOf: (owner: Owner) => number | undefined
  /** Since when a later epoch than this one is known to be in the store. */
  readonly followedAt: (epoch: number) => number | undefined
  /** Until when what this context has marked may leave, in virtual milliseconds. */
  readonly markedUntil: (owner: Owner) => number | undefined
  /** It has marked changes and has not sent them yet. */
  readonly poised: Set<Owner>
  /** Every position of the remote's log that was committed. */
  readonly positions: ReadonlySet<string>
  /** The store is gone, and with it all that was in it. */
  readonly forget: () => void
}

interface CheckpointSeen {
  readonly cursor?: {
    readonly at?: unknown
    readonly head?: unknown
    readonly cursor?: unknown
    readonly cursors?: unknown
    /** When Cognite gave it out, to the hour. */
    readonly since?: number
  }
}
interface MarkSeen {
  readonly state?: string
  readonly deadline?: number
}
interface LeaderSeen {
  readonly epoch: number
}

/** Part of the log as the remote showed it: what lies between two positions. */
interface Stretch {
  /** When it was shown, by the server's clock. */
  readonly at: number
  readonly to: string
  readonly ids: readonly string[]
}

type Shown = Omit<Stretch, 'at'>

export function witnessOf(world: World, options: Options, machine: Machine, network: Network): Witness {
  const epochs = new Map<Owner, number>()
  const marks = new Map<Owner, number>()
  const poised = new Set<Owner>()
  const positions = new Set<string>()
  const stretches = new Map<string, Stretch[]>()
  let takeovers: { readonly epoch: number; readonly at: number }[] = []
  let met = new Set<string>()
  /** Its last look was a bad request to the remote: perhaps because of the cursor. */
  let refused = false
  /** The last move of the cursor, with what was met for it: a commit that fails leaves the cursor where it was. */
  let moving: { readonly from: string | undefined; readonly met: ReadonlySet<string> } | undefined

  const newest = () => takeovers.at(-1)?.epoch ?? 0

  function found({ space, key, row }: Deed['found'][number]): void {
    if (space === 'checkpoints') note(row as CheckpointSeen)
    if (space !== 'meta' || key[0] !== 'leader') return
    const { epoch } = row as LeaderSeen
    if (epoch > newest()) takeovers.push({ epoch, at: world.elapsed() })
  }

  function note({ cursor }: CheckpointSeen): void {
    const at = positionOf(cursor)
    if (at !== undefined) positions.add(at)
  }

  function done(owner: Owner, deed: Deed): void {
    for (const { space, key, row } of deed.put) {
      if (space === 'meta' && key[0] === 'leader' && (row as LeaderSeen).epoch > (epochs.get(owner) ?? 0))
        epochs.set(owner, (row as LeaderSeen).epoch)
    }
    if (!ofEngine(deed)) return
    const epoch = epochs.get(owner) ?? 0
    if (epoch < newest())
      world.fail('I17', `${owner.name} commits with epoch ${epoch}, and the store is at ${newest()}`)
    const marked = deed.put.flatMap(({ space, row }) => (space === 'outbox' && isMark(row) ? [row as MarkSeen] : []))
    for (const { deadline = 0 } of marked) {
      const left = Math.min(sentFor, deadline - world.now() - machine.skew)
      marks.set(owner, world.elapsed() + left)
      poised.add(owner)
    }
    moved(deed)
  }

  /** I2: the cursor moves along what the remote showed, and never past a row that was not met on the way. */
  function moved(deed: Deed): void {
    const [before] = deed.found.filter(({ space }) => space === 'checkpoints')
    const after = deed.put.findLast(({ space }) => space === 'checkpoints')
    if (after === undefined) return
    const [from, to] = [before, after].map(seen => positionOf((seen?.row as CheckpointSeen | undefined)?.cursor))
    note(after.row)
    if (moving !== undefined && moving.from === from) for (const id of moving.met) met.add(id)
    if (from !== undefined) for (const id of deed.met) met.add(nameOfEvent(id))
    moving = undefined
    if (from === to) return
    if (to === undefined) forgotten(before?.row as CheckpointSeen)
    else if (from !== undefined) mustBeYoung(before?.row as CheckpointSeen, from)
    if (from !== undefined && to !== undefined) {
      const law = to.startsWith('{') ? 'I2m' : 'I2'
      if (!leads(from, to, () => true)) world.fail(law, `${machine.name}: the cursor went from ${from} to ${to}`)
      else if (!leads(from, to, ids => ids.every(id => met.has(id) || mayPass(id)))) {
        const passed = [...stretches.get(from)!].flatMap(({ ids }) => ids.filter(id => !met.has(id) && !mayPass(id)))
        world.fail('I2', `${machine.name}: the cursor went from ${from} to ${to} without ${passed.join(', ')}`)
      }
    }
    moving = { from, met }
    met = new Set()
  }

  /** A device that has a part of the tree passes over the rest of it. */
  const mayPass = (id: string): boolean => options.chooses === true && id.startsWith('tree/')

  /** I11: a place is given up when the remote knows it no more, when it is too old, or when it belongs to another question. */
  function forgotten({ cursor }: CheckpointSeen): void {
    if (!isCdf(options.remote) || options.plant?.requery || refused) return
    if (world.now() - (cursor?.since ?? 0) <= tooOld)
      world.fail('I11', `${machine.name} starts over although nothing made its cursor invalid`)
  }

  /** I30, I31: what lies behind a place that is too old may lack deletions. An immutable stream has none. */
  function mustBeYoung({ cursor }: CheckpointSeen, from: string): void {
    const { remote, plant } = options
    if (!isCdf(remote) || remote === 'cdf-events' || plant?.accepts || cursor?.since === undefined) return
    const { since } = cursor
    if ((stretches.get(from) ?? []).every(({ at }) => at - since > tooOld + 1000))
      world.fail(remote === 'cdf-records' ? 'I30' : 'I31', `${machine.name} goes on from a place that is too old`)
  }

  function leads(from: string, to: string, may: (ids: readonly string[]) => boolean): boolean {
    const reached = new Set([from])
    for (const at of reached)
      for (const stretch of stretches.get(at) ?? []) if (may(stretch.ids)) reached.add(stretch.to)
    return reached.has(to)
  }

  network.onAnswer.push(sending => {
    const { machine: by, status, answer } = sending
    if (by !== machine.name || !isPull(sending)) return
    const from = placeOf(sending)
    refused = status === 400
    if (from === undefined) return
    if (status !== 200 || answer === undefined) return
    const read = isCdf(options.remote) ? cdfStretchOf : stretchOf
    const stretch = read(options, new TextDecoder().decode(answer))
    stretches.set(from, [...(stretches.get(from) ?? []), { ...stretch, at: sending.wall }])
  })

  return {
    eyes: owner => ({ found, done: deed => done(owner, deed) }),
    epochOf: owner => epochs.get(owner),
    followedAt: epoch => takeovers.find(one => one.epoch > epoch)?.at,
    markedUntil: owner => marks.get(owner),
    poised,
    positions,
    forget() {
      takeovers = []
      met = new Set()
      moving = undefined
      positions.clear()
    },
  }
}

const isMark = (row: MarkSeen): boolean => row.state === 'sent' && row.deadline !== undefined

/** Only the leader moves a checkpoint, keeps a transport's rows, or marks what it is about to send. */
const ofEngine = ({ put, gone }: Deed): boolean =>
  put.some(({ space, row }) => space === 'checkpoints' || space === 'private' || (space === 'outbox' && isMark(row))) ||
  gone.some(({ space }) => space === 'private')

function positionOf(cursor: CheckpointSeen['cursor']): string | undefined {
  const at = cursor?.at ?? cursor?.head ?? cursor?.cursor
  if (at !== undefined) return String(at)
  // Cursors of several sets are a place together only (I2m).
  return cursor?.cursors === undefined ? undefined : JSON.stringify(cursor.cursors)
}

interface AnswerSeen {
  readonly cursor: unknown
  readonly rows?: readonly { readonly id: string }[]
  readonly changes?: readonly {
    readonly resource_type: string
    readonly resource_id: string
    readonly old_path?: string | null
    readonly new_path?: string | null
  }[]
}

function stretchOf({ tree, knobs }: Options, text: string): Shown {
  // Positions may be greater than what a number can say.
  const exact = (key: string, value: unknown, { source }: { source?: string }) =>
    key === 'cursor' && typeof value === 'number' ? source : value
  const { cursor, rows = [], changes = [] } = JSON.parse(text, exact as never) as AnswerSeen
  // A row that does not say all is looked up, and may be gone by then.
  const entries = tree && knobs.metadata === 'full' ? changes : []
  const ids = entries
    .filter(one => one.resource_type !== 'share' && !/^\/notes(\/|$)/.test(one.new_path ?? one.old_path ?? '/'))
    .map(one => `tree/${one.resource_id}`)
  return { to: String(cursor), ids: [...rows.map(({ id }) => `notes/${id}`), ...ids] }
}

interface CdfAnswerSeen {
  readonly nextCursor: unknown
  readonly items: readonly CdfItem[] | { readonly [set: string]: readonly CdfItem[] }
}
interface CdfItem {
  readonly space: string
  readonly externalId: string
}

function cdfStretchOf({ remote }: Options, text: string): Shown {
  const { nextCursor, items } = JSON.parse(text) as CdfAnswerSeen
  const sets = Array.isArray(items) ? { notes: items as readonly CdfItem[] } : (items as { [set: string]: CdfItem[] })
  const to = typeof nextCursor === 'string' ? nextCursor : JSON.stringify(nextCursor)
  const mark = remote === 'cdf-events' ? ':*:' : ':'
  const named = ([set, rows]: [string, readonly CdfItem[]]) =>
    rows.map(({ space, externalId }) => `${set}/${space}${mark}${externalId}`)
  return { to, ids: Object.entries(sets).flatMap(named) }
}
