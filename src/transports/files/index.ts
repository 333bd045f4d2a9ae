/**
 * The file server's sync API as a transport: a tree of files and folders per share, the shares themselves, and
 * collections kept as JSON shards in a folder. A page that only needs the sources imports `sources.ts`.
 */
import type { Transport } from '../../transport.ts'
import { http } from '../shared/http.ts'
import type { AskToken } from '../shared/token.ts'
import { account, type FilesApi } from './account.ts'
import { api } from './api.ts'
import { bodies } from './bodies.ts'
import type { ServerStrategy } from './conflicts.ts'
import { nudges } from './nudges.ts'
import { pull } from './pull.ts'
import { push } from './push.ts'
import { recordsFiles } from './records-folder.ts'
import { recordsReader } from './records-reader.ts'
import { scopeOf } from './scope.ts'
import { records, shares, tree } from './sources.ts'

export type { DeviceInfo, FilesApi, NewPreference, Preference, ShareInfo, ShareStatus } from './account.ts'
export type { ConflictInfo, ServerStrategy } from './conflicts.ts'
export { records, type ShareRow, shares, type TreeRow, tree } from './sources.ts'

export interface FilesOptions<
  Folders extends { readonly [source: string]: string } = { readonly [source: string]: string },
> {
  /** Where the server is: `https://drive.example`. The API's own `/api/v1` is added. */
  readonly url: string
  /** The one share to sync, or the share that records folders lie in. */
  readonly share?: string
  /** Several shares, or all that the account can reach, which is the default. */
  readonly shares?: readonly string[] | 'all'
  /** Collections kept as shards in a folder, by source name: `{ notes: '/notes' }`. */
  readonly folders?: Folders
  /**
   * The server settles what clashes in the tree, by this strategy, instead of the device. What it decided is shown in
   * the inbox; under MANUAL its questions are, and the answers go to it. Absent: strict, the device settles. Records
   * folders are always strict.
   */
  readonly serverSettles?: ServerStrategy
  readonly token: AskToken
  /** How this device shows in the server's list. `web` also sends the socket's token in its URL. Default `cli`. */
  readonly platform?: 'windows' | 'macos' | 'linux' | 'ios' | 'android' | 'web' | 'cli'
  readonly clientVersion?: string
  readonly socketAuth?: 'header' | 'query'
}

export interface FilesTransport<Folders = Record<never, never>> extends Transport {
  readonly sources: { readonly tree: typeof tree; readonly shares: typeof shares } & {
    readonly [S in keyof Folders]: typeof records
  }
  readonly api: FilesApi
}

export function files<const Folders extends { readonly [source: string]: string } = Record<never, string>>(
  options: FilesOptions<Folders>,
): FilesTransport<Folders> {
  const scope = scopeOf(options)
  const calls = api(http({ url: apiRoot(options.url), token: options.token }))
  const held = recordsFiles(calls)
  const platform = options.platform ?? 'cli'
  const folders = Object.fromEntries(scope.folders.map(({ source }) => [source, records]))
  return {
    name: 'files',
    sources: { ...folders, tree, shares } as unknown as FilesTransport<Folders>['sources'], // fromEntries forgets the names
    pull: pull(calls, scope, recordsReader(scope, held)),
    push: push(calls, scope, held, options.serverSettles),
    bodies: bodies(calls),
    api: account(calls.http),
    nudges: nudges(calls, scope, options.socketAuth ?? (platform === 'web' ? 'query' : 'header')),
    join: io => calls.register({ platform, version: options.clientVersion ?? '0.1.0' }, io),
    every: 60_000,
  }
}

/** The given URL may already name the API. */
function apiRoot(url: string): string {
  return `${url.replace(/\/+$/, '').replace(/\/api\/v1(\/sync)?$/, '')}/api/v1`
}
