/** The remote: the sandbox's file server on a port of its own, with one share, and what lies on it. */
import { createHash, randomUUID } from 'node:crypto'
import type { FilesSandbox } from '../../../src/sandbox/files/sandbox.ts'
import { filesSandbox } from '../../../src/sandbox/files/sandbox.ts'
import { realWorld } from '../../../src/sandbox/real-world.ts'
import { serve } from '../../../src/sandbox/serve.ts'
import type { Note } from '../app/schema.ts'

export interface Drive {
  readonly url: string
  /** What a page's policy must allow: requests and the socket. */
  readonly origins: readonly string[]
  readonly sandbox: FilesSandbox
  /** A user with a share: what the app's sign-in gives. */
  user(name: string): { readonly url: string; readonly share: string; readonly token: string }
  /** Another token of the same user: another device of hers, as far as the server can see. */
  another(token: string): string
  /** Requests with these tokens find no way to the server. */
  readonly cut: Set<string>
  /** The records folder, read without the library. */
  notes(share: string): Map<string, Note>
  /** The files beside it. */
  files(share: string): Map<string, string>
  /** Puts a record there as another device would, its value as it stands in JSON. The folder must be there already. */
  plant(share: string, id: string, value: string): void
  /** Requests that arrived and were not answered yet. */
  readonly underWay: ReadonlySet<Request>
  /** Everything that arrived, in order, as `METHOD /path`. */
  readonly requests: readonly Arrived[]
  close(): Promise<void>
}

export interface Arrived {
  readonly line: string
  readonly token: string
}

export async function drive(): Promise<Drive> {
  const sandbox = filesSandbox({ world: realWorld })
  const underWay = new Set<Request>()
  const requests: Arrived[] = []
  const cut = new Set<string>()
  let tokens = 0
  const watched: FilesSandbox = {
    ...sandbox,
    async overWire(request) {
      const token = request.headers.get('authorization')?.replace('Bearer ', '') ?? ''
      if (cut.has(token)) throw new TypeError('There is no way to the server.')
      requests.push({ line: `${request.method} ${new URL(request.url).pathname}`, token })
      underWay.add(request)
      try {
        return await sandbox.overWire(request)
      } finally {
        underWay.delete(request)
      }
    },
  }
  const served = await serve({ files: watched })
  const url = served.urls.files

  function contents(share: string): [path: string, text: string][] {
    const { tree, bytes } = sandbox.inspect()
    return (tree[share] ?? []).flatMap(({ path, kind, sha256 }): [string, string][] =>
      kind === 'file' && sha256 !== null ? [[path, new TextDecoder().decode(bytes(sha256))]] : [],
    )
  }

  return {
    url,
    origins: [url, url.replace('http:', 'ws:')],
    sandbox,
    user(name) {
      const { user_id, token } = sandbox.admin.addUser(name)
      return { url, token, share: sandbox.admin.addShare(name, user_id) }
    },
    another(token) {
      const { user_id } = sandbox.inspect().tokens.find(one => one.token === token)!
      const made = `another-token-${++tokens}`
      sandbox.admin.addToken(user_id, made)
      return made
    },
    cut,
    notes(share) {
      const shards = contents(share).filter(([path]) => /^\/notes\/\d+\.json$/.test(path))
      const records = shards.flatMap(([, text]) => JSON.parse(text) as { id: string; value: Note }[])
      return new Map(records.map(({ id, value }) => [id, value]))
    },
    files: share =>
      new Map(contents(share).flatMap(([path, text]) => (/^\/[^/]+$/.test(path) ? [[path.slice(1), text]] : []))),
    plant(share, id, value) {
      const path = `/notes/${BigInt(`0x${createHash('sha256').update(id).digest('hex')}`) % 16n}.json`
      const before = contents(share).find(([it]) => it === path)?.[1]
      const mine = `"id":${JSON.stringify(id)},`
      const lines = before?.split('\n').filter(line => line.startsWith('{') && !line.includes(mine)) ?? []
      const at = `{"device":"elsewhere","time":${Date.now()}}`
      const line = `{"at":${at},${mine}"v":"${randomUUID()}","value":${value}}`
      const text = `[\n${[...lines.map(it => it.replace(/,$/, '')), line].join(',\n')}\n]\n`
      sandbox.admin[before === undefined ? 'createFile' : 'edit'](share, path, text)
    },
    underWay,
    requests,
    close: served.close,
  }
}
