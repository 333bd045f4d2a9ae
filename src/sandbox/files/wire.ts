import { ApiError, invalid } from './errors.ts'
import type { Knobs } from './knobs.ts'
import { pathFault } from './paths.ts'
import { type Change, type ChangeType, STRATEGIES, type Strategy } from './state.ts'

export type ApplyBody = {
  readonly device_id: string
  readonly share_id: string
  readonly strategy: Strategy | null
  readonly changes: readonly Unkeyed[]
}

/** A change whose sender may have left the key out: then there is no protection against replay. */
export type Unkeyed = Omit<Change, 'version_id'> & { readonly version_id: string | null }

/** The whole body is checked before anything is done. */
export function applyBody(text: string, knobs: Pick<Knobs, 'maxBodyBytes' | 'maxChanges'>): ApplyBody {
  if (new TextEncoder().encode(text).length > knobs.maxBodyBytes) throw tooLarge('body over the limit')
  const body = object(parse(text), ['body'])
  const list = body.changes
  if (!Array.isArray(list)) throw invalid(['body', 'changes'], 'must be a list')
  if (list.length > knobs.maxChanges) throw tooLarge('too many changes')
  return {
    device_id: string(body, 'device_id', ['body']),
    share_id: string(body, 'share_id', ['body']),
    strategy: strategy(body.conflict_resolution, ['body', 'conflict_resolution']),
    changes: list.map((item, index) => change(item, ['body', 'changes', index])),
  }
}

export function strategy(value: unknown, loc: Loc): Strategy | null {
  if (value === undefined || value === null) return null
  return oneOf(value, STRATEGIES, loc)
}

export function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw invalid(['body'], 'is not JSON')
  }
}

export function object(value: unknown, loc: Loc): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid(loc, 'must be an object')
  return value as Readonly<Record<string, unknown>>
}

export function string(from: Readonly<Record<string, unknown>>, key: string, loc: Loc): string {
  const value = from[key]
  if (typeof value !== 'string' || value === '') throw invalid([...loc, key], 'must be a non-empty string')
  return value
}

export function oneOf<T extends string>(value: unknown, allowed: readonly T[], loc: Loc): T {
  const found = allowed.find(it => it === value)
  if (found === undefined) throw invalid(loc, `must be one of ${allowed.join(', ')}`)
  return found
}

export type Loc = readonly (string | number)[]

export const bringsContent = ({ resource_type, change_type }: Pick<Change, 'resource_type' | 'change_type'>): boolean =>
  resource_type === 'file' && (change_type === 'created' || change_type === 'updated')

const CHANGE_TYPES: readonly ChangeType[] = ['created', 'updated', 'deleted', 'moved', 'renamed']
const VERSION_ID = /^ver_[0-9A-Za-z_-]{1,64}$/
const MINTED = { file: /^fil_[0-9A-Za-z_-]{8,64}$/, folder: /^fld_[0-9A-Za-z_-]{8,64}$/ }

function change(value: unknown, loc: Loc): Unkeyed {
  const item = object(value, loc)
  const resource_type = oneOf(item.resource_type, ['file', 'folder'] as const, [...loc, 'resource_type'])
  const change_type = oneOf(item.change_type, CHANGE_TYPES, [...loc, 'change_type'])
  const metadata = item.metadata == null ? {} : object(item.metadata, [...loc, 'metadata'])
  const created = change_type === 'created'
  const resource_id = optional(item, 'resource_id', loc)
  const base_version_id = optional(item, 'base_version_id', loc)
  const version_id = optional(item, 'version_id', loc)
  const old_path = path(item, 'old_path', loc)
  const new_path = path(item, 'new_path', loc)

  const must = (holds: boolean, key: string, message: string) => {
    if (!holds) throw invalid([...loc, key], message)
  }
  must(!(resource_type === 'folder' && change_type === 'updated'), 'change_type', 'a folder has no content to update')
  must(version_id === null || VERSION_ID.test(version_id), 'version_id', 'must look like ver_…')
  if (created) {
    must(base_version_id === null, 'base_version_id', 'must be null for created')
    must(old_path === null, 'old_path', 'must be null for created')
    must(resource_id === null || MINTED[resource_type].test(resource_id), 'resource_id', 'must be minted as asked')
  } else {
    must(base_version_id !== null, 'base_version_id', 'required')
    must(resource_id !== null, 'resource_id', 'required')
    must(old_path !== null, 'old_path', 'required')
  }
  must((new_path === null) === (change_type === 'deleted'), 'new_path', 'must be null for deleted and only there')

  return {
    resource_type,
    resource_id,
    change_type,
    version_id,
    base_version_id,
    old_path,
    new_path,
    size: typeof metadata.size === 'number' ? metadata.size : null,
    mime_type: optional(metadata, 'mime_type', [...loc, 'metadata']),
    checksum_sha256: checksum(metadata, [...loc, 'metadata']),
    modified_at: time(metadata, 'modified_at', [...loc, 'metadata']),
    parent_id: metadata.parent_id === undefined ? undefined : optional(metadata, 'parent_id', [...loc, 'metadata']),
  }
}

function optional(from: Readonly<Record<string, unknown>>, key: string, loc: Loc): string | null {
  return from[key] == null ? null : string(from, key, loc)
}

function path(from: Readonly<Record<string, unknown>>, key: string, loc: Loc): string | null {
  const value = optional(from, key, loc)
  const fault = value === null ? undefined : pathFault(value)
  if (fault) throw invalid([...loc, key], fault)
  return value
}

function checksum(from: Readonly<Record<string, unknown>>, loc: Loc): string | null {
  const value = optional(from, 'checksum_sha256', loc)
  if (value !== null && !/^[0-9a-f]{64}$/.test(value)) throw invalid([...loc, 'checksum_sha256'], 'must be SHA-256 hex')
  return value
}

function time(from: Readonly<Record<string, unknown>>, key: string, loc: Loc): number | null {
  const value = optional(from, key, loc)
  if (value === null) return null
  const ms = Date.parse(value)
  if (Number.isNaN(ms)) throw invalid([...loc, key], 'must be an RFC 3339 time')
  return ms
}

const tooLarge = (message: string) => new ApiError('PAYLOAD_TOO_LARGE', message)
