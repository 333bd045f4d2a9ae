import { copyName } from './copies.ts'
import { ApiError } from './errors.ts'
import type { Place } from './examine.ts'
import { facetsOf, pin, shelve, vanish, write } from './history.ts'
import { childNamed, descendantsOf, pathOf } from './paths.ts'
import { takeContent } from './staging.ts'
import {
  type Change,
  type Content,
  type Facets,
  mint,
  type OutcomeName,
  type Resource,
  type State,
  type Strategy,
  type User,
} from './state.ts'

/** Whose change it is and where it goes. */
export type Desk = {
  readonly state: State
  readonly user: User
  readonly device_id: string
  readonly device_name: string
  readonly share_id: string
  readonly change: Change
}

/** What became of a change. `removed` are descendants that went with a folder. */
export type Effect = {
  readonly outcome: OutcomeName
  readonly resource_id: string | null
  readonly new_path: string | null
  readonly change_id: string | null
  readonly removed: readonly Resource[]
  /** When the verdict is another than the one that was asked for. */
  readonly resolution?: Strategy
}

export function create(desk: Desk, place: Place, outcome: OutcomeName = 'applied'): Effect {
  const { change, state } = desk
  const file = change.resource_type === 'file'
  const id = change.resource_id ?? mint(state, file ? 'fil' : 'fld')
  return written(desk, outcome, { id, kind: change.resource_type }, fresh(desk, place, file ? content(desk) : null))
}

/** A resource of its own for content that must not replace anything; undefined when there are copies enough. */
export function createCopy(desk: Desk, place: Place, id?: string): Effect | undefined {
  const { change, state } = desk
  const name = conflictedName(desk, place)
  if (name === undefined) return undefined
  const kind = change.resource_type
  const facets = fresh(desk, { ...place, name }, kind === 'file' ? content(desk) : null)
  return written(desk, 'conflicted_copy', { id: id ?? mint(state, kind === 'file' ? 'fil' : 'fld'), kind }, facets)
}

export function update(desk: Desk, server: Resource, outcome: OutcomeName = 'applied'): Effect {
  return written(desk, outcome, server, { ...facetsOf(server), content: content(desk) })
}

export function remove(desk: Desk, server: Resource, outcome: OutcomeName = 'applied'): Effect {
  const removed = descendantsOf(desk.state, server)
  vanish(desk.state, removed)
  return {
    ...written(desk, outcome, server, { ...facetsOf(server), deleted: true, deleted_at: desk.state.now() }),
    removed,
  }
}

export function relocate(desk: Desk, server: Resource, place: Place, outcome: OutcomeName = 'applied'): Effect {
  return written(desk, outcome, server, { ...facetsOf(server), ...place, located_at: desk.state.now() })
}

/** As `relocate`, under the conflicted name when another resource holds the wanted one. */
export function relocateBeside(desk: Desk, server: Resource, wanted: Place): Effect {
  const parent_id = revived(desk, wanted.parent_id)
  return relocate(desk, server, { parent_id, name: freeName(desk, { parent_id, name: wanted.name }, server.id) })
}

/** As `create`, in a folder that is brought back for it. */
export function createInRevived(desk: Desk, wanted: Place): Effect {
  const parent_id = revived(desk, wanted.parent_id)
  return create(desk, { parent_id, name: freeName(desk, { parent_id, name: wanted.name }) })
}

/** Brings a deleted resource back under its own id, with the ancestors it needs and no more than that. */
export function resurrect(desk: Desk, server: Resource, wanted: Place = server): Effect {
  const parent_id = revived(desk, wanted.parent_id)
  const name = freeName(desk, { parent_id, name: wanted.name })
  const restored = desk.change.change_type === 'updated' ? content(desk) : server.content
  return written(desk, 'applied', server, fresh(desk, { parent_id, name }, restored))
}

/** The server's side stays. Content that lost is kept as an old version when `inHistory` says so. */
export function keepServer(desk: Desk, server: Resource, inHistory: boolean): Effect {
  if (inHistory) shelve(desk.state, server, { ...clientVersion(desk, server), version_id: desk.change.version_id })
  return untouched(desk, 'superseded', server)
}

/** Nothing is decided: the client's version waits beside the chain. */
export function holdClient(desk: Desk, server: Resource): Effect {
  pin(desk.state, server.id, { ...clientVersion(desk, server), version_id: desk.change.version_id })
  return untouched(desk, 'conflict', server)
}

export function untouched(desk: Desk, outcome: OutcomeName, server: Resource | undefined): Effect {
  return {
    outcome,
    resource_id: server?.id ?? desk.change.resource_id,
    new_path: server && !server.deleted ? pathOf(desk.state, server) : null,
    change_id: null,
    removed: [],
  }
}

function written(desk: Desk, outcome: OutcomeName, it: Pick<Resource, 'id' | 'kind'>, facets: Facets): Effect {
  const { resource, change } = write(desk.state, {
    share_id: desk.share_id,
    resource_id: it.id,
    kind: it.kind,
    facets,
    version_id: desk.change.version_id,
    author: authorOf(desk),
  })
  return { outcome, resource_id: resource.id, new_path: change.new_path, change_id: change.id, removed: [] }
}

function revived(desk: Desk, folder_id: string | null): string | null {
  if (folder_id === null) return null
  const { state } = desk
  const folder = state.resources.get(folder_id)!
  if (!folder.deleted) return folder.id
  const parent_id = revived(desk, folder.parent_id)
  const holder = childNamed(state, desk.share_id, parent_id, folder.name)
  if (holder?.kind === 'folder') return holder.id
  const name = freeName(desk, { parent_id, name: folder.name }, folder.id, true)
  const { share_id, id: resource_id, kind } = folder
  write(state, { share_id, resource_id, kind, facets: fresh(desk, { parent_id, name }, null), author: authorOf(desk) })
  return folder.id
}

function freeName(desk: Desk, place: Place, own?: string, folder?: boolean): string {
  const holder = childNamed(desk.state, desk.share_id, place.parent_id, place.name)
  if (!holder || holder.id === own) return place.name
  const name = conflictedName(desk, place, folder)
  if (name === undefined) throw new ApiError('SYNC_CONFLICT', 'there are too many copies already')
  return name
}

function conflictedName(desk: Desk, place: Place, folder = desk.change.resource_type === 'folder'): string | undefined {
  const { state, share_id, device_id, device_name, change } = desk
  const at = change.modified_at ?? state.now()
  return copyName(state, { share_id, ...place, folder, device_id, device_name, at })
}

function clientVersion(desk: Desk, server: Resource) {
  const { change } = desk
  const deleted = change.change_type === 'deleted'
  const brings =
    change.change_type === 'updated' || (change.change_type === 'created' && change.resource_type === 'file')
  const facets: Facets = { ...facetsOf(server), deleted, content: brings ? content(desk) : server.content }
  return { facets, author: authorOf(desk) }
}

function fresh(desk: Desk, place: Place, held: Content | null): Facets {
  return { ...place, content: held, deleted: false, located_at: desk.state.now(), deleted_at: null }
}

const content = (desk: Desk): Content => takeContent(desk.state, desk.user, desk.change)
const authorOf = (desk: Desk) => ({ user_id: desk.user.id, device_id: desk.device_id })
