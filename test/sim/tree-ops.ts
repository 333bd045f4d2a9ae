/** What users do to files and folders, and what a client does that is not ours. */
import { createHash } from 'node:crypto'
import type { Value } from '../../src/model.ts'
import type { Db } from './app.ts'
import { nameToken, treeCells } from './history.ts'
import { acknowledge, deleted, drop } from './noting.ts'
import type { Write } from './oracle.ts'
import type { Op } from './plan.ts'
import { codeOf, type Sim } from './sim.ts'

export interface TreeRow {
  readonly id: string
  readonly value: Value
}

/** Rows of the tree as the app lists them: `{ id, ...fields }` or `{ id, value }`. */
export function rowOf(row: unknown): TreeRow {
  const { id, value, ...rest } = row as { id: string; value?: Value }
  return { id, value: value ?? (rest as Value) }
}

async function treeOf(sim: Sim, db: Db): Promise<TreeRow[]> {
  const rows = (await db.data.tree!.list()).map(rowOf)
  // The records folder is not for the hands of users.
  return rows.filter(row => row.value.name !== 'notes' && row.value.share === sim.server.share)
}

const isFolder = (row: TreeRow): boolean => row.value.kind === 'folder'

export async function makeEntry(sim: Sim, db: Db, by: string, op: Op): Promise<void> {
  const folders = (await treeOf(sim, db)).filter(isFolder)
  const parent = op.dice[0] < 0.5 ? undefined : folders[Math.floor(op.dice[1] * folders.length)]
  const kind = op.kind === 'folder' ? 'folder' : 'file'
  const name = nameFor(sim, op, true)
  const id = `${kind === 'file' ? 'fil' : 'fld'}_${by}x${String(op.n).padStart(8, '0')}`
  const value: Value = { share: sim.server.share, parent: parent?.id ?? sim.server.share, name, kind }
  const key = entryKey(sim, id)
  const put = async () => {
    await putTree(sim, db, by, key, value)
    if (kind === 'file') await putBytes(sim, db, by, key, op)
  }
  if (parent === undefined) await put()
  else await holdInHand(sim, db, op, put)
}

/** An app shows a folder for a while before something is put into it: by then it may be gone, or have another id. */
async function holdInHand({ world, devices, busy }: Sim, db: Db, op: Op, put: () => Promise<void>): Promise<void> {
  const tab = devices.flatMap(({ tabs }) => tabs).find(one => one.db === db)
  if (tab === undefined || world.dice('hand', op.n) < 0.6) return put()
  const { owner } = tab
  busy.add(owner)
  try {
    await new Promise<void>(done => void world.post(owner, 4_000 * world.dice('in hand', op.n), 'in hand', done))
    await put()
  } finally {
    busy.delete(owner)
    tab.seen = undefined // what was seen before is old
  }
}

// Entries are addressed as the transport's codec does: set once the transport says how.
const entryKey = (_sim: Sim, id: string): string => id

/** Some names meet: two devices then create the same one. Others are refused by the server. */
function nameFor(sim: Sim, op: Op, meets = false): string {
  if (sim.faults.happens('poison', 'name', op.n)) return `${sim.history.token(op.n, 'n')} poison.txt`
  return meets && op.dice[2] < 0.2 ? `t-same-${Math.floor(op.dice[2] * 10)}.txt` : `${sim.history.token(op.n, 'n')}.txt`
}

export async function changeEntry(sim: Sim, db: Db, by: string, op: Op): Promise<void> {
  const rows = await treeOf(sim, db)
  const files = op.kind === 'bytes' ? rows.filter(row => !isFolder(row)) : rows
  const row = files[Math.floor(op.dice[0] * files.length)]
  if (!row) return
  if (op.kind === 'bytes') return putBytes(sim, db, by, row.id, op)
  const folders = rows.filter(one => isFolder(one) && one.id !== row.id && !under(rows, one, row.id))
  const parent =
    op.kind === 'move' ? (folders[Math.floor(op.dice[1] * folders.length)]?.id ?? sim.server.share) : undefined
  const fields = { name: nameFor(sim, op), ...(parent !== undefined && { parent }) }
  let attempts: Write[] = []
  await db.write(async tx => {
    drop(sim, attempts)
    const before = await tx.tree!.get(row.id)
    if (before === undefined) return
    attempts = sim.history.attempt(by, placeOf(sim, row.id, before), placeOf(sim, row.id, { ...before, ...fields }))
    await tx.tree!.patch(row.id, fields)
  })
  acknowledge(sim, attempts)
}

const placeOf = (sim: Sim, id: string, value: Value | undefined) => {
  const cells = new Map(treeCells(id, value, sim.history.bytes))
  cells.delete(`tree/${id}#bytes`)
  return cells
}

function under(rows: readonly TreeRow[], row: TreeRow, ancestor: string): boolean {
  for (let at: TreeRow | undefined = row; at; at = rows.find(one => one.id === at?.value.parent))
    if (at.value.parent === ancestor) return true
  return false
}

async function putTree(sim: Sim, db: Db, by: string, id: string, value: Value): Promise<void> {
  let attempts: Write[] = []
  await db.write(async tx => {
    drop(sim, attempts)
    const before = await tx.tree!.get(id)
    attempts = sim.history.attempt(by, placeOf(sim, id, before), placeOf(sim, id, value))
    await tx.tree!.put(id, value)
  })
  acknowledge(sim, attempts)
}

async function putBytes(sim: Sim, db: Db, by: string, id: string, op: Op): Promise<void> {
  const token = sim.history.token(op.n, 'y')
  const bytes = new TextEncoder().encode(token)
  sim.history.bytes.set(createHash('sha256').update(bytes).digest('hex'), token)
  const before = await db.data.tree!.get(id)
  if (before === undefined) return
  const attempts = sim.history.attempt(by, new Map(), new Map([[`tree/${id}#bytes`, token]]))
  try {
    await db.data.tree!.write!(id, bytes)
  } catch (error) {
    // Deleted since it was looked at: bytes alone are no entry.
    if (codeOf(error) !== 'invalid-value') throw error
    return
  }
  acknowledge(sim, attempts)
}

export async function removeEntry(sim: Sim, db: Db, by: string, op: Op): Promise<void> {
  const rows = await treeOf(sim, db)
  const row = rows[Math.floor(op.dice[0] * rows.length)]
  if (!row) return
  const gone = [row, ...rows.filter(one => under(rows, one, row.id))]
  let attempts: Write[] = []
  await db.write(async tx => {
    drop(sim, attempts)
    attempts = []
    for (const one of gone) {
      const before = await tx.tree!.get(one.id)
      attempts.push(...sim.history.attempt(by, treeCells(one.id, before, sim.history.bytes), new Map()))
      deleted(sim, by, `tree/${one.id}`)
    }
    // What another tab put into the folder since it was looked at goes along, by the same hand.
    const since: TreeRow[] = []
    for (const id of madeBy(sim, by)) {
      const value = gone.some(one => one.id === id) ? undefined : await tx.tree!.get(id)
      if (value !== undefined) since.push({ id, value })
    }
    await tx.tree!.delete(row.id)
    for (const { id, value } of since) {
      if ((await tx.tree!.get(id)) !== undefined) continue
      attempts.push(...sim.history.attempt(by, treeCells(id, value, sim.history.bytes), new Map()))
      deleted(sim, by, `tree/${id}`)
    }
  })
  acknowledge(sim, attempts)
}

/** The entries of the tree that this device made. */
function madeBy(sim: Sim, by: string): string[] {
  const made = sim.history.writes.filter(write => write.by === by && write.over === null && write.value !== null)
  return [...new Set(made.flatMap(({ cell }) => /^tree\/(.+)#place$/.exec(cell)?.[1] ?? []))]
}

/** Another client of the same server, which knows nothing of us. */
export function stranger(sim: Sim, op: Op): void {
  const { sandbox, share } = sim.server
  const nodes = (sandbox.inspect().tree[share] ?? []).filter(node => !node.path.startsWith('/notes'))
  const files = nodes.filter(node => node.kind === 'file')
  const folders = ['', ...nodes.filter(node => node.kind === 'folder').map(node => node.path)]
  const file = files[Math.floor(op.dice[0] * files.length)]
  const folder = folders[Math.floor(op.dice[1] * folders.length)]!
  const name = nameFor(sim, op).replace(' poison', '')
  const note = (id: string, part: 'place' | 'bytes', over: string | undefined, token: string) => {
    const cell = `tree/${id}#${part}`
    acknowledge(sim, sim.history.attempt('stranger', new Map(over ? [[cell, over]] : []), new Map([[cell, token]])))
  }
  const body = sim.history.token(op.n, 'y')
  const sha256 = createHash('sha256').update(body).digest('hex')
  sim.server.changedAt = sim.world.elapsed()
  if (!file || op.dice[2] < 0.4) {
    if (nodes.some(node => node.path === `${folder}/${name}`)) return
    const { resource_id } = sandbox.admin.createFile(share, `${folder}/${name}`, body)
    sim.history.bytes.set(sha256, body)
    note(resource_id, 'place', undefined, nameToken(name))
    note(resource_id, 'bytes', undefined, body)
  } else if (op.dice[2] < 0.8) {
    sandbox.admin.edit(share, file.path, body)
    const over = file.sha256 === null ? undefined : sim.history.bytes.get(file.sha256)
    sim.history.bytes.set(sha256, body)
    note(file.id, 'bytes', over, body)
  } else {
    sandbox.admin.move(share, file.path, `${file.path.slice(0, file.path.lastIndexOf('/'))}/${name}`)
    note(file.id, 'place', nameToken(file.path.slice(file.path.lastIndexOf('/') + 1)), nameToken(name))
  }
}
