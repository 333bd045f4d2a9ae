import type { Plain } from '../../json.ts'
import { absent, integer, list, type Obj, object, text } from '../check.ts'
import { bad } from '../errors.ts'
import { type Access, filterTest } from '../filter.ts'
import type { FeedRow, State } from '../state.ts'
import { canonical, compare } from '../values.ts'
import { containerProperty, recordDialect, topLevel } from './dialect.ts'

type Rows = readonly FeedRow[]

/** The simple aggregates, `uniqueValues` and `filters`, nested at most five deep and sixteen in all. */
export function aggregated(state: State, rows: Rows, asked: Obj): object {
  let all = 0

  const group = (rows: Rows, asked: Obj, depth: number): object => {
    const entries = Object.entries(asked)
    if (entries.length < 1 || entries.length > 5) throw bad('There must be 1 to 5 aggregates per level.')
    if (depth > 5) throw bad('Aggregates are nested deeper than 5 levels.')
    return Object.fromEntries(entries.map(([id, it]) => [id, one(rows, object(it, id), depth)]))
  }

  const one = (rows: Rows, asked: Obj, depth: number): object => {
    all += 1
    if (all > 16) throw bad('There are more than 16 aggregates.')
    const [[kind, body] = [], ...more] = Object.entries(asked)
    if (kind === undefined || more.length > 0) throw bad('An aggregate has exactly one kind.')
    const it = object(body, kind)
    const below = (some: Rows) =>
      absent(it.aggregates) ? {} : { aggregates: group(some, object(it.aggregates, kind), depth + 1) }
    switch (kind) {
      case 'count':
        return { count: absent(it.property) ? rows.length : valuesOf(state, rows, it).length }
      case 'sum':
        return { sum: sum(numbersOf(state, rows, it)) }
      case 'avg': {
        const values = numbersOf(state, rows, it)
        return { avg: values.length === 0 ? 0 : Number(sum(values)) / values.length }
      }
      case 'min':
      case 'max': {
        const values = numbersOf(state, rows, it)
        const sign = kind === 'min' ? 1 : -1
        values.sort((a, b) => (compare(a, b, 'int64') ?? 0) * sign)
        return values.length === 0 ? {} : { [kind]: values[0]! }
      }
      case 'uniqueValues': {
        const size = absent(it.size) ? 10 : integer(it.size, 'size', 1, 2000)
        const buckets = bucketed(state, rows, it)
        buckets.sort((a, b) => b.rows.length - a.rows.length)
        return {
          uniqueValueBuckets: buckets
            .slice(0, size)
            .map(({ value, rows }) => ({ value, count: rows.length, ...below(rows) })),
        }
      }
      case 'filters': {
        const tests = list(it.filters, 'filters', 1, 10).map(filter => filterTest(filter, recordDialect(state)))
        return {
          filterBuckets: tests.map(test => {
            const some = rows.filter(test)
            return { count: some.length, ...below(some) }
          }),
        }
      }
      default:
        throw bad(`The sandbox has no aggregate '${kind}'.`)
    }
  }
  return group(rows, asked, 1)
}

function access(state: State, it: Obj): Access<FeedRow> {
  const path = list(it.property, 'property', 1, 3).map(part => text(part, 'property'))
  return path.length === 1 ? topLevel(path[0]!) : containerProperty(state, path, 'aggregate')
}

function valuesOf(state: State, rows: Rows, it: Obj): Plain[] {
  const { read } = access(state, it)
  return rows.map(read).filter(value => value !== undefined && value !== null)
}

function numbersOf(state: State, rows: Rows, it: Obj): (number | bigint)[] {
  return valuesOf(state, rows, it).map(value => {
    if (typeof value === 'number' || typeof value === 'bigint') return value
    throw bad('The aggregate needs a numeric property.')
  })
}

/** Exact while all of it is whole. */
function sum(values: readonly (number | bigint)[]): number | bigint {
  if (!values.some(value => typeof value === 'bigint')) return values.reduce<number>((all, it) => all + Number(it), 0)
  if (values.every(value => typeof value === 'bigint' || Number.isInteger(value))) {
    return values.reduce<bigint>((all, it) => all + BigInt(it), 0n)
  }
  return values.reduce<number>((all, it) => all + Number(it), 0)
}

function bucketed(state: State, rows: Rows, it: Obj): { value: Plain; rows: FeedRow[] }[] {
  const { read, list: many } = access(state, it)
  const buckets = new Map<string, { value: Plain; rows: FeedRow[] }>()
  for (const row of rows) {
    const held = read(row)
    const values = many && Array.isArray(held) ? held : [held]
    for (const value of values) {
      if (value === undefined || value === null) continue
      const bucket = buckets.get(canonical(value)) ?? { value, rows: [] as FeedRow[] }
      bucket.rows.push(row)
      buckets.set(canonical(value), bucket)
    }
  }
  return [...buckets.values()]
}
