/**
 * The filter language as a whole is checked before it is used, and becomes a function over rows. What the two APIs do
 * not share (which properties may be named, where a value may come from, operators of their own) is their dialect's.
 *
 * A property that is missing makes every leaf false; `not` is plain negation.
 */
import type { Plain } from '../json.ts'
import { list, type Obj, object, text } from './check.ts'
import { bad } from './errors.ts'
import type { TypeName } from './state.ts'
import { compare, same } from './values.ts'

export type Test<Row> = (row: Row) => boolean

export type Access<Row> = {
  readonly type: TypeName
  readonly list: boolean
  readonly read: (row: Row) => Plain | undefined
}

export type Operand<Row> = (row: Row) => Plain | undefined

export type Op = 'equals' | 'in' | 'prefix' | 'range' | 'exists' | 'containsAll' | 'containsAny'

export type Dialect<Row> = {
  /** Throws where there is no such property, or the operator does not take it. */
  readonly property: (path: readonly string[], op: Op, where: string) => Access<Row>
  readonly value: (json: Plain | undefined, where: string) => Operand<Row>
  readonly own: { readonly [op: string]: (body: Plain, where: string, inner: Compile<Row>) => Test<Row> }
  readonly limits: {
    readonly nodes: number
    readonly depth: number
    readonly operands: number
    readonly values: number
    readonly prefix: number
  }
}

type Compile<Row> = (json: Plain, where: string) => Test<Row>

export function filterTest<Row>(json: Plain | undefined, dialect: Dialect<Row>): Test<Row> {
  if (json === undefined || json === null) return () => true
  const { limits } = dialect
  let nodes = 0

  const compile = (node: Plain, where: string, depth: number): Test<Row> => {
    nodes += 1
    if (nodes > limits.nodes) throw bad(`The filter has more than ${limits.nodes} nodes.`)
    if (depth > limits.depth) throw bad(`The filter is deeper than ${limits.depth} levels.`)
    const entries = Object.entries(object(node, where))
    const [first] = entries
    if (first === undefined || entries.length > 1) throw bad(`${where} must have exactly one operator.`)
    const [op, body] = first
    const at = `${where}.${op}`
    const inner = (json: Plain, below: string) => compile(json, below, depth + 1)
    if (op === 'and' || op === 'or') {
      const tests = list(body, at, 1, limits.operands).map((it, index) => inner(it, `${at}[${index}]`))
      return op === 'and' ? row => tests.every(test => test(row)) : row => tests.some(test => test(row))
    }
    if (op === 'not') {
      const test = inner(body, at)
      return row => !test(row)
    }
    if (op === 'matchAll') {
      if (Object.keys(object(body, at)).length > 0) throw bad(`${at} must be empty.`)
      return () => true
    }
    const own = dialect.own[op]
    if (own !== undefined) return own(body, at, inner)
    if (!isLeaf(op)) throw bad(`Unknown filter operator: ${op}`)
    return leaf(op, object(body, at), at, dialect)
  }
  return compile(json, 'filter', 1)
}

const LEAVES: readonly Op[] = ['equals', 'in', 'prefix', 'range', 'exists', 'containsAll', 'containsAny']
const isLeaf = (op: string): op is Op => LEAVES.some(it => it === op)

function leaf<Row>(op: Op, body: Obj, where: string, dialect: Dialect<Row>): Test<Row> {
  const path = list(body.property, `${where}.property`, 1, 4).map(part => text(part, `${where}.property`))
  const { type, list: many, read } = dialect.property(path, op, where)
  const value = (name: string) => dialect.value(body[name], `${where}.${name}`)
  const values = () => {
    const { values } = body
    const max = dialect.limits.values
    if (!Array.isArray(values)) return dialect.value(values, `${where}.values`)
    const operands = list(values, `${where}.values`, 1, max).map(it => dialect.value(it, `${where}.values`))
    return (row: Row): Plain => operands.map(it => it(row) ?? null)
  }
  const contains = op === 'containsAll' || op === 'containsAny'
  if (contains && !many) throw bad(`${where}: '${path.join('.')}' is not a list.`)
  if (!contains && op !== 'exists' && many) throw bad(`${where}: '${path.join('.')}' is a list.`)

  if (op === 'exists') return row => present(read(row))
  if (op === 'equals') {
    const wanted = value('value')
    return row => same(read(row), wanted(row), type)
  }
  if (op === 'prefix') {
    const wanted = value('value')
    if (type !== 'text') throw bad(`${where}: prefix needs a text property.`)
    if (typeof body.value === 'string') text(body.value, `${where}.value`, { max: dialect.limits.prefix })
    return row => {
      const held = read(row)
      return typeof held === 'string' && held.startsWith(String(wanted(row)))
    }
  }
  if (op === 'range') return range(body, where, type, read, dialect)
  const wanted = values()
  if (op === 'in') return row => elements(wanted(row)).some(it => same(read(row), it, type))
  return row => {
    const held = elements(read(row))
    const has = (it: Plain) => held.some(mine => same(mine, it, type))
    const all = elements(wanted(row))
    return op === 'containsAll' ? all.length > 0 && all.every(has) : all.some(has)
  }
}

function range<Row>(
  body: Obj,
  where: string,
  type: TypeName,
  read: Access<Row>['read'],
  dialect: Dialect<Row>,
): Test<Row> {
  const given = (['gte', 'gt', 'lte', 'lt'] as const).filter(it => body[it] !== undefined && body[it] !== null)
  if (given.length === 0) throw bad(`${where} needs a bound.`)
  for (const pair of [
    ['gte', 'gt'],
    ['lte', 'lt'],
  ]) {
    if (pair.every(it => given.some(name => name === it))) throw bad(`${where} has both ${pair.join(' and ')}.`)
  }
  const bounds = given.map(name => ({ name, bound: dialect.value(body[name], `${where}.${name}`) }))
  return row => {
    const held = read(row)
    if (!present(held)) return false
    return bounds.every(({ name, bound }) => {
      const limit = bound(row)
      const order = present(limit) ? compare(held, limit, type) : undefined
      if (order === undefined) return false
      if (name === 'gte') return order >= 0
      if (name === 'gt') return order > 0
      return name === 'lte' ? order <= 0 : order < 0
    })
  }
}

const present = (value: Plain | undefined): value is Exclude<Plain, null> => value !== undefined && value !== null
const elements = (value: Plain | undefined): readonly Plain[] => (Array.isArray(value) ? value : [])
