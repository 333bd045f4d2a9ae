/** Reading foreign JSON member by member: only own members count, and a member of the wrong type is absent. */
import type { Json } from '../../model.ts'

export type JsonObject = { readonly [key: string]: Json }

export function isObject(json: unknown): json is JsonObject {
  return typeof json === 'object' && json !== null && !Array.isArray(json) && !(json instanceof Uint8Array)
}

export function member(json: unknown, key: string): Json | undefined {
  return isObject(json) && Object.hasOwn(json, key) ? json[key] : undefined
}

export function text(json: unknown, key: string): string | undefined {
  const value = member(json, key)
  return typeof value === 'string' ? value : undefined
}

export function count(json: unknown, key: string): number | undefined {
  const value = member(json, key)
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined
}

export function flag(json: unknown, key: string): boolean | undefined {
  const value = member(json, key)
  return typeof value === 'boolean' ? value : undefined
}

export function list(json: unknown, key: string): readonly Json[] | undefined {
  const value = member(json, key)
  return Array.isArray(value) ? (value as readonly Json[]) : undefined // isArray forgets that a list may be readonly
}

/** Without lone surrogates, which neither UTF-8 nor a URL can carry. */
export function wellFormed(value: string): boolean {
  return !/\p{Surrogate}/u.test(value)
}

/** How many levels of lists and objects; the deepest that is counted is 1000. */
export function depthOf(field: unknown, left = 1000): number {
  if (typeof field !== 'object' || field === null || field instanceof Uint8Array || left === 0) return 0
  let below = 0
  for (const inner of Object.values(field)) below = Math.max(below, depthOf(inner, left - 1))
  return 1 + below
}
