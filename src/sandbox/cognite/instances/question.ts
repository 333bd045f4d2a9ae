/** What `sync` and `query` have in common: expressions, what of them is shown, cursors and parameters. */
import type { Plain } from '../../json.ts'
import { absent, integer, type Obj, object } from '../check.ts'
import { bad } from '../errors.ts'
import type { State } from '../state.ts'
import { type Selected, selectedOf } from './sources.ts'

export type Question = {
  readonly expressions: Obj
  readonly names: readonly (readonly [string, Obj])[]
  readonly select: ReadonlyMap<string, readonly Selected[]>
  readonly limits: ReadonlyMap<string, number>
  readonly cursors: Obj
  readonly parameters: Obj
  readonly sorts: readonly { readonly name: string; readonly sort: Plain }[]
  readonly sortIn: (name: string) => Plain | undefined
}

export function question(
  state: State,
  body: Obj,
  rules: { readonly limit: readonly [usual: number, most: number]; readonly sync: boolean },
): Question {
  const expressions = object(body.with, 'with')
  const names = Object.entries(expressions).map(([name, it]) => [name, object(it, `with.${name}`)] as const)
  const chosen = Object.entries(object(body.select, 'select'))
  if (names.length < 1 || names.length > 50) throw bad('with must have 1 to 50 expressions.')
  if (chosen.length < 1 || chosen.length > 50) throw bad('select must have 1 to 50 expressions.')
  const [usual, most] = rules.limit
  const limits = new Map(
    names.map(([name, { limit }]) => [name, absent(limit) ? usual : integer(limit, `with.${name}.limit`, 1, most)]),
  )
  for (const [name, it] of names) {
    for (const key of rules.sync ? ['sort', 'postSort', 'limitEach', 'union', 'unionAll', 'intersection'] : []) {
      if (!absent(it[key])) throw bad(`with.${name}.${key} is not supported in sync.`)
    }
  }
  const select = new Map(
    chosen.map(([name, it]) => {
      if (!Object.hasOwn(expressions, name)) throw bad(`select.${name} is not among the expressions.`)
      return [name, selectedOf(state, object(it, `select.${name}`).sources, `select.${name}.sources`, true)]
    }),
  )
  const sorts = chosen.flatMap(([name, it]) => {
    const { sort } = object(it, name)
    return absent(sort) || (Array.isArray(sort) && sort.length === 0) ? [] : [{ name, sort }]
  })
  const cursors = absent(body.cursors) ? {} : object(body.cursors, 'cursors')
  const stranger = Object.keys(cursors).find(name => !Object.hasOwn(expressions, name))
  if (stranger !== undefined) throw bad(`cursors.${stranger} is not among the expressions.`)
  return {
    expressions,
    names,
    select,
    limits,
    cursors,
    parameters: absent(body.parameters) ? {} : object(body.parameters, 'parameters'),
    sorts,
    sortIn: name => sorts.find(it => it.name === name)?.sort ?? object(expressions[name], name).sort,
  }
}
