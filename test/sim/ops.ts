/** What users, and a client that is not ours, do. */
import { createHash } from 'node:crypto'
import type { Value } from '../../src/model.ts'
import type { Db, Tx } from './app.ts'
import { endsOf, isCdf, SPACE } from './cdf.ts'
import { type Cells, nameToken, noteCells, treeCells } from './history.ts'
import type { Write } from './oracle.ts'
import type { Op } from './plan.ts'
import { codeOf, type Sim, type Tab, text } from './sim.ts'
import { workActs } from './work/ops.ts'

export function perform(sim: Sim, op: Op): void {
  if (op.kind === 'outside') {
    sim.server.work?.happen(op.dice, op.n)
    return
  }
  if (op.kind === 'stranger') {
    stranger(sim, op)
    return
  }
  const device = sim.devices[op.device]!
  const tab = device.tabs[op.tab % device.tabs.length]!
  if (op.kind === 'meanwhile') {
    device.armed.push(() => act(sim, tab, { ...op, kind: 'put' }))
    return
  }
  act(sim, tab, op)
}

/** The app lives in its tab: what it does belongs to that tab, and dies with it. */
function act(sim: Sim, tab: Tab, op: Op): void {
  sim.world.post(tab.owner, 0, `op ${op.n} ${op.kind}`, () => {
    if (!tab.db) {
      sim.stats.skipped++
      return
    }
    const work = acts[op.kind]
    if (!work) return
    const by = tab.device.name
    sim.world.note(`op ${op.n} ${op.kind}`)
    work(sim, tab.db, by, op).catch((error: unknown) => {
      sim.stats.refused++
      sim.world.note(`op ${op.n} refused: ${codeOf(error)}`)
      if (!expected.has(codeOf(error))) sim.world.fail('op', `op ${op.n} ${op.kind}: ${text(error)}`)
    })
  })
}

const expected = new Set([
  'storage-full',
  'storage-unavailable',
  'not-found',
  'already-exists',
  'closed',
  'stale-leader',
  'aborted',
  'conflict',
])

const turns = new WeakMap<Db, Promise<void>>()

export type Act = (sim: Sim, db: Db, by: string, op: Op) => Promise<void>

const acts: { readonly [kind in Op['kind']]?: Act } = {
  put: (sim, db, by, op) => writeNotes(sim, db, by, op, [noteId(sim, op, 0)], before => freshNote(sim, op, 0, before)),
  patch: (sim, db, by, op) => writeNotes(sim, db, by, op, [noteId(sim, op, 0)], before => patchedNote(sim, op, before)),
  delete: (sim, db, by, op) => writeNotes(sim, db, by, op, [noteId(sim, op, 0)], () => null),
  add: (sim, db, by, op) =>
    writeNotes(sim, db, by, op, [keyOf(sim, `a${op.n}`)], before => freshNote(sim, op, 0, before)),
  batch: (sim, db, by, op) =>
    writeNotes(sim, db, by, op, [...new Set([noteId(sim, op, 0), noteId(sim, op, 1)])], (before, n) =>
      freshNote(sim, op, n, before),
    ),
  read: async (sim, db, by, op) => {
    const [collection, id] = [listFor(sim, op), noteId(sim, op, 0)]
    look(sim, by, collection, id, await db.data[collection]!.get(id))
  },
  settle: settleOne,
  file: inTurn(makeEntry),
  folder: inTurn(makeEntry),
  rename: inTurn(changeEntry),
  move: inTurn(changeEntry),
  bytes: changeEntry,
  remove: inTurn(removeEntry),
  ...workActs,
}

/** What a removed folder takes along is read before the write: nothing may come into it between the two. */
function inTurn(act: Act): Act {
  return (sim, db, by, op) => {
    const before = turns.get(db) ?? Promise.resolve()
    const mine = before.then(() => act(sim, db, by, op))
    turns.set(
      db,
      mine.catch(() => {}),
    )
    return mine
  }
}

const noteId = (sim: Sim, op: Op, which: 0 | 1): string =>
  keyOf(sim, `${listFor(sim, op) === 'links' ? 'l' : 'n'}${Math.floor(op.dice[which] * 5)}`)

/** Some of what is done to notes is done to links instead, where there are any. */
const listFor = ({ options, world }: Sim, op: Op): 'notes' | 'links' =>
  options.plant?.links && world.dice('links', op.n) < 0.4 ? 'links' : 'notes'

/** Some remotes have their ids in a space. */
const keyOf = ({ options }: Sim, id: string): string => (isCdf(options.remote) ? `${SPACE}:${id}` : id)

function freshNote(sim: Sim, op: Op, part: number, before: Value | undefined): Value {
  const token = (name: string) => sim.history.token(op.n, `${name}${part === 0 ? '' : part}`)
  if (sim.options.strategy !== 'MERGE') return { text: token('v'), n: op.n }
  const kept = Array.isArray(before?.tags) ? before.tags : []
  const tags = op.dice[2] < 0.3 ? kept.slice(1) : kept
  return { a: token('a'), b: token('b'), tags: [...tags, token('g')] }
}

function patchedNote(sim: Sim, op: Op, before: Value | undefined): Value | undefined {
  if (before === undefined) return undefined
  if (sim.options.strategy !== 'MERGE') return { ...before, text: sim.history.token(op.n, 'p') }
  const field = op.dice[1] < 0.4 ? 'a' : op.dice[1] < 0.8 ? 'b' : 'tags'
  const token = sim.history.token(op.n, field)
  if (field !== 'tags') return { ...before, [field]: token }
  return { ...before, tags: [...(Array.isArray(before.tags) ? before.tags : []), token] }
}

/** One commit. `next` answers the new value; `null` deletes, `undefined` leaves it. */
async function writeNotes(
  sim: Sim,
  db: Db,
  by: string,
  op: Op,
  ids: readonly string[],
  next: (before: Value | undefined, n: number) => Value | null | undefined,
): Promise<void> {
  if (sim.options.remote === 'cdf-events') return addEvents(sim, db, by, op, ids, next)
  const byField = sim.options.strategy === 'MERGE'
  const list = listFor(sim, op)
  let attempts: { id: string; writes: Write[] }[] = []
  await db.write(async tx => {
    for (const { writes } of attempts) drop(sim, writes)
    attempts = []
    for (const [n, id] of ids.entries()) {
      const before = (await tx[list]!.get(id)) ?? undefined
      const fields = next(before, n)
      if (fields === undefined || (fields === null && before === undefined)) continue
      const after = fields && (list === 'links' ? { ...fields, ...endsOf(id) } : fields)
      const [was, is] = [before, after].map(value => noteCells(id, value, byField, list)) as [Cells, Cells]
      const writes = sim.history.attempt(by, was, is)
      attempts.push({ id, writes })
      if (after === null) deleted(sim, by, `${list}/${id}`)
      await change(tx[list]!, id, before, after, sim.world.dice('patches', writes[0]?.n ?? 0) < 0.5)
    }
  })
  for (const { id, writes } of attempts) {
    acknowledge(sim, writes)
    look(sim, by, list, id, await db.data[list]!.get(id), writes)
  }
}

/** Whatever would write a note adds an event under its name; what would change or delete one must be refused at once. */
async function addEvents(
  sim: Sim,
  db: Db,
  by: string,
  op: Op,
  names: readonly string[],
  next: (before: Value | undefined, n: number) => Value | null | undefined,
): Promise<void> {
  if (op.kind === 'patch' || op.kind === 'delete') {
    const rows = (await db.data.notes!.list()).map(rowOf)
    const row = rows[Math.floor(op.dice[0] * rows.length)]
    if (row === undefined) return
    const refused = await db
      .write(tx => change(tx.notes!, row.id, row.value, op.kind === 'delete' ? null : { ...row.value, n: -1 }, false))
      .then(() => 'not at all', codeOf)
    // Its id follows from its content, so another content does not even fit.
    if (refused !== 'unsupported' && refused !== 'invalid-value')
      sim.world.fail('I16', `${op.kind} of an event was answered ${refused}`)
    return
  }
  let attempts: { id: string; writes: Write[] }[] = []
  await db.write(async tx => {
    for (const { writes } of attempts) drop(sim, writes)
    attempts = []
    for (const [n, name] of names.entries()) {
      const value = next(undefined, n)
      if (value == null) continue
      const id = sim.engine.eventId({ space: SPACE, externalId: name.slice(SPACE.length + 1) }, value)
      attempts.push({ id, writes: sim.history.attempt(by, new Map(), noteCells(id, value, false)) })
      await tx.notes!.put(id, value)
    }
  })
  for (const { id, writes } of attempts) {
    acknowledge(sim, writes)
    look(sim, by, 'notes', id, await db.data.notes!.get(id), writes)
  }
}

const deleted = (sim: Sim, by: string, record: string): void =>
  void sim.history.deletes.push({ by, record, at: sim.world.elapsed() })

async function change(tx: Tx[string], id: string, before: Value | undefined, after: Value | null, patch: boolean) {
  if (after === null) await tx.delete(id)
  else if (before !== undefined && patch) await tx.patch(id, after)
  else await tx.put(id, after)
}

/** A body that ran again: its first run wrote nothing. */
function drop(sim: Sim, writes: readonly Write[]): void {
  for (const write of writes) {
    const at = sim.history.writes.indexOf(write)
    if (at >= 0) sim.history.writes.splice(at, 1)
  }
}

function acknowledge(sim: Sim, writes: readonly Write[]): void {
  sim.stats.acked += writes.length
  for (const write of writes) write.acked = true
}

/** I7, I9: what was acknowledged is readable in a fresh transaction, and reads never go back. */
function look(
  sim: Sim,
  by: string,
  collection: 'notes' | 'links',
  id: string,
  value: Value | undefined,
  wrote: readonly Write[] = [],
): void {
  sim.stats.reads++
  const byField = sim.options.strategy === 'MERGE'
  const cells = noteCells(id, value, byField, collection)
  const { writes } = sim.history
  const byValue = (token: string) => writes.find(write => write.value === token)
  for (const write of wrote) {
    const now = cells.get(write.cell)
    if (now === undefined || now === write.value || write.value === null) continue
    for (let at = byValue(write.value); at?.over != null; at = byValue(at.over))
      if (at.over === now)
        sim.world.fail('I9', `${by} wrote ${write.value} and then read ${now}, which it had replaced`)
  }
  for (const token of cells.values()) if (!byValue(token)) sim.world.fail('I0', `${by} read ${token} in ${id}`)
}

async function settleOne(sim: Sim, db: Db, _by: string, op: Op): Promise<void> {
  const open = (await db.conflicts.list()).filter(item => item.state === 'open')
  const item = open[Math.floor(op.dice[0] * open.length)]
  if (!item) return
  const take = op.dice[1] < 0.5 ? 'local' : 'remote'
  const side = take === 'local' ? item.local : item.theirs
  const cells =
    item.collection === 'tree'
      ? treeCells(item.record, side?.value, sim.history.bytes)
      : noteCells(item.record, side?.value, sim.options.strategy === 'MERGE', item.collection)
  // Whatever a person brings back was not resurrected by the engine.
  for (const token of cells.values()) sim.history.revived.add(token)
  await db.conflicts.resolve(item.id, { take })
}

interface TreeRow {
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

async function makeEntry(sim: Sim, db: Db, by: string, op: Op): Promise<void> {
  const folders = (await treeOf(sim, db)).filter(isFolder)
  const parent = op.dice[0] < 0.5 ? undefined : folders[Math.floor(op.dice[1] * folders.length)]
  const kind = op.kind === 'folder' ? 'folder' : 'file'
  const name = nameFor(sim, op, true)
  const id = `${kind === 'file' ? 'fil' : 'fld'}_${by}x${String(op.n).padStart(8, '0')}`
  const value: Value = { share: sim.server.share, parent: parent?.id ?? sim.server.share, name, kind }
  const key = entryKey(sim, id)
  await putTree(sim, db, by, key, value)
  if (kind === 'file') await putBytes(sim, db, by, key, op)
}

// Entries are addressed as the transport's codec does: set once the transport says how.
const entryKey = (_sim: Sim, id: string): string => id

/** Some names meet: two devices then create the same one. Others are refused by the server. */
function nameFor(sim: Sim, op: Op, meets = false): string {
  if (sim.faults.happens('poison', 'name', op.n)) return `${sim.history.token(op.n, 'n')} poison.txt`
  return meets && op.dice[2] < 0.2 ? `t-same-${Math.floor(op.dice[2] * 10)}.txt` : `${sim.history.token(op.n, 'n')}.txt`
}

async function changeEntry(sim: Sim, db: Db, by: string, op: Op): Promise<void> {
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

async function removeEntry(sim: Sim, db: Db, by: string, op: Op): Promise<void> {
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
function stranger(sim: Sim, op: Op): void {
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
