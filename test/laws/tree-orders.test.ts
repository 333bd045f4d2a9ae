/**
 * Three devices change one tree without hearing of each other: one moves a folder, one renames what is in it, one deletes
 * it, and more. In whichever of the six orders they reach the server, all must come to rest with one tree (F72, F96, S11).
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { answer } from '../../src/ledger/answer.ts'
import type { Rule, Value } from '../../src/model.ts'
import { mustAgree } from '../unit/engine/device.ts'
import { type DriveDevice, type DriveWorld, driveWorld, hashOf, pathsOf } from '../unit/engine/drive-device.ts'

const mostRounds = 200
const runs = Number(process.env.TREE_RUNS ?? 15)

/** Names that only differ in case, or in how an accent is written, are one name to the server. */
const names = ['a', 'A', 'b', 'c', '\u00e9', 'e\u0301', 'ß', 'SS']

interface Op {
  readonly what: 'move' | 'rename' | 'delete' | 'edit' | 'file' | 'folder'
  readonly at: number
  readonly to: number
  readonly name: number
}
interface Case {
  readonly tree: readonly { readonly under: number; readonly name: number; readonly folder: boolean }[]
  readonly focus: number
  readonly ops: readonly (readonly Op[])[]
}

const opOf = (...kinds: Op['what'][]): fc.Arbitrary<Op> =>
  fc.record({ what: fc.constantFrom(...kinds), at: fc.nat(30), to: fc.nat(30), name: fc.nat(names.length - 1) })

const cases: fc.Arbitrary<Case> = fc.record({
  tree: fc.array(fc.record({ under: fc.nat(30), name: fc.nat(names.length - 1), folder: fc.boolean() }), {
    minLength: 2,
    maxLength: 9,
  }),
  focus: fc.nat(30),
  ops: fc.tuple(
    fc.tuple(opOf('move')).chain(first => more(first)),
    fc.tuple(opOf('rename')).chain(first => more(first)),
    fc.tuple(opOf('delete')).chain(first => more(first)),
  ),
})

function more(first: readonly Op[]): fc.Arbitrary<readonly Op[]> {
  return fc
    .array(opOf('move', 'rename', 'delete', 'edit', 'file', 'folder'), { maxLength: 2 })
    .map(rest => [...first, ...rest])
}

const orders = [
  [0, 1, 2],
  [0, 2, 1],
  [1, 0, 2],
  [1, 2, 0],
  [2, 0, 1],
  [2, 1, 0],
] as const

function plant({ admin, share, server }: DriveWorld, { tree }: Case): void {
  for (const { under, name, folder } of tree) {
    const folders = ['', ...(server.inspect().tree[share] ?? []).filter(it => it.kind === 'folder').map(it => it.path)]
    const path = `${folders[under % folders.length]}/${names[name]}`
    try {
      if (folder) admin.createFolder(share, path)
      else admin.createFile(share, path, `first ${path}`)
    } catch (error) {
      if (!/taken/.test(String(error))) throw error
    }
  }
}

/** The first op of each device is about one folder, or what is in it. */
async function perturb(it: DriveWorld, device: DriveDevice, one: Case, which: number): Promise<string[]> {
  const written: string[] = []
  for (const [n, { what, at, to, name }] of one.ops[which]!.entries()) {
    const values = await device.values()
    const ids = Object.keys(values).sort()
    const folders = ids.filter(id => values[id]?.kind === 'folder')
    const focus = folders[one.focus % Math.max(1, folders.length)]
    const inside = ids.filter(id => values[id]?.parent === focus)
    const id = n > 0 || focus === undefined ? ids[at % Math.max(1, ids.length)] : focus
    const node = what === 'rename' && n === 0 ? (inside[at % Math.max(1, inside.length)] ?? id) : id
    const target = [it.share, ...folders][to % (folders.length + 1)]!
    const value = node === undefined ? undefined : values[node]
    const text = `${device.on.device.id} ${n}`
    if (what === 'file' || what === 'folder') {
      const fresh = `${what === 'file' ? 'fil' : 'fld'}_${device.on.device.id}-${n}-new`
      if (what === 'file') await device.upload(text)
      await device.put(fresh, what === 'file' ? it.file(names[name]!, text, target) : it.folder(names[name]!, target))
      if (what === 'file') written.push(hashOf(text))
    } else if (node === undefined || value == null) {
    } else if (what === 'delete') {
      await device.put(node, null)
    } else if (what === 'rename') {
      await device.put(node, { ...value, name: names[name]! })
    } else if (what === 'move' && !isBelow(values, target, node)) {
      await device.put(node, { ...value, parent: target })
    } else if (what === 'edit' && value.kind === 'file') {
      await device.upload(text)
      await device.put(node, { ...value, ...pick(it.file('', text)) })
      written.push(hashOf(text))
    }
  }
  return written
}

const pick = ({ size, sha256, modifiedAt }: Value): Value => ({ size: size!, sha256: sha256!, modifiedAt: modifiedAt! })

function isBelow(values: { [id: string]: Value | null }, id: string, folder: string): boolean {
  for (let next: unknown = id; typeof next === 'string'; next = values[next]?.parent) if (next === folder) return true
  return false
}

/** As a user who always takes the same side, and another name where one is taken. */
async function answerAll(device: DriveDevice, take: 'local' | 'remote'): Promise<boolean> {
  const open = (await device.inbox()).filter(({ state }) => state === 'open')
  for (const { id } of open) {
    await device.write(async draft => {
      const asked = (await draft.inbox(id))!
      const { generation } = await device.checkpointIn(draft.tx)
      const home = { ...device.place, generation }
      await answer(draft, home, asked, { take }, (_, remote) =>
        remote.id === asked.record
          ? { verdict: { take }, loses: take === 'local' ? 'remote' : 'local' }
          : { verdict: { take: 'both' }, loses: 'nothing' },
      )
    })
  }
  return open.length > 0
}

async function settleDown(it: DriveWorld, devices: readonly DriveDevice[], take: 'local' | 'remote'): Promise<number> {
  for (let round = 1; round <= mostRounds; round++) {
    const before = it.server.inspect().log.length
    let moved = false
    for (const device of devices) {
      await device.pull()
      moved = (await device.push()).state !== 'nothing' || moved
      moved = (await answerAll(device, take)) || moved
    }
    const open = (await Promise.all(devices.map(device => device.rows()))).flat()
    const waits = open.some(({ state }) => state !== 'held')
    if (!moved && !waits && it.server.inspect().log.length === before) return round
    await it.world.pass(15_000)
  }
  const open = (await Promise.all(devices.map(device => device.rows()))).flat()
  throw new Error(`Not settled within ${mostRounds} rounds: ${JSON.stringify(open, null, 1)}`)
}

async function judge(it: DriveWorld, devices: readonly DriveDevice[], written: readonly string[]): Promise<void> {
  const nodes = it.server.inspect().tree[it.share] ?? []
  const there = Object.fromEntries(nodes.map(({ path, id }): [string, string] => [path, id]).sort(byPath))
  for (const device of devices) {
    const held = await device.rows()
    expect(held.map(({ id, reason }) => [id, reason?.message])).toEqual([])
    expect(await pathsOf(device)).toEqual(there)
    const values = await device.values()
    expect(Object.fromEntries(nodes.map(({ id }) => [id, values[id]?.sha256 ?? null]))).toEqual(
      Object.fromEntries(nodes.map(({ id, sha256 }) => [id, sha256])),
    )
    await mustAgree(device)
  }
  const keys = nodes.map(({ path }) => path.normalize('NFC').toUpperCase().normalize('NFC'))
  expect(new Set(keys).size).toBe(keys.length)

  const inboxes = (await Promise.all(devices.map(device => device.inbox()))).flat()
  const kept = inboxes.flatMap(({ base, local, theirs, below = [] }) =>
    [base?.value, local.value, theirs.value, ...below.map(({ value }) => value)].map(value => value?.sha256),
  )
  const reachable = new Set([...nodes.map(({ sha256 }) => sha256), ...kept])
  expect(written.filter(hash => !reachable.has(hash))).toEqual([])
}

const byPath = ([one]: readonly [string, string], [other]: readonly [string, string]) => (one < other ? -1 : 1)

async function play(one: Case, order: readonly number[], rule: Rule, take: 'local' | 'remote'): Promise<number> {
  const it = driveWorld()
  plant(it, one)
  const devices: DriveDevice[] = []
  for (const n of [1, 2, 3]) devices.push(await it.device(`device-${n}`, { rule, onMassDelete: 'allow' }))
  const written: string[][] = []
  for (const [which, device] of devices.entries()) {
    written.push(await perturb(it, device, one, which))
    await it.world.pass(1_000)
  }
  const rounds = await settleDown(
    it,
    order.map(which => devices[which]!),
    take,
  )
  await judge(it, devices, dropReplaced(one, written))
  return rounds
}

/** Bytes that a device itself wrote over, or deleted, later on are nobody's loss. */
function dropReplaced({ ops }: Case, written: readonly string[][]): string[] {
  return written.flatMap((hashes, which) => (ops[which]!.some(({ what }) => what === 'delete') ? [] : hashes.slice(-1)))
}

const strategies: readonly (readonly [string, Rule, 'local' | 'remote'])[] = [
  ['LAST_WRITER_WINS', 'LAST_WRITER_WINS', 'local'],
  ['KEEP_BOTH', 'KEEP_BOTH', 'local'],
  ['SERVER_WINS', 'SERVER_WINS', 'local'],
  ['CLIENT_WINS', 'CLIENT_WINS', 'local'],
  ['MERGE', 'MERGE', 'local'],
  ['MANUAL and always "local"', 'MANUAL', 'local'],
  ['MANUAL and always "remote"', 'MANUAL', 'remote'],
]

describe.each(strategies)('under %s', (_, rule, take) => {
  test.each(orders)(
    'a move, a rename and a delete that arrive as %i, %i, %i leave one tree',
    async (...order) => {
      let most = 0
      await fc.assert(
        fc.asyncProperty(cases, async one => {
          most = Math.max(most, await play(one, order, rule, take))
        }),
        { numRuns: runs },
      )
      expect(most).toBeLessThanOrEqual(mostRounds)
    },
    300_000,
  )
})
