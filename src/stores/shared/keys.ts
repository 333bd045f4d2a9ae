/** Ids and row keys: which are allowed, and a text for row keys that sorts as they do. */
import { SyncError } from '../../errors.ts'
import type { RowKey } from '../../store.ts'

/** Of an id or of one string in a row key, in UTF-16 code units. */
export const longestId = 2048

/** Any other string is an id, odd ones included: lone surrogates, control characters, '__proto__'. */
export function checkId(id: string, collection: string): void {
  const length = typeof id === 'string' ? id.length : 0
  if (length > 0 && length <= longestId) return
  const found = typeof id === 'string' ? `one of ${length}` : `a ${typeof id}`
  throw new SyncError(
    'invalid-value',
    `An id in ${collection} must be a string of 1 to ${longestId} units, not ${found}.`,
  )
}

/** The key with -0 as 0. Throws 'invalid-value' unless each part is a finite number or a string that is not too long. */
export function checkKey(key: RowKey, space: string): RowKey {
  if (key.length === 0) throw new SyncError('invalid-value', `A key in ${space} must have at least one part.`)
  return checkPrefix(key, space)
}

/** As `checkKey`, and may be empty. */
export function checkPrefix(key: RowKey, space: string): RowKey {
  return key.map((part, at) => {
    const good = typeof part === 'string' ? part.length <= longestId : Number.isFinite(part)
    if (!good) {
      const what = typeof part === 'string' ? `a string of ${part.length} units` : String(part)
      throw new SyncError('invalid-value', `Part ${at} of a key in ${space} is ${what}.`)
    }
    return part === 0 ? 0 : part
  })
}

/** Numbers before strings, strings by UTF-16 code unit. */
export function compareParts(one: string | number, other: string | number): number {
  if (typeof one !== typeof other) return typeof one === 'number' ? -1 : 1
  return one < other ? -1 : one > other ? 1 : 0
}

// What starts a part. Nothing that follows a prefix is above `end`.
const number = '\u0001'
const string = '\u0002'
const end = '\u0003'

/**
 * A text whose order by UTF-16 code unit is the order of keys, and that starts with the text of each prefix of the key.
 * A number is its eight bytes, turned so that they sort; a string ends with \0\0, and a \0 in it is \0\u0001.
 */
export function keyText(key: RowKey): string {
  return key
    .map(part => (typeof part === 'number' ? number + numberText(part) : `${string}${escapeZeros(part)}\0\0`))
    .join('')
}

/** Above the text of every key that starts with the prefix, and below that of every other key after it. */
export function prefixEnd(prefix: RowKey): string {
  return keyText(prefix) + end
}

export function textKey(text: string): RowKey {
  const parts: (string | number)[] = []
  for (let at = 0; at < text.length; ) {
    const isNumber = text[at] === number
    const next = isNumber ? at + 5 : stringEnd(text, at + 1)
    const body = text.slice(at + 1, next)
    parts.push(isNumber ? textNumber(body) : body.slice(0, -2).replaceAll('\0\u0001', '\0'))
    at = next
  }
  return parts
}

function escapeZeros(text: string): string {
  return text.includes('\0') ? text.replaceAll('\0', '\0\u0001') : text
}

function stringEnd(text: string, from: number): number {
  let at = text.indexOf('\0', from)
  while (text[at + 1] !== '\0') at = text.indexOf('\0', at + 2)
  return at + 2
}

// Doubles sort like integers once the sign is flipped, or, for negative ones, all bits.
function numberText(value: number): string {
  const view = new DataView(new ArrayBuffer(8))
  view.setFloat64(0, value)
  const flip = value < 0 ? 0xffff : 0
  return String.fromCharCode(
    view.getUint16(0) ^ (flip || 0x8000),
    view.getUint16(2) ^ flip,
    view.getUint16(4) ^ flip,
    view.getUint16(6) ^ flip,
  )
}

function textNumber(text: string): number {
  const view = new DataView(new ArrayBuffer(8))
  const flip = text.charCodeAt(0) < 0x8000 ? 0xffff : 0
  view.setUint16(0, text.charCodeAt(0) ^ (flip || 0x8000))
  for (let at = 1; at < 4; at++) view.setUint16(at * 2, text.charCodeAt(at) ^ flip)
  return view.getFloat64(0)
}
