/** A whole store as lines of text, and back: for a backup, for another device, for a person who leaves. */
import { SyncError } from '../errors.ts'
import { fromText, toText } from '../json.ts'
import { accountOf } from '../ledger/account.ts'
import { shapeOf } from '../ledger/migrate.ts'
import { asHeld, type BodyFields, broken, type Held, isEmpty, listAll, putAll } from '../ledger/whole.ts'
import type { Platform } from '../platform.ts'
import type { Schema } from '../schema.ts'
import type { KeyedRow, Reader, RowKey, Scope, Store } from '../store.ts'
import { spaces } from '../store.ts'
import type { Base } from './db.ts'

/** What an export can be read from: its lines, or pieces of a file (`file.stream()`), cut anywhere. */
export type ExportSource = AsyncIterable<string | Uint8Array> | Iterable<string | Uint8Array>

/** The first line. `tidemark` is the version of the format. */
interface Header {
  readonly tidemark: 1
  readonly schema: number
  /** Milliseconds since 1970. */
  readonly at: number
  readonly account?: string
}

const format = 1
/** Longer lines than a record may fill are no export of ours. */
const longestLine = 256 * 2 ** 20
/** Pieces of bytes in one commit; one has a mebibyte. */
const somePieces = 8

type On = Pick<Base, 'store' | 'schema' | 'platform'>

export const everything = (schema: Schema): Scope => ({ records: Object.keys(schema.collections), rows: spaces })

/**
 * Everything as of one moment, a line of JSON each, with its line break; all but bytes is held in memory while the lines
 * are taken. Throws `busy` where bytes went while that took long: start again.
 */
export async function* exported(on: On): AsyncGenerator<string, void> {
  const lines: string[] = []
  const pieces = await on.store.read(everything(on.schema), async tx => {
    const account = await accountOf(tx)
    const header: Header = {
      tidemark: format,
      schema: on.schema.version,
      at: on.platform.now(),
      ...(account && { account }),
    }
    lines.push(lineOf(header))
    return listAll(tx, bodyFields(on.schema), held => lines.push(lineOf(held)))
  })
  const count = lines.length + pieces.length
  for (let at = 0; at < lines.length; at++) {
    yield lines[at]!
    lines[at] = '' // taken
  }
  for (const { from, to } of pieces) yield lineOf({ row: ['bodies', to, await piece(on, from)] } satisfies Held)
  yield lineOf({ end: count })
}

async function piece(on: On, key: RowKey): Promise<object> {
  const row = await on.store.read({ records: [], rows: ['bodies'] }, tx => tx.rows('bodies').get(key))
  if (row === undefined) throw new SyncError('busy', 'Some bytes went while they were being exported: start again.')
  return row
}

const lineOf = (value: object): string => `${toText(value)}\n`

const bodyFields = (schema: Schema): BodyFields =>
  new Map(Object.entries(schema.collections).map(([name, { body }]) => [name, body]))

/**
 * Fills an empty store in one commit, migrated where the export is older; bytes go before, and are nothing without it. Throws `not-empty`, `wrong-account`,
 * `storage-newer` for a later format or schema, `schema-mismatch`, or `invalid-value` for what is no whole export.
 */
export async function imported(
  on: { readonly store: Store; readonly schema: Schema; readonly platform: Pick<Platform, 'now' | 'uuid'> },
  source: ExportSource,
): Promise<void> {
  const { store, schema, platform } = on
  const names = new Set(Object.keys(schema.collections))
  await store.read(everything(schema), tx => mustBeEmpty(tx, names))
  const all: Held[] = []
  const staged: RowKey[] = []
  let waiting: KeyedRow[] = []
  let count = 0
  let version = schema.version
  let ended = false

  async function stage(): Promise<void> {
    const rows = waiting
    waiting = []
    staged.push(...rows.map(({ key }) => key))
    await store.write({ records: [], rows: ['bodies'] }, tx => tx.rows('bodies').putMany(rows), {
      durability: 'relaxed',
    })
  }

  for await (const line of linesOf(source)) {
    if (ended) throw broken()
    const found = parsed(line)
    if (count === 0) version = await fits(on, found)
    else if (Object.hasOwn(found, 'end')) {
      if ((found as { end: unknown }).end !== count) throw broken()
      ended = true
    } else {
      const held = asHeld(found, names)
      if (!('row' in held) || held.row[0] !== 'bodies') all.push(held)
      else if (waiting.push({ key: held.row[1], row: held.row[2] }) >= somePieces) await stage()
    }
    count++
  }
  if (!ended) throw broken()
  await stage()
  await store.write(everything(schema), async tx => {
    await mustBeEmpty(tx, names)
    for (const key of staged) {
      if ((await tx.rows('bodies').count({ prefix: key })) > 0) continue
      throw new SyncError('busy', 'Some bytes were tidied up while they were being imported: start again.')
    }
    await putAll(tx, all, platform)
    const { migrations } = shapeOf(schema)
    for (let next = version + 1; next <= schema.version; next++) await migrations[next]?.(tx, [...names])
  })
}

async function mustBeEmpty(tx: Reader, names: Iterable<string>): Promise<void> {
  if (await isEmpty(tx, names)) return
  throw new SyncError('not-empty', 'This store has something in it: import into a new one, so that nothing is mixed.')
}

/** The version of the schema that it was made with. */
async function fits({ store, schema }: { store: Store; schema: Schema }, found: object): Promise<number> {
  const { tidemark, schema: version, account } = found as Partial<Header>
  if (typeof tidemark !== 'number' || typeof version !== 'number' || !(version >= 1)) throw broken()
  if (tidemark > format || version > schema.version) {
    throw new SyncError('storage-newer', 'This export was made by a newer app: load that one.')
  }
  const owner = await store.read({ records: [], rows: ['meta'] }, accountOf)
  if (owner === account) return version
  throw new SyncError(
    'wrong-account',
    account === undefined
      ? 'This export says no account, and the store has one: open without `account` to import it.'
      : 'This export is of another account: open with the `account` that it is of.',
  )
}

function parsed(line: string): object {
  try {
    const found = fromText(line)
    if (typeof found === 'object' && found !== null) return found
  } catch {
    // It is no JSON: the same as any other line that is not ours.
  }
  throw broken()
}

async function* linesOf(source: ExportSource): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let rest: string[] = []
  let length = 0
  for await (const chunk of source) {
    const text = typeof chunk === 'string' ? chunk : decode(decoder, chunk)
    const [first = '', ...others] = text.split('\n')
    rest.push(first)
    length += first.length
    if (length > longestLine) throw broken()
    for (const other of others) {
      const line = rest.join('')
      rest = [other]
      length = other.length
      if (line.trim() !== '') yield line
    }
  }
  const line = rest.join('')
  if (line.trim() !== '') yield line
}

function decode(decoder: TextDecoder, bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes, { stream: true })
  } catch {
    throw broken()
  }
}
