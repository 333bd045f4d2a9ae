import type { Table, Tables } from '../tables.ts'
import type { Digest } from '../world.ts'

/** Everything the server knows. Rows are plain data, so that the whole of it can be stored, compared and rolled back. */
export function stateOf(tables: Tables, now: () => number, digest: Digest): State {
  return {
    tables,
    now,
    digest,
    tenants: tables.table<Tenant>('tenants'),
    users: tables.table<User>('users'),
    tokens: tables.table<Token>('tokens'),
    shares: tables.table<Share>('shares'),
    members: tables.table<Member>('members', { share: row => row.share_id, user: row => row.user_id }),
    resources: tables.table<Resource>('resources', {
      share: row => row.share_id,
      parent: row => (row.deleted ? undefined : placeKey(row.share_id, row.parent_id)),
      place: row => (row.deleted ? undefined : placeKey(row.share_id, row.parent_id, row.name)),
    }),
    versions: tables.table<Version>('versions', {
      resource: row => row.resource_id,
      sha256: row => row.content?.sha256,
    }),
    contents: tables.table<Uint8Array>('contents'),
    log: tables.table<LogRow>('log'),
    outcomes: tables.table<Outcome>('outcomes'),
    staged: tables.table<Staged>('staged', { sha256: row => row.sha256 && `${row.user_id}/${row.sha256}` }),
    stagedBytes: tables.table<Uint8Array>('staged_bytes'),
    devices: tables.table<Device>('devices', { user: row => row.user_id }),
    cursors: tables.table<Cursor>('cursors'),
    preferences: tables.table<Preference>('preferences', { device: row => `${row.user_id}/${row.device_id}` }),
    conflicts: tables.table<Conflict>('conflicts', { resource: row => row.resource_id }),
    effects: tables.table<Effect>('effects'),
    counters: tables.table<{ readonly next: number }>('counters'),
  }
}

export type State = {
  readonly tables: Tables
  readonly now: () => number
  readonly digest: Digest
  readonly tenants: Table<Tenant>
  readonly users: Table<User>
  readonly tokens: Table<Token>
  readonly shares: Table<Share>
  readonly members: Table<Member>
  readonly resources: Table<Resource>
  readonly versions: Table<Version>
  readonly contents: Table<Uint8Array>
  readonly log: Table<LogRow>
  readonly outcomes: Table<Outcome>
  readonly staged: Table<Staged>
  readonly stagedBytes: Table<Uint8Array>
  readonly devices: Table<Device>
  readonly cursors: Table<Cursor>
  readonly preferences: Table<Preference>
  readonly conflicts: Table<Conflict>
  readonly effects: Table<Effect>
  readonly counters: Table<{ readonly next: number }>
}

export type Role = 'reader' | 'contributor' | 'admin' | 'owner'
export type Kind = 'file' | 'folder'
export type ChangeType = 'created' | 'updated' | 'deleted' | 'moved' | 'renamed'
export type Strategy = 'LAST_WRITER_WINS' | 'KEEP_BOTH' | 'SERVER_WINS' | 'CLIENT_WINS' | 'MANUAL'

export const STRATEGIES: readonly Strategy[] = ['LAST_WRITER_WINS', 'KEEP_BOTH', 'SERVER_WINS', 'CLIENT_WINS', 'MANUAL']

/** `head` is the last position given out, `floor` the last one that compaction removed. */
export type Tenant = { readonly id: string; readonly head: number; readonly floor: number }
export type User = { readonly id: string; readonly tenant_id: string; readonly name: string }
export type Token = { readonly token: string; readonly user_id: string; readonly expires_at: number | null }
export type Member = { readonly share_id: string; readonly user_id: string; readonly role: Role }

export type Share = {
  readonly id: string
  readonly tenant_id: string
  readonly name: string
  readonly type: string
  readonly owner_id: string
  readonly quota_bytes: number | null
  readonly deleted: boolean
}

export type Content = {
  readonly sha256: string
  readonly size: number
  readonly mime_type: string
  readonly modified_at: number
}

/** What can change about a resource: its content, its place, its existence. Folders have no content. */
export type Facets = {
  readonly parent_id: string | null
  readonly name: string
  readonly deleted: boolean
  readonly content: Content | null
  readonly located_at: number
  readonly deleted_at: number | null
}

export type Resource = Facets & {
  readonly id: string
  readonly share_id: string
  readonly kind: Kind
  readonly version_id: string
  readonly version: number
  readonly versions: number
  readonly created_at: number
}

/** `number` is null while a version is only pinned by an open conflict and not part of the chain. */
export type Version = Facets & {
  readonly id: string
  readonly resource_id: string
  readonly number: number | null
  readonly change_type: ChangeType
  readonly changed_by: string
  readonly changed_at: number
  readonly device_id: string | null
}

export type LogRow = {
  readonly position: number
  readonly tenant_id: string
  readonly share_id: string
  /** Rows about a share reach exactly these users, whether they can read the share or not; null = every reader. */
  readonly audience: readonly string[] | null
  readonly change: ChangeObject
}

export type ChangeObject = {
  readonly id: string
  readonly tenant_id: string
  readonly share_id: string
  readonly resource_type: Kind | 'share'
  readonly resource_id: string
  readonly change_type: ChangeType
  readonly changed_by: string
  readonly changed_at: string
  readonly old_path: string | null
  readonly new_path: string | null
  readonly version_id: string | null
  readonly metadata: Readonly<Record<string, unknown>>
}

export type OutcomeName =
  | 'applied'
  | 'noop'
  | 'merged'
  | 'remapped'
  | 'conflicted_copy'
  | 'superseded'
  | 'forbidden'
  | 'conflict'

/** The answer to one change, kept under its idempotency key. `conflict` means: an open record, not in `applied`. */
export type Outcome = {
  readonly print: string
  readonly outcome: OutcomeName
  readonly version_id: string
  readonly resource_id: string | null
  readonly new_path: string | null
  readonly change_id: string | null
  readonly conflict_ids: readonly string[]
  readonly at: number
}

export type Staged = {
  readonly user_id: string
  readonly version_id: string
  readonly share_id: string
  readonly received: number
  readonly total: number
  readonly sha256: string | undefined
  readonly touched_at: number
}

export type Device = {
  readonly device_id: string
  readonly user_id: string
  readonly device_name: string
  readonly platform: string
  readonly client_version: string
  readonly is_active: boolean
  readonly last_seen_at: number
  readonly created_at: number
  readonly removed: boolean
}

export type Cursor = { readonly position: number; readonly last_sync_at: number | null }

export type Preference = {
  readonly user_id: string
  readonly device_id: string
  readonly share_id: string
  readonly sync_enabled: boolean
  readonly selected_folders: readonly string[]
  readonly excluded_folders: readonly string[]
}

/** A change as a device sent it, checked and with its defaults filled in. */
export type Change = {
  readonly resource_type: Kind
  readonly resource_id: string | null
  readonly change_type: ChangeType
  readonly version_id: string
  readonly base_version_id: string | null
  readonly old_path: string | null
  readonly new_path: string | null
  readonly size: number | null
  readonly mime_type: string | null
  readonly checksum_sha256: string | null
  readonly modified_at: number | null
  /** `undefined`: not said, find it by path. */
  readonly parent_id: string | null | undefined
}

export type Conflict = {
  readonly id: string
  readonly share_id: string
  readonly user_id: string
  readonly device_id: string
  readonly resource_type: Kind
  readonly resource_id: string
  readonly client_version_id: string
  readonly server_version_id: string
  readonly created_at: number
  readonly resolution: Strategy | null
  readonly change: Change
}

/** How often a version id had an effect: the simulator's judge wants to see 1, never 2. */
export type Effect = { readonly version_id: string; readonly count: number; readonly device_id: string | null }

export function mint(state: State, prefix: string): string {
  const next = state.counters.get(prefix)?.next ?? 1
  state.counters.put(prefix, { next: next + 1 })
  return `${prefix}_${next}`
}

/** Names that differ only in case or composition share a place: some clients could not hold both. */
export const fold = (name: string): string => name.normalize('NFC').toUpperCase().toLowerCase().normalize('NFC')

export const placeKey = (share_id: string, parent_id: string | null, name?: string): string =>
  `${share_id}/${parent_id ?? ''}${name === undefined ? '' : `/${fold(name)}`}`
