/** What a property of a container may hold. */
import { type Plain, writeJson } from '../json.ts'
import { bad } from './errors.ts'
import type { Property, PropertyType, TypeName } from './state.ts'

/** Throws where `value` does not fit; otherwise the value as it is kept. */
export function kept(value: Plain, property: Property, where: string): Plain {
  const { type } = property
  if (!type.list) return single(value, type, where)
  if (!Array.isArray(value)) throw bad(`Property '${where}' is a list: an array is expected.`)
  const most = type.maxListSize ?? (type.type === 'direct' ? 100 : 1000)
  if (value.length > most) throw bad(`Property '${where}' holds at most ${most} values.`)
  if (value.length === 0) throw bad(`Property '${where}': an array must not be empty.`)
  return value.map(it => single(it, type, where))
}

function single(value: Plain, type: PropertyType, where: string): Plain {
  const take = TAKES[type.type]
  if (take === undefined) throw bad(`Property '${where}' has an unknown type: ${type.type}`)
  const result = take(value, type)
  if (result === undefined) throw bad(`Invalid value for property '${where}': expected ${type.type}.`)
  return result
}

type Take = (value: Plain, type: PropertyType) => Plain | undefined

const string: Take = value => (typeof value === 'string' && bytes(value) <= 128_000 ? clean(value) : undefined)
const clean = (value: string): string | undefined => (value.includes('\0') ? undefined : value)
const real: Take = value => {
  if (typeof value === 'bigint') return Number(value)
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined
}
const whole =
  (bits: bigint): Take =>
  value => {
    if (typeof value !== 'bigint' && !Number.isInteger(value)) return undefined
    const exact = BigInt(value as number | bigint)
    return exact >= -(2n ** (bits - 1n)) && exact < 2n ** (bits - 1n) ? value : undefined
  }

const TAKES: { readonly [type in TypeName]: Take } = {
  text: string,
  timeseries: string,
  file: string,
  sequence: string,
  boolean: value => (typeof value === 'boolean' ? value : undefined),
  int32: whole(32n),
  int64: whole(64n),
  float32: real,
  float64: real,
  timestamp: value => (typeof value === 'string' && instant(value) !== undefined ? value : undefined),
  date: value => (typeof value === 'string' && /^\d{4}-\d\d-\d\d$/.test(value) ? value : undefined),
  json: value => (value !== null && bytes(writeJson(value)) <= 40_960 ? value : undefined),
  direct: value => (isReference(value) ? { space: value.space, externalId: value.externalId } : undefined),
  enum: (value, { values = {} }) => (typeof value === 'string' && Object.hasOwn(values, value) ? value : undefined),
}

const bytes = (value: string): number => new TextEncoder().encode(value).length

const TIMESTAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:?\d\d)?$/

/** Milliseconds since 1970; a time without a zone is UTC. */
export function instant(value: string): number | undefined {
  if (!TIMESTAMP.test(value)) return undefined
  const ms = Date.parse(/(Z|[+-]\d\d:?\d\d)$/.test(value) ? value : `${value}Z`)
  return Number.isNaN(ms) ? undefined : ms
}

/** A time as text, or already as milliseconds. */
const moment = (value: Plain): number | undefined => (typeof value === 'number' ? value : instant(String(value)))

export function isReference(value: unknown): value is { readonly space: string; readonly externalId: string } {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const { space, externalId } = value as Record<string, unknown>
  return typeof space === 'string' && typeof externalId === 'string'
}

/** Whether two kept values are the same; numbers by their value, times by their instant, the rest by content. */
export function same(one: Plain | undefined, other: Plain | undefined, type: TypeName = 'json'): boolean {
  if (one === undefined || other === undefined) return false
  if (type === 'timestamp') return moment(one) === moment(other)
  // biome-ignore lint/suspicious/noDoubleEquals: 1 and 1n are the same number
  if (isNumber(one) && isNumber(other)) return one == other
  return one === other || canonical(one) === canonical(other)
}

/** Negative, 0 or positive; `undefined` where the two have no order. */
export function compare(one: Plain, other: Plain, type: TypeName): number | undefined {
  const [left, right] = type === 'timestamp' ? [moment(one), moment(other)] : [one, other]
  if (isNumber(left) && isNumber(right)) return left < right ? -1 : left > right ? 1 : 0
  if (typeof left === 'string' && typeof right === 'string') return byCodePoint(left, right)
  if (typeof left === 'boolean' && typeof right === 'boolean') return Number(left) - Number(right)
  return undefined
}

const isNumber = (value: unknown): value is number | bigint => typeof value === 'number' || typeof value === 'bigint'

function byCodePoint(one: string, other: string): number {
  const [left, right] = [[...one], [...other]]
  for (const [at, char] of left.entries()) {
    const against = right[at]
    if (against === undefined) return 1
    if (char !== against) return char.codePointAt(0)! - against.codePointAt(0)!
  }
  return left.length - right.length
}

/** One text for one content, whatever the order of keys. */
export function canonical(value: Plain): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (typeof value !== 'object' || value === null) return writeJson(value)
  const members = Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1))
  return `{${members.map(([key, it]) => `${JSON.stringify(key)}:${canonical(it)}`).join(',')}}`
}
