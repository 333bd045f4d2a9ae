/** What users do to records, and the way from a plan to what is done. */
import type { Value } from '../../src/model.ts'
import type { Db, Tx } from './app.ts'
import { endsOf, isCdf, SPACE } from './cdf.ts'
import { choose } from './choices.ts'
import { type Cells, noteCells, treeCells } from './history.ts'
import { acknowledge, deleted, drop } from './noting.ts'
import type { Write } from './oracle.ts'
import type { Op } from './plan.ts'
import { codeOf, type Sim, type Tab, text } from './sim.ts'
import { changeEntry, makeEntry, removeEntry, rowOf, stranger } from './tree-ops.ts'
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
  choose: (sim, _, _1, op) => choose(sim, op),
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

async function change(tx: Tx[string], id: string, before: Value | undefined, after: Value | null, patch: boolean) {
  if (after === null) await tx.delete(id)
  else if (before !== undefined && patch) await tx.patch(id, after)
  else await tx.put(id, after)
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
