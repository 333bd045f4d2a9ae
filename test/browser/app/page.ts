/** The app of the browser tests: a notes app that embeds the library, as any page would. */
import { collection, defineSchema, open, type Strategy } from '../../../src/index.ts'
import { indexeddb } from '../../../src/stores/indexeddb/index.ts'
import { files, records, tree } from '../../../src/transports/files/index.ts'
import { dumpEverything, dumpStores } from './dump.ts'
import { writers } from './writers.ts'

export interface Note {
  title: string
  n?: number
  length?: number
}

export interface Setup {
  readonly store: string
  /** Where the remote is. */
  readonly url: string
  readonly share: string
  readonly token: string
  readonly rule?: Strategy
  /** The app's next release: notes say how long they are. */
  readonly next?: boolean
}

/** What the app's sign-in gave, by store; memory only. */
const tokens: { [store: string]: string } = {}

function schemaOf({ rule, next }: Setup) {
  const collections = {
    notes: collection<Note>()({ remote: 'drive', ...records, ...(rule !== undefined && { conflicts: rule }) }),
    entries: collection({ remote: 'drive', source: 'tree', ...tree }),
  }
  if (!next) return defineSchema({ version: 1, collections })
  const migrations = { 2: { notes: (row: object) => ({ ...row, length: String((row as Note).title).length }) } }
  return defineSchema({ version: 2, collections, migrations })
}

async function openDb(setup: Setup) {
  const { store, url, share } = setup
  return open({
    store: indexeddb(store),
    schema: schemaOf(setup),
    device: { name: 'Browser' },
    remotes: {
      drive: files({ url, share, folders: { notes: '/notes' }, platform: 'web', token: () => tokens[store] ?? '' }),
    },
  })
}

export type OpenDb = Awaited<ReturnType<typeof openDb>>

const databases = new Map<string, OpenDb>()
const violations: string[] = []
addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) => {
  violations.push(`${violatedDirective}: ${blockedURI}`)
})

const app = {
  /** The one opened last. */
  get db(): OpenDb {
    const last = [...databases.values()].at(-1)
    if (last === undefined) throw new Error('Nothing is open.')
    return last
  },
  databases,
  violations,
  tokens,
  /** What the contexts of this origin tell each other, from `overhear` on. */
  overheard: [] as string[],
  overhear(): void {
    const post = BroadcastChannel.prototype.postMessage
    BroadcastChannel.prototype.postMessage = function (message: unknown) {
      app.overheard.push(`${this.name} ${JSON.stringify(message)}`)
      post.call(this, message)
    }
  },
  async open(setup: Setup): Promise<void> {
    tokens[setup.store] = setup.token
    databases.set(setup.store, await openDb(setup))
  },
  async close(store: string): Promise<void> {
    await databases.get(store)?.close()
    databases.delete(store)
  },
  async titles(): Promise<string[]> {
    return (await app.db.data.notes.list()).map(({ value }) => value.title).sort()
  },
  /** What a live question over all notes said, newest last. */
  followed: [] as string[][],
  follow(): void {
    app.db.data.notes.live().subscribe(notes => app.followed.push(notes.map(({ value }) => value.title)))
  },
  status: () => app.db.remotes.drive.status.get(),
  async synced(): Promise<string> {
    return (await app.db.remotes.drive.synced()).phase
  },
  write: (id: string, name: string, share: string, text: string) =>
    app.db.data.entries.write(id, new TextEncoder().encode(text), { share, parent: share, name, kind: 'file' }),
  async read(name: string): Promise<string | undefined> {
    const entry = (await app.db.data.entries.list()).find(({ value }) => value.name === name)
    return entry && new TextDecoder().decode(await app.db.data.entries.read(entry.id))
  },
  dumpStores,
  dumpEverything,
  writers,
}

export type App = typeof app
;(globalThis as unknown as { app: App }).app = app
