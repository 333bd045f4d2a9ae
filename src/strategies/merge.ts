import { equal } from '../equal.ts'
import type { Field, FieldRule, Rule } from '../model.ts'
import type { Case, FieldAnswer, FieldRules, Judge, MergeField } from '../resolver.ts'
import { ask, changedBy, type Facet, fieldOf, reasonOf, settled, split, valueFrom } from './facets.ts'
import { whenOf } from './last-writer-wins.ts'

export type ByField = Exclude<Rule, string>

/** What MERGE stands for. */
export const plainMerge: ByField = { fields: {}, otherwise: 'LAST_WRITER_WINS', onDelete: 'KEEP_BOTH' }

/**
 * Three-way by field: a field that one side changed is that side's, one that both changed follows its rule. A declared
 * facet never mixes: where it clashes, all its fields follow one rule, that of the first of them which has one. Two
 * creations are merged too, as if both had started from an empty record.
 */
export function byField(rule: ByField, onDelete: Judge): Judge {
  return (one, rules) => {
    if (one.local.value === null || one.remote.value === null) return onDelete(one, rules)
    const entries: (readonly [string, Field | undefined])[] = []
    let [dropped, uncertain] = [false, false]
    for (const { fields } of unitsOf(one)) {
      const changer = changedBy(one, fields, one.base?.value ?? {})
      const name = ruleFor(rule, fields)
      for (const field of fields) {
        if (changer !== 'both') {
          entries.push([field, fieldOf(one[changer === 'local' ? 'local' : 'remote'].value, field)])
          continue
        }
        const answer = settleField(one, field, name, rules)
        if ('reason' in answer) return ask(answer.reason)
        entries.push([field, answer.field])
        dropped ||= answer.loses === true
        uncertain ||= answer.uncertain === true
      }
    }
    return { ...settled(one, valueFrom(entries), dropped), ...(uncertain && { uncertain }) }
  }
}

function unitsOf(one: Case): Facet[] {
  const { declared, rest } = split(one)
  return [...declared, ...rest.map(field => ({ fields: [field] }))]
}

function ruleFor({ fields: named, otherwise }: ByField, fields: readonly string[]): FieldRule {
  const first = fields.find(field => Object.hasOwn(named, field))
  return first === undefined ? otherwise : named[first]!
}

function settleField(one: Case, name: string, rule: FieldRule, rules: FieldRules): FieldAnswer | { reason: string } {
  const base = fieldOf(one.base?.value ?? null, name)
  const mine = fieldOf(one.local.value, name)
  const theirs = fieldOf(one.remote.value, name)
  if (equal(mine, theirs)) return { field: theirs }
  const settle = Object.hasOwn(rules, rule) ? rules[rule] : undefined
  if (settle === undefined) return { reason: `The rule "${rule}" for "${name}" is not known here.` }
  const answer = called(settle, base, mine, theirs, one)
  if (answer === 'ask') return { reason: `The rule "${rule}" leaves "${name}" to you.` }
  if ('reason' in answer) return { reason: `The rule "${rule}" failed on "${name}": ${answer.reason}` }
  const known = [base, mine, theirs].some(field => equal(field, answer.field))
  return { ...answer, loses: answer.loses ?? (answer.field === undefined || known) }
}

/** A rule that the app wrote may throw, or answer what no store can hold: both leave the record to the user (F104). */
function called(
  settle: MergeField,
  base: Field | undefined,
  mine: Field | undefined,
  theirs: Field | undefined,
  one: Case,
): FieldAnswer | 'ask' | { reason: string } {
  try {
    const answer: unknown = settle(base, mine, theirs, whenOf(one))
    if (answer === 'ask') return answer
    if (isAnswer(answer)) return { field: answer.field, loses: answer.loses, uncertain: answer.uncertain }
    return { reason: 'it answered neither a field that can be stored nor "ask".' }
  } catch (error) {
    return { reason: reasonOf(error) }
  }
}

function isAnswer(answer: unknown): answer is FieldAnswer {
  if (typeof answer !== 'object' || answer === null || !('field' in answer)) return false
  return answer.field === undefined || answer.field instanceof Uint8Array || isJson(answer.field)
}

function isJson(item: unknown): boolean {
  if (item === null || ['boolean', 'bigint', 'string'].includes(typeof item)) return true
  if (typeof item === 'number') return Number.isFinite(item)
  if (typeof item !== 'object') return false
  if (Array.isArray(item)) return item.every(isJson)
  const kind: unknown = Object.getPrototypeOf(item)
  return (kind === Object.prototype || kind === null) && Object.values(item).every(isJson)
}
