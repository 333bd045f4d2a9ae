import { fold, placeKey, type Resource, type State } from './state.ts'

/** Where a resource is, or was, by its place; a vanished ancestor still lends its name. */
export function pathOf(state: State, place: { readonly parent_id: string | null; readonly name: string }): string {
  const parent = place.parent_id === null ? undefined : state.resources.get(place.parent_id)
  return `${parent ? pathOf(state, parent) : ''}/${place.name}`
}

export function childrenOf(state: State, share_id: string, parent_id: string | null): readonly Resource[] {
  return state.resources.by('parent', placeKey(share_id, parent_id))
}

export function childNamed(state: State, share_id: string, parent_id: string | null, name: string) {
  return state.resources.by('place', placeKey(share_id, parent_id, name))[0]
}

/** The live folder at a path: null is the root, undefined is nothing (or a file) there. */
export function folderAt(state: State, share_id: string, path: string): string | null | undefined {
  let at: string | null = null
  for (const name of path.split('/').filter(Boolean)) {
    const next: Resource | undefined = childNamed(state, share_id, at, name)
    if (next?.kind !== 'folder') return undefined
    at = next.id
  }
  return at
}

/** The folder that was at a path and was deleted last. */
export function deletedFolderAt(state: State, share_id: string, path: string): Resource | undefined {
  return state.resources
    .by('share', share_id)
    .filter(it => it.kind === 'folder' && it.deleted && fold(pathOf(state, it)) === fold(path))
    .sort((one, other) => (other.deleted_at ?? 0) - (one.deleted_at ?? 0))[0]
}

export function descendantsOf(state: State, folder: Resource): readonly Resource[] {
  return childrenOf(state, folder.share_id, folder.id).flatMap(child => [child, ...descendantsOf(state, child)])
}

/** Whether `id` is `folder` itself or lies inside it. */
export function inside(state: State, id: string | null, folder: string): boolean {
  for (let at = id; at !== null; at = state.resources.get(at)?.parent_id ?? null) if (at === folder) return true
  return false
}

export const dirname = (path: string): string => path.slice(0, path.lastIndexOf('/'))
export const basename = (path: string): string => path.slice(path.lastIndexOf('/') + 1)

/** Why a path cannot be one of this share, or undefined. */
export function pathFault(path: string): string | undefined {
  if (!path.startsWith('/') || path === '/') return 'must start with / and name something'
  for (const name of path.slice(1).split('/')) {
    if (name === '' || name === '.' || name === '..') return 'has an empty, "." or ".." segment'
    if (name.includes('\0')) return 'contains NUL'
    if (new TextEncoder().encode(name).length > 255) return 'has a name over 255 bytes'
  }
  return undefined
}
