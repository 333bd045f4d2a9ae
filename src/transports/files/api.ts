/** The calls of the file API, one function each: what is sent, and how much of the answer is believed. */
import { SyncError } from '../../errors.ts'
import type { Io } from '../../transport.ts'
import { errorCode } from '../shared/failure.ts'
import { type Answer, type Http, PAGE_BYTES, shorter } from '../shared/http.ts'
import { count, list, text } from '../shared/shape.ts'
import { readDevices } from './account.ts'
import type { Kind } from './ids.ts'
import {
  type Changes,
  type Cursor,
  type Entry,
  readChanges,
  readItem,
  readMeta,
  readShares,
  wrongShape,
} from './wire.ts'

export interface Listing {
  readonly entries: readonly Entry[]
  /** The server left something out, or sent what is neither file nor folder. */
  readonly truncated: boolean
  readonly path: string | undefined
}

export type Api = ReturnType<typeof api>

export function api(http: Http) {
  return {
    http,

    /** Without a cursor: the head of the log, and only that. Everything else passes one (I25). */
    async changes(at: { cursor?: Cursor; share?: string | undefined; limit: number }, io: Io): Promise<Changes> {
      const query = { ...at, share: undefined, share_id: at.share }
      const call = {
        method: 'GET',
        route: '/sync/changes',
        query,
        want: 'json',
        most: PAGE_BYTES,
        data: [400],
      } as const
      const answer = await http.send(call, io)
      if (answer.status === 400) throw forgotten(answer, at.cursor)
      return readChanges(answer.json)
    },

    /** `root` lists the share's root. */
    async children(share: string, folder: string, io: Io): Promise<Listing> {
      const query = { share_id: share }
      const call = {
        method: 'GET',
        route: '/folders/{id}/children',
        ids: { id: folder },
        query,
        want: 'json',
        most: PAGE_BYTES,
      } as const
      const { json } = await http.send(call, io)
      const items = list(json, 'items')
      if (items === undefined) throw wrongShape('the items of a folder')
      const parent = folder === 'root' ? share : folder
      const entries = items.map(item => readItem(item, share, parent)).filter(entry => entry !== undefined)
      const total = count(json, 'total') ?? items.length
      return { entries, truncated: entries.length < total || entries.length < items.length, path: text(json, 'path') }
    },

    /** One entry as it is now; `undefined`: gone, or not to be seen. */
    async entry(kind: Kind, id: string, share: string, io: Io): Promise<Entry | undefined> {
      const route = kind === 'file' ? '/files/{id}' : '/folders/{id}'
      const answer = await http.send({ method: 'GET', route, ids: { id }, want: 'json', data: [404, 410] }, io)
      return answer.status === 200 ? readMeta(answer.json, kind, share) : undefined
    },

    /** `undefined`: the server has no such list. */
    async shares(io: Io) {
      const call = { method: 'GET', route: '/users/me/shares', want: 'json', most: PAGE_BYTES, data: [404] } as const
      const answer = await http.send(call, io)
      return answer.status === 200 ? readShares(answer.json) : undefined
    },

    async download(
      id: string,
      version: string | undefined,
      file: { most: number; html?: boolean },
      io: Io,
    ): Promise<Uint8Array> {
      const call = {
        method: 'GET',
        route: '/sync/download/{id}',
        ids: { id },
        query: { version },
        want: 'bytes',
        ...file,
      } as const
      const answer = await http.send(call, io)
      if (answer.status !== 200) throw wrongShape('the whole file')
      if (shorter(answer.bytes, answer.header))
        throw new SyncError('truncated', 'A download ended early. It will be tried again.')
      return answer.bytes
    },

    /** Bytes wait under the version that will name them; sending them again is fine. */
    async upload(share: string, version: string, bytes: Uint8Array, sha256: string, io: Io): Promise<void> {
      await http.send(
        {
          method: 'PUT',
          route: '/sync/upload/{version}',
          ids: { version },
          query: { share_id: share },
          bytes,
          headers: { 'x-checksum-sha256': sha256 },
          want: 'nothing',
        },
        io,
      )
    },

    /** Strict: without a strategy the server refuses what does not fit, and decides nothing. */
    apply(share: string, changes: readonly unknown[], io: Io): Promise<Answer> {
      const json = { device_id: io.device.id, share_id: share, changes }
      const data = [400, 403, 404, 409, 413, 422, 507]
      return http.send({ method: 'POST', route: '/sync/apply', json, want: 'json', most: PAGE_BYTES, data }, io)
    },

    async register(device: { platform: string; version: string }, io: Io): Promise<void> {
      const { id, name } = io.device
      const json = { device_id: id, device_name: name, platform: device.platform, client_version: device.version }
      await http.send({ method: 'POST', route: '/sync/devices', json, want: 'nothing' }, io)
    },

    async heartbeat(io: Io): Promise<void> {
      const route = '/sync/devices/{device}/heartbeat'
      const answer = await http.send(
        { method: 'POST', route, ids: { device: io.device.id }, want: 'nothing', data: [404] },
        io,
      )
      if (answer.status === 404) throw deviceGone()
    },

    /** Tells the server how far we are; `false`: it knows the device or the share no more. */
    async position(share: string, position: Cursor, io: Io): Promise<boolean> {
      const query = { share_id: share, device_id: io.device.id, position }
      return (
        (await http.send({ method: 'POST', route: '/sync/cursor', query, want: 'nothing', data: [404] }, io)).status !==
        404
      )
    },

    /** What the server holds about this device: a 404 elsewhere may mean the device or something else. */
    async own(io: Io): Promise<'active' | 'inactive' | 'gone'> {
      const { json } = await http.send({ method: 'GET', route: '/sync/devices', want: 'json' }, io)
      const own = readDevices(json, io).find(device => device.own)
      if (own === undefined) return 'gone'
      return own.active ? 'active' : 'inactive'
    },

    async resolve(conflict: string, resolution: string, io: Io): Promise<void> {
      const route = '/sync/conflicts/{id}/resolve'
      // Resolved elsewhere, or gone: somebody was faster, and a pull shows the result.
      await http.send(
        { method: 'POST', route, ids: { id: conflict }, query: { resolution }, want: 'nothing', data: [404, 409] },
        io,
      )
    },
  }
}

/** With a cursor, a 400 without a code can only be about it: everything else in the request is ours and fixed. */
function forgotten({ json }: Answer, cursor: Cursor | undefined): SyncError {
  const code = errorCode(json)
  if (cursor !== undefined && (code === undefined || code === 'SYNC_CURSOR_INVALID')) {
    return new SyncError('cursor-invalid', 'The file server forgot where we were. Everything is listed anew.')
  }
  return new SyncError('rejected', 'The file server does not take our request for changes.', { details: { code } })
}

export function deviceGone(): SyncError {
  return new SyncError(
    'device-gone',
    'This device was removed from the file server. It registers anew and lists everything.',
  )
}

export function deviceInactive(): SyncError {
  return new SyncError('forbidden', 'This device was switched off on the file server. Switch it on there to go on.')
}
