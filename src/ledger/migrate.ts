/**
 * From one version of a schema to the next: every value that is stored of a record becomes what the migration makes of
 * it, in one transaction. So what waits in the outbox still differs from its base by the user's edit, and by nothing else.
 */
import { SyncError } from '../errors.ts'
import type { Base, Value, Verdict } from '../model.ts'
import { plain } from '../plain.ts'
import type { AnyCollection, MigrateRow, Schema } from '../schema.ts'
import { misfit } from '../schema.ts'
import type { KeyedRow, Shape, Stored, Writer } from '../store.ts'
import type { InboxEntry, Meta, OutboxRow } from './rows.ts'
import { metaOf } from './rows.ts'

/** Read and written in one go, at most. */
const some = 500

/** What a store needs to know of a schema. */
export function shapeOf(schema: Schema): Shape {
  const collections = Object.fromEntries(
    Object.entries(schema.collections).map(([name, one]) => {
      // What hangs together by a parent is looked up by it.
      const index = new Set<string>([...(one.index ?? []), ...(one.parent === undefined ? [] : [one.parent])])
      return [name, { index: [...index] }]
    }),
  )
  const migrations: { [version: number]: Shape['migrations'][number] } = {}
  for (const [version, step] of Object.entries(schema.migrations)) {
    migrations[Number(version)] = (tx, there) => migrate(tx, there, Number(version), step)
  }
  const last = migrations[schema.version]
  migrations[schema.version] = async (tx, there) => {
    await last?.(tx, there)
    for (const [name, definition] of Object.entries(schema.collections)) await fitAgain(tx, name, definition)
  }
  return { version: schema.version, collections, migrations }
}

/** What a value of a record becomes. */
type MapValue = (value: Value | null, id: string) => Value | null
/** `where` it is stored is for the message. */
type MapIn = (where: string) => MapValue

async function migrate(tx: Writer, there: readonly string[], version: number, step: Schema['migrations'][number]) {
  const maps = new Map<string, MapIn>()
  for (const [collection, map] of Object.entries(step)) maps.set(collection, mapping(version, collection, map))
  for (const [collection, map] of maps) {
    if (there.includes(collection)) await migrateRecords(tx, collection, map('the collection'))
    await eachRow(tx, 'outbox', [collection], row => migrateChange(row as OutboxRow, map('the outbox')))
  }
  await eachRow(tx, 'inbox', [], row => {
    const entry = row as InboxEntry
    const map = maps.get(entry.collection)
    return map === undefined ? entry : migrateEntry(entry, map('the inbox'))
  })
}

function mapping(version: number, collection: string, map: MigrateRow): MapIn {
  return where => (value, id) => {
    if (value === null) return null
    try {
      return plain(record(map(value, id)), 'What the migration returned')
    } catch (cause) {
      const message = cause instanceof Error ? cause.message : String(cause)
      throw new SyncError(
        'migration-failed',
        `Migration ${version} of "${collection}" failed on "${id}" in ${where} (${message}). The store is as it was: mend the migration.`,
        { cause, details: { version, collection, id, where } },
      )
    }
  }
}

function record(made: unknown): Value {
  if (typeof made === 'object' && made !== null && !Array.isArray(made)) return made as Value
  throw new TypeError('It returned no row.')
}

async function migrateRecords(tx: Writer, collection: string, map: MapValue): Promise<void> {
  await eachRecord(tx, collection, ({ id, value, meta }) => {
    const { misfit, was, replaced, ...rest } = meta as Meta
    if (misfit !== undefined) return undefined
    const mapped: Meta = {
      ...rest,
      ...(was !== undefined && { was: map(was, id)! }),
      ...(replaced !== undefined && {
        replaced: replaced.map(one => ({ ...one, value: map(one.value, id) })),
      }),
    }
    return { id, value: map(value, id), meta: mapped }
  })
}

function migrateChange(row: OutboxRow, map: MapValue): OutboxRow {
  const { id, base, ancestor, sent, seen, before, overwrote } = row
  return {
    ...row,
    value: map(row.value, id),
    ...(base != null && { base: mapBase(base, id, map) }),
    ...(ancestor !== undefined && { ancestor: map(ancestor, id)! }),
    ...(sent !== undefined && { sent: map(sent, id) }),
    ...(seen !== undefined && { seen: mapBase(seen, seen.id, map) }),
    ...(before !== undefined && { before: mapBase(before, before.id, map) }),
    ...(overwrote !== undefined && { overwrote: mapBase(overwrote, id, map) }),
  }
}

function migrateEntry(entry: InboxEntry, map: MapValue): InboxEntry {
  const { record: id, base, local, theirs, verdict, below } = entry
  return {
    ...entry,
    base: base && mapBase(base, id, map),
    local: { ...local, value: map(local.value, id) },
    theirs: mapBase(theirs, theirs.id, map),
    verdict: mapVerdict(verdict, id, map),
    ...(below !== undefined && { below: below.map(one => ({ ...one, value: map(one.value, one.id) })) }),
  }
}

function mapBase<B extends Base>(base: B, id: string, map: MapValue): B {
  return { ...base, value: map(base.value, id) }
}

function mapVerdict(verdict: Verdict, id: string, map: MapValue): Verdict {
  return verdict.take === 'merged' ? { ...verdict, value: map(verdict.value, id) } : verdict
}

/** What the remote had and the schema before did not allow may fit now, and what did not fit still has its reason. */
async function fitAgain(tx: Writer, collection: string, definition: AnyCollection): Promise<void> {
  await eachRecord(tx, collection, stored => {
    const { misfit: before, ...meta } = metaOf(stored)
    if (before === undefined) return undefined
    const why = stored.value === null ? undefined : misfit(definition, stored.value)
    return { ...stored, meta: { ...meta, ...(why !== undefined && { misfit: why }) } }
  })
}

async function eachRecord(
  tx: Writer,
  collection: string,
  change: (stored: Stored) => Stored | undefined,
): Promise<void> {
  const records = tx.records(collection)
  for (let after: { id: string } | undefined; ; ) {
    const page = await records.list({ deleted: true, limit: some, ...(after && { after }) })
    await records.putMany(page.map(change).filter(one => one !== undefined))
    if (page.length < some) return
    after = { id: page.at(-1)!.id }
  }
}

async function eachRow(
  tx: Writer,
  space: 'outbox' | 'inbox',
  prefix: readonly string[],
  change: (row: object) => object,
): Promise<void> {
  const rows = tx.rows(space)
  for (let after: KeyedRow['key'] | undefined; ; ) {
    const page = await rows.list({ prefix, limit: some, ...(after && { after }) })
    await rows.putMany(page.map(({ key, row }) => ({ key, row: change(row) })))
    if (page.length < some) return
    after = page.at(-1)!.key
  }
}
