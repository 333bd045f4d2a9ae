import type { Plain } from '../../json.ts'
import { absent, flag, list, object, oneOf, text } from '../check.ts'
import type { InstanceRow, State } from '../state.ts'
import { compare } from '../values.ts'
import { propertyAt } from './dialect.ts'

export type Sort = {
  readonly read: (row: InstanceRow) => Plain | undefined
  readonly type: Parameters<typeof compare>[2]
  readonly sign: number
  readonly nullsFirst: boolean
}

export function sortOf(state: State, json: Plain | undefined, where: string): Sort[] {
  if (absent(json)) return []
  return list(json, where, 0, 5).map((it, at) => {
    const key = object(it, `${where}[${at}]`)
    const path = list(key.property, `${where}[${at}].property`, 1, 4).map(part => text(part, where))
    const { read, type } = propertyAt(state, path, where)
    const down = !absent(key.direction) && oneOf(key.direction, ['ascending', 'descending'], where) === 'descending'
    return { read, type, sign: down ? -1 : 1, nullsFirst: flag(key.nullsFirst, where) }
  })
}

export function bySort(sort: readonly Sort[], one: InstanceRow, other: InstanceRow): number {
  const order = byValues(
    sort,
    sort.map(({ read }) => read(one) ?? null),
    sort.map(({ read }) => read(other) ?? null),
  )
  return order !== 0 ? order : one.id < other.id ? -1 : 1
}

export function byValues(sort: readonly Sort[], one: readonly Plain[], other: readonly Plain[]): number {
  for (const [at, { type, sign, nullsFirst }] of sort.entries()) {
    const [left = null, right = null] = [one[at], other[at]]
    if (left === null || right === null) {
      if (left !== right) return (left === null) === nullsFirst ? -1 : 1
      continue
    }
    const order = compare(left, right, type) ?? 0
    if (order !== 0) return order * sign
  }
  return 0
}
