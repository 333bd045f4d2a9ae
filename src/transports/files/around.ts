/** What lies over the entries that are to change: their folders, and the paths that these make. */
import type { Base, Change } from '../../model.ts'
import type { Peek } from '../../transport.ts'
import { chunks } from '../shared/pages.ts'
import type { Surroundings } from './plan.ts'
import type { TreeRow } from './sources.ts'
import { asTreeRow } from './wire.ts'

const DEEPEST = 128

/** The folders above all these entries, as agreed with the remote; `gone`: it has deleted them. */
export async function ancestors(peek: Peek, changes: readonly Change[]) {
  const gone = new Set<string>()
  const found = new Map<string, TreeRow>()
  const rows = changes.flatMap(({ base, value }) => [asTreeRow(base?.value), asTreeRow(value)])
  let wanted = parentsOf(rows, found)
  for (let depth = 0; wanted.length > 0 && depth < DEEPEST; depth++) {
    const bases: (Base | undefined)[] = []
    for (const ids of chunks(wanted, 500)) bases.push(...(await peek.agreed('tree', ids)))
    const above = bases.map(base => asTreeRow(base?.value))
    wanted.forEach((id, at) => {
      const row = above[at]
      if (row !== undefined) found.set(id, row)
      else if (bases[at]?.value === null) gone.add(id)
    })
    wanted = parentsOf(above, found)
  }
  return { agreed: found, gone }
}

function parentsOf(rows: readonly (TreeRow | undefined)[], found: ReadonlyMap<string, TreeRow>): string[] {
  const parents = rows.flatMap(row => (row === undefined || row.parent === row.share ? [] : [row.parent]))
  return [...new Set(parents)].filter(id => !found.has(id))
}

/** Paths as agreed, and as they are after these changes. */
export function pathsIn(agreed: ReadonlyMap<string, TreeRow>, changes: readonly Change[]): Surroundings['pathOf'] {
  const after = new Map(agreed)
  for (const { id, value } of changes) {
    const row = asTreeRow(value)
    if (row !== undefined) after.set(id, row)
  }
  return (place, side) => {
    const folders = side === 'before' ? agreed : after
    let path = ''
    let row: TreeRow | undefined = place
    for (let depth = 0; row !== undefined && depth < DEEPEST; depth++) {
      path = `/${row.name}${path}`
      if (row.parent === row.share) return path
      row = folders.get(row.parent)
    }
    return undefined
  }
}
