import { may } from './access.ts'
import { ApiError, invalid } from './errors.ts'
import type { Change, Content, Staged, State, User } from './state.ts'

const LIFETIME = 24 * 60 * 60 * 1000

export const stagedKey = (user: User, version_id: string): string => `${user.id}/${version_id}`

/** Bytes wait here for the change that names them. They are private to the caller and expire when left alone. */
export function stagedOf(state: State, user: User, version_id: string): Staged | undefined {
  const staged = state.staged.get(stagedKey(user, version_id))
  return staged && alive(state, staged) ? staged : undefined
}

export type Piece = {
  readonly share_id: string
  readonly bytes: Uint8Array
  readonly from: number
  readonly total: number
  readonly checksum: string | null
}

/** Adds a piece to what is there. A piece sent again is fine, other bytes in the same place are not. */
export function stage(state: State, user: User, version_id: string, piece: Piece): Staged {
  const key = stagedKey(user, version_id)
  const held = stagedOf(state, user, version_id)
  const before = held ? (state.stagedBytes.get(key) ?? new Uint8Array()) : new Uint8Array()
  if (held && held.total !== piece.total && held.received > 0) throw otherBytes()
  if (piece.from > before.length) {
    const headers = { 'Upload-Offset': String(before.length) }
    throw new ApiError('RANGE_NOT_SATISFIABLE', 'bytes are missing before this range', {}, headers)
  }
  const overlap = before.subarray(piece.from, piece.from + piece.bytes.length)
  if (!overlap.every((byte, index) => byte === piece.bytes[index])) throw otherBytes()

  const bytes = joined(before, piece.bytes.subarray(overlap.length))
  const sha256 = bytes.length === piece.total ? state.digest(bytes) : undefined
  if (sha256 !== undefined && piece.checksum !== null && sha256 !== piece.checksum) {
    throw invalid(['header', 'X-Checksum-Sha256'], 'does not match the bytes')
  }
  const staged: Staged = {
    user_id: user.id,
    version_id,
    share_id: piece.share_id,
    received: bytes.length,
    total: piece.total,
    sha256,
    touched_at: state.now(),
  }
  state.staged.put(key, staged)
  state.stagedBytes.put(key, bytes)
  return staged
}

/** The content that a change names, or undefined when the server has it nowhere that the caller may look. */
export function contentNamed(state: State, user: User, change: Change): string | undefined {
  const staged = stagedOf(state, user, change.version_id)
  if (staged?.sha256) {
    if (change.checksum_sha256 !== null && change.checksum_sha256 !== staged.sha256) {
      throw invalid(['metadata', 'checksum_sha256'], 'does not match the staged bytes')
    }
    return staged.sha256
  }
  const sha256 = change.checksum_sha256
  if (sha256 === null) return undefined
  return stagedBytesOf(state, user, sha256) || readable(state, user, sha256) ? sha256 : undefined
}

/** Makes the named content the server's own and answers what a version says about it. */
export function takeContent(state: State, user: User, change: Change): Content {
  const sha256 = contentNamed(state, user, change)!
  const bytes = state.contents.get(sha256) ?? stagedBytesOf(state, user, sha256)!
  keep(state, bytes, sha256)
  const now = state.now()
  return {
    sha256,
    size: bytes.length,
    mime_type: change.mime_type ?? 'application/octet-stream',
    modified_at: Math.min(change.modified_at ?? now, now),
  }
}

export function keep(state: State, bytes: Uint8Array, sha256 = state.digest(bytes)): string {
  if (!state.contents.get(sha256)) state.contents.put(sha256, bytes)
  return sha256
}

export function dropStaged(state: State, user: User, version_id: string): void {
  const key = stagedKey(user, version_id)
  if (!state.staged.get(key)) return
  state.staged.drop(key)
  state.stagedBytes.drop(key)
}

export function expireStaged(state: State): void {
  for (const staged of state.staged.all()) {
    if (alive(state, staged)) continue
    state.staged.drop(`${staged.user_id}/${staged.version_id}`)
    state.stagedBytes.drop(`${staged.user_id}/${staged.version_id}`)
  }
}

const alive = (state: State, staged: Staged): boolean => state.now() - staged.touched_at < LIFETIME

function stagedBytesOf(state: State, user: User, sha256: string): Uint8Array | undefined {
  const staged = state.staged.by('sha256', `${user.id}/${sha256}`).find(it => alive(state, it))
  return staged && state.stagedBytes.get(stagedKey(user, staged.version_id))
}

function readable(state: State, user: User, sha256: string): boolean {
  return state.versions.by('sha256', sha256).some(version => {
    const resource = state.resources.get(version.resource_id)
    return resource !== undefined && may(state, user, resource.share_id, 'READ')
  })
}

function joined(head: Uint8Array, tail: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(head.length + tail.length)
  bytes.set(head)
  bytes.set(tail, head.length)
  return bytes
}

const otherBytes = () =>
  new ApiError('SYNC_CONFLICT', 'other bytes are staged under this version_id', { reason: 'other bytes' })
