/** One change of a tree record as the items of an apply (section 3), or the receipt that needs no request. Pure. */
import { sameValue } from '../../equal.ts'
import type { Change, Device, Receipt } from '../../model.ts'
import { isoTime } from '../shared/time.ts'
import { mintable, mintId, versionOf } from './ids.ts'
import { type TreeRow, treeFault } from './sources.ts'
import { asTreeRow } from './wire.ts'

/** What is to be sent for one change: the last item makes the version that the change will have. */
export interface Work {
  readonly change: Change
  readonly share: string
  readonly kind: TreeRow['kind']
  readonly items: readonly Item[]
  /** What the server will hold; `null` for a delete. */
  readonly value: TreeRow | null
  /** The id that was sent, `null` where the server is to give one. */
  readonly id: string | null
}

export interface Item {
  readonly resource_type: TreeRow['kind']
  readonly resource_id: string | null
  readonly change_type: 'created' | 'updated' | 'renamed' | 'moved' | 'deleted'
  readonly version_id: string
  readonly base_version_id: string | null
  readonly old_path: string | null
  readonly new_path: string | null
  readonly metadata: { readonly [name: string]: string | number | null }
}

/** What has to be known around a change. */
export interface Surroundings {
  readonly device: Device
  readonly now: number
  /** The version on the server that the change is based on. */
  readonly baseVersion: string | null
  /** The server settles conflicts: each item stands on what the change was made on, and says when that was. */
  readonly settles: boolean
  /** The path of an entry at this place; `undefined` where its folder is not known on the remote. */
  pathOf(place: TreeRow, side: 'before' | 'after'): string | undefined
  /** What an id of ours is called in this request: `null` for a folder whose id the server has still to give. */
  idOf(local: string): string | null
}

export function planChange(change: Change, around: Surroundings): Work | Receipt {
  const before = asTreeRow(change.base?.value)
  if (change.value === null) return before ? planDelete(change, before, around) : accepted(change)
  const fault = treeFault(change.value)
  const after = asTreeRow(change.value)
  if (fault !== undefined || after === undefined)
    return rejected(change, 'invalid', fault ?? 'this is no entry of a tree')
  return before ? planEdit(change, before, after, around) : planCreate(change, after, around)
}

/** As the server will show it. */
function settledRow({ share, parent, name, kind, size, sha256, mime, modifiedAt }: TreeRow, change: Change): TreeRow {
  if (kind === 'folder') return { share, parent, name, kind }
  return {
    share,
    parent,
    name,
    kind,
    ...(size === undefined ? {} : { size }),
    ...(sha256 === undefined ? {} : { sha256 }),
    ...(mime === undefined ? {} : { mime }),
    modifiedAt: modifiedAt ?? Math.floor(change.at.time),
  }
}

function planCreate(change: Change, after: TreeRow, around: Surroundings): Work | Receipt {
  if (isHollow(after)) return hollow(change)
  const value = settledRow(after, change)
  const new_path = around.pathOf(value, 'after')
  if (new_path === undefined) return waits(change, around)
  const { kind } = value
  // What was deleted there comes back under another id: no server has to agree on how a deleted entry lives on.
  const wanted = change.base === null ? change.id : mintId(kind, change.change)
  const id = mintable(wanted, kind) ? wanted : null
  const item: Item = {
    resource_type: kind,
    resource_id: id,
    change_type: 'created',
    version_id: versionOf(change.change),
    base_version_id: null,
    old_path: null,
    new_path,
    metadata: { ...metadataOf(value, around, { content: true }), ...(kind === 'folder' && madeAt(change, around)) },
  }
  return { change, share: value.share, kind, items: [item], value, id }
}

function planEdit(change: Change, before: TreeRow, after: TreeRow, around: Surroundings): Work | Receipt {
  const { kind, share } = after
  if (before.kind !== kind)
    return rejected(change, 'unsupported', 'A file cannot become a folder, nor a folder a file.')
  if (before.share !== share) {
    return rejected(change, 'unsupported', 'An entry cannot move to another share: copy it there and delete it here.')
  }
  const moves = before.parent !== after.parent
  const relocates = moves || before.name !== after.name
  const rewrites = kind === 'file' && !sameContent(before, after)
  if (!relocates && !rewrites) return accepted(change)
  if (rewrites && isHollow(after)) return hollow(change)
  const value = rewrites || kind === 'folder' ? settledRow(after, change) : after

  const new_path = around.pathOf(value, 'after')
  if (new_path === undefined) return waits(change, around)
  const old_path = around.pathOf(before, 'before') ?? `/${before.name}`
  const common = { resource_type: kind, resource_id: change.id, new_path } as const
  const [version, step] = [versionOf(change.change), versionOf(change.change, 1)]
  const location: Item = {
    ...common,
    change_type: moves ? 'moved' : 'renamed',
    version_id: rewrites ? step : version,
    base_version_id: around.baseVersion,
    old_path,
    metadata: { ...metadataOf(value, around, { content: false }), ...madeAt(change, around) },
  }
  const content: Item = {
    ...common,
    change_type: 'updated',
    version_id: version,
    base_version_id: relocates && !around.settles ? step : around.baseVersion,
    old_path: new_path,
    metadata: metadataOf(value, around, { content: true }),
  }
  const items = [...(relocates ? [location] : []), ...(rewrites ? [content] : [])]
  return { change, share, kind, items, value, id: change.id }
}

function planDelete(change: Change, before: TreeRow, around: Surroundings): Work {
  const item: Item = {
    resource_type: before.kind,
    resource_id: change.id,
    change_type: 'deleted',
    version_id: versionOf(change.change),
    base_version_id: around.baseVersion,
    old_path: around.pathOf(before, 'before') ?? `/${before.name}`,
    new_path: null,
    metadata: { device_id: around.device.id, ...madeAt(change, around) },
  }
  return { change, share: before.share, kind: before.kind, items: [item], value: null, id: change.id }
}

function sameContent(before: TreeRow, after: TreeRow): boolean {
  const content = ({ size, sha256, mime, modifiedAt }: TreeRow) => ({
    ...(size === undefined ? {} : { size }),
    ...(sha256 === undefined ? {} : { sha256 }),
    ...(mime === undefined ? {} : { mime }),
    ...(modifiedAt === undefined ? {} : { modifiedAt }),
  })
  return sameValue(content(before), content(after))
}

/** What LAST_WRITER_WINS compares where no content brings a time along. */
const madeAt = ({ at }: Change, { settles }: Surroundings): Item['metadata'] =>
  settles ? { modified_at: isoTime(Math.floor(at.time)) } : {}

function metadataOf(value: TreeRow, around: Surroundings, { content }: { content: boolean }): Item['metadata'] {
  const parent = value.parent === value.share ? null : around.idOf(value.parent)
  const known = parent !== null || value.parent === value.share
  return {
    // A folder that the server has still to name is found by the path.
    ...(known ? { parent_id: parent } : {}),
    name: value.name,
    device_id: around.device.id,
    ...(content && value.kind === 'file'
      ? {
          ...(value.size === undefined ? {} : { size: value.size }),
          ...(value.sha256 === undefined ? {} : { checksum_sha256: value.sha256 }),
          ...(value.mime === undefined ? {} : { mime_type: value.mime }),
          ...(value.modifiedAt === undefined ? {} : { modified_at: isoTime(value.modifiedAt) }),
        }
      : {}),
  }
}

const PATIENCE = 5000

function waits({ change }: Change, { now }: Surroundings): Receipt {
  return { change, state: 'later', notBefore: now + PATIENCE, reason: 'Its folder is not on the file server yet.' }
}

/** Nothing to send: the remote holds it as it is. */
function accepted({ change, base }: Change): Receipt {
  return { change, state: 'accepted', version: base?.version ?? null }
}

const isHollow = ({ kind, sha256, size }: TreeRow): boolean =>
  kind === 'file' && (sha256 === undefined || size === undefined)

const hollow = (change: Change): Receipt => rejected(change, 'content-missing', 'Write the bytes of the file first.')

function rejected({ change }: Change, code: 'invalid' | 'unsupported' | 'content-missing', reason: string): Receipt {
  return { change, state: 'rejected', code, reason }
}
