/** Records that are no part of what is synced here any more, because somebody chose so: not deleted, only not here. */
import type { Draft, Entry } from '../ledger/draft.ts'
import type { OutboxRow } from '../ledger/rows.ts'
import type { Home } from '../ledger/settle.ts'
import { descendants } from '../ledger/subtree.ts'

/**
 * Forgets a record and all below it, and says which they were. What has open changes stays until they are settled, with
 * the folders over it: where it is now, and where the remote has it.
 */
export async function hide(draft: Draft, home: Home, id: string): Promise<readonly string[]> {
  const top = await draft.get(home.collection, id)
  const below = new Map([top, ...(await descendants(draft, home, id))].map(entry => [entry.id, entry]))
  const kept = new Set<string>()
  const keep = (next: unknown) => {
    const entry = typeof next === 'string' && !kept.has(next) ? below.get(next) : undefined
    if (entry === undefined) return
    kept.add(entry.id)
    for (const folder of foldersOf(home, entry)) keep(folder)
  }
  for (const entry of await open(draft, home, below.values())) {
    keep(entry.id)
    for (const folder of foldersOf(home, entry)) keep(folder)
  }
  const gone = [...below.values()].filter(entry => !kept.has(entry.id) && entry.value !== undefined)
  for (const entry of gone) draft.forget(entry)
  return gone.map(entry => entry.id)
}

/** All that has open changes by now, wherever it is. */
async function open(draft: Draft, home: Home, more: Iterable<Entry>): Promise<Entry[]> {
  const stored = await draft.tx.rows('outbox').list({ prefix: [home.collection] })
  const entries = new Set(more)
  for (const { row } of stored) entries.add(await draft.get(home.collection, (row as OutboxRow).id))
  return [...entries].filter(({ rows }) => rows.length > 0)
}

function foldersOf({ source: { parent } }: Home, { value, rows }: Entry): unknown[] {
  if (parent === undefined) return []
  return [value, ...rows.flatMap(row => [row.value, row.base?.value])].map(place => place?.[parent])
}
