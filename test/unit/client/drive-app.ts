/** An app with one collection over a file server in the same process, bytes included, in a world whose clock the test moves. */
import { open } from '../../../src/client/open.ts'
import type { Rule } from '../../../src/model.ts'
import { collection, defineSchema } from '../../../src/schema.ts'
import { memory, memoryDisk } from '../../../src/stores/memory.ts'
import { files, type TreeRow, tree } from '../../../src/transports/files/index.ts'
import { type DriveWorld, driveWorld } from '../engine/drive-device.ts'

const opened = new Set<() => Promise<void>>()

export async function closeDrives(): Promise<void> {
  for (const close of opened) await close()
  opened.clear()
}

export const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)

/** /f { g { x }, y }, h; each file holds `first` and its path. */
export async function driveApp(rule: Rule = 'KEEP_BOTH', it: DriveWorld = plantedDrive()) {
  const { platform } = it.world.tabFor('app')
  const drive = files({ url: 'https://drive.test', share: it.share, token: () => it.owner.token })
  const entries = collection<TreeRow>()({ ...tree, remote: 'drive', conflicts: rule })
  const schema = defineSchema({ version: 1, collections: { tree: entries } })
  const store = memory('m', { disk: memoryDisk(it.world.uuid()) })
  const db = await open({ store, schema, remotes: { drive }, platform, device: { name: 'Laptop' } })
  opened.add(() => db.close())
  const rows = db.data.tree
  const app = {
    ...it,
    db,
    rows,
    async sync() {
      db.remotes.drive.sync()
      await it.world.pass(20_000)
    },
    status: () => db.remotes.drive.status.get(),
    names: async () => (await rows.list()).map(({ value }) => value.name).sort(),
    /** What a file holds at the server. */
    text(path: string): string {
      const node = it.server.inspect().tree[it.share]?.find(one => one.path === path)
      return new TextDecoder().decode(it.server.inspect().bytes(node?.sha256 ?? ''))
    },
  }
  await app.sync()
  return app
}

export function plantedDrive(): DriveWorld {
  const it = driveWorld()
  for (const path of ['/f', '/f/g', '/h']) it.admin.createFolder(it.share, path)
  for (const path of ['/f/g/x', '/f/y']) it.admin.createFile(it.share, path, `first ${path}`)
  return it
}
