/**
 * Bytes by their SHA-256, in pieces. What is known of a body is its head, in `meta`; the pieces lie in `bodies`. A body
 * stays as long as a record, a change or an inbox entry names its hash.
 */
import type { Reader, RowKey, Space, Writer } from '../store.ts'
import { getRow, type InboxEntry, metaOf, type OutboxRow } from './rows.ts'

export const pieceSize = 1024 * 1024
/** An app that writes a stream may take this long, in milliseconds; what it left behind is forgotten then. */
const stagedFor = 24 * 3_600_000

export const bodySpaces: readonly Space[] = ['meta', 'bodies']

export interface BodyHead {
  readonly size: number
  /** Bytes that are here, from the start and without a gap. */
  readonly have: number
  /** All are here and their hash was checked: only then they are shown to anybody. */
  readonly whole?: true
  /** Under which name the pieces lie: the hash, unless it was not known yet when they came. */
  readonly at: string
  /** When the last piece came, in milliseconds since 1970. */
  readonly since: number
}

export const bodyKey = (name: string): RowKey => ['body', name]
const piecesIn = (bytes: number): number => Math.ceil(bytes / pieceSize)

export const bodyHead = (tx: Reader, sha256: string): Promise<BodyHead | undefined> =>
  getRow<BodyHead>(tx, 'meta', bodyKey(sha256))

export async function putBody(tx: Writer, sha256: string, bytes: Uint8Array, now: number): Promise<void> {
  const { length: size } = bytes
  const rows = Array.from({ length: piecesIn(size) }, (_, n) => ({
    key: [sha256, n],
    row: { bytes: bytes.slice(n * pieceSize, (n + 1) * pieceSize) },
  }))
  await tx.rows('bodies').putMany(rows)
  await putHead(tx, sha256, { size, have: size, whole: true, at: sha256, since: now })
}

/** The next piece of a body that is on its way; all but the last are `pieceSize` long. */
export async function putPiece(tx: Writer, name: string, head: BodyHead, bytes: Uint8Array): Promise<void> {
  const key = [head.at, (head.have - bytes.length) / pieceSize]
  if (bytes.length > 0) await tx.rows('bodies').putMany([{ key, row: { bytes } }])
  await putHead(tx, name, head)
}

export async function putHead(tx: Writer, name: string, head: BodyHead): Promise<void> {
  await tx.rows('meta').putMany([{ key: bodyKey(name), row: head }])
}

/** Gives a body that came as a stream its name. */
export async function nameBody(tx: Writer, staged: string, sha256: string): Promise<void> {
  const head = await bodyHead(tx, staged)
  if (head === undefined) return
  await tx.rows('meta').deleteMany([bodyKey(staged)])
  if ((await bodyHead(tx, sha256))?.whole) await dropPieces(tx, head)
  else {
    await dropBody(tx, sha256)
    await putHead(tx, sha256, { ...head, size: head.have, whole: true })
  }
}

/** `undefined` where it is not here, or not whole. */
export async function getBody(tx: Reader, sha256: string): Promise<Uint8Array | undefined> {
  const head = await bodyHead(tx, sha256)
  return head?.whole ? readBody(tx, head, 0, head.size) : undefined
}

/** The bytes in `[from, to)`, of those that are here. */
export async function readBody(tx: Reader, head: BodyHead, from: number, to: number): Promise<Uint8Array> {
  const first = Math.floor(from / pieceSize)
  const end = Math.min(to, head.have)
  const keys = Array.from({ length: Math.max(0, piecesIn(end) - first) }, (_, n) => [head.at, first + n])
  const pieces = (await tx.rows('bodies').getMany(keys)) as ({ readonly bytes: Uint8Array } | undefined)[]
  const bytes = new Uint8Array(Math.max(0, end - from))
  pieces.forEach((piece, n) => {
    const start = (first + n) * pieceSize
    if (piece === undefined) throw new Error(`A piece of the body ${head.at} is gone.`)
    bytes.set(piece.bytes.subarray(Math.max(0, from - start), end - start), Math.max(0, start - from))
  })
  return bytes
}

export async function dropBody(tx: Writer, name: string): Promise<void> {
  const head = await bodyHead(tx, name)
  if (head === undefined) return
  await dropPieces(tx, head)
  await tx.rows('meta').deleteMany([bodyKey(name)])
}

async function dropPieces(tx: Writer, { at, have }: BodyHead): Promise<void> {
  await tx.rows('bodies').deleteMany(Array.from({ length: piecesIn(have) }, (_, n) => [at, n]))
}

async function bodyHeads(tx: Reader): Promise<(BodyHead & { readonly name: string })[]> {
  const rows = await tx.rows('meta').list({ prefix: ['body'] })
  return rows.map(({ key, row }) => ({ ...(row as BodyHead), name: String(key[1]) }))
}

/** Drops bodies that nothing names any more. Returns how many. `fields`: by collection, the field with the hash. */
export async function dropUnnamed(tx: Writer, fields: ReadonlyMap<string, string>, now: number): Promise<number> {
  const named = await unsynced(tx, fields)
  for (const [collection, field] of fields) {
    for (const { value } of await tx.records(collection).list()) named.add(value?.[field])
  }
  const gone = (await bodyHeads(tx)).filter(({ name, since }) =>
    isStaged(name) ? now - since > stagedFor : !named.has(name),
  )
  for (const { name } of gone) await dropBody(tx, name)
  return gone.length
}

/** By collection, the field with the hash, and whether a remote has the bytes too. */
export type BodyFields = ReadonlyMap<string, { readonly field: string; readonly remote: boolean }>

/**
 * Makes room: drops bodies that the remotes have too, those that came first before the others. What is not synced, or
 * what a conflict may bring back, or is under way, stays. Returns how many bytes went.
 */
export async function evictBodies(tx: Writer, fields: BodyFields, bytes: number): Promise<number> {
  const kept = await unsynced(tx, new Map(Array.from(fields, ([collection, { field }]) => [collection, field])))
  for (const [collection, { field, remote }] of fields) {
    for (const stored of await tx.records(collection).list()) {
      if (!remote || metaOf(stored).version === undefined) kept.add(stored.value?.[field])
    }
  }
  const cached = (await bodyHeads(tx)).filter(({ name, whole }) => whole && !kept.has(name))
  let freed = 0
  for (const { name, have } of cached.sort((one, other) => one.since - other.since)) {
    if (freed >= bytes) break
    await dropBody(tx, name)
    freed += have
  }
  return freed
}

export const stagedName = (id: string): string => `staged ${id}`
const isStaged = (name: string): boolean => name.startsWith('staged ')

/** Hashes that open changes and conflicts name. */
async function unsynced(tx: Reader, fields: ReadonlyMap<string, string>): Promise<Set<unknown>> {
  const named = new Set<unknown>()
  const names = [...new Set(fields.values())]
  const name = (value: unknown) => {
    for (const field of names) named.add((value as { readonly [name: string]: unknown } | null | undefined)?.[field])
  }
  for (const { row } of await tx.rows('outbox').list()) {
    const { value, base } = row as OutboxRow
    name(value)
    name(base?.value)
  }
  for (const { row } of await tx.rows('inbox').list()) {
    const { local, theirs, base, below } = row as InboxEntry
    name(local.value)
    name(theirs.value)
    name(base?.value)
    for (const one of below ?? []) name(one.value)
  }
  return named
}
