/** Records that hang together: in which order their changes go out. */
import { isNew } from '../ledger/collide.ts'
import type { Draft, Entry } from '../ledger/draft.ts'
import type { OutboxRow } from '../ledger/rows.ts'
import type { Ground } from './ground.ts'

/** Folders in folders; a ring would have no end. */
export const deepest = 1000

/**
 * The order in which changes go out: as they were made, but a parent before what goes into it, and a folder's delete
 * after what leaves it. What depends on a change that cannot go now stays behind.
 */
export async function arrange(on: Ground, draft: Draft, ready: readonly OutboxRow[]): Promise<OutboxRow[]> {
  const byRecord = new Map(ready.map(row => [`${row.collection}\n${row.id}`, row]))
  const leaving = await leavers(on, draft, ready)
  const givingUp = placesGivenUp(on, ready)
  const order: OutboxRow[] = []
  const verdicts = new Map<OutboxRow, boolean>()

  async function visit(row: OutboxRow): Promise<boolean> {
    const known = verdicts.get(row)
    if (known !== undefined) return known
    verdicts.set(row, true) // a ring of renames: somebody has to go first
    const goes = row.value === null ? await afterLeavers(row) : (await afterParent(row)) && (await afterNamesake(row))
    verdicts.set(row, goes)
    if (goes) order.push(row)
    return goes
  }

  async function afterParent(row: OutboxRow): Promise<boolean> {
    const field = sourceOf(on, row)?.parent
    const parent = field === undefined ? undefined : row.value?.[field]
    if (typeof parent !== 'string') return true
    const first = byRecord.get(`${row.collection}\n${parent}`)
    if (first !== undefined && first.value !== null) return visit(first)
    const [head] = (await draft.get(row.collection, parent)).rows
    // Not at the remote, and not going now: held, asked about, or its outcome is unknown.
    if (head !== undefined && head.value !== null && isNew(head)) return false
    return !(await isQuestioned(row.collection, parent, field!))
  }

  /** Whether a folder is in one that the remote has deleted, while the app is being asked about that. */
  async function isQuestioned(collection: string, folder: string, field: string): Promise<boolean> {
    for (let next: unknown = folder, steps = 0; typeof next === 'string' && steps < deepest; steps++) {
      const { rows, value }: Entry = await draft.get(collection, next)
      const [head] = rows
      if (head?.state === 'asked' && head.value !== null && head.seen?.id === next && head.seen.value === null)
        return true
      next = value?.[field]
    }
    return false
  }

  /** Who has the name so far gives it up first. */
  async function afterNamesake(row: OutboxRow): Promise<boolean> {
    const { parent, name, sameName = same } = sourceOf(on, row) ?? {}
    if (parent === undefined || name === undefined) return true
    const [folder, wanted] = [row.value?.[parent], String(row.value?.[name])]
    for (const other of givingUp.get(`${row.collection}\n${folder}`) ?? []) {
      if (other !== row && sameName(String(other.base?.value?.[name]), wanted) && !(await visit(other))) return false
    }
    return true
  }

  async function afterLeavers(row: OutboxRow): Promise<boolean> {
    let goes = true
    for (const one of leaving.get(`${row.collection}\n${row.id}`) ?? []) {
      const first = byRecord.get(`${one.collection}\n${one.id}`)
      if (first === undefined || !(await visit(first))) goes = false
    }
    return goes
  }

  for (const row of ready) await visit(row)
  return order
}

/** Open changes of records that the remote still has in a folder which is to be deleted, by folder. */
async function leavers(on: Ground, draft: Draft, ready: readonly OutboxRow[]): Promise<Map<string, OutboxRow[]>> {
  const found = new Map<string, OutboxRow[]>()
  const collections = new Set(
    ready.filter(row => row.value === null && sourceOf(on, row)?.parent).map(row => row.collection),
  )
  for (const collection of collections) {
    for (const { row } of await draft.tx.rows('outbox').list({ prefix: [collection] })) {
      const open = row as OutboxRow
      const parent = open.base?.value?.[sourceOf(on, open)!.parent!]
      if (typeof parent !== 'string') continue
      const name = `${collection}\n${parent}`
      found.set(name, [...(found.get(name) ?? []), open])
    }
  }
  return found
}

/** Changes that free a name, by the folder that it is in. */
function placesGivenUp(on: Ground, ready: readonly OutboxRow[]): Map<string, OutboxRow[]> {
  const found = new Map<string, OutboxRow[]>()
  for (const row of ready) {
    const { parent, name } = sourceOf(on, row) ?? {}
    const was = row.base?.value
    if (parent === undefined || name === undefined || was == null) continue
    if (row.value !== null && row.value[parent] === was[parent] && row.value[name] === was[name]) continue
    const folder = `${row.collection}\n${was[parent]}`
    found.set(folder, [...(found.get(folder) ?? []), row])
  }
  return found
}

/** How names are compared where a source does not say. */
export const same = (one: string, other: string): boolean => one === other

function sourceOf(on: Ground, { collection }: OutboxRow) {
  for (const place of on.places.values()) if (place.collection === collection) return place.source
  return undefined
}
