/**
 * Real processes on real connections, and everything that can go wrong with them: devices and server are killed and started
 * again, connections are cut, requests are held up, sent twice or answered for nobody, answers end early, cursors expire.
 * In the end all is quiet, and every device must hold what the server holds, asked by plain HTTP.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { patiently } from '../browser/harness/patiently.ts'
import type { Act, App, Done, Held } from './app.ts'
import { type Account, start } from './devices.ts'
import { type Fate, proxy, type Seen, type Wire } from './proxy.ts'
import type { ServerOrders } from './server.ts'
import { look } from './view.ts'

/** A device as the plan has it: started on a store that outlives it, and killed at any moment. */
export interface Place {
  readonly name: string
  start(account: Account): Promise<Running>
  end(): Promise<void>
}

export interface Running {
  readonly app: Omit<App, 'close'>
  kill(): Promise<void>
}

export interface Plan {
  readonly seed: number
  /** Acts of users, over all devices. */
  readonly acts: number
  readonly places: readonly Place[]
  readonly say?: (line: string) => void
}

export interface Toll {
  acts: number
  acknowledged: number
  requests: number
  readonly faults: { [fault: string]: number }
  files: number
  folders: number
  conflicts: number
  /** Seconds from the last fault until all were quiet. */
  quiet: number
}

/** How long everybody may take to be quiet in the end, in milliseconds. */
const patience = 240_000

export async function chaos({ seed, acts, places, say = () => {} }: Plan): Promise<Toll> {
  const random = randomOf(seed)
  const chance = (share: number) => random() < share
  const below = (most: number) => Math.floor(random() * most)
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-chaos-'))
  const toll: Toll = { acts: 0, acknowledged: 0, requests: 0, faults: {}, files: 0, folders: 0, conflicts: 0, quiet: 0 }
  const count = (fault: string) => {
    toll.faults[fault] = (toll.faults[fault] ?? 0) + 1
  }

  const startServer = () =>
    start<ServerOrders>(new URL('./server.ts', import.meta.url), { db: join(folder, 'server.sqlite') })
  let server = await startServer()
  let url = await server.orders.url()
  const account = await server.orders.account()
  let calm = false

  const players = await Promise.all(
    places.map(async place => {
      const player = { place, offline: false, running: undefined as Running | undefined, busy: Promise.resolve() }
      const wire = await proxy(
        () => url,
        seen => (calm ? {} : fateOf(seen, player.offline)),
      )
      return Object.assign(player, { wire })
    }),
  )
  type Player = (typeof players)[number]
  const begin = async (player: Player) => {
    player.running = await player.place.start({ ...account, url: player.wire.url })
  }

  function fateOf({ method, path }: Seen, offline: boolean): Fate {
    if (offline) return { cut: 'before' }
    const after = chance(0.15) ? new Promise(resolve => setTimeout(resolve, below(300))) : undefined
    const held = after === undefined ? {} : { after }
    const [name, fate] = (
      [
        ['nothing', {}],
        ['cut before', { cut: 'before' }],
        ['cut after', { cut: 'after' }],
        ['twice', { twice: true }],
        ['truncated', { truncate: below(path.includes('/download/') ? 2_000_000 : 400) }],
      ] as const
    )[chance(0.2) ? 1 + below(4) : 0]!
    if (name !== 'nothing') count(name)
    if (after !== undefined) count('delayed')
    // A page of another origin asks first; that is no request of the device's.
    return method === 'OPTIONS' ? held : { ...held, ...fate }
  }

  /** By what was written: whether it was seen and replaced, or deleted, on the device that wrote it. */
  const written = new Map<string, { readonly by: string; over: boolean }>()
  function file(by: string, { wrote, over, refused }: Done): void {
    if (refused === undefined) toll.acknowledged++
    for (const one of over) {
      const before = written.get(one)
      if (before?.by === by) before.over = true
    }
    if (wrote !== undefined) written.set(wrote, { by, over: false })
  }

  async function act(player: Player, n: number): Promise<void> {
    const act: Act = {
      act: kinds[below(kinds.length)]!,
      at: below(1_000),
      into: below(1_000),
      name: `${player.place.name}-${n}`,
      seed: n,
      size: chance(0.06) ? 1_000_000 + below(2_000_000) : 50 + below(2_000),
    }
    toll.acts++
    const { running } = player
    // A device that is killed meanwhile has acknowledged nothing.
    const done = await running?.app.act(act).catch(error => {
      if (player.running === running) throw error
    })
    if (done !== undefined) file(player.place.name, done)
    // After failures the engine makes pauses: a user who asks, or a network that comes back, ends them.
    if (chance(0.5)) await player.running?.app.hurry().catch(() => {}) // killed meanwhile
  }

  async function crash(player: Player): Promise<void> {
    count('device killed')
    const { running } = player
    player.running = undefined
    await running?.kill()
    await new Promise(resolve => setTimeout(resolve, below(300)))
    await begin(player)
  }

  async function restartServer(): Promise<void> {
    count('server killed')
    await server.kill()
    await new Promise(resolve => setTimeout(resolve, below(800)))
    server = await startServer()
    url = await server.orders.url()
  }

  async function offlineFor(player: Player, ms: number): Promise<void> {
    count('offline')
    player.offline = true
    player.wire.sever()
    await new Promise(resolve => setTimeout(resolve, ms))
    player.offline = false
  }

  const view = () => look({ ...account, url })
  try {
    await Promise.all(players.map(begin))
    const going = new Set<Promise<unknown>>()
    let failure: unknown
    const go = (work: Promise<unknown>) => {
      const watched = work
        .catch(error => {
          failure ??= error
        })
        .finally(() => going.delete(watched))
      going.add(watched)
    }
    /** One thing after the other on each device. */
    const inTurn = (player: Player, work: () => Promise<void>) => {
      player.busy = player.busy.then(work)
      go(player.busy)
    }
    let serverBusy = Promise.resolve()
    for (let n = 0; n < acts && failure === undefined; n++) {
      const player = players[below(players.length)]!
      inTurn(player, () => act(player, n))
      if (chance(0.03)) inTurn(player, () => crash(player))
      if (chance(0.04)) go(offlineFor(player, below(2_000)))
      if (chance(0.04)) {
        count('severed')
        player.wire.sever()
      }
      if (n % 40 === 25 || chance(0.01)) {
        serverBusy = serverBusy.then(restartServer)
        go(serverBusy)
      }
      if (n % 50 === 40) {
        serverBusy = serverBusy.then(async () => {
          count('cursors expired')
          await server.orders.compact()
          await server.orders.forceSync()
        })
        go(serverBusy)
      }
      await new Promise(resolve => setTimeout(resolve, below(300)))
      while (going.size > 12) await Promise.race(going)
    }
    await Promise.all(going)
    if (failure !== undefined) throw failure

    say('everything is well from now on')
    calm = true
    const healed = performance.now()
    const tree = await settled(players, view, say)
    toll.quiet = Math.round((performance.now() - healed) / 100) / 10
    await everyByte(players, tree)
    const inboxes = (await Promise.all(players.map(({ running }) => running!.app.inbox()))).flat()
    toll.conflicts = inboxes.length
    toll.requests = players.reduce((all, { wire }) => all + wire.seen.length, 0)
    toll.files = tree.filter(({ kind }) => kind === 'file').length
    toll.folders = tree.length - toll.files
    const said = new Set(await server.orders.history())
    const lost = [...written].filter(
      ([one, { over }]) => !over && !said.has(one) && !inboxes.some(entry => entry.includes(one)),
    )
    if (lost.length > 0) throw new Error(`Acknowledged, and neither there nor in an inbox: ${lost.map(String)}`)
    return toll
  } catch (error) {
    throw new Error(`Seed ${seed}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  } finally {
    await Promise.all(players.map(({ running }) => running?.kill()))
    await Promise.all(players.map(({ place, wire }) => Promise.all([place.end(), wire.close()])))
    await server.kill()
    rmSync(folder, { recursive: true, force: true })
  }
}

const kinds = ['folder', 'file', 'file', 'file', 'edit', 'edit', 'edit', 'rename', 'move', 'delete', 'fetch'] as const

interface Playing {
  readonly place: Place
  readonly wire: Wire
  readonly running: Running | undefined
}

/** Waits until every device says that it is in step, and is. */
async function settled(
  players: readonly Playing[],
  view: () => Promise<Held[]>,
  say: (line: string) => void,
): Promise<Held[]> {
  const apps = players.map(({ running }) => running!.app)
  let last = ''
  let behind = ''
  for (const app of apps) await app.hurry()
  try {
    return await patiently(
      'all devices to hold what the server holds',
      async () => {
        const statuses = await Promise.all(apps.map(app => app.status()))
        const said = last
        last = JSON.stringify(
          statuses.map(({ phase, pending, held, asked, reason }) => [phase, pending, held, asked, reason]),
        )
        if (last !== said) say(last)
        if (statuses.some(({ phase }) => phase !== 'synced')) return false
        const there = await view()
        const wanted = textOf(there)
        for (const [at, app] of apps.entries()) {
          const here = textOf(await app.held())
          if (here === wanted) continue
          behind = `${players[at]!.place.name} holds\n${here}\nand the server\n${wanted}`
          return false
        }
        return there
      },
      { within: patience, every: 200 },
    )
  } catch (error) {
    const outboxes = await Promise.all(apps.map(app => app.outbox()))
    throw new Error(`${(error as Error).message}\n${last}\n${behind}\n${outboxes.flat().join('\n')}`)
  }
}

const textOf = (entries: readonly Held[]): string =>
  entries
    .map(({ id, path, kind, sha256 = '' }) => `${path} ${kind} ${id} ${sha256}`)
    .sort()
    .join('\n')

/** What each device says to be the bytes of a file has the hash that the server says (I28). */
async function everyByte(players: readonly Playing[], tree: readonly Held[]): Promise<void> {
  const wanted = new Map(tree.flatMap(({ id, sha256 }) => (sha256 === undefined ? [] : [[id, sha256]])))
  for (const { place, running } of players) {
    const bytes = new Map(await running!.app.bytes())
    for (const [id, sha256] of wanted) {
      if (bytes.get(id) !== sha256) throw new Error(`The bytes of ${id} on ${place.name} are not those of the server.`)
    }
  }
}

/** sfc32: small, fast, and the same everywhere. */
function randomOf(seed: number): () => number {
  let [a, b, c, d] = [seed, seed ^ 0x9e3779b9, 0x243f6a88, 1]
  const next = () => {
    const t = (a + b + d) | 0
    d = (d + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = ((c << 21) | (c >>> 11)) + t
    return (t >>> 0) / 2 ** 32
  }
  for (let at = 0; at < 12; at++) next()
  return next
}
