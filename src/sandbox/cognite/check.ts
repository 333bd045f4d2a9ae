/** Bodies are checked against the API's limits before anything is done. */
import { gunzipSync } from 'node:zlib'
import { type Plain, parseJson } from '../json.ts'
import { bad } from './errors.ts'

export type Obj = { readonly [key: string]: Plain }

export async function bodyOf(request: Request, maxBytes: number): Promise<Obj> {
  const raw = new Uint8Array(await request.arrayBuffer())
  const bytes = request.headers.get('content-encoding') === 'gzip' ? gunzipSync(raw) : raw
  if (bytes.length > maxBytes) throw bad(`Request is too large: at most ${maxBytes} bytes.`)
  let json: Plain
  try {
    json = parseJson(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    throw bad('Request body is not valid JSON.')
  }
  return object(json, 'body')
}

export function object(value: Plain | undefined, where: string): Obj {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw bad(`${where} must be an object.`)
  return value as Obj
}

export function list(value: Plain | undefined, where: string, min: number, max: number): readonly Plain[] {
  if (!Array.isArray(value)) throw bad(`${where} must be an array.`)
  if (value.length < min || value.length > max) throw bad(`${where} must have ${min} to ${max} elements.`)
  return value
}

export function text(value: Plain | undefined, where: string, rule: TextRule = {}): string {
  const { min = 1, max = 255, pattern } = rule
  if (typeof value !== 'string') throw bad(`${where} must be a string.`)
  if (value.length < min || value.length > max) throw bad(`${where} must have ${min} to ${max} characters.`)
  if (pattern && !pattern.test(value)) throw bad(`${where} is invalid: ${value}`)
  return value
}

export type TextRule = { readonly min?: number; readonly max?: number; readonly pattern?: RegExp }

export const absent = (value: Plain | undefined): value is null | undefined => value === undefined || value === null

export function integer(value: Plain | undefined, where: string, min: number, max: number): number {
  if (typeof value !== 'number' || !Number.isInteger(value)) throw bad(`${where} must be an integer.`)
  if (value < min || value > max) throw bad(`${where} must be between ${min} and ${max}.`)
  return value
}

export function flag(value: Plain | undefined, where: string, otherwise = false): boolean {
  if (absent(value)) return otherwise
  if (typeof value !== 'boolean') throw bad(`${where} must be a boolean.`)
  return value
}

export function oneOf<T extends string>(value: Plain | undefined, allowed: readonly T[], where: string): T {
  const found = allowed.find(it => it === value)
  if (found === undefined) throw bad(`${where} must be one of ${allowed.join(', ')}.`)
  return found
}

const SPACE = { max: 43, pattern: /^[a-zA-Z][a-zA-Z0-9_-]{0,41}[a-zA-Z0-9]?$/ }
const MODEL_ID = { pattern: /^[a-zA-Z]([a-zA-Z0-9_]{0,253}[a-zA-Z0-9])?$/ }
// Any characters but NUL.
const EXTERNAL_ID = { max: 256, pattern: /^[^\0]+$/ }

export const spaceId = (value: Plain | undefined, where: string): string => text(value, `${where}.space`, SPACE)
export const modelId = (value: Plain | undefined, where: string): string => text(value, where, MODEL_ID)
export const externalId = (value: Plain | undefined, where: string): string =>
  text(value, `${where}.externalId`, EXTERNAL_ID)

export function containerRef(value: Plain | undefined, where: string): { space: string; externalId: string } {
  const it = object(value, where)
  oneOf(it.type, ['container'], `${where}.type`)
  return { space: spaceId(it.space, where), externalId: modelId(it.externalId, `${where}.externalId`) }
}

const VERSION = { max: 43, pattern: /^[a-zA-Z0-9]([.a-zA-Z0-9_-]{0,41}[a-zA-Z0-9])?$/ }

export const versionId = (value: Plain | undefined, where: string): string => text(value, where, VERSION)

export function viewRef(value: Plain | undefined, where: string) {
  const it = object(value, where)
  oneOf(it.type, ['view'], `${where}.type`)
  const version = versionId(it.version, `${where}.version`)
  return { space: spaceId(it.space, where), externalId: modelId(it.externalId, `${where}.externalId`), version }
}

export function reference(value: Plain | undefined, where: string): { space: string; externalId: string } {
  const it = object(value, where)
  return { space: spaceId(it.space, where), externalId: externalId(it.externalId, where) }
}

/** By the keys that are there, not by those that are not null. */
export function only(value: Obj, allowed: readonly string[], where: string): void {
  const extra = Object.keys(value).find(key => !allowed.includes(key))
  if (extra !== undefined) throw bad(`${where} has an unknown field: ${extra}`)
}
