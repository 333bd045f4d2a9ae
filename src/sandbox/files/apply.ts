import { demand, deviceKey, knownDevice, may, type Permission, visibleShare } from './access.ts'
import { fileConflict, writtenConflict } from './conflicts.ts'
import { type Desk, type Effect, untouched } from './effects.ts'
import { ApiError, type Code, type Details } from './errors.ts'
import { examine, type Finding, REFUSALS } from './examine.ts'
import { rowsBetween, tenantOf } from './log.ts'
import { inside } from './paths.ts'
import { contentNamed, dropStaged } from './staging.ts'
import {
  type Change,
  type Conflict,
  mint,
  type Outcome,
  type Resource,
  type State,
  type Strategy,
  type User,
} from './state.ts'
import { plain, VERDICTS } from './verdicts.ts'
import type { ApplyBody, Unkeyed } from './wire.ts'

/** One batch inside one transaction: whatever is thrown, nothing of it was applied. */
export function applyBatch(state: State, user: User, body: ApplyBody): Applied {
  visibleShare(state, user, body.share_id)
  const device = knownDevice(state, user, body.device_id)
  if (!device.is_active) throw new ApiError('FORBIDDEN', 'device is inactive', { reason: 'inactive device' })

  const batch: Batch = {
    state,
    user,
    share_id: body.share_id,
    device_id: device.device_id,
    device_name: device.device_name,
    strategy: body.strategy,
    ids: new Map(),
    paths: new Map(),
  }
  const keyed = body.changes.map((change, index) => at(index, change, () => keyOf(batch, change)))
  keyed.forEach(({ change, replay }, index) => {
    if (!replay) at(index, change, () => demandContent(batch, change))
  })
  const outcomes = keyed.map(({ change, key }, index) => at(index, change, () => settle(batch, change, key)))
  return {
    applied: outcomes.filter(it => it.outcome !== 'conflict').map(appliedItem),
    conflicts: outcomes.flatMap(it => it.conflict_ids).map(id => writtenConflict(state.conflicts.get(id)!)),
    position: tenantOf(state, user.tenant_id).head,
  }
}

export type Applied = {
  readonly applied: readonly unknown[]
  readonly conflicts: readonly unknown[]
  readonly position: number
}

type Batch = Omit<Desk, 'change'> & {
  readonly strategy: Strategy | null
  /** Where changes of this batch really went, for those that build on them. */
  readonly ids: Map<string, string>
  readonly paths: Map<string, string>
}

function settle(batch: Batch, change: Change, key: string | null): Outcome {
  const replay = key === null ? undefined : replayOf(batch, change, key)
  const outcome = replay ?? decide(batch, change)
  if (change.resource_id !== null && outcome.resource_id !== change.resource_id) {
    if (outcome.resource_id !== null) batch.ids.set(change.resource_id, outcome.resource_id)
  }
  if (change.resource_type === 'folder' && change.change_type === 'created' && outcome.new_path !== null) {
    batch.paths.set(change.new_path!, outcome.resource_id!)
  }
  // A refusal for lack of permission settles nothing: the permission may come.
  if (!replay && key !== null && outcome.outcome !== 'forbidden') batch.state.outcomes.put(key, outcome)
  return outcome
}

function decide(batch: Batch, change: Change): Outcome {
  const { state, user, share_id, strategy } = batch
  const brings = bringsContent(change)
  const sha256 = brings ? contentNamed(state, user, change) : undefined
  const desk: Desk = { ...batch, change: { ...change, checksum_sha256: sha256 ?? null } }
  const finding = examine({
    state,
    share_id,
    change,
    sha256,
    rebased: batch,
    touched: folder => (strategy === null ? hasChildren(state, folder) : touchedByOthers(batch, folder)),
  })

  const lacking = needs(change, finding).find(permission => !may(state, user, share_id, permission))
  if (lacking && strategy === null) demand(state, user, share_id, lacking)
  if (lacking)
    return outcomeOf(
      state,
      change,
      untouched(desk, 'forbidden', finding.is === 'unknown' ? undefined : finding.server),
      [],
    )

  if (finding.is === 'unknown') throw refusal('SYNC_CONFLICT', finding.reason, change, undefined)
  if (strategy === null) strictly(change, finding)
  const [effect, conflicts] = effectOf(desk, finding, strategy)
  if (brings) dropStaged(state, user, change.version_id)
  return outcomeOf(state, change, effect, conflicts)
}

function effectOf(desk: Desk, finding: Known, strategy: Strategy | null): readonly [Effect, readonly Conflict[]] {
  const { server } = finding
  if (finding.is === 'same') {
    const other = server && desk.change.resource_id !== null && server.id !== desk.change.resource_id
    return [untouched(desk, other ? 'remapped' : 'noop', server), []]
  }
  if (finding.is === 'clear') {
    demandQuota(desk, server)
    return [plain(desk, server, finding.place, finding.stale), []]
  }
  return settleClash({ ...desk, ...finding }, strategy!)
}

function settleClash(
  clash: Desk & Extract<Finding, { is: 'clash' }>,
  strategy: Strategy,
): readonly [Effect, readonly Conflict[]] {
  const { server } = clash
  demandQuota(clash, server)
  const effect = VERDICTS[clash.case][strategy](clash)
  const resolution = effect.outcome === 'conflict' ? null : (effect.resolution ?? strategy)
  const record = fileConflict(clash, server, resolution)
  const removed = effect.removed.map(it => fileConflict(clash, it, strategy))
  return [effect, [record, ...removed]]
}

type Known = Exclude<Finding, { is: 'unknown' }>

/** Strict: any mismatch refuses the batch. A base that is not current is named first. */
function strictly(change: Change, finding: Known): void {
  if (finding.is === 'same') return
  const { server } = finding
  const based = change.change_type !== 'created' && server && !server.deleted
  if (based && change.base_version_id !== server.version_id)
    throw refusal('SYNC_VERSION_STALE', 'stale', change, server)
  if (finding.is === 'clear') return
  const { code, reason } = REFUSALS[finding.case]
  throw refusal(code, reason, change, server)
}

function refusal(code: Code, reason: string, change: Change, server: Resource | undefined): ApiError {
  const message = code === 'SYNC_VERSION_STALE' ? 'base_version_id is outdated' : reason
  return new ApiError(code, message, {
    reason,
    resource_id: change.resource_id ?? server?.id ?? null,
    current_version_id: server?.version_id ?? null,
    ...(server && server.id !== change.resource_id ? { holder_id: server.id } : {}),
  })
}

function keyOf(batch: Batch, unkeyed: Unkeyed) {
  if (unkeyed.version_id === null) {
    return { change: { ...unkeyed, version_id: mint(batch.state, 'ver') }, key: null, replay: undefined }
  }
  const change: Change = { ...unkeyed, version_id: unkeyed.version_id }
  const key = `${batch.share_id}/${deviceKey(batch.user, batch.device_id)}/${change.version_id}`
  return { change, key, replay: replayOf(batch, change, key) }
}

/** The same key with the same change is answered from memory; with another change, or already a version, it is refused. */
function replayOf({ state }: Batch, change: Change, key: string): Outcome | undefined {
  const stored = state.outcomes.get(key)
  if (stored?.print === print(change)) return stored
  if (stored || state.versions.get(change.version_id)) {
    throw refusal('SYNC_CONFLICT', 'version_id reused', change, undefined)
  }
  return undefined
}

const print = (change: Change): string => JSON.stringify(change)

function demandContent({ state, user }: Batch, change: Change): void {
  if (bringsContent(change) && contentNamed(state, user, change) === undefined) {
    throw new ApiError('CONTENT_MISSING', 'no content is staged or stored for this change', {
      resource_id: change.resource_id,
      version_id: change.version_id,
    })
  }
}

function demandQuota({ state, user, share_id, change }: Desk, server: Resource | undefined): void {
  const quota = state.shares.get(share_id)?.quota_bytes ?? null
  if (quota === null || !bringsContent(change)) return
  const sha256 = contentNamed(state, user, change)
  const bytes = sha256 === undefined ? undefined : state.contents.get(sha256)
  const size = bytes?.length ?? state.staged.by('sha256', `${user.id}/${sha256}`)[0]?.total ?? 0
  const freed = server && !server.deleted ? (server.content?.size ?? 0) : 0
  if (usedBytes(state, share_id) - freed + size > quota) throw new ApiError('QUOTA_EXCEEDED', 'share quota exceeded')
}

export function usedBytes(state: State, share_id: string): number {
  return state.resources.by('share', share_id).reduce((sum, it) => sum + (it.deleted ? 0 : (it.content?.size ?? 0)), 0)
}

export function needs(change: Change, finding: Finding): readonly Permission[] {
  if (change.change_type === 'created') return ['CREATE']
  if (change.change_type === 'updated') return ['WRITE']
  if (change.change_type === 'deleted') return ['DELETE']
  if (finding.is !== 'clear' && finding.is !== 'clash')
    return change.change_type === 'moved' ? ['DELETE', 'CREATE'] : ['WRITE']
  return finding.server?.parent_id === finding.place?.parent_id ? ['WRITE'] : ['DELETE', 'CREATE']
}

export const bringsContent = ({ resource_type, change_type }: Change): boolean =>
  resource_type === 'file' && (change_type === 'created' || change_type === 'updated')

function hasChildren(state: State, folder: Resource): boolean {
  return state.resources.by('share', folder.share_id).some(it => !it.deleted && it.parent_id === folder.id)
}

/** Somebody else's rows about what lies in the folder, since the position that this device stored. */
function touchedByOthers(batch: Batch, folder: Resource): boolean {
  const { state, user, device_id, share_id } = batch
  const tenant = tenantOf(state, user.tenant_id)
  const since = state.cursors.get(`${deviceKey(user, device_id)}/${share_id}`)?.position ?? 0
  // What compaction removed may have been anybody's.
  if (since < tenant.floor) return hasChildren(state, folder)
  return rowsBetween(state, tenant, since, tenant.head).some(({ change }) => {
    const mine = change.changed_by === user.id && change.metadata.device_id === device_id
    const child = state.resources.get(change.resource_id)
    return (
      !mine &&
      child !== undefined &&
      child.id !== folder.id &&
      !child.deleted &&
      inside(state, child.parent_id, folder.id)
    )
  })
}

function outcomeOf(state: State, change: Change, effect: Effect, conflicts: readonly Conflict[]): Outcome {
  return {
    print: print(change),
    outcome: effect.outcome,
    version_id: change.version_id,
    resource_id: effect.resource_id,
    new_path: effect.new_path,
    change_id: effect.change_id,
    conflict_ids: conflicts.map(it => it.id),
    at: state.now(),
  }
}

const appliedItem = ({ version_id, resource_id, outcome, new_path, change_id }: Outcome) => ({
  version_id,
  resource_id,
  outcome,
  new_path,
  change_id,
})

/** Says which change of the batch an error is about. */
function at<T>(index: number, change: Unkeyed, work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (!(error instanceof ApiError)) throw error
    const details: Details = { index, resource_id: change.resource_id, ...error.details }
    throw new ApiError(error.code, error.message, details, error.headers)
  }
}
