/**
 * Plain data as JSON text and back. What JSON cannot say is an object of one marked member: { $int: '5' } is a bigint,
 * { $bytes: base64 } is bytes. An object that looks like that gets one more $, so that nothing else does.
 */
import { setOwn } from './plain.ts'

const marks = /^\$+(int|bytes)$/

/** `value` as `plain` makes it. */
export function toText(value: unknown): string {
  return JSON.stringify(needsMarks(value) ? marked(value) : value)
}

export function fromText(text: string): unknown {
  const value: unknown = JSON.parse(text)
  return text.includes('"$') ? unmarked(value) : value
}

/** Most values need none, and then nothing is copied. */
function needsMarks(value: unknown): boolean {
  if (typeof value === 'bigint') return true
  if (typeof value !== 'object' || value === null) return false
  if (value instanceof Uint8Array) return true
  if (Array.isArray(value)) return value.some(needsMarks)
  return onlyName(value)?.startsWith('$') || Object.values(value).some(needsMarks)
}

function marked(value: unknown): unknown {
  if (typeof value === 'bigint') return { $int: String(value) }
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof Uint8Array) return { $bytes: base64(value) }
  if (Array.isArray(value)) return value.map(marked)
  const only = onlyName(value)
  return mapMembers(value, name => (name === only && marks.test(name) ? `$${name}` : name), marked)
}

function unmarked(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(unmarked)
  const only = onlyName(value)
  const mark = only !== undefined && marks.test(only) ? only : undefined
  if (mark === '$int') return BigInt((value as { $int: string }).$int)
  if (mark === '$bytes') return bytesOf((value as { $bytes: string }).$bytes)
  return mapMembers(value, name => (name === mark ? name.slice(1) : name), unmarked)
}

function onlyName(value: object): string | undefined {
  const names = Object.keys(value)
  return names.length === 1 ? names[0] : undefined
}

function mapMembers(value: object, rename: (name: string) => string, change: (member: unknown) => unknown): object {
  const mapped: { [name: string]: unknown } = {}
  for (const [name, member] of Object.entries(value)) setOwn(mapped, rename(name), change(member))
  return mapped
}

// Node's own is several times faster, and browsers have none.
const inNode = typeof Buffer === 'function'

function base64(bytes: Uint8Array): string {
  if (inNode) return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64')
  let text = ''
  // More arguments at once than this and some engines run out of stack.
  for (let at = 0; at < bytes.length; at += 0x2000) text += String.fromCharCode(...bytes.subarray(at, at + 0x2000))
  return btoa(text)
}

function bytesOf(text: string): Uint8Array {
  return inNode ? new Uint8Array(Buffer.from(text, 'base64')) : Uint8Array.from(atob(text), one => one.charCodeAt(0))
}
