/**
 * Random histories of two devices over the fake remote: ledger and queue agree at each step, all ends the same, and what
 * was written is there, was replaced knowingly, or is in an inbox.
 */
import { expect, test } from 'vitest'
import { SyncError } from '../../../src/errors.ts'
import type { Rule, Value } from '../../../src/model.ts'
import type { Store } from '../../../src/store.ts'
import { type Device, deviceOf, mustAgree } from './device.ts'
import { type Fake, type FakeOptions, fakeOf, file, folder, tree, worldOf } from './kit.ts'

const rules: Rule[] = ['LAST_WRITER_WINS', 'KEEP_BOTH', 'SERVER_WINS', 'CLIENT_WINS', 'MERGE']
const seeds = Number(process.env.HISTORY_SEEDS ?? 20)

function diceOf(seed: number) {
  let state = seed * 2_654_435_761 + 1
  const roll = () => {
    state = (state ^ (state << 13)) >>> 0
    state = (state ^ (state >>> 17)) >>> 0
    state = (state ^ (state << 5)) >>> 0
    return state / 2 ** 32
  }
  return {
    chance: (part: number) => roll() < part,
    pick: <T>(list: readonly T[]): T => list[Math.floor(roll() * list.length)]!,
  }
}
type Dice = ReturnType<typeof diceOf>

/** A mark that was written, or a deletion, and the marks that its writer saw and replaced. */
interface Written {
  readonly mark?: string
  readonly over: readonly string[]
}

interface History {
  readonly fake: Fake
  readonly devices: readonly Device[]
  readonly written: readonly Written[]
  readonly changes: { readonly device: Device; readonly change: string }[]
}

type Write = (device: Device, dice: Dice, written: Written[]) => Promise<string[]>

async function play(seed: number, make: () => Fake, write: Write): Promise<History> {
  const dice = diceOf(seed)
  const world = worldOf()
  const fake = make()
  const rule = rules[seed % rules.length]!
  const devices = [
    await deviceOf(fake, { rule, world, id: 'one', onMassDelete: 'allow' }),
    await deviceOf(fake, { rule, world, id: 'two', onMassDelete: 'allow' }),
  ]
  let faults = true
  for (const { on } of devices) {
    const { store } = on
    // A crash just before or just after a commit of the engine's: it begins again with what is stored.
    const dying: Store = {
      ...store,
      async write(scope, work, options) {
        if (faults && dice.chance(0.02)) throw new Error('crashed before a commit')
        const result = await store.write(scope, work, options)
        if (faults && dice.chance(0.02)) throw new Error('crashed after a commit')
        return result
      },
    }
    Object.assign(on, { store: dying })
  }
  const written: Written[] = []
  const history: History = { fake, devices, written, changes: [] }
  const edit = async (device: Device) => {
    for (const change of await write(device, dice, written)) history.changes.push({ device, change })
  }
  for (let step = 0; step < 30; step++) {
    const device = dice.pick(devices)
    const other = devices.find(one => one !== device)!
    fake.lose = dice.chance(0.2) ? 1 : 0
    fake.answer = ({ change }) =>
      dice.chance(0.05)
        ? { change, state: 'unknown' }
        : dice.chance(0.05)
          ? { change, state: 'later', notBefore: 0 }
          : undefined
    fake.meanwhile = async () => {
      fake.meanwhile = undefined
      if (dice.chance(0.3)) await edit(device)
      if (dice.chance(0.3)) await other.sync(1).catch(() => {}) // its own faults
    }
    if (dice.chance(0.05)) fake.failSends.push(new SyncError('throttled', 'Slow down.'))
    if (dice.chance(0.45)) await edit(device)
    else if (dice.chance(0.1))
      await device.startOver(true).catch(() => {}) // too often, says the engine
    else await device.sync(1).catch(() => {}) // the faults above
    await world.pass(dice.pick([0, 1, 700, 70_000]))
    for (const one of devices) await mustAgree(one)
  }
  faults = false
  fake.lose = 0
  fake.failSends.length = 0
  fake.answer = undefined
  fake.meanwhile = undefined
  for (let round = 0; round < 12; round++) {
    for (const one of devices) await one.sync()
    await world.pass(700_000)
  }
  for (const one of devices) await mustAgree(one)
  return history
}

async function mustEndWell({ fake, devices, changes, written }: History): Promise<void> {
  for (const { device, change } of changes) expect([change, await device.outcome(change)]).not.toContain('lost')
  const open = (await Promise.all(devices.map(one => one.rows()))).flat()
  expect(open.filter(({ state }) => state !== 'held')).toEqual([])
  if (open.length === 0) for (const one of devices) expect(await one.values()).toEqual(fake.values())

  const kept = new Set<string>(marksIn(Object.values(fake.values()), open))
  for (const one of devices) for (const mark of marksIn(await one.inbox())) kept.add(mark)
  for (const { mark, over } of written.toReversed()) {
    if (mark === undefined || kept.has(mark)) for (const one of over) kept.add(one)
  }
  expect(written.flatMap(({ mark }) => (mark === undefined || kept.has(mark) ? [] : [mark]))).toEqual([])
}

const marksIn = (...data: unknown[]): string[] => JSON.stringify(data).match(/#\d+/g) ?? []

let count = 0
const newMark = (): string => `#${++count}`

async function note(device: Device, dice: Dice, written: Written[]): Promise<string[]> {
  const id = dice.pick(['a', 'b', 'c', ...Object.keys(await device.values())])
  const before = (await device.value(id)) ?? {}
  if (dice.chance(0.2)) {
    written.push({ over: marksIn(before) })
    return device.put(id, null)
  }
  const mark = newMark()
  const field = dice.pick(['x', 'y'])
  written.push({ mark, over: marksIn(before[field] ?? null) })
  return device.put(id, { ...before, [field]: mark })
}

async function entry(device: Device, dice: Dice, written: Written[]): Promise<string[]> {
  const values = (await device.values()) as { [id: string]: Value }
  const id = dice.pick(['f', 'g', 'h', 'x', 'y', 'z', ...Object.keys(values)])
  const kind = values[id]?.kind ?? ('fgh'.includes(id) ? 'folder' : 'file')
  if (dice.chance(0.2)) {
    const gone = Object.entries(values).filter(([one]) => leads(values, one, id))
    written.push({ over: marksIn(gone) })
    return device.put(id, null)
  }
  const parents = ['root', ...Object.keys(values).filter(one => values[one]!.kind === 'folder' && one !== id)]
  const parent = dice.pick(parents)
  if (kind === 'folder' && leads(values, parent, id)) return []
  const name = dice.pick([id, 'same'])
  const taken = Object.entries(values).some(
    ([one, value]) => one !== id && value.parent === parent && value.name === name,
  )
  if (taken) return []
  if (kind === 'folder') return device.put(id, folder(name, parent))
  const mark = newMark()
  written.push({ mark, over: marksIn(values[id] ?? null) })
  return device.put(id, file(name, parent, mark))
}

function leads(values: { [id: string]: Value }, from: string, to: string): boolean {
  for (let at: unknown = from, hops = 0; typeof at === 'string' && hops < 20; hops++) {
    if (at === to) return true
    at = values[at]?.parent
  }
  return false
}

const remotes: FakeOptions[] = [
  { times: true },
  { times: true, guard: 'key' },
  { times: true, origins: false },
  { times: true, shows: false },
  { times: true, orders: true, page: 2 },
  { times: true, rename: id => `${id}-${++count}` },
]
const cases = remotes.flatMap(options => Array.from({ length: seeds }, (_, seed) => ({ options, seed })))

test.each(cases)(
  'history $seed of notes ends the same everywhere, at a remote of $options',
  async ({ options, seed }) => {
    await mustEndWell(await play(seed, () => fakeOf(options), note))
  },
)

test.each(cases)(
  'history $seed of a tree ends the same everywhere, at a remote of $options',
  async ({ options, seed }) => {
    await mustEndWell(await play(seed, () => fakeOf({ ...options, name: 'tree', source: tree }), entry))
  },
)
