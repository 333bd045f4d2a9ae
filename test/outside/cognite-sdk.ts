/** The vendor's client, with types of our own: its declarations do not resolve for modules of Node. */
import * as module from '@cognite/sdk'

export interface Sdk {
  readonly spaces: { upsert(items: object[]): Promise<unknown> }
  readonly containers: { upsert(items: object[]): Promise<unknown> }
  readonly views: { upsert(items: object[]): Promise<unknown> }
  readonly streams: {
    create(item: object): Promise<SdkStream>
    list(): Promise<SdkStream[]>
    retrieve(params: object): Promise<SdkStream>
    delete(externalId: string): Promise<void>
  }
  readonly records: {
    ingest(stream: string, items: object[]): Promise<void>
    upsert(stream: string, items: object[]): Promise<void>
    delete(stream: string, items: object[]): Promise<void>
    filter(stream: string, request: object): Promise<SdkRecord[]>
    sync(stream: string, request: object): { autoPagingToArray(options: object): Promise<SdkRecord[]> }
    aggregate(stream: string, request: object): Promise<{ readonly [id: string]: unknown }>
  }
  readonly instances: {
    upsert(request: object): Promise<{ items: SdkInstance[] }>
    list(request: object): Promise<{ items: SdkInstance[]; nextCursor?: string }>
    retrieve(request: object): Promise<{ items: SdkInstance[] }>
    delete(items: object[]): Promise<{ items: SdkInstance[] }>
    query(request: object): Promise<SdkGraph>
    sync(request: object): Promise<SdkGraph>
  }
}

export interface SdkStream {
  readonly externalId: string
  readonly type: string
}
export interface SdkRecord {
  readonly externalId: string
  readonly status?: string
  readonly properties?: object
}
export interface SdkInstance {
  readonly externalId: string
  readonly version: number
  readonly deletedTime?: number
  readonly properties?: object
}
export interface SdkGraph {
  readonly items: { readonly [set: string]: SdkInstance[] }
  readonly nextCursor: { readonly [set: string]: string }
}

const { CogniteClient } = module as unknown as { CogniteClient: new (options: object) => Sdk }

export function sdkFor(baseUrl: string): Sdk {
  return new CogniteClient({ appId: 'outside', project: 'p', baseUrl, oidcTokenProvider: async () => 'ada' })
}
