/**
 * Which entries of a share are shown on this device: those of the selected folders, the folders over them, the files at
 * the root, and nothing that is excluded. Private rows: `['hidden', share, id]`, folders that are not shown, as last
 * seen, because where an entry is says only the chain of the folders over it.
 */
import type { Json, RemoteRecord } from '../../model.ts'
import type { KeyedRow, RowKey } from '../../store.ts'
import type { Io } from '../../transport.ts'
import { isObject, member } from '../shared/shape.ts'
import type { Api } from './api.ts'
import { placed } from './places.ts'
import type { Selection } from './selection.ts'
import type { TreeRow } from './sources.ts'
import { asTreeRow, treeRecord } from './wire.ts'

const DEEPEST = 128

interface Folder {
  readonly row: TreeRow
  /** The store has it. */
  readonly here: boolean
  readonly record: RemoteRecord
}

export type View = ReturnType<typeof viewOf>

/**
 * `news` are the latest states that the store does not have yet. `fresh` asks the server alone, where what the store has
 * is from before.
 */
export function viewOf(
  api: Api,
  share: string,
  { selected, excluded }: Selection,
  io: Io,
  { news = new Map(), fresh = false }: { news?: ReadonlyMap<string, RemoteRecord>; fresh?: boolean } = {},
) {
  const folders = new Map<string, Promise<Folder | undefined>>()
  let bare: Promise<ReadonlySet<string>> | undefined

  function folder(id: string): Promise<Folder | undefined> {
    const known = folders.get(id) ?? find(id)
    folders.set(id, known)
    return known
  }

  async function find(id: string): Promise<Folder | undefined> {
    const shown = news.get(id)
    const { base, here, hidden } = await io.peek(async peek => ({
      base: (await peek.agreed('tree', [id]))[0],
      here: (await peek.known('tree', [id]))[0] ?? false,
      hidden: await peek.row(['hidden', share, id]),
    }))
    if (shown !== undefined) return folderOf(shown, here)
    if (!fresh && base != null) return folderOf({ collection: 'tree', id, ...base }, here)
    const record = (!fresh && hiddenRecord(id, hidden)) || (await asked(id, 'folder'))
    return record && folderOf(record, here)
  }

  /** As the server has it now. */
  async function asked(id: string, kind: 'file' | 'folder'): Promise<RemoteRecord | undefined> {
    const entry = await api.entry(kind, id, share, io)
    if (entry === undefined && kind === 'file') return undefined
    const value = await placed(api, kind, { id, share, newPath: undefined }, entry, io)
    return value && treeRecord(id, value, entry?.version, entry?.number, entry?.at)
  }

  /** The folders over an entry from the inside out. `whole`: up to the root. */
  async function over({ parent }: TreeRow): Promise<{ readonly chain: readonly Folder[]; readonly whole: boolean }> {
    const chain: Folder[] = []
    for (let next = parent; next !== share && chain.length < DEEPEST; ) {
      const one = await folder(next)
      if (one === undefined) return { chain, whole: false }
      chain.push(one)
      next = one.row.parent
    }
    return { chain, whole: true }
  }

  /** The folders over the selected ones, which show themselves and nothing else of what is in them. */
  function overSelected(): Promise<ReadonlySet<string>> {
    bare ??= (async () => {
      const found = new Set<string>()
      for (const id of selected) {
        const one = await folder(id)
        const { chain, whole } = one ? await over(one.row) : { chain: [], whole: false }
        const ids = chain.map(({ record }) => record.id)
        if (whole && ![id, ...ids].some(each => excluded.includes(each))) for (const each of ids) found.add(each)
      }
      return found
    })()
    return bare
  }

  return {
    over,
    overSelected,
    folder,
    asked,

    /** `whole`: with all that is in it. */
    async shows(id: string, value: TreeRow): Promise<'whole' | 'bare' | 'hidden'> {
      if (value.kind === 'file' && value.parent === share) return 'whole'
      const { chain, whole } = await over(value)
      const ids = [id, ...chain.map(({ record }) => record.id)]
      // A folder over it is gone, and it with that; what comes back is listed.
      if (!whole) return 'hidden'
      if (ids.some(each => excluded.includes(each))) return 'hidden'
      if (selected.length === 0 || ids.some(each => selected.includes(each))) return 'whole'
      return (await overSelected()).has(id) ? 'bare' : 'hidden'
    },

    /** The same for what a listing shows of a folder that is itself shown. */
    async listed(id: string, value: { kind: string }, inside: 'whole' | 'bare', atRoot: boolean) {
      if (value.kind === 'file') return inside === 'whole' || atRoot ? 'whole' : 'hidden'
      if (excluded.includes(id)) return 'hidden'
      if (inside === 'whole' || selected.includes(id)) return 'whole'
      return (await overSelected()).has(id) ? 'bare' : 'hidden'
    },
  }
}

function folderOf(record: RemoteRecord, here: boolean): Folder | undefined {
  const row = asTreeRow(record.value)
  return row?.kind === 'folder' ? { row, here, record } : undefined
}

export const hiddenKey = (share: string, id: string): RowKey => ['hidden', share, id]

export const hiddenRow = (share: string, { id, value, version }: RemoteRecord): KeyedRow => ({
  key: hiddenKey(share, id),
  row: { value, version },
})

function hiddenRecord(id: string, row: unknown): RemoteRecord | undefined {
  const value = isObject(row) ? asTreeRow(row.value) : undefined
  if (value === undefined) return undefined
  const version: Json = member(row, 'version') ?? null
  return treeRecord(id, value, typeof version === 'string' ? version : undefined)
}
