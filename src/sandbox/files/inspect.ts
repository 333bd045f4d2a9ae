import { pathOf } from './paths.ts'
import type {
  Conflict,
  Cursor,
  Device,
  LogRow,
  Member,
  Preference,
  Resource,
  Share,
  Staged,
  State,
  Tenant,
  Token,
  User,
  Version,
} from './state.ts'

/** The whole truth at one moment, for a judge. */
export function inspect(state: State): Inspection {
  return {
    tenants: state.tenants.all(),
    users: state.users.all(),
    tokens: state.tokens.all(),
    shares: state.shares.all(),
    members: state.members.all(),
    tree: Object.fromEntries(state.shares.all().map(share => [share.id, nodes(state, share.id)])),
    versions: state.versions.all(),
    log: state.log.all(),
    staged: state.staged.all(),
    effects: Object.fromEntries(state.effects.all().map(it => [it.version_id, it.count])),
    conflicts: state.conflicts.all(),
    devices: state.devices.all(),
    preferences: state.preferences.all(),
    cursorOf: (user_id, device_id, share_id) => state.cursors.get(`${user_id}/${device_id}/${share_id}`),
    bytes: sha256 => state.contents.get(sha256),
  }
}

export type Inspection = {
  readonly tenants: readonly Tenant[]
  readonly users: readonly User[]
  readonly tokens: readonly Token[]
  readonly shares: readonly Share[]
  readonly members: readonly Member[]
  /** Live resources per share, by path. */
  readonly tree: Readonly<Record<string, readonly Node[]>>
  /** Every version ever made; `number` null = only pinned by an open conflict. */
  readonly versions: readonly Version[]
  readonly log: readonly LogRow[]
  readonly staged: readonly Staged[]
  /** Times a version id had an effect. Any number but 1 is a broken promise. */
  readonly effects: Readonly<Record<string, number>>
  readonly conflicts: readonly Conflict[]
  readonly devices: readonly Device[]
  readonly preferences: readonly Preference[]
  readonly cursorOf: (user_id: string, device_id: string, share_id: string) => Cursor | undefined
  readonly bytes: (sha256: string) => Uint8Array | undefined
}

export type Node = {
  readonly path: string
  readonly id: string
  readonly kind: Resource['kind']
  readonly version_id: string
  readonly sha256: string | null
  readonly size: number | null
  readonly modified_at: number | null
}

function nodes(state: State, share_id: string): readonly Node[] {
  return state.resources
    .by('share', share_id)
    .filter(it => !it.deleted)
    .map(it => ({
      path: pathOf(state, it),
      id: it.id,
      kind: it.kind,
      version_id: it.version_id,
      sha256: it.content?.sha256 ?? null,
      size: it.content?.size ?? null,
      modified_at: it.content?.modified_at ?? null,
    }))
    .sort((one, other) => (one.path < other.path ? -1 : 1))
}
