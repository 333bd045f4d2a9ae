/** Two devices and a file server on a port of its own, on a clock that the test sets: what each of them has at the end. */
import { open } from '../../../src/client/open.ts'
import type { Status } from '../../../src/client/status.ts'
import { platform as realPlatform } from '../../../src/platform.ts'
import { filesSandbox, type FilesOptions as SandboxOptions } from '../../../src/sandbox/files/sandbox.ts'
import { serve } from '../../../src/sandbox/serve.ts'
import { collection, defineSchema } from '../../../src/schema.ts'
import { memory } from '../../../src/stores/memory.ts'
import { files, type ServerStrategy } from '../../../src/transports/files/index.ts'
import type { TreeRow } from '../../../src/transports/files/sources.ts'
import { tree } from '../../../src/transports/files/sources.ts'

export const STRATEGIES = ['LAST_WRITER_WINS', 'KEEP_BOTH', 'SERVER_WINS', 'CLIENT_WINS', 'MANUAL'] as const
export const MODES = ['server', 'worker'] as const
export type Mode = (typeof MODES)[number]

export const EARLY = Date.parse('2026-05-01T08:10:00Z')
export const LATE = Date.parse('2026-05-01T08:20:00Z')

/** Stands still at a time, or goes on from there. */
export function clockAt(start: number) {
  let from = start
  let since: number | undefined
  return {
    now: () => (since === undefined ? from : from + Math.round(performance.now() - since)),
    stop(ms: number) {
      from = ms
      since = undefined
    },
    go(ms: number) {
      from = ms
      since = performance.now()
    },
  }
}

const text = (bytes: Uint8Array | undefined) => (bytes === undefined ? '?' : new TextDecoder().decode(bytes))

export type Device = Awaited<ReturnType<Awaited<ReturnType<typeof place>>['device']>>

export async function place(mode: Mode, strategy: ServerStrategy, knobs: SandboxOptions['knobs'] = {}) {
  const clock = clockAt(EARLY - 600_000)
  const world = { now: clock.now, sleep: async () => {}, random: () => 0.5 }
  const sandbox = filesSandbox({ world, knobs })
  const owner = sandbox.admin.addUser('Ada')
  const share = sandbox.admin.addShare('Team', owner.user_id)
  const served = await serve({ files: sandbox })
  const closing: (() => Promise<unknown>)[] = []
  const url = served.urls.files

  async function device(name: string, token = owner.token) {
    const real = realPlatform()
    const state: { offline: boolean; before?: (request: Request) => unknown } = { offline: false }
    const requests: string[] = []
    const platform = {
      ...real,
      now: clock.now,
      async fetch(request: Request) {
        if (state.offline) throw new TypeError('fetch failed')
        requests.push(`${request.method} ${new URL(request.url).pathname.replace('/api/v1', '')}`)
        await state.before?.(request)
        return real.fetch(request)
      },
      socket: () => ({ send() {}, close() {} }),
    }
    const settled = mode === 'server' ? { serverSettles: strategy } : {}
    const rules = mode === 'worker' ? { conflicts: strategy } : {}
    const db = await open({
      store: memory(`${name} ${share} ${Math.random()}`),
      schema: defineSchema({ version: 1, collections: { tree: collection({ remote: 'drive', ...tree, ...rules }) } }),
      remotes: { drive: files({ url, share, token: () => token, ...settled }) },
      device: { name },
      platform,
    })
    closing.push(() => db.close())

    async function all(): Promise<ReadonlyMap<string, { readonly id: string; readonly value: TreeRow }>> {
      const items = await db.data.tree.list()
      const byId = new Map(items.map(item => [item.id, item.value]))
      const path = (row: TreeRow): string => {
        if (row.parent === share) return row.name
        const up = byId.get(row.parent)
        return up === undefined ? `(nowhere)/${row.name}` : `${path(up)}/${row.name}`
      }
      return new Map(items.map(item => [path(item.value), item]))
    }
    async function at(path: string) {
      const row = (await all()).get(path)
      if (row === undefined) throw new Error(`${name} has no ${path}, only ${[...(await all()).keys()]}`)
      return row
    }
    async function folderOf(path: string): Promise<string> {
      const cut = path.lastIndexOf('/')
      return cut < 0 ? share : (await at(path.slice(0, cut))).id
    }
    const nameOf = (path: string) => path.slice(path.lastIndexOf('/') + 1)

    return {
      db,
      state,
      requests,
      all,
      at,
      async create(path: string, content: string) {
        const row = { share, parent: await folderOf(path), name: nameOf(path), kind: 'file' as const }
        const id = `fil_${platform.uuid()}`
        await db.data.tree.write(id, new TextEncoder().encode(content), row)
        return id
      },
      async folder(path: string) {
        const id = `fld_${platform.uuid()}`
        await db.data.tree.put(id, { share, parent: await folderOf(path), name: nameOf(path), kind: 'folder' })
        return id
      },
      async write(path: string, content: string) {
        await db.data.tree.write((await at(path)).id, new TextEncoder().encode(content))
      },
      async move(from: string, to: string) {
        await db.data.tree.patch((await at(from)).id, { parent: await folderOf(to), name: nameOf(to) })
      },
      async remove(path: string) {
        await db.data.tree.delete((await at(path)).id)
      },
      pause: () => db.remotes.drive.pause(),
      async sync() {
        await db.remotes.drive.resume()
        db.remotes.drive.sync()
        return db.remotes.drive.synced()
      },
      /** The status, once it says this. */
      async until(check: (status: Status) => boolean): Promise<Status> {
        db.remotes.drive.sync()
        return new Promise((resolve, reject) => {
          const stop = db.remotes.drive.status.subscribe(status => {
            if (!check(status)) return
            stop()
            resolve(status)
          }, reject)
        })
      },
      /** `a.txt=text docs/`, by path. */
      async shows() {
        const known = sandbox.inspect().bytes
        const content = async (id: string, { sha256 = '' }: TreeRow) =>
          text(known(sha256) ?? (await db.data.tree.read(id)))
        const lines = [...(await all())].map(
          async ([path, { id, value }]) =>
            [path, value.kind === 'file' ? await content(id, value) : undefined] as const,
        )
        return line(await Promise.all(lines))
      },
      inbox: () => db.conflicts.list(),
    }
  }

  return {
    clock,
    sandbox,
    share,
    owner,
    url,
    device,
    shows() {
      const { tree: held, bytes } = sandbox.inspect()
      return line(
        held[share]!.map(({ path, sha256 }) => [path.slice(1), sha256 === null ? undefined : text(bytes(sha256))]),
      )
    },
    async close() {
      for (const close of closing) await close()
      await served.close()
    },
  }
}

const line = (entries: readonly (readonly [path: string, content: string | undefined])[]) =>
  entries
    .map(([path, content]) => (content === undefined ? `${path}/` : `${path}=${content}`))
    .sort()
    .join(' ')
