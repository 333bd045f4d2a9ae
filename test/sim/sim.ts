/** One run: the world, a server, devices with their tabs, and what everybody did. */
import type { Value } from '../../src/model.ts'
import type { Schema } from '../../src/schema.ts'
import type { Transport } from '../../src/transport.ts'
import type { Db, Open } from './app.ts'
import { type Deed, observed } from './eyes.ts'
import { type Faults, faultsOf } from './faults.ts'
import type { Owner } from './heap.ts'
import { type History, historyOf } from './history.ts'
import { type Network, networkOf } from './network.ts'
import type { Options } from './plan.ts'
import { type Machine, machineOf, platformOf } from './platform.ts'
import { type Server, serverOf } from './server.ts'
import { type Disk, memoryDiskOf } from './stores.ts'
import { type Witness, witnessOf } from './witness.ts'
import { type World, worldOf } from './world.ts'

export interface Tab {
  readonly name: string
  readonly device: Device
  owner: Owner
  db: Db | undefined
  lives: number
  /** What its app last saw of the engine, and when it asked. */
  seen:
    | {
        readonly at: number
        readonly phase: string
        readonly open: number
        readonly stopped: number
        /** Jobs that have not ended. */
        readonly works: number
        readonly why: string
      }
    | undefined
}

export interface Device {
  readonly name: string
  readonly machine: Machine
  readonly disk: Disk
  readonly witness: Witness
  readonly tabs: Tab[]
  /** Writes are made on its record as soon as its next request is under way. */
  armed: (() => void)[]
  /** When its site data was cleared. */
  wipedAt: number | undefined
}

export interface Sim {
  readonly world: World
  readonly options: Options
  readonly faults: Faults
  readonly network: Network
  readonly server: Server
  readonly devices: Device[]
  readonly history: History
  readonly engine: Engine
  /** Called with each transaction that is about to commit. */
  readonly deeds: ((device: Device, deed: Deed) => void)[]
  /** Tabs whose users are in the middle of something. */
  readonly busy: Set<Owner>
  /** The part of the world that is neither device nor network. */
  readonly fate: Owner
  readonly stats: {
    boundaries: number
    acked: number
    refused: number
    skipped: number
    crashes: number
    reads: number
    statuses: number
  }
}

/** What is under test, loaded late so that deliberate breaks can be put in. */
export interface Engine {
  readonly open: Open
  readonly schema: (options: Options) => Schema
  /** `life`: how often this tab was loaded. */
  readonly transport: (options: Options, token: () => string, life: number) => Transport
  /** The name of what is added to an immutable stream. */
  readonly eventId: (named: { readonly space: string; readonly externalId: string }, value: Value) => string
  readonly idbDisk: (world: World, faults: Faults, name: string) => Disk
}

export function simOf(options: Options, engine: Engine, trace: boolean): Sim {
  const world = worldOf(options.seed, trace)
  const faults = faultsOf(world, options.rates)
  const server = serverOf(world, options)
  const network = networkOf(world, faults, server.remote)
  const sim: Sim = {
    world,
    options,
    faults,
    network,
    server,
    devices: [],
    history: historyOf(),
    engine,
    deeds: [],
    busy: new Set(),
    fate: world.owner('fate'),
    stats: { boundaries: 0, acked: 0, refused: 0, skipped: 0, crashes: 0, reads: 0, statuses: 0 },
  }
  for (let n = 0; n < options.devices; n++) addDevice(sim, `d${n + 1}`, n === 0 ? options.tabs : 1)
  return sim
}

export function addDevice(sim: Sim, name: string, tabs: number): Device {
  const { world, faults, options } = sim
  const year = 365 * 86_400_000
  const skew = faults.happens('skew', name) ? Math.floor((world.dice('skewed', name) * 2 - 1) * year) : 0
  const machine = machineOf(name, skew)
  const device: Device = {
    name,
    machine,
    witness: witnessOf(world, options, machine, sim.network),
    disk: options.store === 'memory' ? memoryDiskOf(world, faults, name) : sim.engine.idbDisk(world, faults, name),
    tabs: [],
    armed: [],
    wipedAt: undefined,
  }
  for (let n = 0; n < tabs; n++) {
    const tab = `${name}${'ab'[n]}`
    device.tabs.push({ name: tab, device, owner: world.owner(tab), db: undefined, lives: 0, seen: undefined })
  }
  sim.devices.push(device)
  for (const tab of device.tabs) start(sim, tab, 0)
  return device
}

/** A page load. Opening is tried again as an app would, when the disk said no. */
export function start(sim: Sim, tab: Tab, delay: number): void {
  const { world, engine, options, network } = sim
  const owner = world.owner(tab.name)
  tab.owner = owner
  tab.db = undefined
  tab.lives++
  const platform = platformOf(world, tab.device.machine, owner, network)
  const eyes = tab.device.witness.eyes(owner)
  const seeing = {
    ...eyes,
    done(deed: Deed) {
      sawBytes(sim, tab.device.name, deed)
      for (const hear of sim.deeds) hear(tab.device, deed)
      eyes.done(deed)
    },
  }
  const attempt = () => {
    engine
      .open({
        store: observed(tab.device.disk.driver(owner), 'tree', seeing),
        schema: engine.schema(options),
        remotes: { drive: engine.transport(options, () => sim.server.token(), tab.lives) },
        platform,
        device: { name: tab.device.name },
        onMassDelete: 'allow',
      })
      .then(
        db => {
          tab.db = db
        },
        (error: unknown) => {
          const code = codeOf(error)
          if (code.startsWith('storage-')) world.post(owner, 300, 'open again', attempt)
          else world.fail('open', text(error))
        },
      )
  }
  world.post(owner, delay, 'open', attempt)
}

/** Bytes are written in one call, so only the disk knows what they replaced. */
function sawBytes({ history }: Sim, by: string, { records }: Deed): void {
  for (const { collection, before, after } of records) {
    const token = collection === 'tree' ? history.bytes.get(String(after.value?.sha256)) : undefined
    const write = history.writes.find(one => one.value === token && one.by === by)
    if (write === undefined || history.placed.has(write) || before?.value?.sha256 === after.value?.sha256) continue
    const sha256 = before?.value?.sha256
    history.placed.add(write)
    write.over = typeof sha256 === 'string' ? (history.bytes.get(sha256) ?? null) : null
  }
}

export function crash(sim: Sim, tab: Tab): void {
  if (tab.owner.state === 'dead') return
  sim.stats.crashes++
  sim.world.note(`${tab.name} crashes`)
  sim.world.crash(tab.owner)
  tab.db = undefined
  tab.seen = undefined
}

export const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : 'unknown'

export const text = (error: unknown): string =>
  error instanceof Error ? (error.stack ?? error.message) : String(error)
