/** What an app declares: its collections, where each lives, how it settles conflicts, what is indexed and how it moved. */
import { SyncError } from './errors.ts'
import type { FieldRule, Rule, Strategy, Value } from './model.ts'
import type { Source } from './transport.ts'

/** The part of Standard Schema v1 (https://standardschema.dev) that is used: synchronous validation. */
export interface StandardSchema<Output = unknown> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>
    readonly types?: { readonly input: unknown; readonly output: Output } | undefined
  }
}
type StandardResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly { readonly message: string; readonly path?: readonly unknown[] | undefined }[] }

/**
 * One collection. `Row` is what the app reads and writes; the id is beside it, never in it. The other parameters are
 * what was said, word for word, so that `open` can compare it with the remotes; wide ones are compared when it runs.
 */
export interface Collection<
  Row extends object = Untyped,
  Remote extends string = string,
  From extends string = string,
  Whole extends Strategy = Strategy,
> extends Source {
  /** The remote that it lives with; absent: it stays on this device. */
  readonly remote?: Remote
  /** The remote's source that feeds it. Default: the collection's own name. */
  readonly source?: From
  /** Default LAST_WRITER_WINS. */
  readonly conflicts?: Whole | FieldRules<Row>
  /** Fields that can be queried by range and ordered without loading everything: texts and finite numbers. */
  readonly index?: readonly Sortable<Row>[]
  /** Checked before each local write and on each pulled record. Checks only: the value it returns is not used. */
  readonly schema?: StandardSchema<Row>
  /** For types only; never set. */
  readonly row?: Row
}

/** A row that nobody gave a type. */
export interface Untyped {
  readonly [field: string]: unknown
}

/** A rule for each field that has one of its own. */
export interface FieldRules<Row extends object> {
  readonly fields: { readonly [F in keyof Row & string]?: FieldRule }
  readonly otherwise: FieldRule
  readonly onDelete: Exclude<Strategy, 'MERGE'>
}

/** The fields that may hold a text or a number. */
export type Sortable<Row extends object> = {
  [F in keyof Row & string]-?: [Bound<Row[F]>] extends [never] ? never : F
}[keyof Row & string]

/** What of a field can be compared and indexed. */
export type Bound<F = unknown> = unknown extends F ? string | number : Extract<F, string | number>

/** A collection of whatever rows. */
export type AnyCollection = Omit<Collection, 'index' | 'schema' | 'row' | 'conflicts'> & {
  readonly conflicts?: Rule
  readonly index?: readonly string[]
  readonly schema?: StandardSchema
  readonly row?: unknown
}

export type Collections = { readonly [name: string]: AnyCollection }

/**
 * Brings a row of the version before to what it is from now on; `id` is beside it, as always. A row of the remote that
 * did not fit the schema is left alone. Pure: it is called for every value that is stored of a record (the row itself, what waits in the outbox, what it
 * is based on, what the inbox keeps), and may be called again after a crash. What it throws leaves the store as it was.
 */
export type MigrateRow = (row: Value, id: string) => object

/** `migrations[n]` leads from version n - 1 to n, for the collections whose rows change. */
export type Migrations = { readonly [version: number]: { readonly [collection: string]: MigrateRow } }

export interface Schema<C extends Collections = Collections> {
  readonly version: number
  readonly collections: C
  readonly migrations: Migrations
}

/**
 * Declares a collection. Its rows have the type of its `schema` or of the source that is spread into it; where neither
 * says one, name it first: `collection<Note>()({ remote: 'drive' })`. (TypeScript infers all type arguments or none,
 * and what is said about the remote has to be inferred; from the words themselves, hence the `NoInfer`s.)
 */
export function collection<Row extends object>(): <
  Remote extends string = never,
  From extends string = never,
  Whole extends Strategy = never,
>(
  definition: Collection<Row, Remote, From, Whole>,
) => Collection<Row, NoInfer<Remote>, NoInfer<From>, NoInfer<Whole>>
export function collection<
  Remote extends string = never,
  From extends string = never,
  Whole extends Strategy = never,
  Row extends object = Untyped,
>(
  definition: Collection<Row, Remote, From, Whole>,
): Collection<NoInfer<Row>, NoInfer<Remote>, NoInfer<From>, NoInfer<Whole>>
export function collection(definition?: Collection): unknown {
  return definition ?? ((one: Collection) => one)
}

/** Checks what can be checked before a store is open: versions, names, one home per source (rule 14). */
export function defineSchema<const C extends Collections>(definition: {
  readonly version: number
  readonly collections: C
  readonly migrations?: Migrations
}): Schema<C> {
  const { version, collections, migrations = {} } = definition
  if (!Number.isSafeInteger(version) || version < 1 || version > 999_999) {
    throw mismatch(`The schema's version is ${version}: use a whole number from 1 to 999,999.`)
  }
  for (const step of Object.keys(migrations)) {
    if (Number(step) < 2 || Number(step) > version) {
      throw mismatch(`Migration ${step} leads to no version from 2 to ${version}: raise the schema's version.`)
    }
  }
  const homes = new Map<string, string>()
  for (const [name, { remote, source }] of Object.entries(collections)) {
    if (!/^[A-Za-z][\w-]{0,63}$/.test(name) || name === 'constructor') {
      throw mismatch(`"${name}" is no name for a collection: use up to 64 letters, digits, _ and -, a letter first.`)
    }
    if (typeof collections[name] === 'function') {
      throw mismatch(`"${name}" is no collection yet: write collection<Row>()({ ... }).`)
    }
    if (remote === undefined) continue
    const home = `${remote}\n${source ?? name}`
    const other = homes.get(home)
    if (other !== undefined)
      throw mismatch(
        `"${other}" and "${name}" both feed from ${remote}.${source ?? name}: a source feeds one collection.`,
      )
    homes.set(home, name)
  }
  return { version, collections, migrations }
}

/** The reasons why a value does not fit its collection's schema; `undefined` when it does. */
export function misfit(definition: { readonly schema?: StandardSchema }, value: unknown): string | undefined {
  const result = definition.schema?.['~standard'].validate(value)
  if (result === undefined) return undefined
  if (result instanceof Promise) throw mismatch('A collection needs a schema that validates synchronously.')
  if (result.issues === undefined) return undefined
  return (
    result.issues.map(issue => [...(issue.path ?? []).map(String), issue.message].join(': ')).join('; ') ||
    'does not fit'
  )
}

function mismatch(message: string): SyncError {
  return new SyncError('schema-mismatch', message)
}
