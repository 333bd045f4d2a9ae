/** What of the server is synced, and how a cursor says so. */
import { SyncError } from '../../errors.ts'
import { isObject, member, text } from '../shared/shape.ts'
import { sameName } from './names.ts'
import { type Cursor, readCursor } from './wire.ts'

export interface RecordsFolder {
  readonly source: string
  readonly share: string
  /** Absolute inside the share, no trailing slash. */
  readonly path: string
}

export interface Scope {
  readonly shares: readonly string[] | 'all'
  readonly folders: readonly RecordsFolder[]
  /** Written into each cursor: one of another scope is refused (F70). */
  readonly tag: string
}

export function scopeOf(options: {
  readonly url: string
  readonly share?: string
  readonly shares?: readonly string[] | 'all'
  readonly folders?: { readonly [source: string]: string }
}): Scope {
  const { share } = options
  const named = options.shares ?? (share === undefined ? 'all' : [])
  const shares = named === 'all' ? named : [...new Set(share === undefined ? named : [share, ...named])]
  const home = share ?? (shares === 'all' ? undefined : shares[0])
  const folders = Object.entries(options.folders ?? {}).map(([source, path]) => {
    if (home === undefined) throw wrong(`Say in which share "${path}" lies: files({ share, folders })`)
    return { source, share: home, path: checkedPath(path) }
  })
  if (folders.some(({ source }) => source === 'tree' || source === 'shares')) {
    throw wrong('A records folder cannot be called "tree" or "shares"')
  }
  const where = shares === 'all' ? '*' : [...shares].sort().join(',')
  const tag = `${options.url}|${where}|${folders.map(({ source, path }) => `${source}=${path}`).join(',')}`
  return { shares, folders, tag }
}

/** The one share that requests can be limited to. */
export function onlyShare({ shares }: Scope): string | undefined {
  return shares !== 'all' && shares.length === 1 ? shares[0] : undefined
}

export function covers({ shares }: Scope, share: string): boolean {
  return shares === 'all' || shares.includes(share)
}

/** The records folder that this path is, or lies in. */
export function folderOver({ folders }: Scope, share: string, path: string | undefined): RecordsFolder | undefined {
  return path === undefined ? undefined : folders.find(one => one.share === share && isInside(path, one.path))
}

/** The records folders that lie at or below this path. */
export function foldersBelow({ folders }: Scope, share: string, path: string | undefined): readonly RecordsFolder[] {
  return path === undefined ? [] : folders.filter(one => one.share === share && isInside(one.path, path))
}

function isInside(path: string, folder: string): boolean {
  const [names, above] = [segments(path), segments(folder)]
  return names.length >= above.length && above.every((name, at) => sameName(name, names[at] ?? ''))
}

export const segments = (path: string): string[] => path.split('/').filter(name => name !== '')

/** `walk`: everything is being listed, and the log is to be read from `at` afterwards. `log`: read up to `at`. */
export interface Place {
  readonly phase: 'walk' | 'log'
  readonly at: Cursor
}

export function writePlace({ tag }: Scope, { phase, at }: Place) {
  return { v: 1, tag, phase, at }
}

/** The server's part of a stored position, whatever scope it belongs to. */
export const cursorOf = (stored: unknown): Cursor | undefined =>
  member(stored, 'at') === undefined ? undefined : readCursor(member(stored, 'at'))

export function readPlace({ tag }: Scope, cursor: unknown): Place {
  const phase = text(cursor, 'phase')
  const known = isObject(cursor) && member(cursor, 'v') === 1 && member(cursor, 'tag') === tag
  if (!known || (phase !== 'walk' && phase !== 'log')) {
    throw new SyncError('cursor-invalid', 'The stored position belongs to other shares or folders. All is listed anew.')
  }
  return { phase, at: readCursor(member(cursor, 'at')) }
}

function checkedPath(path: string): string {
  const names = segments(path)
  if (!path.startsWith('/') || names.length === 0 || names.some(name => name === '.' || name === '..')) {
    throw wrong(`"${path}" is no folder of a share: write it like "/notes"`)
  }
  return `/${names.join('/')}`
}

const wrong = (message: string) => new SyncError('misconfigured', `${message}.`)
