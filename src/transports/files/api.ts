/** The calls of the file API, one function each: what is sent, and how much of the answer is believed. */
import { SyncError } from '../../errors.ts'
import type { Json } from '../../model.ts'
import type { Io } from '../../transport.ts'
import { readAll } from '../shared/body.ts'
import { errorCode } from '../shared/failure.ts'
import { type Answer, type Http, PAGE_BYTES, shorter } from '../shared/http.ts'
import { count, list, text } from '../shared/shape.ts'
import { readDevices } from './account.ts'
import { conflicts, type ServerStrategy } from './conflicts.ts'
import type { Kind } from './ids.ts'
import {
  type Changes,
  type Cursor,
  type Entry,
  readChanges,
  readItem,
  readMeta,
  readShares,
  readVersions,
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
  function put(
    share: string,
    version: string,
    bytes: Uint8Array,
    headers: { readonly [name: string]: string },
    more: { readonly want: 'json' | 'nothing'; readonly data?: readonly number[] },
    io: Io,
  ): Promise<Answer> {
    const at = { route: '/sync/upload/{version}', ids: { version }, query: { share_id: share } }
    return http.send({ method: 'PUT', ...at, bytes, headers, ...more }, io)
  }

  return {
    http,
    conflicts: conflicts(http),

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

    /** What the server has of a file's past; `undefined`: it does not say. */
    async versions(id: string, io: Io) {
      const call = {
        method: 'GET',
        route: '/files/{id}/versions',
        ids: { id },
        want: 'json',
        most: PAGE_BYTES,
      } as const
      const answer = await http.send({ ...call, data: [404, 405, 410] }, io)
      return answer.status === 200 ? readVersions(answer.json) : undefined
    },

    /** `undefined`: the server has no such list. */
    async shares(io: Io) {
      const call = { method: 'GET', route: '/users/me/shares', want: 'json', most: PAGE_BYTES, data: [404] } as const
      const answer = await http.send(call, io)
      return answer.status === 200 ? readShares(answer.json) : undefined
    },

    /** A small file, whole. */
    async download(id: string, version: string | undefined, most: number, io: Io): Promise<Uint8Array> {
      const { at, pieces } = await this.downloadFrom(id, version, { from: 0 }, { most }, io)
      if (at !== 0) throw wrongShape('the whole file')
      return readAll(pieces)
    },

    /**
     * The bytes of a version in `[from, to)`, as they come; `at` is 0 where the server sends all of them. An early end is
     * `truncated`.
     */
    async downloadFrom(
      id: string,
      version: string | undefined,
      { from, to }: { readonly from: number; readonly to?: number },
      { most, html = false }: { readonly most: number; readonly html?: boolean },
      io: Io,
    ): Promise<{ readonly at: number; readonly pieces: AsyncIterable<Uint8Array> }> {
      const ranged = (from > 0 || to !== undefined) && version !== undefined
      const range = `bytes=${from}-${to === undefined ? '' : to - 1}`
      const headers = ranged ? { range, 'if-range': `"${version}"` } : {}
      const answer = await http.send(
        {
          method: 'GET',
          route: '/sync/download/{id}',
          ids: { id },
          query: { version },
          headers,
          want: 'pieces',
          most,
          html,
          data: ranged ? [416] : [],
        },
        io,
      )
      // There is nothing there any more where the rest was: all of it is asked for again.
      if (answer.status === 416) return this.downloadFrom(id, version, { from: 0 }, { most, html }, io)
      const at = answer.status === 206 ? (rangeStart(answer) ?? from) : 0
      if (at > from) throw wrongShape('the bytes that were asked for')
      return { at, pieces: toTheEnd(answer) }
    },

    /** Small bytes wait under the version that will name them; sending them again is fine. */
    async upload(share: string, version: string, bytes: Uint8Array, sha256: string, io: Io): Promise<void> {
      const answer = await put(share, version, bytes, { 'x-checksum-sha256': sha256 }, { want: 'nothing' }, io)
      if (answer.status === 202) throw wrongShape('a receipt for the whole file')
    },

    /** How much of an upload the server has; `undefined`: nothing, or it does not say so here. */
    async uploaded(share: string, version: string, io: Io): Promise<number | undefined> {
      const answer = await http.send(
        {
          method: 'HEAD',
          route: '/sync/upload/{version}',
          ids: { version },
          query: { share_id: share },
          want: 'nothing',
          data: [400, 404, 405, 410, 501],
        },
        io,
      )
      return answer.status < 300 ? wholeNumber(answer.header('upload-offset')) : undefined
    },

    /**
     * One piece of an upload. Resolves to how much the server has now (all of it: the upload is complete); a piece that
     * lies beyond that is not taken, and `taken` says so where other bytes wait under this version.
     */
    async uploadPiece(
      share: string,
      version: string,
      piece: { readonly bytes: Uint8Array; readonly from: number; readonly total: number; readonly sha256: string },
      io: Io,
    ): Promise<number | 'taken'> {
      const { bytes, from, total, sha256 } = piece
      const range = `bytes ${from}-${from + bytes.length - 1}/${total}`
      const part = bytes.length < total
      const headers = { 'x-checksum-sha256': sha256, ...(part && { 'content-range': range }) }
      const want = part ? 'json' : 'nothing'
      const answer = await put(share, version, bytes, headers, { want, data: [409, 416] }, io)
      if (answer.status === 409) return 'taken'
      if (answer.status === 416) return wholeNumber(answer.header('upload-offset')) ?? 0
      if (answer.status !== 202) return total
      const received = count(answer.json, 'received') ?? wholeNumber(answer.header('upload-offset'))
      if (received === undefined || received > total) throw wrongShape('how much of the file it has')
      return received
    },

    /** Strict without a strategy: the server refuses what does not fit, and decides nothing. */
    apply(share: string, changes: readonly unknown[], strategy: ServerStrategy | undefined, io: Io): Promise<Answer> {
      const settled = strategy === undefined ? {} : { conflict_resolution: strategy }
      const json = { device_id: io.device.id, share_id: share, ...settled, changes }
      const data = [400, 403, 404, 409, 413, 422, 507]
      return http.send({ method: 'POST', route: '/sync/apply', json, want: 'json', most: PAGE_BYTES, data }, io)
    },

    async register(device: { platform: string; version: string }, io: Io): Promise<void> {
      const { id, name } = io.device
      const json = { device_id: id, device_name: name, platform: device.platform, client_version: device.version }
      await http.send({ method: 'POST', route: '/sync/devices', json, want: 'nothing' }, io)
    },

    /** What this device is to sync. `unknown`: the server knows no such thing, or not this device. */
    async preferences(io: Io): Promise<{ state: 'said'; json: Json | undefined } | { state: 'unknown' }> {
      const route = '/sync/devices/{device}/preferences'
      const ids = { device: io.device.id }
      const answer = await http.send({ method: 'GET', route, ids, want: 'json', data: [404, 405, 501] }, io)
      return answer.status === 200 ? { state: 'said', json: answer.json } : { state: 'unknown' }
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
  }
}

/** Where the bytes of a 206 begin; a page may not see the header. */
function rangeStart({ header }: Answer): number | undefined {
  return wholeNumber(/^bytes (\d+)-/.exec(header('content-range') ?? '')?.[1])
}

function wholeNumber(text: string | null | undefined): number | undefined {
  return text != null && /^\d{1,15}$/.test(text) ? Number(text) : undefined
}

async function* toTheEnd({ pieces, header }: Answer): AsyncGenerator<Uint8Array, void, void> {
  let length = 0
  for await (const piece of pieces) {
    length += piece.length
    yield piece
  }
  if (shorter(length, header)) throw new SyncError('truncated', 'A download ended early. Another try may work.')
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
