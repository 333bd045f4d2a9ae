import fc from 'fast-check'
import { expect, test } from 'vitest'
import type {
  KeyedRow,
  Reader,
  RecordQuery,
  RowKey,
  RowQuery,
  Scope,
  Store,
  Stored,
  Writer,
} from '../../../src/store.ts'
import { emptyModel, follow, type Model, type Operation } from './model.ts'
import { type MakePlace, type Place, shape } from './place.ts'

interface Transaction {
  readonly write: boolean
  readonly fails: boolean
  /** Through which of the contexts. */
  readonly context: number
  /** Begins when all before it are done; otherwise at once. */
  readonly waits: boolean
  readonly durability: 'strict' | 'relaxed'
  readonly operations: readonly Operation[]
}

interface Done {
  readonly transaction: Transaction
  /** How many writers committed before it. */
  readonly tick: number
  /** How many had been acknowledged when it began. */
  readonly known: number
  readonly results: readonly unknown[]
}

const scope: Scope = { records: ['notes'], rows: ['queue', 'meta'] }
const reopenings = [false, false, false, true]

/** Strict serializability: random transactions at once, and one order that explains each answer and the real time. */
export function historyTests(make: MakePlace, runs: number): void {
  test('every history of transactions at once has an order that explains it', async () => {
    const history = fc.tuple(fc.array(transactions(), { minLength: 1, maxLength: 10 }), fc.constantFrom(...reopenings))
    await fc.assert(
      fc.asyncProperty(history, async ([list, reopen]) => {
        const place = await make()
        const stores = await openTwo(place)
        const done = await runAll(stores, list)
        const end = explain(done)
        await Promise.all(stores.map(store => store.close()))
        if (reopen) await compareWithDisk(place, end)
      }),
      { numRuns: runs },
    )
  }, 120_000)
}

async function openTwo({ driver, platform }: Place): Promise<Store[]> {
  return [await driver().open(shape, platform), await driver().open(shape, platform)]
}

async function runAll(stores: readonly Store[], list: readonly Transaction[]): Promise<Done[]> {
  const done: Done[] = []
  const running: Promise<unknown>[] = []
  let acknowledged = 0
  for (const transaction of list) {
    if (transaction.waits) await Promise.all(running)
    const known = acknowledged
    const run = runOne(stores[transaction.context]!, transaction).then(({ tick, results }) => {
      if (transaction.write && !transaction.fails) acknowledged++
      done.push({ transaction, tick, known, results })
    })
    running.push(run)
  }
  await Promise.all(running)
  return done
}

async function runOne(store: Store, transaction: Transaction): Promise<{ tick: number; results: unknown[] }> {
  const { write, fails, operations, durability } = transaction
  let seen = { tick: -1, results: [] as unknown[] }
  const work = async (tx: Reader | Writer) => {
    const row = await tx.rows('meta').get(['tick'])
    const tick = (row as { n: number } | undefined)?.n ?? 0
    if (write) await (tx as Writer).rows('meta').putMany([{ key: ['tick'], row: { n: tick + 1 } }])
    const results: unknown[] = []
    for (const operation of operations) results.push(await perform(tx as Writer, operation))
    seen = { tick, results }
    if (fails) throw new Error('on purpose')
  }
  const running = write ? store.write(scope, work, { durability }) : store.read(scope, work)
  await running.catch(error => {
    if (!fails) throw error
  })
  return seen
}

function perform(tx: Writer, operation: Operation): Promise<unknown> {
  const [records, rows] = [tx.records('notes'), tx.rows('queue')]
  switch (operation.do) {
    case 'put':
      return records.putMany(operation.records)
    case 'delete':
      return records.deleteMany(operation.ids)
    case 'get':
      return records.getMany(operation.ids)
    case 'list':
      return records.list(operation.query)
    case 'count':
      return records.count(operation.query)
    case 'putRows':
      return rows.putMany(operation.rows)
    case 'deleteRows':
      return rows.deleteMany(operation.keys)
    case 'getRows':
      return rows.getMany(operation.keys)
    case 'append':
      return rows.append(operation.prefix, { appended: true })
    case 'listRows':
      return rows.list(operation.query)
    case 'countRows':
      return rows.count(operation.query)
  }
}

/** Follows the model from commit to commit; what read or failed between two commits saw the model of that moment. */
function explain(done: readonly Done[]): Model {
  const committed = done.filter(({ transaction }) => transaction.write && !transaction.fails)
  committed.sort((one, other) => one.tick - other.tick)
  expect(committed.map(({ tick }) => tick)).toEqual(committed.map((_, at) => at))
  const models: Model[] = [emptyModel]
  for (const one of committed) models.push(answersAsIn(models.at(-1)!, one))
  for (const one of done) {
    expect(one.tick, 'what was acknowledged before it began').toBeGreaterThanOrEqual(one.known)
    if (!committed.includes(one)) answersAsIn(models[one.tick]!, one)
  }
  return models.at(-1)!
}

function answersAsIn(model: Model, { transaction, results }: Done): Model {
  return transaction.operations.reduce((before, operation, at) => {
    const { model: after, expected } = follow(before, operation, results[at])
    expect(results[at], fc.stringify(operation)).toEqual(expected)
    return after
  }, model)
}

async function compareWithDisk({ driver, platform }: Place, end: Model): Promise<void> {
  const store = await driver().open(shape, platform)
  const [records, rows] = await store.read(scope, async tx => [
    await tx.records('notes').list({ deleted: true }),
    await tx.rows('queue').list(),
  ])
  await store.close()
  const all: Operation = { do: 'list', query: { deleted: true } }
  expect(records).toEqual(follow(end, all, undefined).expected)
  expect(rows).toEqual(follow(end, { do: 'listRows', query: {} }, undefined).expected)
}

function transactions(): fc.Arbitrary<Transaction> {
  const common = { context: fc.constantFrom(0, 1), waits: fc.boolean() }
  return fc.oneof(
    fc.record({
      ...common,
      write: fc.constant(true),
      fails: fc.constantFrom(false, false, false, true),
      durability: fc.constantFrom('strict', 'relaxed'),
      operations: fc.array(fc.oneof(reads(), writes(), writes()), { minLength: 1, maxLength: 6 }),
    }),
    fc.record({
      ...common,
      write: fc.constant(false),
      fails: fc.constant(false),
      durability: fc.constant('strict' as const),
      operations: fc.array(reads(), { minLength: 1, maxLength: 4 }),
    }),
  )
}

const id = fc.constantFrom('a', 'b', 'B', 'aa', 'a\0', '10', '9', '\ud800', '😀', '\uffff', '__proto__')
const ids = fc.array(id, { maxLength: 3 })
const indexed = fc.constantFrom(-1.5, 0, 2, 10, '', 'B', 'b', 'b\0', '\uffff')
const rank = fc.oneof(indexed, indexed, fc.constantFrom(null, true, 3n))
const part = fc.constantFrom(-1, 0, 1, 2, 10, '', 'a', 'a\0', 'b', '\uffff')
const key = fc.array(part, { minLength: 1, maxLength: 3 }) as fc.Arbitrary<RowKey>
const prefix = fc.array(part, { maxLength: 2 }) as fc.Arbitrary<RowKey>
const flag = fc.constantFrom(undefined, undefined, true as const)
const order = fc.constantFrom(undefined, 'asc' as const, 'desc' as const)
const limit = fc.constantFrom(undefined, 0, 1, 2, 5)

function writes(): fc.Arbitrary<Operation> {
  const value = fc.oneof(fc.record({ rank }), fc.constant({}), fc.constant(null))
  const record: fc.Arbitrary<Stored> = fc.record({ id, value, meta: fc.record({ n: fc.nat(9) }) })
  const row: fc.Arbitrary<KeyedRow> = fc.record({ key, row: fc.record({ n: fc.nat(9) }) })
  return fc.oneof(
    fc.record({ do: fc.constant('put' as const), records: fc.array(record, { maxLength: 4 }) }),
    fc.record({ do: fc.constant('put' as const), records: fc.array(record, { maxLength: 4 }) }),
    fc.record({ do: fc.constant('delete' as const), ids }),
    fc.record({ do: fc.constant('putRows' as const), rows: fc.array(row, { maxLength: 4 }) }),
    fc.record({ do: fc.constant('deleteRows' as const), keys: fc.array(key, { maxLength: 3 }) }),
    fc.record({ do: fc.constant('append' as const), prefix }),
  )
}

function reads(): fc.Arbitrary<Operation> {
  return fc.oneof(
    fc.record({ do: fc.constant('get' as const), ids }),
    fc.record({ do: fc.constantFrom('list' as const, 'count' as const), query: recordQueries() }),
    fc.record({ do: fc.constant('getRows' as const), keys: fc.array(key, { maxLength: 3 }) }),
    fc.record({ do: fc.constantFrom('listRows' as const, 'countRows' as const), query: rowQueries() }),
  )
}

function recordQueries(): fc.Arbitrary<RecordQuery> {
  const common = { fromOpen: flag, toOpen: flag, order, limit }
  const maybe = <T>(some: fc.Arbitrary<T>) => fc.option(some, { nil: undefined })
  const byId = fc.record({ ...common, from: maybe(id), to: maybe(id), after: maybe(fc.record({ id })), deleted: flag })
  const byIndex = fc.record({
    ...common,
    index: fc.constant('rank'),
    from: maybe(indexed),
    to: maybe(indexed),
    after: maybe(fc.record({ id, value: indexed })),
  })
  return fc.oneof(byId, byIndex).map(given<RecordQuery>)
}

function rowQueries(): fc.Arbitrary<RowQuery> {
  const maybe = <T>(some: fc.Arbitrary<T>) => fc.option(some, { nil: undefined })
  return fc.record({ prefix: maybe(prefix), after: maybe(key), order, limit }).map(given<RowQuery>)
}

/** Without the members that are undefined. */
function given<Query>(query: object): Query {
  return Object.fromEntries(Object.entries(query).filter(([, member]) => member !== undefined)) as Query
}
