/** Where two sides clash, facet by facet, and the judgements that follow from giving the clashes to one side. */
import { equal, sameValue } from '../equal.ts'
import type { Field, Value } from '../model.ts'
import type { Case, Judgement } from '../resolver.ts'

export type Side = 'local' | 'remote'

/** Fields that are judged as one. Without a name: those that no declared facet names. */
export interface Facet {
  readonly name?: string
  readonly fields: readonly string[]
}

/** The judgement of what is no conflict at all, whatever the rule: one side changed nothing, or other facets. */
export function withoutConflict(one: Case): Judgement | undefined {
  const base = one.base?.value ?? null
  const mine = one.local.value
  const theirs = one.remote.value
  if (sameValue(mine, theirs) || sameValue(base, mine)) return { verdict: { take: 'remote' }, loses: 'nothing' }
  if (sameValue(base, theirs)) return { verdict: { take: 'local' }, loses: 'nothing' }
  if (mine === null || theirs === null || clashes(one).length > 0) return undefined
  return settled(one, merged(one, 'remote'), false)
}

/** Gives the clash to one side. What the two sides changed apart from each other is in the result, whoever wins. */
export function give(one: Case, side: Side): Judgement {
  if (one.local.value === null || one.remote.value === null) return { verdict: { take: side }, loses: other(side) }
  return settled(one, merged(one, side), true)
}

/** The judgement that `value` is the result; `dropped` says whether a change of one side is not in it. */
export function settled(one: Case, value: Value, dropped: boolean): Judgement {
  for (const side of ['remote', 'local'] as const) {
    if (sameValue(value, one[side].value)) return { verdict: { take: side }, loses: dropped ? other(side) : 'nothing' }
  }
  return { verdict: { take: 'merged', value }, loses: dropped ? 'parts' : 'nothing' }
}

/** Leaves the record to the user. */
export function ask(reason?: string): Judgement {
  return { verdict: { take: 'ask' }, loses: 'nothing', ...(reason !== undefined && { reason }) }
}

/** What was thrown, in words. */
export function reasonOf(thrown: unknown): string {
  if (thrown instanceof Error) return thrown.message || thrown.name
  return typeof thrown === 'string' ? thrown : 'it threw something that is no Error.'
}

/** The facets that both sides changed, differently. */
export function clashes(one: Case): Facet[] {
  return facetsOf(one).filter(facet => changedBy(one, facet.fields) === 'both')
}

/** What this side changed since the base. */
export function changes(one: Case, side: Side): Facet[] {
  const base = one.base?.value ?? null
  return facetsOf(one).filter(facet => !sameIn(facet.fields, base, one[side].value))
}

/**
 * The declared facets, then all other fields as one more: what nobody declared separable stays together, as it does in
 * a record without facets. Two creations have nothing to tell apart who changed what: they are judged whole.
 */
function facetsOf(one: Case): Facet[] {
  const { declared, rest } = split(one)
  if ((one.base?.value ?? null) === null) return [{ fields: [...declared.flatMap(facet => facet.fields), ...rest] }]
  return [...declared, { fields: rest }]
}

/** The declared facets, and all fields of the three values that none of them names. A field named twice is the first's. */
export function split(one: Case): { readonly declared: readonly Facet[]; readonly rest: readonly string[] } {
  const named = new Set<string>()
  const declared = Object.entries(one.facets ?? {}).map(([name, fields]) => {
    const its = fields.filter(field => !named.has(field))
    for (const field of its) named.add(field)
    return { name, fields: its }
  })
  const present = new Set([one.base, one.local, one.remote].flatMap(side => Object.keys(side?.value ?? {})))
  return { declared, rest: [...present].filter(field => !named.has(field)).sort() }
}

/** Which side changed these fields since the base; without a base, both did. `neither`: nothing to choose. */
export function changedBy(
  { base, local, remote }: Case,
  fields: readonly string[],
  was: Value | null = base?.value ?? null,
): Side | 'both' | 'neither' {
  if (sameIn(fields, local.value, remote.value)) return 'neither'
  if (was !== null && sameIn(fields, was, local.value)) return 'remote'
  if (was !== null && sameIn(fields, was, remote.value)) return 'local'
  return 'both'
}

/** One field of a value. Own fields only: `__proto__` and `constructor` are names like any other. */
export function fieldOf<F extends Field>(value: { readonly [name: string]: F } | null, name: string): F | undefined {
  return value !== null && Object.hasOwn(value, name) ? value[name] : undefined
}

function merged(one: Case, winner: Side): Value {
  const entries = facetsOf(one).flatMap(({ fields }) => {
    const changer = changedBy(one, fields)
    const side = changer === 'both' ? winner : changer === 'local' ? 'local' : 'remote'
    return fields.map(field => [field, fieldOf(one[side].value, field)] as const)
  })
  return valueFrom(entries)
}

/** A value of these fields. `Object.fromEntries` defines and never assigns: a field named `__proto__` stays a field. */
export function valueFrom(entries: readonly (readonly [string, Field | undefined])[]): Value {
  return Object.fromEntries(entries.filter((entry): entry is [string, Field] => entry[1] !== undefined))
}

function sameIn(fields: readonly string[], one: Value | null, another: Value | null): boolean {
  return fields.every(field => equal(fieldOf(one, field), fieldOf(another, field)))
}

function other(side: Side): Side {
  return side === 'local' ? 'remote' : 'local'
}
