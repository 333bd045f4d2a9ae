/**
 * What the records of the file API are like, without the transport: a page spreads these into its schema,
 * `collection({ remote: 'drive', ...tree })`, and writes through them.
 */
import type { Value } from '../../model.ts'
import type { Source } from '../../transport.ts'
import { depthOf, wellFormed } from '../shared/shape.ts'
import { writable } from '../shared/time.ts'
import { type Kind, mintId } from './ids.ts'
import { copyName, nameFault, sameName } from './names.ts'

/**
 * A file or a folder. `parent` is the id of its folder, or of the share at the share's root, so that the tree hangs
 * together by `parent` alone. `modifiedAt` is in milliseconds since 1970; folders have none on this API. What a file
 * holds is named by its hash: write bytes first.
 */
export type TreeRow = {
  readonly share: string
  readonly parent: string
  readonly name: string
  readonly kind: Kind
  readonly size?: number
  readonly sha256?: string
  readonly mime?: string
  readonly modifiedAt?: number
}

/** A share that the account can reach. `lost`: it could; its entries are kept here until somebody decides. */
export type ShareRow = {
  readonly name: string
  readonly type?: string
  readonly role?: string
  readonly owner?: string
  readonly quotaBytes?: number
  readonly lost?: true
}

const treeSource = {
  parent: 'parent',
  name: 'name',
  sameName,
  folder: (value: Value) => value.kind === 'folder',
  body: 'sha256',
  describe: (size: number, now: number) => ({ size, modifiedAt: Math.round(now) }),
  facets: { location: ['share', 'parent', 'name'], content: ['sha256', 'size', 'mime', 'modifiedAt'] },
  doubles: ['content'],
  copy(_key, value, change, siblings, device) {
    const kind = value.kind === 'folder' ? 'folder' : 'file'
    const original = { name: String(value.name), folder: kind === 'folder', at: change.at.time }
    const name = copyName(original, siblings, device)
    return name === undefined ? undefined : { id: mintId(kind, change.change, '-copy'), value: { ...value, name } }
  },
  check: (_id, value) => treeFault(value),
} as const satisfies Source
export const tree: typeof treeSource & { readonly row?: TreeRow } = treeSource

const sharesSource = { readonly: true } as const satisfies Source
export const shares: typeof sharesSource & { readonly row?: ShareRow } = sharesSource

/** Deeper values would make a shard that nobody reads. */
export const DEEPEST = 100

/** A records folder: any JSON value with bigint and bytes, under any id. */
export const records = {
  copy: (_key, value, change) => ({ id: `${change.change}-copy`, value }),
  check(id, value) {
    if (id === '' || !wellFormed(id)) return 'an id must be well-formed Unicode and not empty'
    return depthOf(value) > DEEPEST ? `a record must not be nested deeper than ${DEEPEST} levels` : undefined
  },
} as const satisfies Source

const FIELDS = new Set(['share', 'parent', 'name', 'kind', 'size', 'sha256', 'mime', 'modifiedAt'])

/** Why the API could not hold this; `undefined` when it can. */
export function treeFault(value: Value): string | undefined {
  const { share, parent, name, kind, size, sha256, mime, modifiedAt } = value
  const extra = Object.keys(value).find(field => !FIELDS.has(field))
  if (extra !== undefined) return `an entry has no field "${extra}"`
  if (!isId(share)) return 'share must be the id of a share'
  if (!isId(parent)) return 'parent must be the id of a folder or of the share'
  if (kind !== 'file' && kind !== 'folder') return 'kind must be "file" or "folder"'
  if (typeof name !== 'string') return 'name must be a string'
  const fault = nameFault(name)
  if (fault !== undefined) return fault
  if (modifiedAt !== undefined && !(typeof modifiedAt === 'number' && writable(modifiedAt))) {
    return 'modifiedAt must be whole milliseconds since 1970'
  }
  if (kind === 'folder') {
    return size === undefined && sha256 === undefined && mime === undefined ? undefined : 'a folder has no content'
  }
  if (size !== undefined && !(Number.isSafeInteger(size) && Number(size) >= 0)) return 'size must be a count of bytes'
  if (sha256 !== undefined && !(typeof sha256 === 'string' && /^[0-9a-f]{64}$/.test(sha256))) {
    return 'sha256 must be 64 hexadecimal digits in lower case'
  }
  return mime === undefined || typeof mime === 'string' ? undefined : 'mime must be a string'
}

const isId = (id: unknown): id is string => typeof id === 'string' && id !== ''
