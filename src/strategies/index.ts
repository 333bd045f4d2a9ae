/** The strategies by name, and the resolver that judges with them. Pure: no clock, no network, no memory. */
import { SyncError } from '../errors.ts'
import type { FieldRule, Rule, Strategy } from '../model.ts'
import type { Case, FieldRules, Judge, Judgement, MergeField, Resolver } from '../resolver.ts'
import { clientWins, clientWinsField } from './client-wins.ts'
import { ask, reasonOf, withoutConflict } from './facets.ts'
import { keepBoth } from './keep-both.ts'
import { lastWriterWins, lastWriterWinsField } from './last-writer-wins.ts'
import { manual } from './manual.ts'
import { byField, plainMerge } from './merge.ts'
import { serverWins, serverWinsField } from './server-wins.ts'
import { union } from './union.ts'

const strategies: { readonly [name in Strategy]: Judge } = {
  LAST_WRITER_WINS: lastWriterWins,
  KEEP_BOTH: keepBoth,
  SERVER_WINS: serverWins,
  CLIENT_WINS: clientWins,
  MANUAL: manual,
  MERGE: byField(plainMerge, keepBoth),
}

const fieldRules: FieldRules = {
  LAST_WRITER_WINS: lastWriterWinsField,
  SERVER_WINS: serverWinsField,
  CLIENT_WINS: clientWinsField,
  UNION: union,
}

/** A resolver that knows the built-in strategies and the given field rules. Never rejects: what it cannot judge, it asks. */
export function createResolver(
  options: { readonly strategies?: { readonly [name: string]: MergeField } } = {},
): Resolver {
  const custom = options.strategies ?? {}
  const taken = Object.keys(custom).find(name => Object.hasOwn(fieldRules, name) || Object.hasOwn(strategies, name))
  if (taken !== undefined) throw mismatch(`"${taken}" is built in: register your strategy under another name.`, taken)
  const rules: FieldRules = { ...fieldRules, ...custom }
  return { judge: async cases => cases.map(one => judge(one, rules)) }
}

/** Checks that every name in the rule exists; `names` are those of the registered field rules. */
export function knownRule(rule: Rule, names: Iterable<string> = []): void {
  const forRecords = Object.keys(strategies)
  const forFields = [...Object.keys(fieldRules), ...names]
  if (typeof rule !== 'object' || rule === null) {
    known('strategy', rule, forRecords)
    return
  }
  for (const [field, name] of Object.entries(rule.fields ?? {})) {
    if (name !== undefined) known(`rule for the field "${field}"`, name, forFields)
  }
  known('rule for the other fields', rule.otherwise, forFields)
  // MERGE is a rule for fields: it has no answer of its own when a whole record is gone.
  const onDelete = forRecords.filter(name => name !== 'MERGE')
  known('strategy on delete', rule.onDelete, onDelete)
}

function known(what: string, name: Strategy | FieldRule, exist: readonly string[]): void {
  if (exist.includes(name)) return
  throw mismatch(`There is no ${what} named "${name}": use ${exist.join(', ')}.`, name, exist)
}

function judge(one: Case, rules: FieldRules): Judgement {
  // One record that cannot be judged harms itself only: the others of its page are judged all the same.
  try {
    return withoutConflict(one) ?? judgeFor(one.rule)(one, rules)
  } catch (error) {
    return ask(reasonOf(error))
  }
}

function judgeFor(rule: Rule): Judge {
  const name = typeof rule === 'string' ? rule : rule.onDelete
  known('strategy', name, Object.keys(strategies))
  return typeof rule === 'string' ? strategies[rule] : byField(rule, strategies[rule.onDelete])
}

function mismatch(message: string, name: string, exist?: readonly string[]): SyncError {
  return new SyncError('schema-mismatch', message, { details: { name, ...(exist && { exist }) } })
}
