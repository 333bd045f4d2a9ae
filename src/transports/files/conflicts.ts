/** The server's own conflict records (section 6): read, listed, resolved. */
import { SyncError } from '../../errors.ts'
import type { Json } from '../../model.ts'
import type { Io } from '../../transport.ts'
import type { Http } from '../shared/http.ts'
import { PAGE_BYTES } from '../shared/http.ts'
import { list, text } from '../shared/shape.ts'
import { parseTime } from '../shared/time.ts'
import { safeId } from '../shared/url.ts'
import { wrongShape } from './wire.ts'

/** How the server settles what clashes. */
export type ServerStrategy = 'LAST_WRITER_WINS' | 'KEEP_BOTH' | 'SERVER_WINS' | 'CLIENT_WINS' | 'MANUAL'

/** A conflict that the server keeps. `resolution` says what settled it; absent: it is open. */
export type ConflictInfo = {
  readonly id: string
  /** The file or folder that it is about. */
  readonly resource: string
  readonly share?: string
  /** The device whose change it was. */
  readonly device?: string
  readonly kind?: string
  readonly clientVersion?: string
  readonly serverVersion?: string
  /** Milliseconds since 1970. */
  readonly createdAt?: number
  readonly resolution?: string
}

const RESOLVE = '/sync/conflicts/{id}/resolve'

export function conflicts(http: Http) {
  return {
    /** Of all devices of the account; oldest first. */
    async list(
      which: { readonly share?: string; readonly device?: string; readonly resolved?: boolean },
      io: Io,
    ): Promise<readonly ConflictInfo[]> {
      const query = {
        share_id: which.share,
        device_id: which.device,
        include_resolved: which.resolved ? 'true' : undefined,
      }
      const call = { method: 'GET', route: '/sync/conflicts', query, want: 'json', most: PAGE_BYTES } as const
      return readConflicts((await http.send(call, io)).json)
    },

    /** `closed`: it was resolved so, now or before; else why it was not. */
    async resolve(
      id: string,
      resolution: ServerStrategy,
      io: Io,
    ): Promise<'closed' | 'otherwise' | 'gone' | 'forbidden'> {
      const call = { method: 'POST', route: RESOLVE, ids: { id }, query: { resolution }, want: 'nothing' } as const
      const { status } = await http.send({ ...call, data: [403, 404, 409] }, io)
      return status === 403 ? 'forbidden' : status === 404 ? 'gone' : status === 409 ? 'otherwise' : 'closed'
    },
  }
}

export function readConflicts(json: Json | undefined): readonly ConflictInfo[] {
  const items = Array.isArray(json) ? (json as readonly Json[]) : list(json, 'conflicts')
  if (items === undefined) throw wrongShape('the list of conflicts')
  return items.map(readConflict).filter(one => one !== undefined)
}

/** Only `id` and `resource_id` are relied on. */
export function readConflict(json: Json): ConflictInfo | undefined {
  const id = text(json, 'id')
  const resource = text(json, 'resource_id')
  if (id === undefined || resource === undefined || !safeId(id) || !safeId(resource)) return undefined
  const created = text(json, 'created_at')
  const facts = {
    share: text(json, 'share_id'),
    device: text(json, 'device_id'),
    kind: text(json, 'resource_type'),
    clientVersion: text(json, 'client_version_id'),
    serverVersion: text(json, 'server_version_id'),
    createdAt: created === undefined ? undefined : parseTime(created),
    resolution: text(json, 'resolution'),
  }
  const said = Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined))
  return { id, resource, ...said }
}

/** For the app's own call: anything but success is an error. */
export function mustBeClosed(how: Awaited<ReturnType<ReturnType<typeof conflicts>['resolve']>>): void {
  if (how === 'gone') throw new SyncError('not-found', 'The file server has no such conflict.')
  if (how === 'forbidden') throw new SyncError('forbidden', 'The file server does not let this account settle it.')
  if (how === 'otherwise') throw new SyncError('conflict', 'This conflict was settled otherwise, or cannot be so.')
}
