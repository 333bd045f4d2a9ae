/** The checks that every store makes before it opens, so that a mistake shows on the first one tried. */
import { SyncError } from '../../errors.ts'
import { type Scope, type Shape, spaces } from '../../store.ts'

/** Versions stay below this, so that a store can keep one number for its own format and the app's version. */
export const mostVersions = 1_000_000

/** Throws 'schema-mismatch' for a version, a collection or an index that some store could not name. */
export function checkShape(shape: Shape): void {
  if (!Number.isInteger(shape.version) || shape.version < 1 || shape.version >= mostVersions) {
    throw mismatch(`The version must be a whole number from 1, not ${shape.version}.`)
  }
  for (const [name, { index }] of Object.entries(shape.collections)) {
    if (!/^[^\p{Cc}\p{Cs}]{1,200}$/u.test(name)) {
      throw mismatch(`'${name}' cannot name a collection: 1 to 200 characters, no control characters.`)
    }
    for (const field of index) {
      if (!/^[\p{ID_Start}$_][\p{ID_Continue}$]{0,199}$/u.test(field)) {
        throw mismatch(`'${field}' in ${name} cannot be an index: name a top-level field that is an identifier.`)
      }
    }
  }
}

/** The migrations from one version to the shape's, in order. */
export function migrationsFrom(version: number, shape: Shape): Shape['migrations'][number][] {
  return Object.entries(shape.migrations)
    .map(([to, migrate]) => ({ to: Number(to), migrate }))
    .filter(({ to }) => to > version && to <= shape.version)
    .sort((one, other) => one.to - other.to)
    .map(({ migrate }) => migrate)
}

export function newerStore(found: number | string, known: number): SyncError {
  return new SyncError('storage-newer', `The store has version ${found}, this code knows ${known}: load the newer app.`)
}

export function mismatch(message: string): SyncError {
  return new SyncError('schema-mismatch', message)
}

/** Throws where a store of the same version lacks something of the shape: two schemas under one version. */
export function checkSameShape(stored: Shape['collections'], shape: Shape): void {
  for (const [name, { index }] of Object.entries(shape.collections)) {
    if (!Object.hasOwn(stored, name)) throw raiseVersion(`the collection '${name}'`, shape)
    for (const field of index) {
      if (!stored[name]!.index.includes(field)) throw raiseVersion(`the index '${field}' of ${name}`, shape)
    }
  }
}

/** As `indexesOf`, for a store that newer code has upgraded: throws for what it no longer has as this code knows it. */
export function indexesLeft(stored: Shape['collections'], shape: Shape, found: number): ReturnType<typeof indexesOf> {
  return name => {
    const known = indexesOf(shape)(name)
    const left = Object.hasOwn(stored, name) ? stored[name]!.index : undefined
    if (known && (!left || known.some(field => !left.includes(field)))) throw newerStore(found, shape.version)
    return known
  }
}

function raiseVersion(what: string, shape: Shape): SyncError {
  return mismatch(`The store of version ${shape.version} lacks ${what}: raise the version of the schema.`)
}

export function indexesOf(shape: Shape): (collection: string) => readonly string[] | undefined {
  return name => (Object.hasOwn(shape.collections, name) ? shape.collections[name]!.index : undefined)
}

/** What a migration may touch: the collections of before and of after, and all spaces. */
export function everything(collections: Shape['collections']): Scope {
  return { records: Object.keys(collections), rows: spaces }
}

export function scopeNames(scope: Scope): string[] {
  return [...scope.records.map(name => `records/${name}`), ...scope.rows.map(space => `rows/${space}`)]
}

export function closedStore(): SyncError {
  return new SyncError('closed', 'This store is closed: open it again.')
}
