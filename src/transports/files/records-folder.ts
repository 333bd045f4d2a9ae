/** A records folder on the server: where it is, what lies in it, and its files as shards. */
import { SyncError } from '../../errors.ts'
import type { Io } from '../../transport.ts'
import { PAGE_BYTES } from '../shared/http.ts'
import type { Api } from './api.ts'
import { folderAt } from './places.ts'
import { type RecordsFolder, segments } from './scope.ts'
import { MANIFEST, readManifest, readShard, type Shard, shardNumber } from './shards.ts'
import type { Entry } from './wire.ts'

export const MOST_SHARD_BYTES = PAGE_BYTES

export interface Opened {
  readonly folder: string
  /** How many shards; `undefined`: there is no manifest yet. */
  readonly shards: number | undefined
  readonly manifest: string | undefined
  /** There is a manifest that nobody here understands, or shards without one. */
  readonly unreadable: boolean
  readonly files: ReadonlyMap<number, Entry>
  readonly strangers: readonly Entry[]
}

export interface ReadShard {
  /** What tells this state from another. */
  readonly mark: string
  /** The version to name as the base of a write, where the server says it. */
  readonly version: string | undefined
  readonly shard: Shard
}

export type RecordsFiles = ReturnType<typeof recordsFiles>

const KEPT = 64

export function recordsFiles(api: Api) {
  // A shard just written or read need not be downloaded again. Versions never change what they hold.
  const read = new Map<string, Shard>()
  const counted = new Map<string, number>()

  const keep = (version: string, shard: Shard) => {
    read.delete(version)
    read.set(version, shard)
    const [oldest] = read.keys()
    if (read.size > KEPT && oldest !== undefined) read.delete(oldest)
  }

  return {
    keep,

    /** `undefined`: there is no such folder. `hint`: where it was last time. */
    async open({ share, path }: RecordsFolder, hint: string | undefined, io: Io): Promise<Opened | undefined> {
      const listing = (hint && (await listedAt(share, hint, path, io))) || (await found(share, path, io))
      if (listing === undefined) return undefined
      const { folder, entries } = listing
      const manifest = entries.find(({ kind, name }) => kind === 'file' && name === MANIFEST)
      const known = manifest && (await shardsIn(manifest, io))
      const most = known ?? Number.MAX_SAFE_INTEGER
      const files = new Map<number, Entry>()
      const strangers: Entry[] = []
      for (const entry of entries) {
        const n = entry.kind === 'file' ? shardNumber(entry.name, most) : undefined
        if (n !== undefined) files.set(n, entry)
        else if (entry !== manifest) strangers.push(entry)
      }
      const unreadable = manifest === undefined ? files.size > 0 : known === undefined
      return { folder, shards: known, manifest: manifest?.id, unreadable, files, strangers }
    },

    /** The file as it is now, or in the version that a listing named. `undefined`: it is gone. */
    async shard(share: string, entry: Entry, io: Io): Promise<ReadShard | 'unreadable' | undefined> {
      const current = entry.version === undefined ? await api.entry('file', entry.id, share, io) : entry
      if (current === undefined) return undefined
      const { version } = current
      const mark = versionMark(current) ?? ''
      const kept = version === undefined ? undefined : read.get(version)
      if (kept !== undefined) return { mark, version, shard: kept }
      const bytes = await download(entry.id, current.version, io)
      if (bytes === undefined) return undefined
      const shard = bytes === 'unreadable' ? undefined : readShard(bytes)
      if (shard === undefined) return 'unreadable'
      if (version !== undefined) keep(version, shard)
      return { mark, version, shard }
    },
  }

  async function listedAt(share: string, folder: string, path: string, io: Io) {
    try {
      const listing = await api.children(share, folder, io)
      mustBeWhole(listing.truncated)
      return listing.path === path ? { folder, entries: listing.entries } : undefined
    } catch (error) {
      if (error instanceof SyncError && error.code === 'missing') return undefined
      throw error
    }
  }

  async function found(share: string, path: string, io: Io) {
    const folder = await folderAt(api, share, segments(path), io)
    if (folder === undefined) return undefined
    const listing = await api.children(share, folder, io)
    mustBeWhole(listing.truncated)
    return { folder, entries: listing.entries }
  }

  async function shardsIn({ id, version }: Entry, io: Io): Promise<number | undefined> {
    const key = `${id} ${version ?? ''}`
    const known = counted.get(key)
    if (known !== undefined) return known
    const bytes = await download(id, version, io)
    const shards = bytes === undefined || bytes === 'unreadable' ? undefined : readManifest(bytes)
    if (shards !== undefined) counted.set(key, shards)
    return shards
  }

  async function download(id: string, version: string | undefined, io: Io) {
    try {
      return await api.download(id, version, MOST_SHARD_BYTES, io)
    } catch (error) {
      if (error instanceof SyncError && error.code === 'missing') return undefined
      // Too long: like one with anything else in it. Only its own records wait.
      if (error instanceof SyncError && error.code === 'protocol') return 'unreadable'
      throw error
    }
  }
}

/** A shard that a listing left out would look deleted. */
function mustBeWhole(truncated: boolean): void {
  if (truncated)
    throw new SyncError('protocol', 'The listing of a records folder is not whole. It will be asked for again.')
}

/** What tells one state of a file from another, as well as the server says it. */
export function versionMark({ version, number, value }: Entry): string | undefined {
  return version ?? (number === undefined ? value?.sha256 : `#${number}`)
}
