/** Which folders this device keeps: a preference at the server, which the engine follows. */
import type { Db, Item, SyncError } from '../../src/index.ts'
import type { FilesTransport } from '../../src/transports/files/index.ts'
import type { LeftFolder, schemaWith } from './schema.ts'

export type FilesDb = Db<ReturnType<typeof schemaWith>['collections'], { readonly drive: FilesTransport }>

export interface Selection {
  /** Calls back with the folders that are left out. */
  watch(hear: (left: readonly Item<LeftFolder>[]) => void): void
  /** Needs the network: which folders a device keeps is a matter of the server's. */
  keep(folder: string, keep: boolean): Promise<void>
}

export function selection({ data: { left, entries }, remotes: { drive } }: FilesDb, share: string): Selection {
  /** As they were when they were last here. */
  const folders = new Map<string, LeftFolder>()
  entries.live().subscribe(items => {
    for (const { id, value } of items) {
      if (value.kind === 'folder') folders.set(id, { name: value.name, parent: value.parent })
    }
  })

  /** The server's word; the names of what is not here are ours. */
  async function adopt(excluded: readonly string[]): Promise<void> {
    const known = new Set((await left.list()).map(({ id }) => id))
    for (const id of known) if (!excluded.includes(id)) await left.delete(id)
    for (const id of excluded) {
      if (!known.has(id)) await left.put(id, folders.get(id) ?? { name: id, parent: share })
    }
  }

  const excludedNow = async () => (await drive.api.preferences()).find(one => one.share === share)?.excluded ?? []

  // Somebody else may have said so, on another device: whenever there is news, it is asked again.
  let seen: number | undefined
  drive.status.subscribe(({ phase, pulledAt }) => {
    if (phase !== 'synced' || pulledAt === seen) return
    seen = pulledAt
    void excludedNow().then(adopt, () => {}) // no network: it is asked again with the next look
  })

  return {
    watch: hear => void left.live().subscribe(hear),
    async keep(folder, keep) {
      const others = (await excludedNow().catch(offline)).filter(id => id !== folder)
      const { excluded } = await drive.api.setPreference({ share, excluded: keep ? others : [...others, folder] })
      await adopt(excluded)
    },
  }
}

function offline(error: SyncError): never {
  if (error.code !== 'network') throw error
  throw new Error('The server keeps this choice, and cannot be reached now. Choose again when there is a network.')
}
