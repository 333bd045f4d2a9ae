/** The app on a device, as the simulator sees the engine: the public client and nothing behind it. */
import type { Json, Stamp, Value } from '../../src/model.ts'
import type { Platform } from '../../src/platform.ts'
import type { Schema } from '../../src/schema.ts'
import type { StoreDriver } from '../../src/store.ts'
import type { Transport } from '../../src/transport.ts'

export interface Written {
  settled(): Promise<unknown>
}

export interface Tx {
  readonly [collection: string]: {
    get(id: string): Promise<Value | undefined>
    put(id: string, value: Value): unknown
    patch(id: string, fields: Value): unknown
    delete(id: string): unknown
    add(value: Value): unknown
  }
}

export interface Row {
  readonly id: string
  readonly value: Value
}

export interface InboxItem {
  readonly id: string
  readonly collection: string
  readonly record: string
  readonly base?: { readonly value: Value | null } | null
  readonly local?: { readonly value: Value | null; readonly at?: Stamp } | null
  readonly theirs?: { readonly value: Value | null; readonly version?: Json; readonly at?: number | Stamp } | null
  readonly rule?: unknown
  readonly verdict?: { readonly take: string }
  readonly state: string
  readonly by?: string
  readonly loses?: string
  readonly reason?: string
  readonly copy?: string
  readonly below?: readonly { readonly id: string; readonly value: Value | null }[]
}

export interface OutboxItem {
  readonly state: string
  readonly reason?: { readonly code: string; readonly message?: string } | string
  readonly collection: string
  readonly id: string
  readonly value?: Value | null
  readonly base?: { readonly value: Value | null } | null
}

export interface Status {
  readonly phase: string
  readonly pending?: number
  readonly reason?: unknown
  readonly leads?: boolean
  readonly nextTry?: number
}

export interface JobShown {
  readonly id: string
  readonly state: string
  readonly endedAt?: number
}

export interface RemoteShown {
  readonly status: { get(): Promise<Status> }
  sync(): unknown
  run(request: Json): Promise<{ readonly id: string }>
  readonly jobs: { list(): Promise<readonly JobShown[]>; get(id: string): { cancel(): Promise<void> } }
}

export interface Db {
  readonly data: {
    readonly [collection: string]: {
      get(id: string): Promise<Value | undefined>
      list(): Promise<readonly unknown[]>
      write?(id: string, bytes: Uint8Array, fields?: Value): Promise<Written>
      read?(id: string): Promise<Uint8Array | undefined>
    }
  }
  write(work: (tx: Tx) => Promise<void>): Promise<Written>
  readonly conflicts: {
    list(): Promise<readonly InboxItem[]>
    resolve(id: string, verdict: { readonly take: string }): Promise<unknown>
  }
  readonly outbox: { list(): Promise<readonly OutboxItem[]> }
  readonly remotes: { readonly [name: string]: RemoteShown }
  close(): Promise<void>
}

export interface OpenOptions {
  readonly store: StoreDriver
  readonly schema: Schema
  readonly remotes: { readonly [name: string]: Transport }
  readonly platform: Platform
  readonly device: { readonly name: string }
  readonly onMassDelete: 'allow' | 'ask'
}

export type Open = (options: OpenOptions) => Promise<Db>

export type { Json, Value }
