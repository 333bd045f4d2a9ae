/**
 * What may be stored, checked and copied in one walk, the same for every store: JSON, bigint and Uint8Array at any
 * depth, in plain objects and lists. The copy is the caller's protection from us, and ours from the caller.
 */
import { SyncError } from './errors.ts'

/** One record or row at most, in bytes (strings count two a character). Larger content belongs into `bodies`, in pieces. */
export const mostBytes = 64 * 2 ** 20
/** Levels of objects and lists. Also what ends a walk around a circle. */
export const deepest = 500

interface Walk {
  readonly trail: (string | number)[]
  readonly of: string
  size: number
}

/**
 * A deep copy without `undefined` members, -0 as 0. `of` names the thing in messages. Throws 'invalid-value' for what
 * one of the stores could not keep: functions, symbols, NaN, Infinity, holes in lists, instances of classes (Date, Map,
 * Blob, DOM nodes), detached buffers, circles, and more than `mostBytes` or `deepest`.
 */
export function plain<T>(value: T, of: string): T {
  return copy(value, { trail: [], of, size: 0 }) as T
}

function copy(value: unknown, walk: Walk): unknown {
  switch (typeof value) {
    case 'string':
      grow(walk, value.length * 2)
      return value
    case 'number':
      if (!Number.isFinite(value)) refuse(walk, `is ${value}, and numbers must be finite`)
      grow(walk, 8)
      return value === 0 ? 0 : value
    case 'boolean':
      return value
    case 'bigint':
      grow(walk, 8)
      return value
    case 'object':
      return value === null ? null : copyObject(value, walk)
    default:
      return refuse(walk, `is ${typeof value === 'undefined' ? 'undefined' : `a ${typeof value}`}`)
  }
}

function copyObject(value: object, walk: Walk): unknown {
  if (walk.trail.length >= deepest) refuse(walk, `lies deeper than ${deepest} levels, or in a circle`)
  if (value instanceof Uint8Array) return copyBytes(value, walk)
  if (Array.isArray(value)) {
    // Not `map`: it skips holes, and a hole is an undefined.
    const list = Array.from(value as unknown[], (item, at) => copyMember(item, at, walk))
    grow(walk, 8)
    return list
  }
  if (!isPlainObject(value)) refuse(walk, `is an instance of ${value.constructor?.name ?? 'a class'}`)
  const fields: { [name: string]: unknown } = {}
  for (const name of Object.keys(value)) {
    const member = (value as { [name: string]: unknown })[name]
    if (member === undefined) continue
    grow(walk, name.length * 2)
    setOwn(fields, name, copyMember(member, name, walk))
  }
  return fields
}

/**
 * Plain assignment to '__proto__' would set the prototype instead of a member; and to a name that all objects have, such as
 * 'constructor', it throws where their prototype is frozen.
 */
export function setOwn(fields: { [name: string]: unknown }, name: string, value: unknown): void {
  if (!(name in Object.prototype)) fields[name] = value
  else Object.defineProperty(fields, name, { value, enumerable: true, configurable: true, writable: true })
}

function copyMember(value: unknown, name: string | number, walk: Walk): unknown {
  walk.trail.push(name)
  const copied = copy(value, walk)
  walk.trail.pop()
  return copied
}

/** The bytes only: a structured clone of a small view would take its whole buffer along. */
function copyBytes(bytes: Uint8Array, walk: Walk): Uint8Array {
  grow(walk, bytes.length)
  try {
    new Uint8Array(bytes.buffer)
  } catch {
    refuse(walk, 'is a view of a detached buffer') // the constructor throws for nothing else
  }
  return new Uint8Array(bytes)
}

/** By shape, not by identity: objects of another realm (a frame, a vm context) are as plain as ours. */
function isPlainObject(value: object): boolean {
  const prototype = Object.getPrototypeOf(value)
  return prototype === null || (Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, 'toString'))
}

function grow(walk: Walk, bytes: number): void {
  walk.size += bytes
  if (walk.size > mostBytes) refuse(walk, `makes it larger than ${mostBytes} bytes`)
}

function refuse(walk: Walk, why: string): never {
  const where = walk.trail.length > 20 ? [...walk.trail.slice(0, 20), '…'] : walk.trail
  const what = where.length === 0 ? 'the value' : `'${where.join('.')}'`
  throw new SyncError('invalid-value', `Cannot store ${walk.of}: ${what} ${why}.`)
}
