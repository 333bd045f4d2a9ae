/** What the page of the smoke test can do. Bundled by the test. */
import { collection, defineSchema, open } from '../../src/index.ts'
import { indexeddb } from '../../src/stores/indexeddb/index.ts'
import { files, records, tree } from '../../src/transports/files/index.ts'

export interface App {
  start(url: string, share: string, token: string): Promise<void>
  add(title: string): Promise<string>
  titles(): Promise<string[]>
  /** Waits until there are so many notes here. */
  heard(count: number): Promise<string[]>
  write(name: string, text: string): Promise<string>
  read(name: string): Promise<string>
  synced(): Promise<string>
}

async function openDb(url: string, share: string, token: string) {
  return open({
    store: indexeddb('smoke'),
    schema: defineSchema({
      version: 1,
      collections: {
        notes: collection<{ title: string }>()({ remote: 'drive', ...records }),
        entries: collection({ remote: 'drive', source: 'tree', ...tree }),
      },
    }),
    remotes: { drive: files({ url, share, folders: { notes: '/notes' }, platform: 'web', token: () => token }) },
  })
}

let db: Awaited<ReturnType<typeof openDb>>
let home = ''

const app: App = {
  async start(url, share, token) {
    home = share
    db = await openDb(url, share, token)
  },
  add: title => db.data.notes.add({ title }),
  async titles() {
    return (await db.data.notes.list()).map(({ value }) => value.title).sort()
  },
  heard(count) {
    return new Promise((resolve, reject) => {
      const stop = db.data.notes.live().subscribe(notes => {
        if (notes.length < count) return
        stop()
        resolve(app.titles())
      }, reject)
    })
  },
  async write(name, text) {
    const id = crypto.randomUUID()
    await db.data.entries.write(id, new TextEncoder().encode(text), { share: home, parent: home, name, kind: 'file' })
    return id
  },
  async read(name) {
    const entry = (await db.data.entries.list()).find(({ value }) => value.name === name)
    return entry === undefined ? 'missing' : new TextDecoder().decode(await db.data.entries.read(entry.id))
  },
  async synced() {
    return (await db.remotes.drive.synced()).phase
  },
}

;(globalThis as unknown as { app: App }).app = app
