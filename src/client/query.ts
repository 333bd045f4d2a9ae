/** Questions over one collection: by index where there is one, else by looking at everything, up to a limit. */
import { sameData } from '../equal.ts'
import { SyncError } from '../errors.ts'
import type { Bound, Sortable } from '../schema.ts'
import type { RecordQuery, Stored } from '../store.ts'
import type { Base } from './db.ts'
import { definitionOf } from './db.ts'
import type { Frame } from './frames.ts'
import type { Live } from './live.ts'
import { live } from './live.ts'
import { current, type Item, visible } from './read.ts'

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
  /**
   * Numbers before texts, texts by UTF-16 code unit, equal ones by id. Records without a text or a number there come
   * last, both ways, with an index or without.
   */
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
  const found = held(value, field)
  return typeof found === 'string' && found.startsWith(text)
}

export function query<Row extends object>(on: Base, collection: string, plan: Plan<Row>): Query<Row> {
  const definition = definitionOf(on, collection)
  const indexed = (field: string) =>
    (definition.index as readonly string[] | undefined)?.includes(field) || definition.parent === field
  const next = (more: Partial<Plan<Row>>) => query<Row>(on, collection, { ...plan, ...more })

  const { field, range = {}, keep = [], order } = plan
  // Whoever asks what is in a folder may know that by an id that it had before the remote gave it another.
  const folder = field === definition.parent && range.from === range.to ? range.from : undefined
  let bounds = range
  const byIndex = field !== undefined && indexed(field) ? field : undefined
  // The store's own order serves when nothing else is asked for, or just that.
  const index =
    byIndex ?? (field === undefined && order !== undefined && indexed(order.field) ? order.field : undefined)
  const sorted = order === undefined || order.field === index

  function matches(item: Item<Row>): boolean {
    return (field === undefined || inRange(item.value, field, bounds)) && keep.every(one => one(item))
  }

  function get(most = plan.limit): Promise<Item<Row>[]> {
    return on.store.read({ records: [collection], rows: folder === undefined ? [] : ['meta'] }, async tx => {
      const from = tx.records(collection)
      if (typeof folder === 'string') {
        const { id } = await current(tx, collection, folder)
        bounds = { from: id, to: id }
      }
      const found: Item<Row>[] = []
      const full = () => sorted && most !== undefined && found.length >= most
      async function gather(query: RecordQuery, wanted = (_: Item<Row>) => true): Promise<void> {
        for (let after: RecordQuery['after']; !full(); ) {
          const some: Stored[] = await from.list({ ...query, limit: page, ...(after !== undefined && { after }) })
          for (const stored of some) {
            const value = visible<Row>(stored)
            if (value === undefined || full()) continue
            const item = { id: stored.id, value }
            if (wanted(item) && matches(item)) found.push(item)
          }
          if (!sorted && found.length > mostSorted) {
            throw new SyncError(
              'too-many',
              `More than ${mostSorted} matches to sort: add an index on "${order!.field}".`,
            )
          }
          if (some.length < page) return
          after = afterOf(some.at(-1)!, query.index)
        }
      }

      const inOrder = sorted && order !== undefined ? { order: order.order } : {}
      await gather({ ...(index !== undefined && { index }), ...(byIndex !== undefined && bounds), ...inOrder })
      // An index does not hold the records that have nothing to sort by.
      if (
        byIndex === undefined &&
        index !== undefined &&
        !full() &&
        (await from.count()) > (await from.count({ index }))
      ) {
        await gather(inOrder, ({ value }) => held(value, index) === undefined)
      }
      if (!sorted) sort(found, order!)
      return most === undefined ? found : found.slice(0, most)
    })
  }

  /** Whether what was touched is in the answer and is another now, or belongs into it. */
  async function concerns(frame: Frame, last: Item<Row>[]): Promise<boolean> {
    const touched = frame.touched(collection)
    if (touched === undefined || touched === 'any') return touched === 'any'
    if (folder !== undefined && touched.has(String(folder))) return true // it may have another id by now
    const present = new Map((await frame.records(collection)).map(stored => [stored.id, visible<Row>(stored)]))
    const shown = new Map(last.filter(({ id }) => touched.has(id)).map(({ id, value }) => [id, value]))
    return [...touched].some(id => {
      const value = present.get(id)
      const before = shown.get(id)
      if (before !== undefined) return !sameData(before, value)
      return value !== undefined && matches({ id, value })
    })
  }

  return {
    filter: one => next({ keep: [...(plan.keep ?? []), one] }),
    orderBy: (field, order = 'asc') => next({ order: { field, order } }),
    limit: count => next({ limit: count }),
    get: () => get(),
    first: async () => (await get(1))[0],
    count: async () => (await get()).length,
    live: () => live(on, { ask: () => get(), concerns }),
  }
}

function afterOf({ id, value }: Stored, index: string | undefined): NonNullable<RecordQuery['after']> {
  return index === undefined ? { id } : { id, value: value![index] as Bound }
}

/** What of a field can be compared; `undefined` for what no index holds. */
function held(value: object, field: string): Bound | undefined {
  const found: unknown = (value as { readonly [name: string]: unknown })[field]
  return typeof found === 'string' || typeof found === 'number' ? found : undefined
}

function inRange(
  value: object,
  field: string,
  { from, fromOpen, to, toOpen }: NonNullable<Plan<never>['range']>,
): boolean {
  const found = held(value, field)
  if (found === undefined) return false
  if (from !== undefined && (compare(found, from) < 0 || (fromOpen && found === from))) return false
  return !(to !== undefined && (compare(found, to) > 0 || (toOpen && found === to)))
}

function sort<Row extends object>(
  items: Item<Row>[],
  { field, order }: { field: string; order: 'asc' | 'desc' },
): void {
  const sign = order === 'asc' ? 1 : -1
  items.sort((one, other) => {
    const [mine, others] = [held(one.value, field), held(other.value, field)]
    const absent = Number(mine === undefined) - Number(others === undefined)
    return absent || sign * (compare(mine, others) || (one.id < other.id ? -1 : 1))
  })
}

/** Numbers before texts, as in every index. */
function compare(one: Bound | undefined, other: Bound | undefined): number {
  if (one === undefined || other === undefined || one === other) return 0
  if (typeof one !== typeof other) return typeof one === 'number' ? -1 : 1
  return one < other ? -1 : 1
}
