/** All remotes of one store, worked on while this context leads. */
import { SyncError } from '../errors.ts'
import { clockRow, identify, identityOf, isWiped } from '../ledger/identity.ts'
import type { Device, Json } from '../model.ts'
import type { Platform } from '../platform.ts'
import type { Resolver } from '../resolver.ts'
import type { Schema } from '../schema.ts'
import { misfit } from '../schema.ts'
import type { Space, Store } from '../store.ts'
import type { Notice, Source, Transport } from '../transport.ts'
import { call } from './call.ts'
import type { State } from './cycle.ts'
import type { Clock, Ground, MassDelete, Place } from './ground.ts'
import { mustLead } from './ground.ts'
import { lead } from './lead.ts'
import type { Loop } from './loop.ts'
import { runLoop } from './loop.ts'
import { keepTidy } from './tidy.ts'
import { runTransfers, type Transfers } from './transfers.ts'

export interface EngineOptions {
  readonly store: Store
  readonly name: string
  readonly schema: Schema
  readonly remotes: { readonly [remote: string]: Transport }
  readonly platform: Platform
  readonly resolver: Resolver
  readonly device: Device
  readonly clock: Clock & { offset(): number }
  readonly onMassDelete: MassDelete
  /** How long an automatic verdict can be undone, in milliseconds. */
  readonly keep: number
  /** Called when something changed that the store does not tell: a phase, a notice. */
  report(): void
}

export interface Engine {
  /** Whether this context leads, and how far it is with a remote. */
  state(remote: string): {
    readonly leads: boolean
    readonly state?: State
    readonly nudged: boolean
    readonly stuck: number
    readonly notices: readonly Notice[]
  }
  urgent(remote?: string): void
  resume(remote: string): void
  /** Why a remote cannot be asked for this job at all; see `Jobs.refuses`. */
  refuses(remote: string, request: Json): string | undefined
  /** What the API of a remote answers; see `call.ts`. */
  call(remote: string, name: string, request: unknown): Promise<unknown>
  stop(): Promise<void>
}

const mostNotices = 100
/** What the app writes when it wants something of a remote. */
const heard: readonly Space[] = ['queue', 'jobs']

export function startEngine(options: EngineOptions): Engine {
  const { store, platform, schema, remotes } = options
  const end = new AbortController()
  let device = options.device
  let places = placesOf(options)
  const notices = new Map<string, Notice[]>()
  let loops = new Map<string, Loop>()
  let transfers = new Map<string, Transfers>()

  const ground = (remote: string, transport: Transport, epoch: number, signal: AbortSignal): Ground => ({
    ...options,
    device,
    remote,
    transport,
    epoch,
    signal,
    places: places.get(remote)!,
    misfit: (collection, value) => misfit(schema.collections[collection] ?? {}, value),
    notice(notice) {
      notices.set(remote, [...(notices.get(remote) ?? []), notice].slice(-mostNotices))
      options.report()
    },
  })

  async function work(epoch: number, lost: AbortSignal): Promise<void> {
    await recognise(epoch)
    const grounds = Object.entries(remotes).map(
      ([remote, transport]) => [remote, ground(remote, transport, epoch, lost)] as const,
    )
    loops = new Map(grounds.map(([remote, on]) => [remote, runLoop(on, options.report)]))
    // Once its bytes are there, the change that names them goes.
    const carried = (remote: string) => () => {
      options.report()
      loops.get(remote)?.bell.changed()
    }
    transfers = new Map(grounds.map(([remote, on]) => [remote, runTransfers(on, carried(remote))]))
    const unwatch = store.watch(touched => {
      const changed = (...spaces: readonly Space[]) =>
        touched.length === 0 || touched.some(({ space }) => space === undefined || spaces.includes(space))
      if (changed(...heard)) for (const { bell } of loops.values()) bell.changed()
      if (changed('queue', 'meta')) for (const { ring } of transfers.values()) ring(false)
    })
    const unwake = platform.wakes(() => urgent())
    const keeping = [keepClock(options, lost), keepTidy(options, epoch, lost)]
    await Promise.all([...loops.values(), ...transfers.values()].map(({ done }) => done).concat(keeping))
    unwatch()
    unwake()
    loops = new Map()
    transfers = new Map()
    options.report()
  }

  function urgent(remote?: string): void {
    for (const [name, { bell }] of loops) if (remote === undefined || name === remote) bell.urgent()
    for (const [name, { ring }] of transfers) if (remote === undefined || name === remote) ring(true)
  }

  /** A store that was emptied while it was open is another device, like one that is found empty (I10). */
  async function recognise(epoch: number): Promise<void> {
    const { device: id } = await store.write({ records: [], rows: ['meta', 'checkpoints', 'private'] }, async tx => {
      await mustLead({ epoch }, tx)
      if (await isWiped(tx, options.device.id))
        throw new SyncError('closed', 'This store was emptied for good: open it again.')
      const lastSeen = { mark: { device: device.id, opened: 0 } }
      const make = () => ({ device: platform.uuid(), createdAt: platform.now() })
      return (await identityOf(tx)) ?? identify(tx, lastSeen, make)
    })
    if (id === device.id) return
    device = { ...device, id }
    places = placesOf({ ...options, device })
  }

  const leading = lead({ store, platform, name: options.name, signal: end.signal }, work)

  return {
    state(remote) {
      const loop = loops.get(remote)
      const noticed = notices.get(remote) ?? []
      return loop === undefined
        ? { leads: false, nudged: false, stuck: 0, notices: noticed }
        : { leads: true, ...loop.state(), notices: noticed }
    },
    urgent,
    resume(remote) {
      loops.get(remote)?.bell.resume()
      transfers.get(remote)?.ring(true)
    },
    refuses(remote, request) {
      const jobs = remotes[remote]?.jobs
      return jobs === undefined ? `${remote} does not work on jobs.` : jobs.refuses?.(request)
    },
    async call(remote, name, request) {
      const transport = remotes[remote]
      if (transport === undefined) throw new SyncError('unsupported', `There is no remote "${remote}".`)
      return call(ground(remote, transport, 0, end.signal), name, request)
    },
    async stop() {
      end.abort()
      await leading
    },
  }
}

/** The offset of this clock survives a restart, so that an offline session begins with it. */
async function keepClock(on: EngineOptions, lost: AbortSignal): Promise<void> {
  let kept = on.clock.offset()
  while (!lost.aborted) {
    await on.platform.sleep(10_000, lost).catch(() => {}) // stopped: the loop sees it
    const offset = on.clock.offset()
    if (lost.aborted || offset === kept) continue
    kept = offset
    await on.store
      .write({ records: [], rows: ['meta'] }, tx => tx.rows('meta').putMany([clockRow(offset)]), {
        durability: 'relaxed',
      })
      .catch(() => {}) // the next change of the offset is kept
  }
}

function placesOf({ schema, remotes, device, keep }: EngineOptions): Map<string, Map<string, Place>> {
  const all = new Map<string, Map<string, Place>>()
  for (const remote of Object.keys(remotes)) all.set(remote, new Map())
  for (const [collection, definition] of Object.entries(schema.collections)) {
    const { remote, source: named, conflicts } = definition
    if (remote === undefined) continue
    const sourceName = named ?? collection
    const source: Source = remotes[remote]!.sources[sourceName]!
    const rule = conflicts ?? 'LAST_WRITER_WINS'
    const { guard, settles } = remotes[remote]!.push ?? {}
    const how = {
      ...(guard === 'none' && { unguarded: true as const }),
      ...(settles?.[sourceName] !== undefined && { settles: true as const }),
    }
    all.get(remote)!.set(sourceName, { collection, remote, source, sourceName, rule, device, keep, ...how })
  }
  return all
}
