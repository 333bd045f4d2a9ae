import { equal } from '../equal.ts'
import type { Field, Json } from '../model.ts'
import type { FieldAnswer, MergeField, When } from '../resolver.ts'
import { fieldOf, valueFrom } from './facets.ts'
import { lastWriterWinsField } from './last-writer-wins.ts'

/**
 * Three-way union. Lists are sets: what either side added stays, what one side removed goes. Objects are joined key by
 * key, the later write wins a key that both changed. Anything else is the later write's.
 */
export const union: MergeField = (base, local, remote, when) => {
  if (isList(local) && isList(remote)) {
    return { field: joinSets(isList(base) ? base : [], local, remote), loses: false }
  }
  if (isObject(local) && isObject(remote)) return joinObjects(isObject(base) ? base : {}, local, remote, when)
  return lastWriterWinsField(base, local, remote, when)
}

/**
 * In the base's order, then what was added, by its canonical text: the same whichever side is called local. A side that
 * holds just that keeps its order: two devices with other bases would else send one set back and forth in two orders.
 */
function joinSets(base: readonly Json[], local: readonly Json[], remote: readonly Json[]): Json {
  const [was, mine, theirs] = [byText(base), byText(local), byText(remote)]
  const kept = [...was].filter(([text]) => mine.has(text) && theirs.has(text))
  const added = [...new Map([...theirs, ...mine])].filter(([text]) => !was.has(text))
  added.sort(([one], [other]) => (one < other ? -1 : 1))
  const all = [...kept, ...added]
  const [least] = [local, remote]
    .filter(side => side.length === all.length && all.every(([text]) => byText(side).has(text)))
    .map(side => ({ side, text: side.map(textOf).join() }))
    .sort((one, other) => (one.text < other.text ? -1 : 1))
  return least?.side ?? all.map(([, item]) => item)
}

function joinObjects(base: JsonObject, local: JsonObject, remote: JsonObject, when: When): FieldAnswer {
  let [loses, uncertain] = [false, false]
  const join = (key: string): Field | undefined => {
    const [was, mine, theirs] = [fieldOf(base, key), fieldOf(local, key), fieldOf(remote, key)]
    if (equal(mine, theirs) || equal(was, mine)) return theirs
    if (equal(was, theirs)) return mine
    const answer = lastWriterWinsField(was, mine, theirs, when) as FieldAnswer // it never asks
    loses = true
    uncertain ||= answer.uncertain === true
    return answer.field
  }
  const keys = [...new Set([...Object.keys(local), ...Object.keys(remote)])].sort()
  const field = valueFrom(keys.map(key => [key, join(key)])) as JsonObject // joined from Json only
  return { field, loses, uncertain }
}

function byText(list: readonly Json[]): Map<string, Json> {
  return new Map(list.map(item => [textOf(item), item]))
}

/** The same text for what `equal` calls equal, and for nothing else. */
function textOf(item: Json): string {
  if (typeof item === 'bigint') return `${item}n`
  if (typeof item === 'number') return String(item)
  if (typeof item !== 'object' || item === null) return JSON.stringify(item)
  if (isList(item)) return `[${item.map(textOf).join()}]`
  const keys = Object.keys(item).sort()
  return `{${keys.map(key => `${JSON.stringify(key)}:${textOf(item[key] ?? null)}`).join()}}`
}

type JsonObject = { readonly [key: string]: Json }

function isList(field: Field | undefined): field is readonly Json[] {
  return Array.isArray(field)
}

function isObject(field: Field | undefined): field is JsonObject {
  return typeof field === 'object' && field !== null && !isList(field) && !(field instanceof Uint8Array)
}
