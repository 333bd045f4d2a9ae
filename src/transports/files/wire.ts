/** The file API's shapes (sections 1, 2 and 10 of its page) and our records, both ways. Pure. */
import { SyncError } from '../../errors.ts'
import type { Json, RemoteRecord } from '../../model.ts'
import { count, flag, isObject, list, member, text, wellFormed } from '../shared/shape.ts'
import { parseTime } from '../shared/time.ts'
import { safeId } from '../shared/url.ts'
import { type Kind, originOf } from './ids.ts'
import type { ShareRow, TreeRow } from './sources.ts'

/** What servers fill in where nobody said a type: it says nothing, and is no edit of anybody's. */
const UNKNOWN_TYPE = 'application/octet-stream'

/** A position in the log: never looked into, kept and sent back as it came. */
export type Cursor = string | number | bigint

/** One row of the log, as much of it as is needed. `undefined` members were not said. */
export interface LogRow {
  readonly share: string
  readonly kind: Kind | 'share'
  readonly id: string
  readonly change: 'created' | 'updated' | 'deleted' | 'moved' | 'renamed'
  readonly at: number | undefined
  readonly oldPath: string | undefined
  readonly newPath: string | undefined
  /** The version that the change made. */
  readonly version: string | undefined
  /** What the row says about the entry, where it says all of it. */
  readonly value: TreeRow | undefined
  /** The folder that it is in (a share's id at the root), where the row says that. */
  readonly parent: string | undefined
  readonly name: string | undefined
}

export interface Changes {
  readonly rows: readonly LogRow[]
  /** Rows that nobody here understands: passed over, counted. */
  readonly unsupported: number
  readonly cursor: Cursor
  readonly more: boolean
}

const CHANGES = ['created', 'updated', 'deleted', 'moved', 'renamed'] as const
const KINDS = ['file', 'folder', 'share'] as const

/** `GET /changes` (section 2). */
export function readChanges(json: Json | undefined): Changes {
  const changes = list(json, 'changes')
  const more = flag(json, 'has_more')
  if (changes === undefined || more === undefined) throw wrongShape('the list of changes')
  const rows = changes.map(readRow)
  const known = rows.filter(row => row !== undefined)
  return { rows: known, unsupported: rows.length - known.length, cursor: readCursor(member(json, 'cursor')), more }
}

export function readCursor(json: Json | undefined): Cursor {
  if (typeof json === 'bigint') return json
  if (typeof json === 'number' && Number.isSafeInteger(json)) return json
  // biome-ignore lint/suspicious/noControlCharactersInRegex: no cursor has a line break, so it is something else.
  const bad = typeof json !== 'string' || json === '' || json.length > 100_000 || /[\u0000-\u001f\u007f]/.test(json)
  if (bad || !wellFormed(json)) throw wrongShape('the cursor')
  return json
}

function readRow(json: Json): LogRow | undefined {
  const kind = KINDS.find(one => one === text(json, 'resource_type'))
  const change = CHANGES.find(one => one === text(json, 'change_type'))
  const id = text(json, 'resource_id')
  const share = text(json, 'share_id')
  if (!kind || !change || id === undefined || share === undefined || !safeId(id) || !safeId(share)) return undefined
  const metadata = member(json, 'metadata')
  const newPath = text(json, 'new_path')
  const place = { parent: parentIn(metadata, 'parent_id', share, newPath), name: nameIn(metadata, newPath) }
  return {
    share,
    kind,
    id,
    change,
    at: timeIn(json, 'changed_at'),
    oldPath: text(json, 'old_path'),
    newPath,
    version: text(json, 'version_id'),
    ...place,
    value: kind === 'share' ? undefined : entryOf(kind, share, place.parent, place.name, metadata),
  }
}

/** An entry as listed, or as `GET /files/{id}` shows it. */
export interface Entry {
  readonly id: string
  readonly kind: Kind
  readonly name: string
  /** `undefined`: only its path is known. */
  readonly parent: string | undefined
  readonly path: string | undefined
  /** All that a record needs, where it was said. */
  readonly value: TreeRow | undefined
  readonly version: string | undefined
  /** The number of the version, where that is all the server says. */
  readonly number: number | undefined
  readonly at: number | undefined
}

/** One of the `items` of `GET /folders/{id}/children` (section 10); `undefined`: neither file nor folder. */
export function readItem(json: Json, share: string, parent: string): Entry | undefined {
  const kind = (['file', 'folder'] as const).find(one => one === text(json, 'type'))
  return kind && readEntry(json, kind, share, parent)
}

/** `GET /files/{id}` and `GET /folders/{id}` (section 10). */
export function readMeta(json: Json | undefined, kind: Kind, share: string): Entry | undefined {
  const path = text(json, 'path')
  return readEntry(
    json,
    kind,
    share,
    parentIn(json, 'folder_id', share, path) ?? parentIn(json, 'parent_id', share, path),
  )
}

function readEntry(json: Json | undefined, kind: Kind, share: string, parent: string | undefined): Entry | undefined {
  const path = text(json, 'path')
  const id = text(json, 'id')
  const name = nameIn(json, path)
  if (id === undefined || !safeId(id) || name === undefined) return undefined
  return {
    id,
    kind,
    name,
    parent,
    path,
    value: entryOf(kind, share, parent, name, json),
    version: text(json, 'version_id') || undefined,
    number: count(json, 'version'),
    at: timeIn(json, 'modified_at'),
  }
}

/** A folder is whole with its place; a file needs its hash too. */
function entryOf(
  kind: Kind,
  share: string,
  parent: string | undefined,
  name: string | undefined,
  facts: Json | undefined,
): TreeRow | undefined {
  if (parent === undefined || name === undefined) return undefined
  if (kind === 'folder') return { share, parent, name, kind }
  const sha256 = text(facts, 'checksum_sha256')?.toLowerCase()
  const size = count(facts, 'size')
  const mime = text(facts, 'mime_type')
  const modifiedAt = timeIn(facts, 'modified_at')
  if (sha256 === undefined || size === undefined) return undefined
  return {
    share,
    parent,
    name,
    kind,
    size,
    sha256,
    ...(mime === undefined || mime === UNKNOWN_TYPE ? {} : { mime }),
    ...(modifiedAt === undefined ? {} : { modifiedAt }),
  }
}

/** `null` is the root, whose entries hang on the share itself. */
function parentIn(facts: Json | undefined, key: string, share: string, path: string | undefined): string | undefined {
  const parent = member(facts, key)
  if (parent === null || parent === 'root') return share
  if (typeof parent === 'string' && safeId(parent)) return parent
  return path !== undefined && /^\/[^/]+$/.test(path) ? share : undefined
}

function nameIn(facts: Json | undefined, path: string | undefined): string | undefined {
  return text(facts, 'name') || path?.slice(path.lastIndexOf('/') + 1) || undefined
}

function timeIn(facts: Json | undefined, key: string): number | undefined {
  const value = text(facts, key)
  return value === undefined ? undefined : parseTime(value)
}

export interface ShareEntry {
  readonly id: string
  readonly value: ShareRow
}

/** `GET /users/me/shares` (section 10). */
export function readShares(json: Json | undefined): {
  readonly shares: readonly ShareEntry[]
  readonly whole: boolean
} {
  const items = list(json, 'shares') ?? (Array.isArray(json) ? (json as readonly Json[]) : undefined)
  if (items === undefined) throw wrongShape('the list of shares')
  const entries = items.map(readShare).filter(entry => entry !== undefined)
  return { shares: entries, whole: entries.length >= (count(json, 'total') ?? entries.length) }
}

function readShare(json: Json): ShareEntry | undefined {
  const id = text(json, 'id')
  if (id === undefined || !safeId(id)) return undefined
  const [type, role, owner, quotaBytes] = [
    text(json, 'type'),
    text(json, 'role'),
    text(json, 'owner_id'),
    count(json, 'quota_bytes'),
  ]
  return {
    id,
    value: {
      name: text(json, 'name') ?? id,
      ...(type === undefined ? {} : { type }),
      ...(role === undefined ? {} : { role }),
      ...(owner === undefined ? {} : { owner }),
      ...(quotaBytes === undefined ? {} : { quotaBytes }),
    },
  }
}

/** `GET /files/{id}/versions` (section 10), those that say what they hold. */
export function readVersions(json: Json | undefined) {
  return (list(json, 'versions') ?? []).flatMap(one => {
    const [id, sha256, size] = [text(one, 'id'), text(one, 'checksum_sha256')?.toLowerCase(), count(one, 'size')]
    return id === undefined || sha256 === undefined || size === undefined ? [] : [{ id, sha256, size }]
  })
}

/**
 * An entry as a record. Its version is the server's version id; where the server says none, something that is equal as
 * long as the entry is (versions count together with values only).
 */
export function treeRecord(
  id: string,
  value: TreeRow,
  version: string | undefined,
  number?: number,
  at?: number,
): RemoteRecord {
  const origin = originOf(version)
  const when = at ?? value.modifiedAt
  return {
    collection: 'tree',
    id,
    value,
    version: version ?? { seen: number ?? value.sha256 ?? null },
    ...(when === undefined ? {} : { at: when }),
    ...(origin === undefined ? {} : { origin }),
  }
}

export function deletedRecord(row: LogRow): RemoteRecord {
  const origin = originOf(row.version)
  return {
    collection: 'tree',
    id: row.id,
    value: null,
    version: row.version ?? { seen: null },
    ...(row.at === undefined ? {} : { at: row.at }),
    ...(origin === undefined ? {} : { origin }),
    ...(row.kind === 'folder' ? { subtree: true } : {}),
  }
}

export function shareRecord(id: string, value: ShareRow): RemoteRecord {
  // The API gives shares no version: their facts are it.
  const facts = [value.name, value.type, value.role, value.owner, value.quotaBytes, value.lost]
  return { collection: 'shares', id, value, version: facts.map(fact => fact ?? null) }
}

/** A version that a server gave, never a substitute of ours. */
export function realVersion(version: Json): string | undefined {
  return typeof version === 'string' ? version : undefined
}

export function asTreeRow(value: unknown): TreeRow | undefined {
  const whole = isObject(value) && text(value, 'share') && text(value, 'parent') && text(value, 'name')
  return whole && (value.kind === 'file' || value.kind === 'folder') ? (value as TreeRow) : undefined // checked just now
}

export function wrongShape(what: string): SyncError {
  return new SyncError(
    'protocol',
    `The file server's answer lacks ${what}. Nothing was changed; it will be asked again.`,
  )
}
