import { may, visibleShare } from '../access.ts'
import { ApiError, invalid, notFound } from '../errors.ts'
import type { App, Server } from '../server.ts'
import { type Piece, stage, stagedOf } from '../staging.ts'
import type { User, Version } from '../state.ts'
import { required } from './query.ts'

const PATH = '/api/v1/sync/upload/:version_id'
const CONTENT_RANGE = /^bytes (\d+)-(\d+)\/(\d+)$/

export function uploadRoutes(app: App, { state, knobs, commit }: Server): void {
  app.put(PATH, async c => {
    const user = c.get('user')
    const version_id = c.req.param('version_id')
    const share_id = required(c, 'share_id')
    visibleShare(state, user, share_id)
    if (!may(state, user, share_id, 'WRITE') && !may(state, user, share_id, 'CREATE')) {
      throw new ApiError('FORBIDDEN', 'WRITE or CREATE permission required')
    }
    const bytes = new Uint8Array(await c.req.raw.arrayBuffer())
    const checksum = c.req.header('x-checksum-sha256') ?? null
    const piece = { share_id, bytes, checksum, ...rangeOf(c.req.header('content-range'), bytes.length) }
    demandRoom(share_id, piece)

    const settled = state.versions.get(version_id)
    if (settled) return c.json(settledAnswer(user, settled, piece), 200)
    const had = stagedOf(state, user, version_id)
    const staged = commit(() => stage(state, user, version_id, piece))
    if (staged.sha256 === undefined) {
      return c.json({ received: staged.received }, 202, { 'Upload-Offset': String(staged.received) })
    }
    const body = { version_id, size: staged.total, checksum_sha256: staged.sha256 }
    return c.json(body, had?.sha256 ? 200 : 201)
  })

  // HEAD comes here too.
  app.get(PATH, c => {
    const share_id = required(c, 'share_id')
    visibleShare(state, c.get('user'), share_id)
    const staged = stagedOf(state, c.get('user'), c.req.param('version_id'))
    if (!staged) throw notFound('upload')
    return c.json({ received: staged.received }, 200, { 'Upload-Offset': String(staged.received) })
  })

  function demandRoom(share_id: string, { total }: Piece): void {
    if (total > knobs().maxFileBytes) throw new ApiError('PAYLOAD_TOO_LARGE', 'file over the limit')
    const quota = state.shares.get(share_id)?.quota_bytes ?? null
    // What the share has room for is decided when it is known what the bytes replace.
    if (quota !== null && total > quota) throw new ApiError('QUOTA_EXCEEDED', 'share quota exceeded')
  }

  /** The version exists already: a late repetition of its upload is fine, anything else is not. */
  function settledAnswer(user: User, { id, changed_by, content }: Version, piece: Piece) {
    const held = content && state.contents.get(content.sha256)?.subarray(piece.from, piece.from + piece.bytes.length)
    const same = held?.length === piece.bytes.length && held.every((byte, index) => byte === piece.bytes[index])
    if (changed_by !== user.id || !content || content.size !== piece.total || !same) {
      throw new ApiError('SYNC_CONFLICT', 'version_id is taken', { reason: 'version_id reused' })
    }
    return { version_id: id, size: content.size, checksum_sha256: content.sha256 }
  }
}

function rangeOf(header: string | undefined, length: number): { readonly from: number; readonly total: number } {
  if (header === undefined) return { from: 0, total: length }
  const match = CONTENT_RANGE.exec(header)
  const [from, to, total] = [Number(match?.[1]), Number(match?.[2]), Number(match?.[3])]
  if (!match || to - from + 1 !== length || to >= total) {
    throw invalid(['header', 'Content-Range'], 'must be "bytes first-last/total" and fit the body')
  }
  return { from, total }
}
