import type { Field, Json, Value } from './model.ts'

/** Same content, whatever the order of keys. -0 equals 0; NaN never gets this far (it is no Json). */
export function equal(one: Field | undefined, other: Field | undefined): boolean {
  if (one === other) return true
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return false
  if (one instanceof Uint8Array || other instanceof Uint8Array) {
    return one instanceof Uint8Array && other instanceof Uint8Array && sameBytes(one, other)
  }
  if (isList(one) || isList(other)) {
    return (
      isList(one) && isList(other) && one.length === other.length && one.every((item, at) => equal(item, other[at]))
    )
  }
  return sameFields(one, other)
}

/** `equal` for whole records; `null` is deleted. */
export function sameValue(one: Value | null, other: Value | null): boolean {
  if (one === other) return true
  return one !== null && other !== null && sameFields(one, other)
}

function sameFields(one: { readonly [key: string]: Field }, other: { readonly [key: string]: Field }): boolean {
  const names = Object.keys(one)
  if (names.length !== Object.keys(other).length) return false
  return names.every(name => Object.hasOwn(other, name) && equal(one[name], other[name]))
}

function sameBytes(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, at) => byte === other[at])
}

function isList(field: Json): field is readonly Json[] {
  return Array.isArray(field)
}

/** The same state in the same life of a record. Versions alone do not tell: a remote may count them anew. */
export function sameBase(
  one: { readonly value: Value | null; readonly version: Json },
  other: { readonly value: Value | null; readonly version: Json },
): boolean {
  return equal(one.version, other.version) && sameValue(one.value, other.value)
}

/** `equal` for any plain data, such as the answers of live queries. */
export function sameData(one: unknown, other: unknown): boolean {
  if (one === other) return true
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return false
  return equal(one as Json, other as Json)
}
