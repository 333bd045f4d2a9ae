/** Places that are wanted in a ring: two records change names, or a folder goes into a new one of its own name. */

import { isNew } from '../ledger/collide.ts'
import { type Draft, replaceRow } from '../ledger/draft.ts'
import type { OutboxRow } from '../ledger/rows.ts'
import type { Home } from '../ledger/settle.ts'
import { changeOf } from '../ledger/settle.ts'
import { inFlight } from '../ledger/subtree.ts'
import type { Value } from '../model.ts'

/**
 * Somebody has to go first: of each ring one record gets another name for a while, and its own change follows. No order
 * of the changes alone could do it, because the remote has one entry of a name at any time.
 */
export async function breakRings(draft: Draft, home: Home, ready: readonly OutboxRow[]): Promise<boolean> {
  const { parent, name, sameName = (one, other) => one === other } = home.source
  if (home.settles === true) return false // what cannot be beside what is for the remote to say
  if (parent === undefined || name === undefined || home.source.copy === undefined) return false
  const byId = new Map(ready.map(row => [row.id, row]))
  const givenUp = new Map<unknown, OutboxRow[]>()
  for (const row of ready) {
    const was = row.base?.value
    if (was == null || (row.value?.[parent] === was[parent] && row.value?.[name] === was[name])) continue
    givenUp.set(was[parent], [...(givenUp.get(was[parent]) ?? []), row])
  }

  /** What has to be done at the remote before this can be. */
  function before(row: OutboxRow): OutboxRow[] {
    const { value } = row
    if (value === null) return givenUp.get(row.id) ?? []
    const folder = byId.get(String(value[parent!]))
    const namesakes = (givenUp.get(value[parent!]) ?? []).filter(
      other => other !== row && sameName(String(other.base!.value![name!]), String(value[name!])),
    )
    return [...(folder !== undefined && isNew(folder) && folder.value !== null ? [folder] : []), ...namesakes]
  }

  let broken = false
  const done = new Set<OutboxRow>()
  const path: OutboxRow[] = []
  async function visit(row: OutboxRow): Promise<void> {
    const at = path.indexOf(row)
    if (at >= 0) broken = (await stepAside(path.slice(at))) || broken
    if (at >= 0 || done.has(row)) return
    path.push(row)
    for (const first of before(row)) await visit(first)
    path.pop()
    done.add(row)
  }

  async function stepAside(ring: readonly OutboxRow[]): Promise<boolean> {
    for (const row of ring) {
      const entry = await draft.get(row.collection, row.id)
      if (row.value === null || isNew(row) || inFlight(row) || entry.rows.length > 1) continue
      const target = byId.get(String(row.value[parent!]))
      const was = row.base!.value!
      const place = target !== undefined && isNew(target) ? was[parent!]! : row.value[parent!]!
      const spare = await spareName(row, place)
      if (spare === undefined) continue
      const { sealed: _, refused: _1, after: _2, notBefore: _3, seen: _4, sent: _5, base, ...plain } = row
      const generation = row.generation + 1
      const value = { ...was, [parent!]: place, [name!]: spare }
      const first: OutboxRow = { ...plain, base: base!, value, change: draft.uuid(), tries: 0 }
      const next: OutboxRow = { ...plain, generation, seq: await draft.seq(home.remote), tries: 0 }
      replaceRow(entry, row, first)
      entry.rows = [...entry.rows, next]
      return true
    }
    return false
  }

  async function spareName(row: OutboxRow, place: Value[string]): Promise<Value[string] | undefined> {
    const key = { collection: home.sourceName, id: row.id }
    const taken = (await draft.where(home.collection, parent!, String(place))).map(one => String(one.value![name!]))
    for (const other of givenUp.get(place) ?? []) taken.push(String(other.base!.value![name!]))
    return home.source.copy!(key, row.value!, changeOf(home, row, row), taken, home.device)?.value[name!]
  }

  for (const row of ready) await visit(row)
  return broken
}
