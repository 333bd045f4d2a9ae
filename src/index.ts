/** The public surface. */
export type { Bytes } from './client/bytes.ts'
export type { Explanation } from './client/explain.ts'
export type { Inbox } from './client/inbox.ts'
export type { Job, JobStatus, Runs } from './client/jobs.ts'
export type { Live, Snapshot } from './client/live.ts'
export { type OpenOptions, open } from './client/open.ts'
export type { Outbox, Pending } from './client/outbox.ts'
export type { Query, Where } from './client/query.ts'
export type { Item } from './client/read.ts'
export type { Patch, Records, TxRecords } from './client/records.ts'
export type { RemoteHandle } from './client/remote.ts'
export type { Tokens, WorkerLike, WorkerOptions } from './client/served.ts'
export type { Write } from './client/settled.ts'
export type { Phase, Status } from './client/status.ts'
export type { Anew, Risk, Storage, StorageStatus } from './client/storage.ts'
export type { Calls, Db, Fits, HandleOf, Remotes, RowOf } from './client/types.ts'
export type { ExportSource } from './client/whole.ts'
export { type Code, type Reaction, reactions, SyncError } from './errors.ts'
export type * from './job.ts'
export type { Brake, InboxEntry, Outcome } from './ledger/rows.ts'
export type { Transfer } from './ledger/transfers.ts'
export type { Unsynced } from './ledger/whole.ts'
export type * from './model.ts'
export { type Platform, platform, type Socket, type SocketEvents } from './platform.ts'
export type { MergeField } from './resolver.ts'
export {
  type Bound,
  type Collection,
  type Collections,
  collection,
  defineSchema,
  type FieldRules,
  type MigrateRow,
  type Migrations,
  type Schema,
  type Sortable,
  type StandardSchema,
  type Untyped,
} from './schema.ts'
export type { StoreDriver } from './store.ts'
export { memory } from './stores/memory.ts'
export type * from './transport.ts'
