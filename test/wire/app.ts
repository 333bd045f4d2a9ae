/** The app of the chaos test: a share of files and folders. The same in a Node process and in a page. */
import { collection, defineSchema, open, SyncError } from '../../src/index.ts'
import type { StoreDriver } from '../../src/store.ts'
import { files, tree } from '../../src/transports/files/index.ts'
import { bytesOf } from './bytes.ts'
import type { Account } from './devices.ts'

/** What a user does. Targets are numbers: the app takes that of what it has, in the order of the paths. */
export interface Act {
  readonly act: 'folder' | 'file' | 'edit' | 'rename' | 'move' | 'delete' | 'fetch'
  readonly at: number
  readonly into: number
  /** New, and nobody else's. */
  readonly name: string
  readonly seed: number
  readonly size: number
}

/**
 * What came of it. `wrote`: a hash or a name that nobody wrote before, acknowledged. `over`: those that were seen and
 * replaced by it, or deleted.
 */
export interface Done {
  readonly wrote?: string
  readonly over: readonly string[]
  /** There was nothing to do it to, or the app was told that it cannot be done. */
  readonly refused?: string
}

export interface Held {
  readonly id: string
  readonly path: string
  readonly kind: string
  readonly sha256?: string
}

export type App = Awaited<ReturnType<typeof openApp>>

export async function openApp(
  { url, share, token, name }: Account & { name: string },
  store: StoreDriver,
  web = false,
) {
  const db = await open({
    store,
    schema: defineSchema({
      version: 1,
      collections: { entries: collection({ remote: 'drive', source: 'tree', conflicts: 'KEEP_BOTH', ...tree }) },
    }),
    remotes: { drive: files({ url, share, token: () => token, ...(web && { platform: 'web' as const }) }) },
    device: { name },
  })
  const { entries } = db.data
  const { drive } = db.remotes

  async function held(): Promise<(Held & { name: string; parent: string })[]> {
    const all = new Map((await entries.list()).map(({ id, value }) => [id, value]))
    const pathOf = (id: string): string => {
      const value = all.get(id)
      return value === undefined ? '' : `${pathOf(value.parent)}/${value.name}`
    }
    return Array.from(all, ([id, { kind, name, parent, sha256 }]) => ({
      id,
      path: pathOf(id),
      kind,
      name,
      parent,
      ...(sha256 !== undefined && { sha256 }),
    })).sort((one, other) => (one.path < other.path ? -1 : 1))
  }

  async function does({ act, at, into, name, seed, size }: Act): Promise<Done> {
    const all = await held()
    const folders = [share, ...all.filter(({ kind }) => kind === 'folder').map(({ id }) => id)]
    const parent = folders[into % folders.length]!
    if (act === 'folder') {
      await entries.add({ share, parent, name, kind: 'folder' })
      return { wrote: name, over: [] }
    }
    const bytes = bytesOf(seed, 0, size)
    if (act === 'file') {
      await entries.write(crypto.randomUUID(), bytes, { share, parent, name, kind: 'file' })
      return { wrote: await hashOf(bytes), over: [] }
    }
    const some = act === 'edit' || act === 'move' || act === 'fetch' ? all.filter(({ kind }) => kind === 'file') : all
    const target = some[at % Math.max(1, some.length)]
    if (target === undefined) return { over: [], refused: 'nothing there' }
    const { id, path, sha256 = '' } = target
    switch (act) {
      case 'edit':
        await entries.write(id, bytes)
        return { wrote: await hashOf(bytes), over: [sha256] }
      case 'rename':
        await entries.patch(id, { name })
        return { wrote: name, over: [target.name] }
      case 'move':
        await entries.patch(id, { parent })
        return { over: [] }
      case 'delete': {
        const gone = all.filter(one => one.id === id || one.path.startsWith(`${path}/`))
        await entries.delete(id)
        return { over: gone.flatMap(one => [one.name, one.sha256 ?? '']) }
      }
      case 'fetch':
        await entries.fetch(id)
        return { over: [] }
    }
  }

  return {
    async act(act: Act): Promise<Done> {
      try {
        return await does(act)
      } catch (error) {
        if (error instanceof SyncError && ['not-found', 'invalid-value'].includes(error.code))
          return { over: [], refused: error.code }
        throw error
      }
    },
    held,
    /** As text: whatever is in it can be looked for. */
    inbox: async () => (await db.conflicts.list()).map(one => JSON.stringify(one)),
    outbox: async () => (await db.outbox.list()).map(one => JSON.stringify(one)),
    status: () => drive.status.get(),
    hurry: async () => drive.sync(),
    /** The hash of what it says to be the bytes of each file, by id. */
    async bytes(): Promise<[string, string][]> {
      const found: [string, string][] = []
      for (const { id, kind } of await held()) {
        if (kind === 'file') found.push([id, await hashOf((await entries.read(id)) ?? new Uint8Array())])
      }
      return found
    },
    close: () => db.close(),
  }
}

async function hashOf(bytes: Uint8Array): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>))
  return Array.from(hash, byte => byte.toString(16).padStart(2, '0')).join('')
}
