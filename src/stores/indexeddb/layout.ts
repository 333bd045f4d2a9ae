/** How a layout lies in the object stores of a database. Beside plain rows there may be others: no caller can tell. */
import type { Scope, Shape, Writer } from '../../store.ts'

export interface Layout {
  /** Raised when a database of before must be rewritten: part of IndexedDB's version. */
  readonly format: number
  /** The object stores that a transaction over this scope opens. */
  stores(scope: Scope): string[]
  /** Brings the object stores to the shape, inside an upgrade; keeps what it does not know. */
  build(database: IDBDatabase, upgrade: IDBTransaction, shape: Shape): void
  /** The collections of a database with their indexes; looks through `within` where no other transaction can be. */
  collections(database: IDBDatabase, within?: IDBTransaction): Shape['collections']
  writer(transaction: IDBTransaction, ranges: typeof IDBKeyRange): Writer
}
