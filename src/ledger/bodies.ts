/** Bytes by their SHA-256, in pieces. A body stays as long as a record, a change or an inbox entry names its hash. */
import type { Reader, Writer } from '../store.ts'
import type { InboxEntry, OutboxRow } from './rows.ts'

const piece = 1024 * 1024

interface Piece {
  readonly bytes: Uint8Array
  /** Of the whole body. */
  readonly size: number
}

export async function putBody(tx: Writer, sha256: string, bytes: Uint8Array): Promise<void> {
  const rows = []
  for (let at = 0; at < bytes.length || at === 0; at += piece) {
    rows.push({
      key: [sha256, at / piece],
      row: { bytes: bytes.slice(at, at + piece), size: bytes.length } satisfies Piece,
    })
  }
  await tx.rows('bodies').putMany(rows)
}

/** `undefined` where it is not here, or not whole. */
export async function getBody(tx: Reader, sha256: string): Promise<Uint8Array | undefined> {
  const rows = (await tx.rows('bodies').list({ prefix: [sha256] })).map(({ row }) => row as Piece)
  const size = rows[0]?.size
  if (size === undefined) return undefined
  const whole = new Uint8Array(size)
  let at = 0
  for (const { bytes } of rows) {
    whole.set(bytes, at)
    at += bytes.length
  }
  return at === size ? whole : undefined
}

/** Drops bodies that nothing names any more. Returns how many. */
export async function dropUnnamed(tx: Writer, fields: ReadonlyMap<string, string>): Promise<number> {
  const named = new Set<unknown>()
  for (const [collection, field] of fields) {
    for (const { value } of await tx.records(collection).list()) named.add(value?.[field])
  }
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
  const gone = (await tx.rows('bodies').list()).filter(({ key }) => !named.has(key[0]))
  await tx.rows('bodies').deleteMany(gone.map(({ key }) => key))
  return new Set(gone.map(({ key }) => key[0])).size
}
