/** What of the account the app may look at and change: its devices, what each of them syncs, and its shares. */
import { SyncError } from '../../errors.ts'
import type { Json } from '../../model.ts'
import type { Io } from '../../transport.ts'
import type { Http } from '../shared/http.ts'
import { count, flag, list, text } from '../shared/shape.ts'
import { parseTime } from '../shared/time.ts'
import { safeId } from '../shared/url.ts'
import { type ConflictInfo, conflicts, mustBeClosed, type ServerStrategy } from './conflicts.ts'
import { wrongShape } from './wire.ts'

/** A device of the account. Times are milliseconds since 1970. */
export type DeviceInfo = {
  readonly id: string
  readonly name: string
  /** This is the one. */
  readonly own: boolean
  /** Switched off: it may look, and can send nothing. */
  readonly active: boolean
  readonly platform?: string
  readonly clientVersion?: string
  readonly lastSeenAt?: number
  readonly createdAt?: number
}

/**
 * What a device syncs of a share. Folders are ids. With none selected it is all; what is excluded is excluded, inside a
 * selected folder too.
 */
export type Preference = {
  readonly share: string
  readonly enabled: boolean
  readonly selected: readonly string[]
  readonly excluded: readonly string[]
}

/** What is not said has its default: enabled, nothing selected, nothing excluded. */
export type NewPreference = Partial<Preference> & Pick<Preference, 'share'>

export type ShareInfo = {
  readonly id: string
  readonly name: string
  readonly type?: string
  readonly role?: string
  readonly owner?: string
  readonly quotaBytes?: number
  readonly usedBytes?: number
}

/** `device` is this one where none is named. An id that the server does not know rejects with `not-found`. */
export type FilesApi = {
  devices(request: undefined, io: Io): Promise<readonly DeviceInfo[]>
  /** Renames a device, or switches it off and on. */
  updateDevice(
    request: { readonly id: string; readonly name?: string; readonly active?: boolean },
    io: Io,
  ): Promise<DeviceInfo>
  /** Its sockets close and its cursors stand still. A device that still runs registers again. */
  removeDevice(request: { readonly id: string }, io: Io): Promise<void>
  /** Only shares that somebody said something about; of others everything is synced. */
  preferences(request: { readonly device?: string } | undefined, io: Io): Promise<readonly Preference[]>
  /** Replaces what was said about one share. */
  setPreference(request: NewPreference & { readonly device?: string }, io: Io): Promise<Preference>
  /** The same for several, all or none; others stay. Resolves to all that there are. */
  setPreferences(
    request: { readonly preferences: readonly NewPreference[]; readonly device?: string },
    io: Io,
  ): Promise<readonly Preference[]>
  shares(request: undefined, io: Io): Promise<readonly ShareInfo[]>
  /** How far the server believes a device to be in a share, and whether it keeps a question open about its changes. */
  status(request: { readonly share: string; readonly device?: string }, io: Io): Promise<ShareStatus>
  /**
   * Conflicts that the server keeps, of all devices of the account, oldest first. Each device sees the same, and may
   * resolve them: the device whose change it was closes its question when it next looks.
   */
  conflicts(
    request: { readonly share?: string; readonly device?: string; readonly resolved?: boolean } | undefined,
    io: Io,
  ): Promise<readonly ConflictInfo[]>
  /** Rejects with `conflict` where somebody resolved it otherwise. */
  resolveConflict(request: { readonly id: string; readonly resolution: ServerStrategy }, io: Io): Promise<void>
}

/** Times are milliseconds since 1970. */
export type ShareStatus = {
  /** Changes in the share that the device has not told to have stored. */
  readonly pendingChanges: number
  readonly hasConflicts: boolean
  readonly lastSyncAt?: number
}

const DEVICE = '/sync/devices/{device}'
const PREFERENCES = '/sync/devices/{device}/preferences'
/** Not there, or not ours to see. */
const GONE = [404, 410]

export function account(http: Http): FilesApi {
  const records = conflicts(http)

  async function send(call: Parameters<Http['send']>[0], what: string, io: Io): Promise<Json | undefined> {
    const answer = await http.send({ ...call, data: GONE }, io)
    if (GONE.includes(answer.status)) throw new SyncError('not-found', `The file server has no such ${what}.`)
    return answer.json
  }

  return {
    devices: async (_, io) =>
      readDevices(await send({ method: 'GET', route: '/sync/devices', want: 'json' }, 'list', io), io),

    async updateDevice({ id, name, active }, io) {
      const json = {
        ...(name !== undefined && { device_name: name }),
        ...(active !== undefined && { is_active: active }),
      }
      const device = await send(
        { method: 'PATCH', route: DEVICE, ids: { device: id }, json, want: 'json' },
        'device',
        io,
      )
      return readDevice(device, io) ?? unread('a device')
    },

    async removeDevice({ id }, io) {
      await send({ method: 'DELETE', route: DEVICE, ids: { device: id }, want: 'nothing' }, 'device', io)
    },

    async preferences({ device = '' } = {}, io) {
      const ids = { device: device || io.device.id }
      return readPreferences(await send({ method: 'GET', route: PREFERENCES, ids, want: 'json' }, 'device', io))
    },

    async setPreference({ device, share, ...said }, io) {
      const ids = { device: device ?? io.device.id, share }
      const json = written(said)
      const answer = await send(
        { method: 'PUT', route: `${PREFERENCES}/{share}`, ids, json, want: 'json' },
        'share',
        io,
      )
      return readPreference(answer) ?? unread('a preference')
    },

    async setPreferences({ device, preferences }, io) {
      const ids = { device: device ?? io.device.id }
      const json = { preferences: preferences.map(({ share, ...said }) => ({ share_id: share, ...written(said) })) }
      return readPreferences(await send({ method: 'PUT', route: PREFERENCES, ids, json, want: 'json' }, 'share', io))
    },

    async shares(_, io) {
      const json = await send({ method: 'GET', route: '/users/me/shares', want: 'json' }, 'list', io)
      return read(json, 'shares', readShare)
    },

    async status({ share, device = '' }, io) {
      const query = { share_id: share, device_id: device || io.device.id }
      // A server without a position for us would take the head for it, and so believe that we have all up to there (I2s).
      await send(
        { method: 'POST', route: '/sync/cursor', query: { ...query, position: 0 }, want: 'nothing' },
        'share',
        io,
      )
      const json = await send({ method: 'GET', route: '/sync/status', query, want: 'json' }, 'share', io)
      const pendingChanges = count(json, 'pending_changes') ?? unread('the pending changes')
      const hasConflicts = flag(json, 'has_conflicts') ?? false
      return { pendingChanges, hasConflicts, ...known('lastSyncAt', timeIn(json, 'last_sync_at')) }
    },

    conflicts: (which = {}, io) => records.list(which, io),

    async resolveConflict({ id, resolution }, io) {
      mustBeClosed(await records.resolve(id, resolution, io))
    },
  }
}

/** Some servers wrap their lists, some do not. What has no id is nothing that could be acted on. */
function read<T>(json: Json | undefined, name: string, one: (item: Json) => T | undefined): readonly T[] {
  const items = Array.isArray(json) ? (json as readonly Json[]) : list(json, name)
  if (items === undefined) return unread(`the list of ${name}`)
  return items.map(one).filter(item => item !== undefined)
}

export const readDevices = (json: Json | undefined, io: Pick<Io, 'device'>): readonly DeviceInfo[] =>
  read(json, 'devices', item => readDevice(item, io))

function readDevice(json: Json | undefined, io: Pick<Io, 'device'>): DeviceInfo | undefined {
  const id = idIn(json, 'device_id')
  if (id === undefined) return undefined
  return {
    id,
    name: text(json, 'device_name') ?? id,
    own: id === io.device.id,
    active: flag(json, 'is_active') ?? true,
    ...known('platform', text(json, 'platform')),
    ...known('clientVersion', text(json, 'client_version')),
    ...known('lastSeenAt', timeIn(json, 'last_seen_at')),
    ...known('createdAt', timeIn(json, 'created_at')),
  }
}

export const readPreferences = (json: Json | undefined): readonly Preference[] =>
  read(json, 'preferences', readPreference)

function readPreference(json: Json | undefined): Preference | undefined {
  const share = idIn(json, 'share_id')
  if (share === undefined) return undefined
  const folders = (name: string) => (list(json, name) ?? []).filter(id => typeof id === 'string')
  const enabled = flag(json, 'sync_enabled') ?? true
  return { share, enabled, selected: folders('selected_folders'), excluded: folders('excluded_folders') }
}

function readShare(json: Json): ShareInfo | undefined {
  const id = idIn(json, 'id')
  if (id === undefined) return undefined
  return {
    id,
    name: text(json, 'name') ?? id,
    ...known('type', text(json, 'type')),
    ...known('role', text(json, 'role')),
    ...known('owner', text(json, 'owner_id')),
    ...known('quotaBytes', count(json, 'quota_bytes')),
    ...known('usedBytes', count(json, 'used_bytes')),
  }
}

const written = ({ enabled = true, selected = [], excluded = [] }: Omit<NewPreference, 'share'>) => ({
  sync_enabled: enabled,
  selected_folders: selected,
  excluded_folders: excluded,
})

function idIn(json: Json | undefined, name: string): string | undefined {
  const id = text(json, name)
  return id !== undefined && safeId(id) ? id : undefined
}

function timeIn(json: Json | undefined, name: string): number | undefined {
  const time = text(json, name)
  return time === undefined ? undefined : parseTime(time)
}

function known<K extends string, V>(name: K, value: V | undefined): { readonly [N in K]?: V } {
  return (value === undefined ? {} : { [name]: value }) as { readonly [N in K]?: V } // a computed name widens
}

function unread(what: string): never {
  throw wrongShape(what)
}
