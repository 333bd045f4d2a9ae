/** Questions over one collection: by index where there is one, else by looking at everything, up to a limit. */
import { SyncError } from '../errors.ts'
import type { Bound, Sortable } from '../schema.ts'
import type { RecordQuery, Stored } from '../store.ts'
import type { Base } from './db.ts'
import { definitionOf } from './db.ts'
import type { Live } from './live.ts'
import { live } from './live.ts'
import type { Item } from './records.ts'
import { visible } from './records.ts'

/** A question about one field, which holds `Held`. */
export interface Where<Row extends object, Held extends Bound = Bound> {
  equals(value: Held): Query<Row>
  above(value: Wide<Held>): Query<Row>
  atLeast(value: Wide<Held>): Query<Row>
  below(value: Wide<Held>): Query<Row>
  atMost(value: Wide<Held>): Query<Row>
  /** Both included. */
  between(from: Wide<Held>, to: Wide<Held>): Query<Row>
  startsWith(text: Extract<Wide<Held>, string>): Query<Row>
}

type Wide<Held> = Held extends string ? string : number

export interface Query<Row extends object> {
  filter(keep: (item: Item<Row>) => boolean): Query<Row>
  orderBy(field: Sortable<Row>, order?: 'asc' | 'desc'): Query<Row>
  limit(count: number): Query<Row>
  get(): Promise<Item<Row>[]>
  first(): Promise<Item<Row> | undefined>
  count(): Promise<number>
  live(): Live<Item<Row>[]>
}

interface Plan<Row> {
  readonly field?: string
  readonly range?: { readonly from?: Bound; readonly fromOpen?: true; readonly to?: Bound; readonly toOpen?: true }
  readonly keep?: readonly ((item: Item<Row>) => boolean)[]
  readonly order?: { readonly field: string; readonly order: 'asc' | 'desc' }
  readonly limit?: number
}

/** Matches that are sorted in memory at most; more need an index. */
const mostSorted = 10_000
const page = 1000

export function where<Row extends object>(on: Base, collection: string, field: string): Where<Row> {
  const range = (bounds: NonNullable<Plan<Row>['range']>) => query<Row>(on, collection, { field, range: bounds })
  return {
    equals: value => range({ from: value, to: value }),
    above: value => range({ from: value, fromOpen: true }),
    atLeast: value => range({ from: value }),
    below: value => range({ to: value, toOpen: true }),
    atMost: value => range({ to: value }),
    between: (from, to) => range({ from, to }),
    startsWith: text =>
      range({ from: text, to: `${text}\uffff` }).filter(({ value }) => startsWith(value, field, text)),
  }
}

const startsWith = (value: object, field: string, text: string): boolean => {
  const held: unknown = (value as { readonly [name: string]: unknown })[field]
  return typeof held === 'string' && held.startsWith(text)
}

export function query<Row extends object>(on: Base, collection: string, plan: Plan<Row>): Query<Row> {
  const definition = definitionOf(on, collection)
  const indexed = (field: string) =>
    (definition.index as readonly string[] | undefined)?.includes(field) || definition.parent === field
  const next = (more: Partial<Plan<Row>>) => query<Row>(on, collection, { ...plan, ...more })

  async function get(most = plan.limit): Promise<Item<Row>[]> {
    const { field, range = {}, keep = [], order } = plan
    const byIndex = field !== undefined && indexed(field) ? field : undefined
    // The store's own order serves when nothing else is asked for, or just that.
    const index =
      byIndex ?? (field === undefined && order !== undefined && indexed(order.field) ? order.field : undefined)
    const sorted = order === undefined || order.field === index
    const matches = (item: Item<Row>) =>
      (field === undefined || byIndex !== undefined || inRange(item.value, field, range)) &&
      keep.every(one => one(item))

    return on.store.read({ records: [collection], rows: [] }, async tx => {
      const found: Item<Row>[] = []
      let after: RecordQuery['after']
      for (;;) {
        const some: Stored[] = await tx.records(collection).list({
          ...(index !== undefined && { index }),
          ...(byIndex !== undefined && range),
          ...(sorted && order !== undefined && { order: order.order }),
          limit: page,
          ...(after !== undefined && { after }),
        })
        for (const stored of some) {
          const value = visible<Row>(stored)
          if (value === undefined) continue
          const item = { id: stored.id, value }
          if (sorted && most !== undefined && found.length >= most) return found
          if (matches(item)) found.push(item)
        }
        if (!sorted && found.length > mostSorted) {
          throw new SyncError('too-many', `More than ${mostSorted} matches to sort: add an index on "${order!.field}".`)
        }
        if (some.length < page) break
        after = afterOf(some.at(-1)!, index)
      }
      if (!sorted) sort(found, order!)
      return most === undefined ? found : found.slice(0, most)
    })
  }

  return {
    filter: one => next({ keep: [...(plan.keep ?? []), one] }),
    orderBy: (field, order = 'asc') => next({ order: { field, order } }),
    limit: count => next({ limit: count }),
    get: () => get(),
    first: async () => (await get(1))[0],
    count: async () => (await get()).length,
    live: () =>
      live(
        on.store,
        touched => touched.collection === collection,
        () => get(),
      ),
  }
}

function afterOf({ id, value }: Stored, index: string | undefined): NonNullable<RecordQuery['after']> {
  return index === undefined ? { id } : { id, value: value![index] as Bound }
}

function inRange(
  value: object,
  field: string,
  { from, fromOpen, to, toOpen }: NonNullable<Plan<never>['range']>,
): boolean {
  const held: unknown = (value as { readonly [name: string]: unknown })[field]
  if (typeof held !== 'string' && typeof held !== 'number') return false
  if (from !== undefined && (compare(held, from) < 0 || (fromOpen && held === from))) return false
  return !(to !== undefined && (compare(held, to) > 0 || (toOpen && held === to)))
}

function sort<Row extends object>(
  items: Item<Row>[],
  { field, order }: { field: string; order: 'asc' | 'desc' },
): void {
  const held = ({ value }: Item<Row>) => (value as { readonly [name: string]: unknown })[field] as Bound | undefined
  const sign = order === 'asc' ? 1 : -1
  const absent = (item: Item<Row>) => Number(held(item) === undefined)
  items.sort(
    (one, other) =>
      absent(one) - absent(other) || sign * (compare(held(one), held(other)) || (one.id < other.id ? -1 : 1)),
  )
}

/** Numbers before texts, as in every index. */
function compare(one: Bound | undefined, other: Bound | undefined): number {
  if (one === undefined || other === undefined || one === other) return 0
  if (typeof one !== typeof other) return typeof one === 'number' ? -1 : 1
  return one < other ? -1 : 1
}
