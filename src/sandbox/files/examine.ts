import { basename, childNamed, deletedFolderAt, dirname, folderAt, inside } from './paths.ts'
import type { Change, Facets, Resource, State, Version } from './state.ts'

/** The cells' rows of the conflict table: what the client did / what the server did since the base. */
export type Case =
  | 'update/update'
  | 'update/delete'
  | 'delete/update'
  | 'create/create'
  | 'create file/create folder'
  | 'move/move'
  | 'move/delete'
  | 'delete/move'
  | 'move/name taken'
  | 'move/cycle'
  | 'delete folder/child changed'
  | 'into a deleted folder'

export type Place = { readonly parent_id: string | null; readonly name: string }

/** What a change meets. `server` is the resource it is about, or the one that already holds its place. */
export type Finding =
  | { readonly is: 'unknown'; readonly reason: 'unknown resource' | 'id taken' | 'parent missing' }
  | { readonly is: 'same'; readonly server: Resource | undefined }
  | { readonly is: 'clear'; readonly server: Resource | undefined; readonly place: Place; readonly stale: boolean }
  | {
      readonly is: 'clash'
      readonly case: Case
      readonly server: Resource
      readonly place: Place
      readonly base: Version | undefined
    }

export type Meeting = {
  readonly state: State
  readonly share_id: string
  readonly change: Change
  /** Hash of the content that the change brings, for files created and updated. */
  readonly sha256: string | undefined
  /** Where earlier changes of the batch really went: client id or path to server id. */
  readonly rebased: Rebased
  /** Whether somebody else touched what lies in this folder since the device last looked. */
  readonly touched: (folder: Resource) => boolean
}

export type Rebased = { readonly ids: ReadonlyMap<string, string>; readonly paths: ReadonlyMap<string, string> }

export function examine(meeting: Meeting): Finding {
  const { change, state, share_id } = meeting
  if (change.change_type === 'created') return examineCreate(meeting)
  const id = meeting.rebased.ids.get(change.resource_id!) ?? change.resource_id!
  const server = state.resources.get(id)
  if (server?.share_id !== share_id || server.kind !== change.resource_type) {
    if (change.change_type === 'deleted') return { is: 'same', server: undefined }
    return { is: 'unknown', reason: 'unknown resource' }
  }
  const known = change.base_version_id === null ? undefined : state.versions.get(change.base_version_id)
  const base = known?.resource_id === server.id ? known : undefined
  const stale = change.base_version_id !== server.version_id
  if (change.change_type === 'updated') return examineUpdate(meeting, server, base, stale)
  if (change.change_type === 'deleted') return examineDelete(meeting, server, base, stale)
  return examineMove(meeting, server, base, stale)
}

function examineCreate(meeting: Meeting): Finding {
  const { change, state, share_id, sha256 } = meeting
  const goal = target(meeting)
  const known = change.resource_id === null ? undefined : state.resources.get(change.resource_id)
  const holder = goal && !goal.gone ? childNamed(state, share_id, goal.place.parent_id, goal.place.name) : undefined
  if (known && known.id !== holder?.id) return { is: 'unknown', reason: 'id taken' }
  if (!goal) return { is: 'unknown', reason: 'parent missing' }
  const { place, gone } = goal
  const clash = (name: Case, server: Resource): Finding => ({ is: 'clash', case: name, server, place, base: undefined })
  if (gone) return clash('into a deleted folder', gone)
  if (!holder) return { is: 'clear', server: undefined, place, stale: false }
  if (holder.kind !== change.resource_type) return clash('create file/create folder', holder)
  if (holder.kind === 'folder' || holder.content?.sha256 === sha256) return { is: 'same', server: holder }
  return clash('create/create', holder)
}

function examineUpdate(meeting: Meeting, server: Resource, base: Version | undefined, stale: boolean): Finding {
  const place = placeOf(server)
  if (server.deleted) return { is: 'clash', case: 'update/delete', server, place, base }
  if (server.content?.sha256 === meeting.sha256) return { is: 'same', server }
  if (stale && contentChanged(server, base)) return { is: 'clash', case: 'update/update', server, place, base }
  return { is: 'clear', server, place, stale }
}

function examineDelete(meeting: Meeting, server: Resource, base: Version | undefined, stale: boolean): Finding {
  if (server.deleted) return { is: 'same', server }
  const place = placeOf(server)
  if (stale && contentChanged(server, base)) return { is: 'clash', case: 'delete/update', server, place, base }
  if (stale && placeChanged(server, base)) return { is: 'clash', case: 'delete/move', server, place, base }
  if (server.kind === 'folder' && meeting.touched(server)) {
    return { is: 'clash', case: 'delete folder/child changed', server, place, base }
  }
  return { is: 'clear', server, place, stale }
}

function examineMove(meeting: Meeting, server: Resource, base: Version | undefined, stale: boolean): Finding {
  const { state, share_id } = meeting
  const goal = target(meeting)
  if (!goal) return { is: 'unknown', reason: 'parent missing' }
  const { place, gone } = goal
  const clash = (name: Case): Finding => ({ is: 'clash', case: name, server, place, base })
  if (server.kind === 'folder' && inside(state, place.parent_id, server.id)) return clash('move/cycle')
  if (server.deleted) return clash('move/delete')
  if (server.parent_id === place.parent_id && server.name === place.name) return { is: 'same', server }
  if (stale && placeChanged(server, base)) return clash('move/move')
  if (gone) return clash('into a deleted folder')
  const holder = childNamed(state, share_id, place.parent_id, place.name)
  if (holder && holder.id !== server.id) return clash('move/name taken')
  return { is: 'clear', server, place, stale }
}

type Goal = { readonly place: Place; readonly gone: Resource | undefined }

/** The place a change wants: its parent by id if it says one, else by path. `gone`: that folder was deleted. */
function target({ change, state, share_id, rebased }: Meeting): Goal | undefined {
  const path = change.new_path!
  const name = basename(path)
  if (change.parent_id === undefined) {
    const parent_id = rebased.paths.get(dirname(path)) ?? folderAt(state, share_id, dirname(path))
    if (parent_id !== undefined) return { place: { parent_id, name }, gone: undefined }
    const gone = deletedFolderAt(state, share_id, dirname(path))
    return gone && { place: { parent_id: gone.id, name }, gone }
  }
  if (change.parent_id === null) return { place: { parent_id: null, name }, gone: undefined }
  const parent = state.resources.get(rebased.ids.get(change.parent_id) ?? change.parent_id)
  if (parent?.kind !== 'folder' || parent.share_id !== share_id) return undefined
  return { place: { parent_id: parent.id, name }, gone: parent.deleted ? parent : undefined }
}

// A base that the server no longer knows counts as "everything changed since".
const contentChanged = (server: Facets, base: Facets | undefined): boolean =>
  server.content !== null && (!base || base.deleted || base.content?.sha256 !== server.content.sha256)

const placeChanged = (server: Facets, base: Facets | undefined): boolean =>
  !base || base.deleted || base.parent_id !== server.parent_id || base.name !== server.name

const placeOf = (server: Resource): Place => ({ parent_id: server.parent_id, name: server.name })
