/** What the records of Airweave are like, without the transport. All of it is made there, so nothing is written here. */
import type { Json } from '../../model.ts'
import type { Source } from '../../transport.ts'

/** A source connection. Times are milliseconds since 1970. */
export type ConnectionRow = {
  readonly name: string
  /** The kind of source: `github`, `notion`, ... */
  readonly source: string
  readonly collection: string
  /** `active`, `syncing`, `error`, `needs_reauth`, `pending_auth`, `inactive`, or what a newer server says. */
  readonly status: string
  readonly authenticated: boolean
  readonly entities: number
  readonly createdAt?: number
  readonly modifiedAt?: number
}

/** A sync job of a connection, whoever started it. */
export type JobRow = {
  readonly connection: string
  /** `pending`, `running`, `cancelling`, `completed`, `failed`, `cancelled`, or what a newer server says. */
  readonly status: string
  readonly startedAt?: number
  /** Absent for a failed job. */
  readonly completedAt?: number
  /** Known when the job has ended, and not for a cancelled one. */
  readonly inserted?: number
  readonly updated?: number
  readonly deleted?: number
  readonly failed?: number
  readonly error?: string
  /** What is wrong with the credentials, if that is why it failed: `api_key_invalid`, `oauth_credentials_expired`, ... */
  readonly errorCategory?: string
}

/** What a connection synced, put together from the chunks that search gives. */
export type EntityRow = {
  readonly connection: string
  /** The source's own id. */
  readonly entity: string
  readonly name: string
  readonly type: string
  readonly text: string
  readonly url?: string
  readonly updatedAt?: number
  readonly fields?: Json
}

const made = { readonly: true } as const satisfies Source
export const connections: typeof made & { readonly row?: ConnectionRow } = made
export const jobs: typeof made & { readonly row?: JobRow } = made
export const entities: typeof made & { readonly row?: EntityRow } = made
