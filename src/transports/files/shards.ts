/**
 * The files of a records folder (rule 8). `.tidemark.json` is the manifest, written once; `<n>.json` is a shard: its
 * records sorted by id, as `{ at, id, past?, v, value }` with sorted keys, one to a line. Pure.
 *
 * JSON has no bigint and no bytes: they are written `{"$int":"123"}` and `{"$bytes":"<base64>"}`. A value of the app that
 * looks like one of these is wrapped: `{"$raw":{...}}`.
 */
import type { Field, Json, RemoteRecord, Stamp, Value } from '../../model.ts'
import { parseJson } from '../shared/json.ts'
import { count, isObject, type JsonObject, member, text } from '../shared/shape.ts'
import { DEEPEST } from './sources.ts'

export interface ShardEntry {
  readonly id: string
  /** The change that wrote it, which is the record's version. */
  readonly v: string
  readonly at: Stamp
  readonly value: Value
  /** The changes that this one came after, oldest first: whoever lost the answer to one of them finds it here. */
  readonly past?: readonly string[]
}

const MOST_PAST = 8

/** The entry after one more change. */
export function nextEntry(before: ShardEntry | undefined, entry: Omit<ShardEntry, 'past'>): ShardEntry {
  const past = before === undefined ? [] : [...(before.past ?? []), before.v].slice(-MOST_PAST)
  return past.length === 0 ? entry : { ...entry, past }
}

export type Shard = ReadonlyMap<string, ShardEntry>

export const MANIFEST = '.tidemark.json'
const SHARDS = 16
const MOST_SHARDS = 4096
/** Deleted records leave no trace in a shard, so their version is always this. */
export const DELETED = 'deleted'

export const shardName = (n: number): string => `${n}.json`

export function shardNumber(name: string, shards: number): number | undefined {
  const match = /^(0|[1-9]\d{0,3})\.json$/.exec(name)
  const n = match ? Number(match[1]) : Number.NaN
  return n < shards ? n : undefined
}

/** `hash`: the SHA-256 of the id, in hexadecimal. */
export function shardOf(hash: string, shards: number): number {
  return Number(BigInt(`0x${hash}`) % BigInt(shards))
}

export function writeManifest(shards = SHARDS): Uint8Array {
  return bytesOf(`${canonical({ format: 1, shards })}\n`)
}

/** How many shards there are; `undefined`: not a manifest that we understand. */
export function readManifest(bytes: Uint8Array): number | undefined {
  const json = parsed(bytes)
  const shards = count(json, 'shards')
  const usable = member(json, 'format') === 1 && shards !== undefined && shards >= 1 && shards <= MOST_SHARDS
  return usable ? shards : undefined
}

export function writeShard(shard: Shard): Uint8Array {
  const ids = [...shard.keys()].sort()
  const lines = ids.flatMap(id => {
    const entry = shard.get(id)
    return entry === undefined ? [] : [canonical({ ...entry, at: { ...entry.at }, value: packed(entry.value) })]
  })
  return bytesOf(lines.length === 0 ? '[]\n' : `[\n${lines.join(',\n')}\n]\n`)
}

/** `undefined`: not a shard. One wrong entry spoils it, for what is not understood must not be written back. */
export function readShard(bytes: Uint8Array): Shard | undefined {
  const json = parsed(bytes)
  if (!Array.isArray(json)) return undefined
  const shard = new Map<string, ShardEntry>()
  for (const item of json) {
    const entry = readEntry(item)
    if (entry === undefined || shard.has(entry.id)) return undefined
    shard.set(entry.id, entry)
  }
  return shard
}

export function entryRecord(source: string, { id, v, at, value, past = [] }: ShardEntry): RemoteRecord {
  const before = past.map(change => ({ origin: change, version: change }))
  return { collection: source, id, value, version: v, at, origin: v, past: before, told: true }
}

export function absentRecord(source: string, id: string): RemoteRecord {
  return { collection: source, id, value: null, version: DELETED }
}

function readEntry(json: Json): ShardEntry | undefined {
  const [id, v, at, value] = [text(json, 'id'), text(json, 'v'), member(json, 'at'), member(json, 'value')]
  const [time, device] = [member(at, 'time'), text(at, 'device')]
  if (!id || !v || device === undefined || typeof time !== 'number' || !isObject(value)) return undefined
  const unpackedValue = tried(() => fields(value, unpacked))
  if (unpackedValue === undefined) return undefined
  const past = pastOf(member(json, 'past'))
  return { id, v, at: { time, device }, value: unpackedValue, ...(past.length > 0 && { past }) }
}

/** Only a help: one that is not understood is left out. */
function pastOf(json: Json | undefined): string[] {
  return Array.isArray(json) ? json.filter(change => typeof change === 'string') : []
}

function parsed(bytes: Uint8Array): Json | undefined {
  return tried(() =>
    parseJson(new TextDecoder('utf-8', { fatal: true }).decode(bytes), { depth: 2 * DEEPEST + 8, keys: 4_000_000 }),
  )
}

/** Whatever is wrong with foreign bytes, it means the same here. */
function tried<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch {
    return undefined
  }
}

const MARKS = ['$int', '$bytes', '$raw']

const isMarked = (json: JsonObject): boolean => {
  const keys = Object.keys(json)
  return keys.length === 1 && MARKS.includes(keys[0] ?? '')
}

/** A whole record is never read as a mark, whatever its fields are called. */
function packed(value: Value): JsonObject {
  return fields(value, packedField)
}

function packedField(field: Field): Json {
  if (typeof field === 'bigint') return { $int: String(field) }
  if (field instanceof Uint8Array) return { $bytes: base64(field) }
  if (isList(field)) return field.map(packedField)
  if (!isObject(field)) return field
  const inner = fields(field, packedField)
  return isMarked(field) ? { $raw: inner } : inner
}

function unpacked(json: Json): Field {
  if (isList(json)) return json.map(item => unpacked(item) as Json) // bytes lie at any depth in a store's rows
  if (!isObject(json)) return json
  const [mark] = Object.keys(json)
  const inner = mark === undefined ? undefined : member(json, mark)
  if (!isMarked(json) || inner === undefined) return fields(json, unpacked) as Json
  if (mark === '$int' && typeof inner === 'string' && /^-?\d+$/.test(inner)) return BigInt(inner)
  if (mark === '$bytes' && typeof inner === 'string') return bytesIn(inner)
  if (mark === '$raw' && isObject(inner)) return fields(inner, unpacked) as Json
  throw new TypeError(`${mark} holds what it cannot hold`)
}

// fromEntries defines members, so a field called __proto__ stays a field.
function fields<T>(object: { readonly [key: string]: Field }, each: (field: Json) => T): { [key: string]: T } {
  return Object.fromEntries(Object.entries(object).map(([key, field]) => [key, each(field as Json)]))
}

/** JSON with sorted keys and no blanks: the same content is the same bytes. */
function canonical(json: Json): string {
  if (isList(json)) return `[${json.map(canonical).join(',')}]`
  // Digits alone would come back as a bigint.
  if (typeof json === 'number' && Number.isInteger(json) && !Number.isSafeInteger(json)) return json.toExponential()
  if (!isObject(json)) return JSON.stringify(json)
  const keys = Object.keys(json).sort()
  return `{${keys.map(key => `${JSON.stringify(key)}:${canonical(member(json, key) ?? null)}`).join(',')}}`
}

const isList = (json: Field): json is readonly Json[] => Array.isArray(json)
const bytesOf = (of: string): Uint8Array => new TextEncoder().encode(of)

function base64(bytes: Uint8Array): string {
  let binary = ''
  // Spreading a long list into a call overflows the stack.
  for (let at = 0; at < bytes.length; at += 8192) binary += String.fromCharCode(...bytes.subarray(at, at + 8192))
  return btoa(binary)
}

function bytesIn(base64Text: string): Uint8Array {
  return Uint8Array.from(atob(base64Text), char => char.charCodeAt(0))
}
