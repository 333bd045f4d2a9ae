/**
 * The self-test of the harness: an engine of one screen against a server of half a screen, and the same engine with
 * bugs planted in it. The right one passes every seed; each bug is found within its seeds.
 */
import { pathToFileURL } from 'node:url'
import type { Owner } from './heap.ts'
import { type Entry, judge, type Write } from './oracle.ts'
import { randomOf } from './random.ts'
import { type World, worldOf } from './world.ts'

const bugs = {
  none: undefined,
  noop: 'I12',
  ackEarly: 'I1',
  ackByKey: 'I1',
  clobber: 'I1',
  silentLoser: 'I5',
  baseAtPush: 'I5',
  blindRetry: 'I4',
  cursorFirst: 'I3',
} as const
export type Bug = keyof typeof bugs

interface Row {
  readonly value: string
  readonly version: number
  readonly change: string
}
interface Waiting {
  readonly value: string
  readonly base: number
  readonly change: string
  readonly sent: boolean
  readonly after?: { readonly value: string; readonly change: string }
}
interface Disk {
  rows: Map<string, { value: string; version: number }>
  out: Map<string, Waiting>
  cursor: number
  inbox: Entry[]
}
interface Server {
  rows: Map<string, Row>
  log: string[]
}

export async function toySeed(seed: string, bug: Bug): Promise<{ failures: { invariant: string }[]; trace: number }> {
  const world = worldOf(seed)
  const plan = world.stream('plan')
  const server: Server = { rows: new Map(), log: [] }
  const writes: Write[] = []
  const devices = ['d1', 'd2'].map(name => ({ name, disk: emptyDisk(), owner: world.owner(name), busy: false }))
  const net = world.owner('net')
  let faults = true
  let n = 0
  for (const device of devices) start(world, device)

  function start(world: World, device: (typeof devices)[number]) {
    device.owner = world.owner(device.name)
    if (bug !== 'noop') loop(device, device.owner).catch(error => world.fail('bug', String(error)))
  }
  const hop = (owner: Owner, ms = 0.1) => new Promise<void>(done => void world.post(owner, ms, 'hop', done))

  /** All or nothing, and a crash can fall before or after it. */
  async function commit<T>(owner: Owner, disk: Disk, work: (disk: Disk) => T): Promise<T> {
    await hop(owner)
    const result = work(disk)
    await hop(owner)
    return result
  }

  function call<T>(owner: Owner, name: string, work: (server: Server) => T): Promise<T | undefined> {
    return new Promise(done => {
      const [lost, answerLost, twice] = ['lost', 'answer', 'twice'].map(kind => faults && world.dice(kind, n++) < 0.15)
      if (lost) return void world.post(owner, 50, 'lost', () => done(undefined))
      world.post(net, 5 + plan() * 20, name, () => {
        const answer = work(server)
        if (twice) world.post(net, 60, `${name} again`, () => void work(server))
        world.post(owner, 5 + plan() * 20, 'answer', () => done(answerLost ? undefined : answer))
      })
    })
  }

  async function loop(device: (typeof devices)[number], owner: Owner): Promise<void> {
    const { disk, name } = device
    for (let round = 0; ; round++) {
      const from = disk.cursor
      const page = await call(owner, 'pull', remote => ({
        rows: [...new Set(remote.log.slice(from))].map(id => ({ id, ...remote.rows.get(id)! })),
        cursor: remote.log.length,
      }))
      if (page) {
        if (bug === 'cursorFirst') await commit(owner, disk, mine => Object.assign(mine, { cursor: page.cursor }))
        await commit(owner, disk, mine => {
          for (const row of page.rows) land(mine, name, row.id, row)
          mine.cursor = page.cursor
        })
      }
      for (const id of page ? [...disk.out.keys()] : []) {
        const change = `${name}.${round}.${id}`
        const sent = await commit(owner, disk, mine => seal(mine, id, bug === 'blindRetry' ? change : undefined))
        if (!sent) continue
        const answer = await call(owner, 'push', remote => apply(remote, id, sent))
        if (answer) await commit(owner, disk, mine => file(mine, name, id, sent, answer))
        else break
      }
      await hop(owner, 100 + plan() * 100)
    }
  }

  function seal(mine: Disk, id: string, fresh: string | undefined): Waiting | undefined {
    const waiting = mine.out.get(id)
    if (!waiting) return undefined
    const base = bug === 'baseAtPush' ? (mine.rows.get(id)?.version ?? 0) : waiting.base
    const sent = { ...waiting, base, sent: bug !== 'blindRetry' && bug !== 'ackByKey', change: fresh ?? waiting.change }
    mine.out.set(id, sent)
    return sent
  }

  function file(mine: Disk, name: string, id: string, sent: Waiting, answer: { ok: boolean; row: Row }): void {
    const waiting = mine.out.get(id)
    if (!waiting || (waiting.change !== sent.change && bug !== 'ackByKey')) return
    if (answer.ok) settle(mine, id, bug === 'ackByKey' ? { ...waiting, value: sent.value } : waiting, answer.row)
    else land(mine, name, id, answer.row)
  }

  function land(mine: Disk, name: string, id: string, row: Row): void {
    const waiting = mine.out.get(id)
    const held = mine.rows.get(id)
    if (held && held.version >= row.version && (!waiting || waiting.base >= row.version)) return
    if (!waiting || bug === 'clobber') {
      mine.out.delete(id)
      mine.rows.set(id, { value: row.value, version: row.version })
    } else if (row.change === waiting.change) settle(mine, id, waiting, row)
    else if (bug === 'baseAtPush') mine.rows.set(id, { value: held!.value, version: row.version })
    else if (row.version > waiting.base) {
      const loser = waiting.after?.value ?? waiting.value
      const entry = {
        by: name,
        cell: id,
        base: undefined,
        local: loser,
        remote: row.value,
        open: false,
        copy: undefined,
        byUser: false,
      }
      if (bug !== 'silentLoser') mine.inbox.push(entry)
      mine.rows.set(id, { value: row.value, version: row.version })
      mine.out.delete(id)
    }
  }

  function settle(mine: Disk, id: string, waiting: Waiting, row: Row): void {
    mine.out.delete(id)
    if (waiting.after) mine.out.set(id, { ...waiting.after, base: row.version, sent: false })
    mine.rows.set(id, { value: waiting.after?.value ?? row.value, version: row.version })
  }

  function write(device: (typeof devices)[number], id: string, value: string): void {
    const { disk, owner, name } = device
    const entry: Write = { n: writes.length, cell: id, by: name, value, over: null, acked: bug === 'ackEarly' }
    writes.push(entry)
    const work = commit(owner, disk, mine => {
      const held = mine.rows.get(id)
      Object.assign(entry, { over: held?.value ?? null })
      const waiting = mine.out.get(id)
      const change = `${name}/${value}`
      if (waiting?.sent) mine.out.set(id, { ...waiting, after: { value, change } })
      else mine.out.set(id, { value, change, base: waiting?.base ?? held?.version ?? 0, sent: false })
      mine.rows.set(id, { value, version: held?.version ?? 0 })
    })
    work.then(() => Object.assign(entry, { acked: true }))
  }

  for (let op = 0; op < 12; op++) {
    const device = devices[op % 2]!
    world.post(net, plan() * 3000, 'op', () => {
      world.post(device.owner, 0, 'write', () => write(device, `n${Math.floor(plan() * 3)}`, `v${op}`))
    })
  }
  world.before.push(task => {
    const device = devices.find(one => one.owner === task.owner)
    if (!faults || !device || world.dice('crash', world.stats.steps) > 0.004) return
    world.crash(device.owner)
    world.post(net, 30, 'restart', () => start(world, device))
  })
  await world.run(4000)
  faults = false
  const quiet = () =>
    devices.every(({ disk }) => disk.out.size === 0 && disk.cursor === server.log.length) && world.elapsed() > 4500
  await world.run(34_000, quiet)
  if (!quiet()) world.fail('I12', 'not quiet after 30 s')
  const view = (name: string, rows: Map<string, { value: string }>) => ({
    name,
    cells: new Map([...rows].map(([id, row]) => [id, row.value])),
    stopped: new Set<string>(),
  })
  const evidence = {
    writes,
    server: view('server', server.rows),
    replicas: devices.map(({ name, disk }) => view(name, disk.rows)),
    inbox: devices.flatMap(({ disk }) => disk.inbox),
    guarded: true,
    nameless: false,
    shown: new Set<string>(),
    remade: new Set<string>(),
    shownAgain: new Set<string>(),
    unseen: new Set<string>(),
    mistaken: new Set<string>(),
    relived: new Set<string>(),
    overrun: new Set<string>(),
    rule: 'ONE_WINNER' as const,
    revived: new Set<string>(),
  }
  return { failures: [...world.failures, ...judge(evidence)], trace: world.stats.trace }
}

/** A version guard, and the memory of the change that made the current version. */
function apply(remote: Server, id: string, sent: Waiting): { ok: boolean; row: Row } {
  const row = remote.rows.get(id)
  if (row?.change === sent.change) return { ok: true, row }
  if (row && row.version !== sent.base) return { ok: false, row }
  const next = { value: sent.value, version: (row?.version ?? 0) + 1, change: sent.change }
  remote.rows.set(id, next)
  remote.log.push(id)
  return { ok: true, row: next }
}

const emptyDisk = (): Disk => ({ rows: new Map(), out: new Map(), cursor: 0, inbox: [] })

/** Each bug with the seed that found it and what it was found as. */
export async function selfTest(seeds: number): Promise<string[]> {
  const wrong: string[] = []
  const random = randomOf('self-test')
  for (const [bug, expected] of Object.entries(bugs) as [Bug, string | undefined][]) {
    const found = new Map<string, number>()
    for (let seed = 0; seed < seeds; seed++) {
      const { failures, trace } = await toySeed(`toy-${seed}`, bug)
      for (const { invariant } of failures) if (!found.has(invariant)) found.set(invariant, seed)
      if (random() < 0.02 && (await toySeed(`toy-${seed}`, bug)).trace !== trace)
        wrong.push(`${bug}: seed ${seed} differs from itself`)
      if (expected !== undefined && found.has(expected)) break
    }
    console.log(`${bug.padEnd(12)} ${[...found].map(([name, seed]) => `${name} at seed ${seed}`).join(', ') || '-'}`)
    if (expected === undefined ? found.size > 0 : !found.has(expected)) wrong.push(`${bug}: expected ${expected}`)
  }
  return wrong
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const start = performance.now()
  const wrong = await selfTest(Number(process.argv[2] ?? 500))
  for (const line of wrong) console.log(line)
  console.log(`${wrong.length === 0 ? 'ok' : 'FAILED'} in ${Math.round(performance.now() - start)} ms`)
  process.exitCode = wrong.length === 0 ? 0 : 1
}
