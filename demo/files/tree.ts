/** Entries as lines of a tree. */
import type { Item } from '../../src/index.ts'
import type { TreeRow } from '../../src/transports/files/sources.ts'
import type { LeftFolder } from './schema.ts'

export interface Line {
  readonly id: string
  readonly name: string
  readonly folder: boolean
  /** The folder that it lies in, or the share. */
  readonly parent: string
  readonly depth: number
  /** A folder that this device does not keep. */
  readonly left: boolean
  /** `false`: only its name is. */
  readonly here: boolean
  readonly folded: boolean
  readonly size?: number
}

export type Entries = ReadonlyMap<string, TreeRow>

/** Folders first, each followed by what is in it. What hangs nowhere is shown at the top. */
export function linesOf(
  entries: Entries,
  left: readonly Item<LeftFolder>[],
  share: string,
  folded: ReadonlySet<string>,
): readonly Line[] {
  const apart = new Set(left.map(({ id }) => id))
  const all = [...entries].map(([id, { name, parent, kind, size }]) => ({
    ...{ id, name, parent, folder: kind === 'folder', left: apart.has(id), here: true, folded: folded.has(id) },
    ...(size !== undefined && { size }),
  }))
  const gone = left.filter(({ id }) => !entries.has(id))
  const known = [
    ...all,
    ...gone.map(({ id, value }) => ({ id, ...value, folder: true, left: true, here: false, folded: false })),
  ]
  const ids = new Set(known.map(({ id }) => id))
  const below = new Map<string, Omit<Line, 'depth'>[]>()
  for (const one of known) {
    const parent = ids.has(one.parent) ? one.parent : share
    below.set(parent, [...(below.get(parent) ?? []), one])
  }

  const lines: Line[] = []
  const seen = new Set<string>()
  const walk = (folder: string, depth: number): void => {
    const inside = below.get(folder) ?? []
    for (const one of inside.sort((a, b) => Number(b.folder) - Number(a.folder) || byName(a.name, b.name))) {
      if (seen.has(one.id)) continue
      seen.add(one.id)
      lines.push({ ...one, depth })
      if (one.folder && !one.folded) walk(one.id, depth + 1)
    }
  }
  walk(share, 0)
  return lines
}

/** Every folder with its path, but for `id` and what is in it. */
export function foldersBeside(entries: Entries, share: string, id?: string): { value: string; text: string }[] {
  const folders = [...entries].filter(([, { kind }]) => kind === 'folder')
  const paths = folders.flatMap(([folder]) => {
    const path: string[] = []
    for (let at = folder; at !== share; ) {
      const entry = entries.get(at)
      if (entry === undefined || at === id || path.length > entries.size) return []
      path.unshift(entry.name)
      at = entry.parent
    }
    return [{ value: folder, text: `/${path.join('/')}` }]
  })
  return [{ value: share, text: '/' }, ...paths.sort((a, b) => byName(a.text, b.text))]
}

/** The name, or the first of `Name 2.txt`, `Name 3.txt`, … that is free in the folder. */
export function freeName(entries: Entries, parent: string, name: string): string {
  const taken = new Set([...entries.values()].filter(one => one.parent === parent).map(one => one.name.toLowerCase()))
  const [stem = name, end = ''] = /^(.+)(\.[^.]*)$/.exec(name)?.slice(1) ?? []
  for (let n = 1; ; n++) {
    const free = n === 1 ? name : `${stem} ${n}${end}`
    if (!taken.has(free.toLowerCase())) return free
  }
}

/** `chart 2` before `chart 10`. */
const { compare: byName } = new Intl.Collator(undefined, { numeric: true })
