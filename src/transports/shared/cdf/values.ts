/** What a property may hold, as far as that can be said without knowing its type. */
import type { Field, Json, Value } from '../../../model.ts'
import { wellFormed } from '../shape.ts'
import { momentOf } from './time.ts'

/** Why the API could not hold this value; `undefined` when it can. */
export function valueFault(value: Field): string | undefined {
  if (value === null) return 'null cannot be written: leave the field out'
  if (value instanceof Uint8Array) return 'bytes cannot be written'
  if (Array.isArray(value)) {
    const list = value as readonly Json[]
    if (list.length === 0) return 'an empty list cannot be written: leave the field out'
    if (list.length > 2000) return 'a list must not hold more than 2000 values'
    return list.map(valueFault).find(fault => fault !== undefined)
  }
  if (typeof value === 'object')
    return bytesOf(value) > 40_960 ? 'JSON must not be longer than 40,960 bytes' : inner(value)
  return primitiveFault(value)
}

/** Inside JSON anything goes that JSON can say. */
function inner(value: Json): string | undefined {
  if (value === null) return undefined
  if (typeof value !== 'object') return primitiveFault(value)
  return Object.values(value)
    .map(inner)
    .find(fault => fault !== undefined)
}

function primitiveFault(value: string | number | bigint | boolean): string | undefined {
  if (typeof value === 'string') {
    if (!wellFormed(value) || value.includes('\0')) return 'text must be well-formed Unicode without NUL'
    return value.length > 42_000 && utf8(value) > 128_000 ? 'text must not be longer than 128,000 bytes' : undefined
  }
  if (typeof value === 'bigint' && (value >= 2n ** 63n || value < -(2n ** 63n))) {
    return 'an integer must fit into 64 bits'
  }
  return undefined
}

const bytesOf = (value: Json): number => utf8(canonical(value))
export const utf8 = (text: string): number => new TextEncoder().encode(text).length

/** One text for one content: keys sorted, 1 and 1n the same. */
export function canonical(value: Field | Value, text: (value: string) => string = it => JSON.stringify(it)): string {
  if (value === null || typeof value === 'boolean' || typeof value === 'number') return JSON.stringify(value)
  if (typeof value === 'bigint') return String(value)
  if (typeof value === 'string') return text(value)
  if (value instanceof Uint8Array) return `bytes:${[...value].join(' ')}`
  if (Array.isArray(value)) return `[${(value as readonly Json[]).map(it => canonical(it, text)).join(',')}]`
  const members = Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1))
  return `{${members.map(([key, it]) => `${JSON.stringify(key)}:${canonical(it as Json, text)}`).join(',')}}`
}

/** The same where a server writes a time in another way than it was given. */
export const timeless = (value: string): string => {
  const moment = momentOf(value)
  return moment === undefined ? JSON.stringify(value) : `time:${moment}`
}
