/** The sandbox server in the simulated world, and the eyes of the judge on it. */
import { type FilesSandbox, filesSandbox } from '../../src/sandbox/files/sandbox.ts'
import { type Box, boxOf } from './box.ts'
import { canaryToken } from './canary.ts'
import { type Cdf, cdfOf, isCdf } from './cdf.ts'
import type { Remote } from './network.ts'
import type { Options } from './plan.ts'
import { isPush } from './routes.ts'
import { airweaveWork } from './work/airweave.ts'
import { cogneeWork } from './work/cognee.ts'
import { isWork, type Work, type WorkKind } from './work/work.ts'
import type { World } from './world.ts'

export interface Server {
  readonly remote: Remote
  readonly sandbox: FilesSandbox
  readonly box: Box
  readonly cdf: Cdf | undefined
  readonly work: Work | undefined
  readonly share: string
  readonly user: string
  /** The token that the app holds now. */
  readonly token: () => string
  /** The old token is refused from now on; the app has a new one. */
  readonly renewToken: () => void
  /** When something last changed there. */
  changedAt: number
  /** The notes as the records folder holds them: by id, with their value. */
  readonly notes: () => Map<string, NoteRow>
  /** Edges between the nodes of a graph, where there are any. */
  readonly links: () => Map<string, NoteRow>
  /** The tree without the records folder. */
  readonly nodes: () => readonly TreeNode[]
}

export type TreeNode = FilesInspection['tree'][string][number]
type FilesInspection = ReturnType<FilesSandbox['inspect']>

export interface NoteRow {
  readonly v: unknown
  readonly value: { readonly [field: string]: unknown }
}

export function serverOf(world: World, options: Options): Server {
  const random = world.stream('server')
  const sandbox = filesSandbox({
    world: { now: world.now, random, sleep: () => new Promise(() => undefined) },
    knobs: options.knobs,
  })
  const { user_id } = sandbox.admin.addUser('Ada', { token: `${canaryToken}-0` })
  const share = sandbox.admin.addShare('Work', user_id)
  sandbox.admin.createFolder(share, '/notes')
  let tokens = 0
  const cdf = isCdf(options.remote)
    ? cdfOf(options.remote, world, options.cdf ?? {}, options.plant, `${canaryToken}-0`)
    : undefined
  const work = isWork(options.remote) ? workOf(options.remote, world, options.seed) : undefined
  const boxKind = options.remote === 'files' || isCdf(options.remote) || isWork(options.remote) ? 'box' : options.remote
  /** How long the log of the file server is. */
  const rows = () => (options.remote === 'files' ? sandbox.inspect().log.length : undefined)
  const server: Server = {
    sandbox,
    cdf,
    work,
    box: boxOf(boxKind, world.now),
    share,
    user: user_id,
    changedAt: 0,
    token: () => `${canaryToken}-${tokens}`,
    renewToken() {
      const old = server.token()
      sandbox.admin.revokeToken(old)
      tokens++
      cdf?.renewToken(old, server.token())
      work?.renewToken(old, server.token())
      sandbox.admin.addToken(user_id, server.token())
    },
    remote: {
      fails: cdf !== undefined || work !== undefined,
      async fetch(request) {
        if (work !== undefined) return work.fetch(request)
        const before = rows()
        const authorized = request.headers.get('authorization') === `Bearer ${server.token()}`
        const response = await (cdf !== undefined
          ? cdf.fetch(request)
          : options.remote === 'files'
            ? sandbox.fetch(request)
            : server.box.fetch(request, authorized))
        // A write of several may have an effect although it failed, and one that comes again may have none.
        const effect = cdf !== undefined || (response.ok && (before === undefined || rows() !== before))
        if (isPush({ url: new URL(request.url) }) && effect)
          server.changedAt = world.elapsed() + (cdf?.visibleWithin ?? 0)
        return response
      },
      connect: sandbox.connect,
    },
    nodes: () => (sandbox.inspect().tree[share] ?? []).filter(node => !/^\/notes(\/|$)/.test(node.path)),
    links: () => cdf?.links() ?? new Map(),
    notes() {
      if (cdf !== undefined) return cdf.notes()
      const found = new Map<string, NoteRow>()
      if (options.remote !== 'files') {
        for (const [id, { value, version }] of server.box.rows) if (value !== null) found.set(id, { v: version, value })
        return found
      }
      const { tree, bytes } = sandbox.inspect()
      for (const node of tree[share] ?? []) {
        if (!node.path.startsWith('/notes/') || node.path.endsWith('.tidemark.json') || node.sha256 === null) continue
        for (const row of rowsIn(JSON.parse(new TextDecoder().decode(bytes(node.sha256))))) {
          if (found.has(row.id)) world.fail('I3', `${row.id} is in two shards`)
          found.set(row.id, row)
        }
      }
      return found
    },
  }
  return server
}

const workOf = (kind: WorkKind, world: World, seed: string): Work =>
  (kind === 'airweave' ? airweaveWork : cogneeWork)(world, seed, `${canaryToken}-0`)

function rowsIn(shard: unknown): readonly (NoteRow & { readonly id: string })[] {
  if (Array.isArray(shard)) return shard
  if (typeof shard !== 'object' || shard === null) return []
  return Object.values(shard).flatMap(rowsIn)
}
