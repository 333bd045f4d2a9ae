import { iso } from '../../world.ts'
import { roleIn, visibleResource, visibleShare } from '../access.ts'
import { invalid, notFound } from '../errors.ts'
import type { Knobs } from '../knobs.ts'
import { childrenOf, pathOf } from '../paths.ts'
import { usedBytes } from '../quota.ts'
import type { App, Server } from '../server.ts'
import type { Resource, Version } from '../state.ts'

export function shareRoutes(app: App, { state, knobs }: Server): void {
  app.get('/api/v1/users/me/shares', c => {
    const user = c.get('user')
    const shares = state.members.by('user', user.id).flatMap(({ share_id }) => {
      const role = roleIn(state, user, share_id)
      const share = state.shares.get(share_id)
      if (!role || !share) return []
      const { id, name, type, owner_id, quota_bytes } = share
      return [{ id, name, type, role, owner_id, quota_bytes, used_bytes: usedBytes(state, id) }]
    })
    return c.json({ shares, total: shares.length })
  })

  app.get('/api/v1/folders/:id/children', c => {
    const id = c.req.param('id')
    const asked = c.req.query('share_id')
    if (id === 'root' && !asked) throw invalid(['query', 'share_id'], 'required for root')
    const folder = id === 'root' ? null : live(visibleResource(state, c.get('user'), id, 'folder'))
    const share = visibleShare(state, c.get('user'), asked ?? folder?.share_id ?? '')
    if (folder && folder.share_id !== share.id) throw notFound('folder')
    const items = [...childrenOf(state, share.id, folder?.id ?? null)]
      .sort((one, other) => (one.name < other.name ? -1 : 1))
      .map(it => item(it, knobs()))
    return c.json({ items, path: folder ? pathOf(state, folder) : '/', total: items.length })
  })

  app.get('/api/v1/files/:id', c =>
    c.json(meta(live(visibleResource(state, c.get('user'), c.req.param('id'), 'file')))),
  )
  app.get('/api/v1/folders/:id', c =>
    c.json(meta(live(visibleResource(state, c.get('user'), c.req.param('id'), 'folder')))),
  )

  app.get('/api/v1/files/:id/versions', c => {
    const file = visibleResource(state, c.get('user'), c.req.param('id'), 'file')
    const versions = state.versions.by('resource', file.id).filter(it => it.number !== null && !it.deleted)
    return c.json({ versions: versions.map(version), total: versions.length })
  })

  function meta(it: Resource) {
    return {
      id: it.id,
      name: it.name,
      share_id: it.share_id,
      folder_id: it.parent_id,
      path: pathOf(state, it),
      ...sizeOf(it),
      ...(it.content && { checksum_sha256: it.content.sha256 }),
      version: it.version,
      version_id: it.version_id,
      created_at: iso(it.created_at),
    }
  }
}

function version(it: Version) {
  return {
    id: it.id,
    version_number: it.number,
    size: it.content?.size,
    checksum_sha256: it.content?.sha256,
    created_by: it.changed_by,
    created_at: iso(it.changed_at),
  }
}

function item(it: Resource, { listing }: Pick<Knobs, 'listing'>) {
  const hash = it.content && { checksum_sha256: it.content.sha256 }
  const guard = listing === 'full' ? { ...hash, version_id: it.version_id } : {}
  return { id: it.id, name: it.name, type: it.kind, ...sizeOf(it), ...guard }
}

function sizeOf({ content, located_at }: Resource) {
  if (!content) return { modified_at: iso(located_at) }
  return { size: content.size, mime_type: content.mime_type, modified_at: iso(content.modified_at) }
}

function live(it: Resource): Resource {
  if (it.deleted) throw notFound(it.kind)
  return it
}
