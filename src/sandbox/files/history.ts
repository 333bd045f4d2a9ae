import { iso } from '../world.ts'
import { append } from './log.ts'
import { pathOf } from './paths.ts'
import {
  type ChangeObject,
  type ChangeType,
  type Content,
  type Facets,
  type Kind,
  mint,
  type Resource,
  type State,
  type Version,
} from './state.ts'

/** Who a mutation is written down for. */
export type Author = { readonly user_id: string; readonly device_id: string | null }

export type Step = {
  readonly share_id: string
  readonly resource_id: string
  readonly kind: Kind
  readonly facets: Facets
  readonly version_id?: string | undefined
  readonly author: Author
}

/** The one way to mutate a tree: a new version becomes current, one row is logged, one effect is counted. */
export function write(state: State, step: Step): { readonly resource: Resource; readonly change: ChangeObject } {
  const now = state.now()
  const before = state.resources.get(step.resource_id)
  const change_type = typeOf(before, step.facets)
  const version_id = step.version_id ?? mint(state, 'ver')
  const old_path = before && !before.deleted ? pathOf(state, before) : null

  const number = (before?.versions ?? 0) + 1
  putVersion(state, { ...step, version_id, change_type, number, at: now })
  const resource: Resource = {
    ...step.facets,
    id: step.resource_id,
    share_id: step.share_id,
    kind: step.kind,
    version_id,
    version: number,
    versions: number,
    created_at: before?.created_at ?? now,
  }
  state.resources.put(resource.id, resource)
  countEffect(state, version_id, step.author)

  const change = append(state, {
    tenant_id: state.shares.get(step.share_id)!.tenant_id,
    share_id: step.share_id,
    resource_type: step.kind,
    resource_id: resource.id,
    change_type,
    changed_by: step.author.user_id,
    at: now,
    old_path,
    new_path: resource.deleted ? null : pathOf(state, resource),
    version_id,
    metadata: metadataOf(resource, step.author),
  })
  return { resource, change }
}

/** Content that lost goes into the history: a version more, nothing to see in the tree, no row. */
export function shelve(state: State, resource: Resource, step: Omit<Step, 'share_id' | 'resource_id' | 'kind'>): void {
  const number = resource.versions + 1
  const version_id = step.version_id ?? mint(state, 'ver')
  const change_type = step.facets.deleted ? 'deleted' : 'updated'
  putVersion(state, { ...step, resource_id: resource.id, version_id, change_type, number, at: state.now() })
  state.resources.put(resource.id, { ...resource, versions: number })
  countEffect(state, version_id, step.author)
}

/** A version outside the chain, kept while a conflict is open. */
export function pin(state: State, resource_id: string, step: Omit<Step, 'share_id' | 'resource_id' | 'kind'>): void {
  const change_type = step.facets.deleted ? 'deleted' : 'updated'
  const version_id = step.version_id ?? mint(state, 'ver')
  putVersion(state, { ...step, resource_id, version_id, change_type, number: null, at: state.now() })
}

/** A folder's row speaks for what is in it: descendants vanish without rows and keep their versions. */
export function vanish(state: State, descendants: readonly Resource[]): void {
  for (const resource of descendants) {
    state.resources.put(resource.id, { ...resource, deleted: true, deleted_at: state.now() })
  }
}

function typeOf(before: Resource | undefined, after: Facets): ChangeType {
  if (after.deleted) return 'deleted'
  if (!before || before.deleted) return 'created'
  if (before.parent_id !== after.parent_id) return 'moved'
  return before.name === after.name ? 'updated' : 'renamed'
}

function putVersion(
  state: State,
  step: Pick<Step, 'resource_id' | 'facets' | 'author'> & {
    readonly version_id: string
    readonly change_type: ChangeType
    readonly number: number | null
    readonly at: number
  },
): void {
  const version: Version = {
    ...step.facets,
    id: step.version_id,
    resource_id: step.resource_id,
    number: step.number,
    change_type: step.change_type,
    changed_by: step.author.user_id,
    changed_at: step.at,
    device_id: step.author.device_id,
  }
  state.versions.put(version.id, version)
}

function countEffect(state: State, version_id: string, author: Author): void {
  const count = (state.effects.get(version_id)?.count ?? 0) + 1
  state.effects.put(version_id, { version_id, count, device_id: author.device_id })
}

function metadataOf(resource: Resource, author: Author): Readonly<Record<string, unknown>> {
  return {
    ...(resource.content ? contentFields(resource.content) : {}),
    parent_id: resource.parent_id,
    name: resource.name,
    ...(author.device_id === null ? {} : { device_id: author.device_id }),
  }
}

export const contentFields = (content: Content) => ({
  size: content.size,
  mime_type: content.mime_type,
  checksum_sha256: content.sha256,
  modified_at: iso(content.modified_at),
})

export const facetsOf = (resource: Facets): Facets => ({
  parent_id: resource.parent_id,
  name: resource.name,
  deleted: resource.deleted,
  content: resource.content,
  located_at: resource.located_at,
  deleted_at: resource.deleted_at,
})
