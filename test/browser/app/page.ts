/** The app of the browser tests: a notes app that embeds the library, as any page would. */
import { open } from '../../../src/index.ts'
import { indexeddb } from '../../../src/stores/indexeddb/index.ts'
import { dumpEverything, dumpStores } from './dump.ts'
import { type Config, remotesOf, schemaOf } from './schema.ts'
import { writers } from './writers.ts'

export interface Setup extends Config {
  readonly token: string
  /** Where the engine runs. */
  readonly engine: 'inline' | 'worker'
}

/** What the app's sign-in gave, by store; memory only. */
const tokens: { [store: string]: string } = {}

function openInline(config: Config) {
  return open({
    store: indexeddb(config.store),
    schema: schemaOf(config),
    device: { name: 'Browser' },
    remotes: remotesOf(config, () => tokens[config.store] ?? ''),
  })
}

// Not in TypeScript's library yet.
declare const trustedTypes: {
  createPolicy(name: string, rules: { createScriptURL(url: string): string }): { createScriptURL(url: string): unknown }
}
const ownScripts = trustedTypes.createPolicy('own-scripts', { createScriptURL: url => url })

async function openWithWorker(config: Config): Promise<OpenDb> {
  const db = await open<typeof import('./sync.worker.ts').default>({
    store: indexeddb(config.store),
    schema: schemaOf(config),
    account: config.store,
    device: { name: 'Browser' },
    config,
    tokens: { drive: () => tokens[config.store] ?? '' },
    worker: () => new Worker(ownScripts.createScriptURL('/sync.worker.js') as string, { type: 'module' }),
  })
  return db
}

export type OpenDb = Awaited<ReturnType<typeof openInline>>

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
    const { token, engine, ...config } = setup
    tokens[setup.store] = token
    databases.set(setup.store, await (engine === 'worker' ? openWithWorker : openInline)(config))
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
