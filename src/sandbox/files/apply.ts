import { demand, deviceKey, knownDevice, may, type Permission, visibleShare } from './access.ts'
import { fileConflict, writtenConflict } from './conflicts.ts'
import { type Desk, type Effect, untouched } from './effects.ts'
import { ApiError, type Details } from './errors.ts'
import { examine, type Finding } from './examine.ts'
import { keyOf, print, replayOf } from './keys.ts'
import { rowsBetween, tenantOf } from './log.ts'
import { childrenOf, inside } from './paths.ts'
import { demandQuota } from './quota.ts'
import { REFUSALS, refusal } from './refusals.ts'
import { contentNamed, dropStaged } from './staging.ts'
import type { Change, Conflict, Outcome, Resource, State, Strategy, User } from './state.ts'
import { plain, VERDICTS } from './verdicts.ts'
import { type ApplyBody, bringsContent, type Unkeyed } from './wire.ts'

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
  if (lacking) {
    const server = finding.is === 'unknown' ? undefined : finding.server
    return outcomeOf(state, change, untouched(desk, 'forbidden', server), [])
  }
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

function demandContent({ state, user }: Batch, change: Change): void {
  if (bringsContent(change) && contentNamed(state, user, change) === undefined) {
    throw new ApiError('CONTENT_MISSING', 'no content is staged or stored for this change', {
      resource_id: change.resource_id,
      version_id: change.version_id,
    })
  }
}

export function needs(change: Change, finding: Finding): readonly Permission[] {
  if (change.change_type === 'created') return ['CREATE']
  if (change.change_type === 'updated') return ['WRITE']
  if (change.change_type === 'deleted') return ['DELETE']
  if (finding.is !== 'clear' && finding.is !== 'clash')
    return change.change_type === 'moved' ? ['DELETE', 'CREATE'] : ['WRITE']
  return finding.server?.parent_id === finding.place?.parent_id ? ['WRITE'] : ['DELETE', 'CREATE']
}

function hasChildren(state: State, folder: Resource): boolean {
  return childrenOf(state, folder.share_id, folder.id).length > 0
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
