import type { Snapshot } from '../tables.ts'
import { deviceKey } from './access.ts'
import { facetsOf, vanish, write } from './history.ts'
import { append, rowId, tenantOf } from './log.ts'
import { basename, childNamed, descendantsOf, dirname, folderAt, inside } from './paths.ts'
import type { Server } from './server.ts'
import { keep } from './staging.ts'
import { type ChangeType, type Facets, mint, type Resource, type Role, type Share, type State } from './state.ts'

/** Everything that happens to a server from the outside: an operator, another client, a disaster. */
export function admin(server: Server): Admin {
  const { state, sockets, commit } = server

  const found = (share_id: string, path: string): Resource => {
    const parent = folderAt(state, share_id, dirname(path))
    const resource = parent === undefined ? undefined : childNamed(state, share_id, parent, basename(path))
    if (!resource) throw new Error(`Nothing lives at ${path} in ${share_id}.`)
    return resource
  }

  const place = (share_id: string, path: string) => {
    const parent_id = folderAt(state, share_id, dirname(path))
    if (parent_id === undefined) throw new Error(`No folder at ${dirname(path)} in ${share_id}.`)
    return { parent_id, name: basename(path), located_at: state.now() }
  }

  const mutate = (share_id: string, it: Pick<Resource, 'id' | 'kind'>, facets: Facets, by?: string): Made => {
    const user_id = by ?? state.shares.get(share_id)!.owner_id
    if (!facets.deleted) demandRoom(share_id, it.id, facets)
    return commit(() => {
      const author = { user_id, device_id: null }
      const { resource } = write(state, { share_id, resource_id: it.id, kind: it.kind, facets, author })
      return { resource_id: resource.id, version_id: resource.version_id }
    })
  }

  const demandRoom = (share_id: string, id: string, { parent_id, name }: Facets) => {
    const holder = childNamed(state, share_id, parent_id, name)
    if (holder && holder.id !== id) throw new Error(`${name} is taken in its folder.`)
    if (inside(state, parent_id, id)) throw new Error(`${name} would lie inside itself.`)
    if (parent_id !== null && state.resources.get(parent_id)?.deleted)
      throw new Error(`The folder of ${name} is deleted.`)
  }

  const contentOf = (bytes: Uint8Array | string, options: FileOptions) => {
    const raw = typeof bytes === 'string' ? new TextEncoder().encode(bytes) : bytes
    return {
      sha256: commit(() => keep(state, raw)),
      size: raw.length,
      mime_type: options.mime_type ?? 'text/plain',
      modified_at: options.modified_at ?? state.now(),
    }
  }

  const create = (share_id: string, path: string, kind: Resource['kind'], content: Facets['content'], by?: string) => {
    const where = place(share_id, path)
    const id = commit(() => mint(state, kind === 'file' ? 'fil' : 'fld'))
    return mutate(share_id, { id, kind }, { ...where, content, deleted: false, deleted_at: null }, by)
  }

  return {
    addUser(name, options = {}) {
      return commit(() => {
        const id = mint(state, 'usr')
        const token = options.token ?? `token_${id}`
        const tenant_id = options.tenant_id ?? 'tnt_1'
        if (!state.tenants.get(tenant_id)) state.tenants.put(tenant_id, { id: tenant_id, head: 0, floor: 0 })
        state.users.put(id, { id, tenant_id, name })
        state.tokens.put(token, { token, user_id: id, expires_at: null })
        return { user_id: id, token }
      })
    },
    addToken(user_id, token, expires_at = null) {
      commit(() => state.tokens.put(token, { token, user_id, expires_at }))
    },
    revokeToken: token => commit(() => state.tokens.drop(token)),

    addShare(name, owner_id, options = {}) {
      return commit(() => {
        const { tenant_id } = state.users.get(owner_id)!
        const { type = 'team', quota_bytes = null } = options
        const share: Share = { id: mint(state, 'shr'), tenant_id, name, type, owner_id, quota_bytes, deleted: false }
        state.shares.put(share.id, share)
        state.members.put(`${share.id}/${owner_id}`, { share_id: share.id, user_id: owner_id, role: 'owner' })
        shareRow(state, share, 'created', [owner_id])
        return share.id
      })
    },
    grant(share_id, user_id, role) {
      commit(() => {
        const had = state.members.get(`${share_id}/${user_id}`)
        state.members.put(`${share_id}/${user_id}`, { share_id, user_id, role })
        shareRow(state, state.shares.get(share_id)!, had ? 'updated' : 'created', [user_id])
      })
      sockets.forceSync(share_id, user => user.id === user_id)
    },
    revoke(share_id, user_id) {
      commit(() => {
        state.members.drop(`${share_id}/${user_id}`)
        shareRow(state, state.shares.get(share_id)!, 'deleted', [user_id])
      })
      sockets.forceSync(share_id, user => user.id === user_id)
    },
    setShare(share_id, change) {
      commit(() => {
        const share = { ...state.shares.get(share_id)!, ...change }
        state.shares.put(share_id, share)
        const audience = state.members.by('share', share_id).map(it => it.user_id)
        shareRow(state, share, change.deleted ? 'deleted' : 'updated', audience)
      })
    },

    createFile: (share_id, path, bytes, options = {}) =>
      create(share_id, path, 'file', contentOf(bytes, options), options.by),
    createFolder: (share_id, path, options = {}) => create(share_id, path, 'folder', null, options.by),
    edit(share_id, path, bytes, options = {}) {
      const it = found(share_id, path)
      return mutate(share_id, it, { ...facetsOf(it), content: contentOf(bytes, options) }, options.by)
    },
    move(share_id, path, to, options = {}) {
      const it = found(share_id, path)
      return mutate(share_id, it, { ...facetsOf(it), ...place(share_id, to) }, options.by)
    },
    remove(share_id, path, options = {}) {
      const it = found(share_id, path)
      return commit(() => {
        vanish(state, descendantsOf(state, it))
        return mutate(share_id, it, { ...facetsOf(it), deleted: true, deleted_at: state.now() }, options.by)
      })
    },
    restore(resource_id, options = {}) {
      const it = state.resources.get(resource_id)!
      return mutate(it.share_id, it, { ...facetsOf(it), deleted: false, deleted_at: null }, options.by)
    },

    removeDevice(user_id, device_id) {
      const key = deviceKey(state.users.get(user_id)!, device_id)
      commit(() => state.devices.put(key, { ...state.devices.get(key)!, removed: true }))
    },
    setDeviceActive(user_id, device_id, is_active) {
      const key = deviceKey(state.users.get(user_id)!, device_id)
      commit(() => state.devices.put(key, { ...state.devices.get(key)!, is_active }))
    },

    compact(tenant_id = 'tnt_1', upTo) {
      const tenant = tenantOf(state, tenant_id)
      const floor = Math.min(upTo ?? tenant.head, tenant.head)
      commit(() => {
        for (let position = tenant.floor + 1; position <= floor; position++) state.log.drop(rowId(tenant_id, position))
        state.tenants.put(tenant_id, { ...tenant, floor: Math.max(floor, tenant.floor) })
      })
      for (const share of state.shares.all().filter(it => it.tenant_id === tenant_id)) {
        sockets.forceSync(share.id, (user, device_id) => {
          const cursor = state.cursors.get(`${deviceKey(user, device_id)}/${share.id}`)
          return cursor !== undefined && cursor.position < floor
        })
      }
    },
    forceSync: (share_id = null) => sockets.forceSync(share_id),
    severSockets: code => sockets.sever(code),
    say: frame => sockets.say(frame),
    openSockets: () => sockets.count(),

    backup: () => state.tables.snapshot(),
    restoreBackup(snapshot) {
      state.tables.restore(snapshot)
      sockets.forget()
    },
  }
}

export type Made = { readonly resource_id: string; readonly version_id: string }
export type By = { readonly by?: string }
export type FileOptions = By & { readonly mime_type?: string; readonly modified_at?: number }

export type Admin = {
  readonly addUser: (
    name: string,
    options?: { readonly token?: string; readonly tenant_id?: string },
  ) => { readonly user_id: string; readonly token: string }
  readonly addToken: (user_id: string, token: string, expires_at?: number | null) => void
  readonly revokeToken: (token: string) => void
  readonly addShare: (
    name: string,
    owner_id: string,
    options?: { readonly type?: string; readonly quota_bytes?: number | null },
  ) => string
  readonly grant: (share_id: string, user_id: string, role: Role) => void
  readonly revoke: (share_id: string, user_id: string) => void
  readonly setShare: (
    share_id: string,
    change: Partial<Pick<Share, 'name' | 'type' | 'quota_bytes' | 'deleted'>>,
  ) => void
  readonly createFile: (share_id: string, path: string, bytes: Uint8Array | string, options?: FileOptions) => Made
  readonly createFolder: (share_id: string, path: string, options?: By) => Made
  readonly edit: (share_id: string, path: string, bytes: Uint8Array | string, options?: FileOptions) => Made
  /** A rename when the folder stays the same. */
  readonly move: (share_id: string, path: string, to: string, options?: By) => Made
  readonly remove: (share_id: string, path: string, options?: By) => Made
  readonly restore: (resource_id: string, options?: By) => Made
  readonly removeDevice: (user_id: string, device_id: string) => void
  readonly setDeviceActive: (user_id: string, device_id: string, is_active: boolean) => void
  /** Forgets the log up to a position (default: all of it); older cursors are expired. */
  readonly compact: (tenant_id?: string, upTo?: number) => void
  readonly forceSync: (share_id?: string | null) => void
  readonly severSockets: (code?: number) => void
  readonly say: (frame: unknown) => void
  readonly openSockets: () => number
  readonly backup: () => Snapshot
  /** The server forgets what came after: positions and server-made ids will be given again. */
  readonly restoreBackup: (snapshot: Snapshot) => void
}

function shareRow(state: State, share: Share, change_type: ChangeType, audience: readonly string[]): void {
  append(state, {
    tenant_id: share.tenant_id,
    share_id: share.id,
    resource_type: 'share',
    resource_id: share.id,
    change_type,
    changed_by: share.owner_id,
    at: state.now(),
    old_path: change_type === 'created' ? null : '/',
    new_path: change_type === 'deleted' ? null : '/',
    version_id: null,
    metadata: { name: share.name },
    audience,
  })
}
